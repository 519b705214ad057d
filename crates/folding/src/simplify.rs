//! Traditional characters to simplified ones, character by character: enough to compare by, no more.

use crate::letters::Letters;
use std::{collections::HashMap, sync::LazyLock};

/// Pairs: traditional, simplified. The characters that complaints are written with.
const PAIRS: &str = "\
關关於于個个們们來来時时會会為为國国這这說说對对學学過过後后發发經经現现樣样動动長长從从兩两開开間间問问題题無无還还進进實实點点機机電电業业當当頭头種种見见處处將将與与體体義义員员總总應应話话變变條条\
車车東东馬马門门記记認认決决給给讓让請请謝谢區区縣县鄉乡鎮镇橋桥樓楼園园廣广場场廠厂龍龙華华麗丽環环衛卫護护專专項项價价錢钱費费資资產产戶户權权買买賣卖購购貸贷賠赔償偿債债貨货責责貪贪賄贿財财貧贫賬账\
質质贈赠負负貴贵醫医藥药療疗診诊養养險险勞劳報报務务辦办單单據据證证書书網网絡络線线級级組组織织結结紅红綠绿約约紀纪納纳紙纸細细終终統统繼继續续維维編编緊紧練练縮缩績绩繳缴聲声擾扰亂乱嚴严響响樂乐雜杂\
煙烟塵尘氣气穢秽廢废溝沟濕湿滅灭災灾燈灯爐炉營营銷销違违規规佔占強强搶抢騙骗詐诈盜盗殺杀傷伤鬥斗毀毁壞坏損损斷断漲涨減减遲迟誤误騎骑駕驾駛驶驗验駐驻騷骚闖闯闊阔閉闭閑闲閱阅陽阳陰阴階阶隊队際际隱隐隨随\
難难雙双離离雞鸡雖虽霧雾靜静頂顶順顺預预領领頻频顆颗額额顏颜願愿顧顾顯显類类風风飛飞飯饭飲饮館馆餘余饑饥魚鱼鳥鸟黃黄齊齐齒齿齡龄億亿優优儘尽傳传傾倾僅仅儀仪兒儿內内冊册軍军農农凍冻準准幾几凱凯別别劃划\
劇剧劉刘勁劲勝胜勢势勵励匯汇協协卻却參参叢丛嗎吗嚇吓嘗尝嚮向圍围圓圆圖图團团執执堅坚塊块壓压壘垒夠够夢梦夥伙奪夺奮奋婦妇媽妈孫孙寧宁寫写寬宽寶宝導导層层屬属岡冈島岛峽峡嶺岭歲岁帥帅師师帳帐帶带幫帮乾干\
並并莊庄廂厢廳厅張张彎弯彈弹復复徑径徹彻恆恒悅悦悶闷惡恶惱恼愛爱態态慣惯慮虑慶庆憂忧憑凭憲宪憶忆懇恳懲惩懷怀懶懒懸悬戀恋戲戏戰战擊击擔担擁拥擇择擠挤擬拟擴扩擺摆攔拦攝摄敗败敘叙敵敌數数斃毙昇升曉晓曆历\
曬晒棄弃棟栋楊杨極极構构標标樁桩橫横檔档檢检櫃柜欄栏歡欢歐欧殘残殼壳氈毡沒没沖冲況况洩泄測测淨净涼凉淚泪淺浅淵渊湯汤溫温滄沧滬沪滯滞滲渗滿满漁渔漢汉漸渐潔洁潤润潰溃澤泽濁浊濃浓濟济濱滨瀏浏灑洒灘滩灣湾\
煉炼煩烦熱热燒烧燙烫燭烛爭争爺爷牆墙犧牺狀状狹狭獎奖獨独獲获獸兽瑪玛瓊琼畝亩畢毕異异疊叠癢痒盡尽監监盤盘盧卢眾众睏困矚瞩矯矫礙碍礦矿禮礼禍祸禦御禿秃稅税稱称穩稳積积窮穷窯窑竄窜競竞筆笔築筑簡简簽签籃篮\
籌筹糧粮糾纠純纯紛纷紡纺紹绍絕绝絲丝綁绑綜综緒绪緣缘緩缓縱纵繪绘罰罚罵骂罷罢聖圣聞闻聯联聰聪職职聽听肅肃脅胁脈脉腦脑腫肿腳脚腸肠膠胶臉脸臨临臺台舉举舊旧艙舱艦舰艱艰艷艳藝艺節节莖茎萬万葉叶著着蔥葱蔣蒋\
蔭荫薦荐蘇苏蘋苹蘭兰虛虚號号虧亏蟲虫衆众術术衝冲補补裝装裏里裡里製制複复襲袭視视覺觉覽览觀观觸触訂订計计訊讯討讨訓训託托訪访設设許许訴诉註注評评詞词試试詩诗詢询該该詳详誌志誠诚誰谁課课調调談谈論论諸诸\
諾诺謀谋謊谎講讲謠谣譜谱識识譯译議议譽誉讀读豐丰豬猪貓猫貝贝賀贺賊贼賓宾賞赏賢贤賦赋賭赌賴赖趕赶趙赵跡迹踐践踴踊蹤踪躍跃軌轨軟软較较載载輔辅輕轻輛辆輝辉輩辈輪轮輸输轄辖轉转轎轿轟轰辭辞辯辩邊边遊游運运\
達达遠远適适遷迁選选遺遗郵邮鄧邓鄭郑鄰邻醜丑醬酱釀酿釋释針针釣钓鈔钞鉤钩銀银銅铜銳锐鋁铝鋒锋鋪铺鋼钢錄录錯错錫锡鍋锅鍵键鍾钟鎖锁鏈链鏡镜鐘钟鐵铁鑑鉴鑰钥鑽钻閃闪闆板闡阐陝陕陳陈陸陆隸隶雲云靈灵靚靓鞏巩\
韓韩頁页須须頑顽頓顿頗颇頸颈頹颓飄飘飾饰饋馈駁驳騰腾驅驱驕骄驚惊驟骤鬆松鬧闹鬱郁鮮鲜鴨鸭鵝鹅鹽盐麥麦麵面黨党齋斋龐庞龜龟麼么麽么蓋盖顛颠";

/// Each with the character it stands for, and which those are.
static TABLE: LazyLock<(Letters, HashMap<char, char>)> = LazyLock::new(|| {
    let letters: Vec<char> = PAIRS.chars().collect();
    let pairs = letters.as_chunks::<2>().0;
    (pairs.iter().map(|[from, _]| *from).collect(), pairs.iter().map(|[from, to]| (*from, *to)).collect())
});

/// One character.
pub fn simplify(letter: char) -> char {
    // Nothing that is written with Latin letters or punctuation is there.
    if letter < '\u{4e00}' { letter } else { simplifier()(letter) }
}

/// As [`simplify`], of many characters.
pub(crate) fn simplifier() -> impl Fn(char) -> char {
    let (traditional, simple) = &*TABLE;
    |letter| if traditional.has(letter) { simple.get(&letter).copied().unwrap_or(letter) } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_pairs_and_no_simplified_character_is_changed_again() {
        let letters: Vec<char> = PAIRS.chars().collect();
        assert_eq!(letters.len() % 2, 0);
        for pair in letters.chunks(2) {
            assert_eq!(simplify(pair[1]), pair[1], "{}{}", pair[0], pair[1]);
        }
        let told: String = "關於濱江花園小區樓下噪聲擾民的投訴".chars().map(simplify).collect();
        assert_eq!(told, "关于滨江花园小区楼下噪声扰民的投诉");
    }
}
