//! Rules that an auditor can read: which words make what of a matter, and why.

use crate::{
    Calendar, Categories, Due, Guess, Linear, Mode, Policy,
    lexicon::Found,
    ways::{Ways, Word},
};
use jiesu_folding::folded;
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

/// Below this the model's category is no more than a guess, and none is proposed.
const SURE: f32 = 0.3;

/// A rule: these words make this of a matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Words {
    /// What it is called in a reason.
    pub name: String,
    /// One of these words is there. `a+b`: both are. `a|b+c|d`: one of the first two, and one of the others.
    pub any: Vec<Ways>,
    /// None of these is.
    pub none: Vec<Word>,
    /// Only for matters of these kinds.
    pub kinds: Vec<String>,
    /// Only in this mode.
    pub mode: Option<Mode>,
    /// Of `kinds`: the kind.
    pub kind: Option<String>,
    /// Of `priorities`: the level.
    pub level: Option<u8>,
    /// Of `flags`: the flag.
    pub flag: Option<String>,
    /// Of `categories`: the code.
    pub category: Option<String>,
}

impl Words {
    pub(crate) fn fault(&self, value: &str) -> Option<String> {
        let given = match value {
            "kind" => self.kind.is_some(),
            "level" => self.level.is_some_and(|level| (1..=4).contains(&level)),
            "flag" => self.flag.is_some(),
            _ => self.category.is_some(),
        };
        match () {
            () if self.name.trim().is_empty() => Some("it has no name".into()),
            () if !given => Some(format!("it has no {value}{}", if value == "level" { " from 1 to 4" } else { "" })),
            () if self.any.iter().any(Ways::has_empty) || self.none.iter().any(Word::is_empty) => {
                Some("a word is empty".into())
            }
            () => None,
        }
    }

    /// Its words.
    pub(crate) fn words(&mut self) -> impl Iterator<Item = &mut Word> {
        self.any.iter_mut().flat_map(Ways::words).chain(&mut self.none)
    }

    /// The words by which it fits.
    fn fits<'a>(&'a self, text: &Found, kind: &str, mode: Mode) -> Option<Vec<&'a str>> {
        if self.mode.is_some_and(|given| given != mode)
            || !(self.kinds.is_empty() || self.kinds.iter().any(|given| given == kind))
            || self.none.iter().any(|word| word.is_in(text))
        {
            return None;
        }
        self.any.iter().find_map(|ways| ways.within(text))
    }
}

/// What the citizen and the channel said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// The kind, if the citizen chose one.
    pub kind: Option<&'a str>,
    /// The category that the citizen or the channel named, by its code.
    pub category: Option<&'a str>,
    /// Title.
    pub title: &'a str,
    /// All words.
    pub text: &'a str,
    /// What is asked for.
    pub demand: &'a str,
    /// Whose deadlines; those of the profile in force unless given.
    pub profile: Option<&'a str>,
}

/// A value with its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding<T> {
    /// What is proposed.
    pub value: T,
    /// Why.
    pub reason: String,
}

/// A first proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// As in a ticket.
    pub kind: Finding<String>,
    /// Code, name, likelihood, and who says so (`channel`, `rule`, `model`); none if nobody is sure enough.
    pub category: Option<Finding<(String, String, f32, &'static str)>>,
    /// From 1 (at once) to 4.
    pub level: Finding<u8>,
    /// What to look out for.
    pub flags: Vec<Finding<String>>,
    /// Deadlines; the calendar's refusal where it does not reach so far.
    pub due: Option<Result<Due, crate::BeyondCalendar>>,
}

