//! A made-up city that writes: as many appeals as one asks for, the same ones each time.
//!
//! What matters for an index is how often its keys come again. Words, phrases and places follow Zipf's law; a phrase is
//! said a few times in ten thousand appeals and hundreds of times in a million, so that posting lists fill as they do with
//! real texts, up to their caps. One in five says again what somebody said before.

const PHRASES: usize = 40_000;
const WORDS: usize = 4_000;
const PLACES: usize = 3_000;
const ENDINGS: [&str; 10] = ["小区", "花园", "路", "街道", "社区", "小学", "公司", "村", "市场", "广场"];
const LINKS: [&str; 8] = ["的", "了", "在", "和", "一直", "没有", "已经", "还是"];
/// An appeal that repeats takes up one of so many before it.
const RECENT: u64 = 4_000;

/// Writes appeals.
pub struct City {
    phrases: Vec<String>,
    places: Vec<String>,
}

/// One appeal.
pub struct Said {
    pub user: u64,
    /// Seconds since the first.
    pub at: i64,
    pub subject: String,
    pub text: String,
}

impl City {
    pub fn new() -> Self {
        let mut dice = Dice(7);
        let letter = |dice: &mut Dice| char::from_u32(0x4e00 + dice.low(2_500) as u32 * 7).unwrap();
        let words: Vec<String> = (0..WORDS).map(|_| (0..2).map(|_| letter(&mut dice)).collect()).collect();
        let phrases = (0..PHRASES).map(|_| {
            let mut phrase = String::new();
            for _ in 0..3 + dice.below(4) {
                phrase.push_str(&words[dice.low(WORDS as u64) as usize]);
                phrase.push_str(LINKS[dice.below(LINKS.len() as u64) as usize]);
            }
            phrase
        });
        let phrases = phrases.collect();
        let places = (0..PLACES).map(|_| {
            let name: String = (0..2).map(|_| letter(&mut dice)).collect();
            name + ENDINGS[dice.below(ENDINGS.len() as u64) as usize]
        });
        Self { phrases, places: places.collect() }
    }

    /// The appeal with this number, from 0 on.
    pub fn say(&self, number: u64) -> Said {
        let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let again = number > 0 && dice.below(5) == 0;
        let matter = if again { number - 1 - dice.below(RECENT.min(number)) } else { number };
        let mut of_matter = Dice(matter.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ 1);
        let place = &self.places[of_matter.low(PLACES as u64) as usize];
        let phrases: Vec<&str> = (0..5).map(|_| self.phrase(&mut of_matter)).collect();
        let house = of_matter.below(400) + 1;
        let own = self.phrase(&mut dice);
        // In other words: some of what was said, in another order, and something of one's own.
        let first = dice.below(3) as usize;
        let text = match again {
            false => format!("我住在{place}{house}号，{}。", phrases.join("，")),
            true => format!("{own}，{place}{}，{}。", phrases[first], phrases[first + 1..].join("，")),
        };
        let user = if again && dice.below(2) == 0 { matter } else { number } % 400_000;
        let phone = dice.below(100_000_000);
        Said {
            user,
            at: number as i64 * 25,
            subject: format!("{place}{}", phrases[0]),
            text: format!("{text}{own}，电话139{phone:08}"),
        }
    }

    /// Its line in a history.
    pub fn line(&self, number: u64) -> String {
        let Said { user, at, subject, text } = self.say(number);
        let time = jiff::Timestamp::from_second(1_700_000_000 + at).unwrap();
        serde_json::json!({ "id": number, "user": user, "time": time.to_string(), "subject": subject, "text": text })
            .to_string()
    }

    fn phrase(&self, dice: &mut Dice) -> &str {
        &self.phrases[dice.below(PHRASES as u64) as usize]
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }

    /// As [`Self::below`], and the lower the likelier, about as Zipf has it.
    fn low(&mut self, limit: u64) -> u64 {
        let even = (self.below(1 << 30) as f64 + 0.5) / (1u64 << 30) as f64;
        ((limit as f64).powf(even) - 1.0) as u64
    }
}
