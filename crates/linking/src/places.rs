//! What a text names: places, organisations, administrative areas, numbers.

use crate::{
    gazetteer::{Gazetteer, Told},
    grams::Gram,
};
use jiesu_folding::{Letters, begins, is_han};
use std::{collections::HashMap, sync::LazyLock};

/// What kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// An estate, a building, a square.
    Estate = 0,
    /// A road or line of transport.
    Road = 1,
    /// A town, village, neighbourhood.
    Town = 2,
    /// A school.
    School = 3,
    /// A company, shop, hospital, works.
    Organisation = 4,
    /// A city, district, county.
    Area = 5,
    /// A number, with its unit.
    Number = 6,
}

impl Class {
    /// The class of this number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        use Class::{Area, Estate, Number, Organisation, Road, School, Town};
        [Estate, Road, Town, School, Organisation, Area, Number].get(usize::from(number)).copied()
    }

    /// What stands somewhere and has a name of its own.
    pub(crate) fn is_named(self) -> bool {
        !matches!(self, Self::Area | Self::Number)
    }
}

/// Endings of names by class; of two that fit, the longer one counts.
const ENDINGS: [(Class, &str); 5] = [
    (
        Class::Estate,
        "小区 花园 家园 嘉园 佳园 公寓 山庄 广场 大厦 公馆 楼盘 项目 名城 新城 国际 公园 苑 府 湾 庭 郡 园 城",
    ),
    (Class::Road, "大道 号线 高速 国道 隧道 路口 路 街 巷 桥"),
    (Class::Town, "街道 社区 镇 乡 村 组"),
    (Class::School, "幼儿园 小学 中学 大学 学院 学校"),
    (Class::Organisation, "公司 集团 医院 酒店 超市 市场 工地 银行 物业 平台 餐厅 宾馆 ktv 厂 店 网 站 吧"),
];

/// Endings by their first character, longest first.
type Endings = HashMap<char, Vec<(Vec<char>, Class)>>;

static BY_FIRST: LazyLock<Endings> = LazyLock::new(|| {
    let mut by_first = Endings::new();
    for (class, endings) in ENDINGS {
        for ending in endings.split(' ') {
            let ending: Vec<char> = ending.chars().collect();
            let Some(first) = ending.first().copied() else { continue };
            by_first.entry(first).or_default().push((ending, class));
        }
    }
    by_first.values_mut().for_each(|endings| endings.sort_by_key(|(ending, _)| std::cmp::Reverse(ending.len())));
    by_first
});

/// What endings begin with, and `NOT_NAMES`: quickly asked.
static FIRSTS: LazyLock<Letters> = LazyLock::new(|| BY_FIRST.keys().copied().collect());
static NO_NAME: LazyLock<Letters> = LazyLock::new(|| NOT_NAMES.chars().collect());

/// Before an ending, these are no part of a name.
const NOT_NAMES: &str = "的在是和与到从于了我们你他她它这那该此本各某每个一些有无为把被将让对向往去来过及或等也都很不没位位所住处边旁附近内外上下里中前后间其两";

/// One name in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// What kind.
    pub class: Class,
    /// Its telling part: the two characters before its ending, or the whole number.
    pub core: Gram,
    /// Where in the text, in characters.
    pub at: usize,
    /// Where it ends, with its ending.
    pub end: usize,
    /// The gazetteer knows it.
    pub known: bool,
}

/// The text without administrative areas by code, and what it names. What the gazetteer knows is written out.
pub fn names(folded: &[char], gazetteer: &Gazetteer) -> (Vec<char>, Vec<Name>) {
    let mut rest = Vec::with_capacity(folded.len());
    let mut codes = Vec::new();
    let mut told = Told::default();
    let mut index = 0;
    while let Some((letter, after)) = folded.get(index..).and_then(|here| here.split_first()) {
        let here = folded.get(index..).unwrap_or_default();
        if let Some((place, length)) = gazetteer.first(here) {
            gazetteer.tell(place, here.get(..length).unwrap_or_default(), &mut rest, &mut told);
            index += length;
            continue;
        }
        match area_code(*letter, after) {
            Some(length) => {
                let core = Gram::of(here.get(..length).unwrap_or_default());
                codes.push(Name { class: Class::Area, core, at: rest.len(), end: rest.len(), known: false });
                index += length;
            }
            None => {
                rest.push(*letter);
                index += 1;
            }
        }
    }
    // What is known comes first: of many names only some are kept.
    let Told { names: mut all, mut areas, spans, .. } = told;
    all.append(&mut areas);
    all.append(&mut codes);
    numbers(&rest, &mut all);
    let mut by_ending = Vec::new();
    endings(&rest, &mut by_ending);
    // A piece of a known name is no name of its own.
    let after = |name: &Name| spans.get(spans.partition_point(|span| span.end <= name.at));
    by_ending.retain(|name| after(name).is_none_or(|span| name.end <= span.start));
    all.append(&mut by_ending);
    (rest, all)
}

