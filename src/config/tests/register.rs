//! `hotlines.example.toml`: a register of eighty-two lines that a city can edit.

use super::{files::is_current, *};
use crate::config::hotlines::{Entries, Known};
use std::fmt::Write;

/// Number, name, owner, mode.
const LINES: [(&str, &str, &str, Mode); 82] = [
    ("12301", "旅游服务热线", "文化和旅游局", Mode::Absorbed),
    ("12305", "质量安全监督热线", "住房和城乡建设局", Mode::Absorbed),
    ("12308", "领事保护与服务热线", "外事办公室", Mode::Subcentre),
    ("12309", "检察服务热线", "人民检察院", Mode::Parallel),
    ("12310", "机构编制监督举报热线", "机构编制委员会办公室", Mode::Parallel),
    ("12312", "商务举报投诉热线", "商务局", Mode::Absorbed),
    ("12313", "烟草专卖品市场监管举报热线", "烟草专卖局", Mode::Parallel),
    ("12314", "水利监督举报热线", "水务局", Mode::Absorbed),
    ("12315", "市场监管投诉举报热线", "市场监督管理局", Mode::Parallel),
    ("12316", "三农服务热线", "农业农村局", Mode::Absorbed),
    ("12317", "乡村振兴监督举报热线", "农业农村局", Mode::Absorbed),
    ("12318", "文化市场举报热线", "文化和旅游局", Mode::Absorbed),
    ("12319", "城管热线", "城市管理局", Mode::Absorbed),
    ("12320", "公共卫生热线", "卫生健康委员会", Mode::Parallel),
    ("12321", "网络不良与垃圾信息举报热线", "通信发展办公室", Mode::Parallel),
    ("12322", "防震减灾公益服务热线", "应急管理局", Mode::Absorbed),
    ("12324", "环境卫生服务热线", "城市管理局", Mode::Absorbed),
    ("12325", "粮食流通监管热线", "发展和改革委员会", Mode::Absorbed),
    ("12326", "民航服务质量监督热线", "民航监督管理局", Mode::Parallel),
    ("12328", "交通运输服务监督热线", "交通运输局", Mode::Parallel),
    ("12329", "住房公积金热线", "住房公积金管理中心", Mode::Parallel),
    ("12330", "知识产权维权援助热线", "知识产权服务促进中心", Mode::Absorbed),
    ("12331", "食品药品投诉举报热线", "市场监督管理局", Mode::Absorbed),
    ("12333", "人力资源和社会保障热线", "人力资源和社会保障局", Mode::Parallel),
    ("12335", "国际投资贸易服务热线", "贸促会", Mode::Absorbed),
    ("12336", "自然资源违法举报热线", "自然资源和规划局", Mode::Absorbed),
    ("12337", "政法工作举报热线", "政法委员会", Mode::Parallel),
    ("12338", "妇女维权公益服务热线", "妇女联合会", Mode::Parallel),
    ("12340", "统计社情民意调查热线", "统计局", Mode::Absorbed),
    ("12341", "信访服务热线", "信访局", Mode::Absorbed),
    ("12342", "气象服务热线", "气象局", Mode::Absorbed),
    ("12343", "社会组织服务热线", "民政局", Mode::Absorbed),
    ("12345", "政务服务便民热线", "政务服务和数据局", Mode::Absorbed),
    ("12348", "公共法律服务热线", "司法局", Mode::Parallel),
    ("12349", "民政公益服务热线", "民政局", Mode::Absorbed),
    ("12350", "安全生产举报投诉热线", "应急管理局", Mode::Absorbed),
    ("12351", "职工维权热线", "总工会", Mode::Parallel),
    ("12353", "退役军人服务热线", "退役军人事务局", Mode::Absorbed),
    ("12355", "青少年服务热线", "共青团委员会", Mode::Parallel),
    ("12356", "心理援助热线", "卫生健康委员会", Mode::Parallel),
    ("12358", "价格监督举报热线", "市场监督管理局", Mode::Absorbed),
    ("12360", "铁路客户服务热线", "铁路局", Mode::Subcentre),
    ("12361", "审计监督举报热线", "审计局", Mode::Absorbed),
    ("12363", "金融消费权益保护热线", "人民银行分行", Mode::Subcentre),
    ("12364", "民族宗教服务热线", "民族宗教事务局", Mode::Absorbed),
    ("12365", "质量监督举报热线", "市场监督管理局", Mode::Absorbed),
    ("12366", "纳税服务热线", "税务局", Mode::Subcentre),
    ("12367", "移民管理服务热线", "出入境管理支队", Mode::Subcentre),
    ("12368", "诉讼服务热线", "中级人民法院", Mode::Parallel),
    ("12369", "生态环境举报热线", "生态环境局", Mode::Absorbed),
    ("12371", "党员咨询服务热线", "组织部", Mode::Parallel),
    ("12377", "互联网违法和不良信息举报热线", "网信办", Mode::Parallel),
    ("12378", "银行保险消费者投诉维权热线", "金融监管分局", Mode::Subcentre),
    ("12379", "突发事件预警信息热线", "应急管理局", Mode::Parallel),
    ("12380", "组织工作举报热线", "组织部", Mode::Parallel),
    ("12381", "中小企业服务热线", "经济和信息化局", Mode::Absorbed),
    ("12385", "残疾人服务热线", "残疾人联合会", Mode::Absorbed),
    ("12386", "证券期货投资者服务热线", "证监局", Mode::Subcentre),
    ("12388", "纪检监察举报热线", "纪律检查委员会", Mode::Parallel),
    ("12389", "公安机关投诉举报热线", "公安局", Mode::Parallel),
    ("12390", "扫黄打非举报热线", "扫黄打非办公室", Mode::Absorbed),
    ("12391", "教育服务热线", "教育局", Mode::Absorbed),
    ("12393", "医疗保障服务热线", "医疗保障局", Mode::Parallel),
    ("12395", "水上搜救热线", "海事局", Mode::Parallel),
    ("12396", "科技服务热线", "科学技术局", Mode::Absorbed),
    ("12398", "能源监管热线", "能源监管办", Mode::Subcentre),
    ("95598", "供电服务热线", "供电公司", Mode::Subcentre),
    ("96116", "供水服务热线", "水务集团", Mode::Parallel),
    ("96177", "燃气服务热线", "燃气公司", Mode::Parallel),
    ("96158", "公共交通服务热线", "公交公司", Mode::Absorbed),
    ("96156", "社区服务热线", "民政局", Mode::Absorbed),
    ("96150", "物业维修服务热线", "住房和城乡建设局", Mode::Absorbed),
    ("96136", "房产交易服务热线", "住房和城乡建设局", Mode::Absorbed),
    ("96122", "出租汽车投诉热线", "交通运输局", Mode::Absorbed),
    ("96130", "景区服务热线", "风景名胜区管理委员会", Mode::Subcentre),
    ("96110", "反诈预警劝阻热线", "公安局", Mode::Subcentre),
    ("96789", "市民卡服务热线", "大数据中心", Mode::Absorbed),
    ("96999", "企业服务热线", "优化营商环境局", Mode::Absorbed),
    ("08332110000", "一区政务热线", "一区人民政府", Mode::Absorbed),
    ("08332220000", "二区政务热线", "二区人民政府", Mode::Parallel),
    ("08333330000", "三县政务热线", "三县人民政府", Mode::Absorbed),
    ("08334440000", "四县分中心热线", "四县人民政府", Mode::Subcentre),
];

