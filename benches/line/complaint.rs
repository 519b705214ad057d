//! The same complaints for every server: made up, about 600 bytes of JSON each, no two alike. They differ as people's do:
//! in place, matter and words; one in five is about what somebody has complained of before, half of these by the same.

use serde_json::json;

/// What every complaint carries in its words, so that the sink can tell which ones arrived.
pub const MARK: &[u8] = b"BENCH-";
/// Digits of the serial behind [`MARK`].
pub const SERIAL_DIGITS: usize = 6;

/// Who repeats a matter takes up one of so many before it.
const RECENT: u64 = 4_000;

/// Letters of which places' names are made.
const NAMES: &str =
    "嘉滨柏春土龙凤锦海翠云金紫银青玉松竹梅兰桂莲荷枫桐榆槐杏桃柳华荣昌盛宁康和顺德仁义信礼智文武兴旺丰祥瑞景";
const PLACES: &str = "小区 花园 家园 公寓 大道 路 街 巷 社区 村 小学 中学 市场 广场 医院 工地";
const MATTERS: &str = "\
路灯不亮 下水道堵塞 自来水发黄 水压不足 燃气管道漏气 电梯经常停运 外墙瓷砖脱落 屋顶漏雨 楼道堆放杂物 消防通道被占 \
电动车进楼充电 流浪狗伤人 垃圾桶满溢 垃圾清运不及时 公厕无人打扫 餐馆油烟直排 烧烤摊占道 广场舞音响扰民 夜间施工噪声 \
水泵房低频噪声 空调外机滴水 违章搭建阳光房 楼上装修砸承重墙 私自圈占绿地 树枝压断电线 井盖破损 路面塌陷 人行道被撬 \
红绿灯时间太短 公交车不按时到站 站台没有雨棚 共享单车乱停 停车位乱收费 物业费涨价未公示 维修资金去向不明 业委会换届拖延 \
房产证办不下来 拆迁安置房未交付 预付卡退款难 健身房关门跑路 培训机构不退费 超市出售过期食品 拖欠工资三个月 加班没有报酬 \
幼儿园收费不透明 学区划分不公布 食堂饭菜变质 医院挂号难 医保报销被拒 养老金停发 低保申请没有答复 河道发臭 工厂偷排废水 \
秸秆焚烧 渣土车抛洒 快递不送上门 宽带经常断网 高压线离房太近 坟地占用耕地 种子质量差 水库放水淹田 村务不公开";
const SINCE: &str = "\
已经持续三天 断断续续半个多月 从上周五开始 每晚十点到凌晨两点 入夏以来一直如此 国庆之后就这样 快一年了 昨天夜里又发生一次 \
今年已是第四回 从交房起就没好过 下雨天更厉害 早晚高峰最严重 周末整天不停 停电之后出现的 换了物业以来 春节前就反映过";
const HARM: &str = "\
老人心脏不好，整夜无法入睡 孩子正在备战中考 家里有刚满月的婴儿 楼上楼下多户都受影响 已有两人摔伤 邻居骑车差点出事 \
墙面发霉，家具泡坏 店里生意做不下去 轮椅根本过不去 一家五口只能去亲戚家住 晚上出门要打手电 每月多花几百元 \
学生放学都要绕行 气味熏得不敢开窗 楼下的车被砸坏三辆 急救车都开不进来 菜地里的苗全死了 工友们没钱回家过年 \
贷款照还，房子却住不进去 连续请假，单位已有意见";
const BEFORE: &str = "\
找过物业，对方说管不了 打过社区电话，无人答复 与对方沟通未果，态度恶劣 曾有执法人员来过，走后照旧 网上留言两次没有下文 \
派出所来登记过，没有处理 窗口让回去等通知，一等就是半年 街道说归区里管，区里又推给街道 施工方承诺整改，至今没有动静 \
村干部答应协调，后来不接电话 当面交过书面材料，没有回执 法院让先调解，调解又没人主持 老板把我的微信拉黑了 \
维修师傅看了一眼说没有配件 热线记录过一次，回访说已办结 居民联名签字，交上去没有结果";
const DETAIL: &str = "\
监控正好坏了，没有拍到 附近还有一所幼儿园 旁边就是公交终点站 原来的护栏也被拆走 我手里有合同和收据 现场有照片可以提供 \
负责人姓什么我们也不清楚 门口贴过告示又撕掉了 同一栋楼里已有八户签名 对面那一家也是同样情况 招牌上没有写单位名称 \
听说要等到明年才有预算 请派人时提前联系，我白天上班 夜里值班室总是没有人 地上一直有积水结冰 那里没有任何警示标志 \
图纸上本来是一块绿地 收费的人没有穿工作服 最近的替代路线要多走两公里 说明书上写的是另一种型号";
const DEMAND: &str = "\
请城管部门到现场核实并制止，并将处理结果电话告知。 要求依法查处，恢复正常秩序。 希望尽快派人维修，给一个明确期限。 \
请督促相关单位退还费用。 请公开处理依据。 希望主管部门牵头协调各方。 请核查后依规问责。 要求给出书面答复。";
const SURNAMES: &str = "王 李 张 刘 陈 杨 黄 赵 周 吴";
const GIVEN: &str = "建国 秀英 桂兰 志强 雪梅 晓东 文静 海燕";