/// What a name is by how it ends.
pub(crate) fn by_ending(name: &[char]) -> Option<Class> {
    const AREAS: &str = "省市区县旗州盟";
    let endings = BY_FIRST.values().flatten();
    let ends = endings.filter(|(ending, _)| name.ends_with(ending)).max_by_key(|(ending, _)| ending.len());
    let area = || name.last().filter(|last| AREAS.contains(**last)).map(|_| Class::Area);
    ends.map(|(_, class)| *class).or_else(area)
}

/// Whether a text begins as names end.
pub(crate) fn begins_with_ending(text: &[char]) -> bool {
    let endings = text.first().and_then(|first| BY_FIRST.get(first));
    endings.is_some_and(|endings| endings.iter().any(|(ending, _)| begins(text, ending)))
}

/// The areas that a text names by code, each once.
pub(crate) fn area_codes(folded: &[char]) -> Vec<String> {
    let mut codes = Vec::new();
    let mut rest = folded;
    while let Some((letter, after)) = rest.split_first() {
        let length = area_code(*letter, after);
        codes.extend(length.and_then(|length| rest.get(..length)).map(|code| code.iter().collect::<String>()));
        rest = rest.get(length.unwrap_or(1)..).unwrap_or_default();
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Whether `letter` could stand in a name, right before its core.
pub(crate) fn continues_name(letter: char) -> bool {
    is_han(letter) && !NO_NAME.has(letter)
}

/// `a市`, `a7县`: places as codes. The length of the one that begins with `letter`.
fn area_code(letter: char, after: &[char]) -> Option<usize> {
    if !letter.is_ascii_lowercase() {
        return None;
    }
    let digits = after.iter().take(3).take_while(|letter| letter.is_ascii_digit()).count();
    matches!(after.get(digits), Some('市' | '区' | '县' | '镇' | '乡')).then_some(digits + 2)
}

fn numbers(letters: &[char], names: &mut Vec<Name>) {
    let of_number = |letter: &char| letter.is_ascii_digit() || *letter == '.';
    let mut index = 0;
    while let Some(letter) = letters.get(index) {
        if !of_number(letter) {
            index += 1;
            continue;
        }
        let length = letters.iter().skip(index).take_while(|letter| of_number(letter)).count();
        let unit = letters.get(index + length).copied();
        let year = unit == Some('年') || unit == Some('月') || unit == Some('日') || unit == Some('点');
        if !year && (length > 1 || matches!(unit, Some('栋' | '路' | '号' | '期' | '万'))) {
            let end = (index + length + 1).min(letters.len());
            let core = Gram::of(&letters[index..end]);
            names.push(Name { class: Class::Number, core, at: index, end, known: false });
        }
        index += length;
    }
}

fn endings(letters: &[char], names: &mut Vec<Name>) {
    let firsts = &*FIRSTS;
    let mut index = 2;
    // Where the last ending ended: `家园` in `海棠家园小区` is no name of its own.
    let mut last = 0;
    while let Some(letter) = letters.get(index) {
        if !firsts.has(*letter) {
            index += 1;
            continue;
        }
        let core = letters.get(index - 2..index).unwrap_or_default();
        let endings = BY_FIRST.get(letter).map_or(&[][..], Vec::as_slice);
        let Some((ending, class)) =
            endings.iter().find(|(ending, _)| letters.get(index..).is_some_and(|rest| begins(rest, ending)))
        else {
            index += 1;
            continue;
        };
        let named = |letter: &char| (is_han(*letter) || letter.is_ascii_alphanumeric()) && !NO_NAME.has(*letter);
        if index >= last + 2 && core.iter().all(named) {
            let core = Gram::of(core);
            names.push(Name { class: *class, core, at: index - 2, end: index + ending.len(), known: false });
        }
        index += ending.len();
        if ending.len() > 1 {
            last = index;
        }
    }
}