/// The days on which lines of one batch come over; cities bring them over in batches.
const BATCHES: [(&str, &str, &str); 4] = [
    ("2026-01-01", "2026-03-01", "2026-09-01"),
    ("2026-03-01", "2026-06-01", "2026-12-01"),
    ("2026-06-01", "2026-09-01", "2027-03-01"),
    ("2026-09-01", "2027-01-01", "2027-07-01"),
];

fn example_register() -> String {
    let mut text = String::from(
        "# A register of eighty-two lines to begin with: edit it, put it beside gateway.toml as hotlines.toml, look at it with\n\
         # `jiesu hotlines`. This file is generated; every key is described in docs/hotlines.md.\n\
         #\n\
         # mode: absorbed   整体并入, the number leads to 12345 (parallel until absorbed_from)\n\
         #       parallel   双号并行, both numbers ring and 12345 answers; `subscriber` gets the copy for the line's own system\n\
         #       subcentre  设分中心, the line keeps its seats; `subscriber` is the sub-centre, the core gets the copy\n",
    );
    for (index, (code, name, owner, mode)) in LINES.iter().enumerate() {
        let (parallel, absorbed, off) = BATCHES[index % BATCHES.len()];
        let _ = write!(
            text,
            "\n[[hotlines]]\ncode = \"{code}\"\nname = \"{name}\"\nowner = \"{owner}\"\nmode = \"{}\"\nregion = \"511100\"\n",
            mode.as_str()
        );
        match mode {
            Mode::Absorbed if *code == "12345" => {}
            Mode::Absorbed => {
                let _ = write!(
                    text,
                    "parallel_from = {parallel}\nabsorbed_from = {absorbed}\nnumber_off_at = {off}\nparity_threshold = 0.98\n"
                );
                if *code == "12319" {
                    text.push_str(
                        "profile = \"leshan\"\ncategories = { A01 = \"01\", A02 = \"02\" }   # the old system's codes, and ours\n\
                         columns = { id = \"案件编号\", time = \"上报时间\" }   # of its export, for `jiesu parity`\n\
                         #absorbed_reason = \"旧系统数据已另行移交\"   # why absorbed below parity_threshold\n",
                    );
                }
            }
            Mode::Parallel => {
                let _ = write!(
                    text,
                    "parallel_from = {parallel}\n#absorbed_from = {absorbed}\n#subscriber = \"line-{code}\"\n"
                );
            }
            Mode::Subcentre => {
                let _ = writeln!(text, "#subscriber = \"centre-{code}\"");
            }
        }
    }
    text
}

#[test]
fn the_example_register_is_current_and_without_a_fault() {
    let text = example_register();
    is_current("hotlines.example.toml", &text);
    let register = Hotlines::parse(&text).unwrap();
    assert_eq!(register.iter().count(), 82);
    for mode in [Mode::Absorbed, Mode::Parallel, Mode::Subcentre] {
        assert!(register.iter().filter(|line| line.mode == mode).count() >= 10, "{mode:?}");
    }
    // With what is commented out put in.
    let full: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ') && !rest.is_empty()).unwrap_or(line))
        .collect();
    let (entries, faults) = Entries::read(&full.join("\n")).unwrap();
    assert_eq!(faults, []);
    let subscribers: Vec<&str> = entries.0.iter().filter_map(|(_, line)| line.subscriber.as_deref()).collect();
    assert!(subscribers.len() >= 30);
    let judgement = Judgement::built_in();
    let known = Known {
        subscribers: subscribers.clone(),
        profiles: judgement.policy.profiles.keys().map(String::as_str).collect(),
        categories: judgement.categories.iter().map(|category| category.code.as_str()).collect(),
    };
    assert_eq!(entries.strangers(&known), []);
}
