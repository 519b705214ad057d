//! The same complaints for every server: made up, about 600 bytes of JSON each, no two alike.

/// What every complaint carries in its words, so that the sink can tell which ones arrived.
pub const MARK: &[u8] = b"BENCH-";
/// Digits of the serial behind [`MARK`].
pub const SERIAL_DIGITS: usize = 6;

const STREETS: &[&str] = &["嘉州大道", "滨河路", "柏杨中路", "人民南路", "春华路", "土桥街", "龙游路", "凤凰路北段"];
const NOISE: &[&str] = &["施工机械", "广场舞音响", "烧烤摊", "水泵房", "夜间卸货", "空调外机", "洗车店", "KTV 低音炮"];
const DURATION: &[&str] =
    &["已经持续三天", "断断续续半个多月", "从上周五开始", "每晚十点到凌晨两点", "入夏以来一直如此"];
const HARM: &[&str] =
    &["老人心脏不好，整夜无法入睡", "孩子正在备战中考", "家里有刚满月的婴儿", "楼上楼下多户居民都受影响"];
const BEFORE: &[&str] =
    &["找过物业，对方说管不了", "打过社区电话，无人答复", "与对方沟通未果，态度恶劣", "曾有执法人员来过，走后照旧"];
const DEMAND: &[&str] = &["请城管部门到现场核实并制止，并将处理结果电话告知。", "要求依法查处，恢复正常休息环境。"];
const SURNAMES: &[&str] = &["王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "吴"];
const GIVEN: &[&str] = &["建国", "秀英", "桂兰", "志强", "雪梅", "晓东", "文静", "海燕"];

/// The JSON body of the complaint with this serial: the same in every run.
pub fn body(serial: usize) -> String {
    let mut dice = Dice(serial as u64);
    let (street, house) = (dice.pick(STREETS), dice.below(900) + 1);
    let (noise, long, harm) = (dice.pick(NOISE), dice.pick(DURATION), dice.pick(HARM));
    let (before, demand) = (dice.pick(BEFORE), dice.pick(DEMAND));
    let (surname, given) = (dice.pick(SURNAMES), dice.pick(GIVEN));
    let (lat, lon) = (29_500 + dice.below(120), 103_700 + dice.below(120));
    format!(r#"{{"id":"bench-{serial:06}","kind":"complaint","title":"{street}{house}号{noise}噪声扰民","#,)
        + &format!(
            r#""content":"您好，我住在{street}{house}号。楼下{noise}噪声很大，{long}，{harm}。此前{before}。上次来电的受理编号是BENCH-{serial:06}，至今没有结果。","#,
        )
        + &format!(
            r#""demand":"{demand}","appellant":{{"name":"{surname}{given}","phone":"139{phone:08}","anonymous":false}},"#,
            phone = serial % 100_000_000,
        )
        + &format!(
            r#""location":{{"text":"{street}{house}号","lat":{}.{:03},"lon":{}.{:03},"region":"511102"}}}}"#,
            lat / 1000,
            lat % 1000,
            lon / 1000,
            lon % 1000,
        )
}

/// The serial in the words of a complaint, wherever they have been copied to.
pub fn serial(text: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(text, MARK).find_map(|at| {
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
        (z ^ (z >> 31)) % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}