/// The JSON body of the complaint with this serial: the same in every run.
pub fn body(serial: usize) -> String {
    let number = serial as u64;
    let mut dice = Dice(number);
    let again = number > 0 && dice.below(5) == 0;
    let matter = if again { number - 1 - dice.below(RECENT.min(number)) } else { number };
    let citizen = if again && dice.below(2) == 0 { matter } else { number };
    // Where and what, of all who speak of this matter; in words of one's own.
    let mut of_matter = Dice(!matter);
    let name = [of_matter.letter(NAMES), of_matter.letter(NAMES)];
    let place: String = name.into_iter().chain(of_matter.pick(PLACES).chars()).collect();
    let (house, what) = (of_matter.below(900) + 1, of_matter.pick(MATTERS));
    let (lat, lon) = (of_matter.below(120), of_matter.below(120));
    let (since, harm, before) = (dice.pick(SINCE), dice.pick(HARM), dice.pick(BEFORE));
    let (detail, more) = (dice.pick(DETAIL), dice.pick(DETAIL));
    let mut of_citizen = Dice(citizen);
    let name = [of_citizen.pick(SURNAMES), of_citizen.pick(GIVEN)].concat();
    json!({
        "id": format!("bench-{serial:06}"),
        "kind": "complaint",
        "title": format!("{place}{what}"),
        "content": format!(
            "您好，我住在{place}{house}号。这里{what}，{since}，{harm}。此前{before}。{detail}，{more}。编号BENCH-{serial:06}。",
        ),
        "demand": dice.pick(DEMAND),
        "appellant": { "name": name, "phone": format!("139{citizen:08}"), "anonymous": false },
        "location": {
            "text": format!("{place}{house}号"),
            "lat": (29_500 + lat) as f64 / 1_000.0,
            "lon": (103_700 + lon) as f64 / 1_000.0,
            "region": "511102",
        },
    })
    .to_string()
}

/// The serials in the words of an event, wherever they have been copied to: of a ticket, and of what repeats it.
pub fn serials(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(text, MARK).filter_map(|at| {
        let digits = text.get(at + MARK.len()..)?.get(..SERIAL_DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a few good dice from a serial.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }

    /// One of the words.
    fn pick<'a>(&mut self, words: &'a str) -> &'a str {
        let count = words.split_whitespace().count() as u64;
        words.split_whitespace().nth(self.below(count) as usize).unwrap_or_default()
    }

    fn letter(&mut self, letters: &str) -> char {
        let count = letters.chars().count() as u64;
        letters.chars().nth(self.below(count) as usize).unwrap_or_default()
    }
}