impl Policy {
    /// Proposes. The times are of `zone`, of a matter received `at`.
    pub fn propose(
        &self,
        said: &Said<'_>,
        (model, categories): (&Linear, &Categories),
        (at, zone, calendar): (Timestamp, &TimeZone, &Calendar),
    ) -> Proposal {
        let (title, text) = (folded(said.title), folded(said.text));
        let found = self.lexicon.within([&title, &text, &folded(said.demand)]);
        let kind = match said.kind {
            Some(kind) => Finding { value: kind.to_owned(), reason: "诉求人自选".into() },
            None => self.kind(&found),
        };
        let level = self.level(&found, &kind.value);
        let category = self.category(said, &found, &kind.value, || model.guess_folded(&title, &text), categories);
        let flags = self.flags.iter().filter_map(|rule| {
            let words = rule.fits(&found, &kind.value, self.mode)?;
            Some(Finding { value: rule.flag.clone()?, reason: reason(rule, &words) })
        });
        let mut flags: Vec<Finding<String>> = flags.collect();
        flags.dedup_by(|a, b| a.value == b.value);
        let term = self.terms_of(said.profile).iter().find(|term| term.fits(level.value, &kind.value, self.mode));
        let due = term.map(|term| term.due(at, zone, calendar));
        Proposal { kind, category, level, flags, due }
    }

    fn kind(&self, text: &Found) -> Finding<String> {
        let found = self.kinds.iter().find_map(|rule| {
            let words = rule.fits(text, "", self.mode)?;
            Some(Finding { value: rule.kind.clone()?, reason: reason(rule, &words) })
        });
        found.unwrap_or_else(|| Finding { value: "other".into(), reason: "无明确类型用语".into() })
    }

    fn level(&self, text: &Found, kind: &str) -> Finding<u8> {
        let found = self.priorities.iter().filter_map(|rule| {
            let words = rule.fits(text, kind, self.mode)?;
            Some(Finding { value: rule.level?, reason: reason(rule, &words) })
        });
        let most = found.min_by_key(|finding| finding.value);
        most.unwrap_or_else(|| match kind {
            "consultation" | "praise" => Finding { value: 4, reason: "一般咨询或表扬".into() },
            _ => Finding { value: 3, reason: "一般事项".into() },
        })
    }

    fn category(
        &self,
        said: &Said<'_>,
        text: &Found,
        kind: &str,
        guess: impl FnOnce() -> Option<Guess>,
        categories: &Categories,
    ) -> Option<Finding<(String, String, f32, &'static str)>> {
        let named = said.category.and_then(|code| categories.iter().find(|category| category.code == code));
        if let Some(named) = named {
            let value = (named.code.clone(), named.name.clone(), 1.0, "channel");
            return Some(Finding { value, reason: "诉求人自选".into() });
        }
        for rule in &self.categories {
            let Some(words) = rule.fits(text, kind, self.mode) else { continue };
            let found = categories.iter().find(|category| Some(&category.code) == rule.category.as_ref());
            if let Some(found) = found {
                return Some(Finding {
                    value: (found.code.clone(), found.name.clone(), 1.0, "rule"),
                    reason: reason(rule, &words),
                });
            }
        }
        // A city without categories of its own has none to propose.
        categories.iter().next()?;
        let guess = guess().filter(|guess| guess.confidence >= SURE)?;
        let found = categories.labelled(&guess.label)?;
        let reason = format!("分类模型，把握 {:.0}%", guess.confidence * 100.0);
        Some(Finding { value: (found.code.clone(), found.name.clone(), guess.confidence, "model"), reason })
    }
}

fn reason(rule: &Words, words: &[&str]) -> String {
    format!("{}：提到“{}”", rule.name, words.join("”“"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn propose(text: &str) -> Proposal {
        let policy = Policy::parse(include_str!("../../../config/deadlines.toml")).unwrap();
        let calendar = Calendar::parse(include_str!("../../../config/calendar-cn.toml")).unwrap();
        let categories = Categories::parse(include_str!("../../../config/categories.toml")).unwrap();
        let model = Linear::from_bytes(include_bytes!("../../../config/categories.model")).unwrap();
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at = "2026-11-23T09:00:00+08:00".parse().unwrap();
        policy.propose(&Said { text, ..Said::default() }, (&model, &categories), (at, &zone, &calendar))
    }

    #[test]
    fn words_that_mean_danger_are_urgent_and_handed_over() {
        let proposal = propose("楼下有人持刀伤人，快来人！");
        assert_eq!(proposal.level.value, 1);
        assert!(proposal.level.reason.contains("持刀"), "{}", proposal.level.reason);
        assert!(proposal.flags.iter().any(|flag| flag.value == "handover_110"));
    }

    #[test]
    fn every_threat_to_life_is_both_urgent_and_handed_over_and_what_only_sounds_so_is_neither() {
        let is = |text: &str| {
            let proposal = propose(text);
            (proposal.level.value == 1, proposal.flags.iter().any(|flag| flag.value == "handover_110"))
        };
        for text in [
            "我要自焚",
            "有人溺水了快来人",
            "家里著火了，早就说过有火灾隐患",
            "天然氣洩漏味道很大",
            "电梯困人",
            "邻居正在家暴老婆",
        ] {
            assert_eq!(is(text), (true, true), "{text}");
        }
        for text in
            ["楼道堆放杂物有火灾隐患", "外墙落水管破裂", "消防演练什么时候举行，会不会起火", "商场跳楼价促销是欺诈"]
        {
            assert_eq!(is(text), (false, false), "{text}");
        }
    }

    #[test]
    fn the_lanes_flag_and_its_priority_have_the_same_words() {
        let policy = Policy::parse(include_str!("../../../config/deadlines.toml")).unwrap();
        let lanes = policy.priorities.iter().filter(|rule| rule.name.starts_with("即办"));
        let words: Vec<&Ways> = lanes.flat_map(|rule| &rule.any).collect();
        let flag = policy.flags.iter().find(|rule| rule.flag.as_deref() == Some("instant")).unwrap();
        assert!(words.iter().all(|word| flag.any.contains(word)) && words.len() == flag.any.len());
    }

    #[test]
    fn the_instant_lane_takes_unpaid_wages_pollution_and_noise_at_night() {
        let texts = [
            "工地拖欠农民工工资三个月",
            "老板欠我两个月工資不給",
            "与公司的劳动争议",
            "化工厂向河里偷排污水",
            "厂里排放刺鼻气体",
            "隔壁工地深夜施工噪音扰民",
            "凌晨两点KTV唱歌太吵",
            "夜间广场舞扰民",
        ];
        for text in texts {
            let proposal = propose(text);
            assert_eq!(proposal.level.value, 2, "{text}");
            assert!(proposal.flags.iter().any(|flag| flag.value == "instant"), "{text}");
        }
    }

    #[test]
    fn a_complaint_against_an_official_does_not_go_to_whom_it_is_about() {
        assert_eq!(propose("举报村主任收受贿赂，侵吞扶贫款").kind.value, "report");
        let against = |text: &str| propose(text).flags.iter().any(|flag| flag.value == "against_official");
        let texts =
            ["举报村主任收受贿赂，侵吞扶贫款", "舉報鎮長以權謀私", "民警执法时殴打群众", "投诉派出所民警不作为"];
        assert!(texts.into_iter().all(against));
        assert!(!["民警帮我找到了走失的老人", "举报邻居违建"].into_iter().any(against));
        let found = propose("窗口的办事人员刁难群众").flags.remove(0);
        assert_eq!(found.reason, "涉公职人员：提到“办事人员”“刁难”", "which of the ways it was");
    }

    #[test]
    fn what_is_ordinary_is_ordinary_and_says_so() {
        let proposal = propose("请问公积金提取需要什么材料？");
        assert_eq!((proposal.kind.value.as_str(), proposal.level.value), ("consultation", 4));
        let proposal = propose("小区门口的路灯坏了一个星期，晚上看不见路。");
        assert_eq!((proposal.kind.value.as_str(), proposal.level.value), ("complaint", 3));
        assert!(proposal.flags.is_empty() && proposal.due.unwrap().is_ok());
        let category = proposal.category.unwrap();
        assert_eq!((category.value.1.as_str(), category.value.3), ("城乡建设", "model"));
    }
}
