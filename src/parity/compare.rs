//! Which row is which, and where they differ.

use super::{Row, Span};
use crate::citizens::normal_phone;
use jiesu_folding::fold;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// With the same telephone, so much of the words must agree.
const SAME_PHONE: f64 = 0.3;
/// Where one side has no telephone.
const NO_PHONE: f64 = 0.75;
/// Where the telephones differ.
const OTHER_PHONE: f64 = 0.9;

/// What became of one row, or of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In both, and the same.
    Matched,
    /// In both, and not the same.
    Different(Vec<Difference>),
    /// In the export only.
    MissingHere,
    /// In the gateway only.
    MissingThere,
    /// A row of the export that nobody can read: why.
    Unreadable(String),
}

/// A field in which a pair differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name, as in [`Row`].
    pub field: &'static str,
    /// In the export.
    pub there: String,
    /// In the gateway.
    pub here: String,
}

/// A row or a pair of rows, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// In the export.
    pub there: Option<Row>,
    /// In the gateway.
    pub here: Option<Row>,
    /// What became of it.
    pub verdict: Verdict,
}

impl Comparison {
    /// A row of the export that nobody can read.
    pub fn unreadable(line: u64, why: String) -> Self {
        let row = Row { place: line.to_string(), ..Row::default() };
        Self { there: Some(row), here: None, verdict: Verdict::Unreadable(why) }
    }
}

/// Compares what the old system has with what the gateway has. Rows of other days may be in both: they can be found, but
/// are not missed.
pub fn compare(there: Vec<Row>, here: Vec<Row>, span: &Span) -> Vec<Comparison> {
    let there: Vec<Folded> = there.into_iter().map(Folded::new).collect();
    let here: Vec<Folded> = here.into_iter().map(Folded::new).collect();
    let mut pairs: Vec<Option<usize>> = vec![None; there.len()];
    let mut taken: HashSet<usize> = HashSet::new();
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, row) in here.iter().enumerate() {
        row.ids.iter().for_each(|id| by_id.entry(id).or_default().push(index));
    }
    for (pair, row) in pairs.iter_mut().zip(&there) {
        let known = row.ids.iter().filter_map(|id| by_id.get(id.as_str())).flatten();
        if let Some(found) = known.copied().find(|index| !taken.contains(index)) {
            taken.insert(found);
            *pair = Some(found);
        }
    }
    for (index, found) in by_likeness(&there, &here, &pairs, &taken, span) {
        pairs[index] = Some(found);
        taken.insert(found);
    }
    let mut all = Vec::with_capacity(there.len());
    for (row, pair) in there.into_iter().zip(&pairs) {
        let Some(found) = pair else {
            if span.has(&row.row) {
                all.push(Comparison { there: Some(row.row), here: None, verdict: Verdict::MissingHere });
            }
            continue;
        };
        let other = &here[*found];
        if span.has(&row.row) || span.has(&other.row) {
            let differences = row.differences(other, span.within);
            let verdict = if differences.is_empty() { Verdict::Matched } else { Verdict::Different(differences) };
            all.push(Comparison { there: Some(row.row), here: Some(other.row.clone()), verdict });
        }
    }
    let left = here.into_iter().enumerate().filter(|(index, row)| !taken.contains(index) && span.has(&row.row));
    all.extend(left.map(|(_, row)| Comparison { there: None, here: Some(row.row), verdict: Verdict::MissingThere }));
    all
}

/// A row with its texts folded.
struct Folded {
    row: Row,
    ids: Vec<String>,
    phone: Option<String>,
    words: String,
    grams: HashMap<(char, char), u32>,
}

impl Folded {
    fn new(row: Row) -> Self {
        let ids = row.ids.iter().map(|id| id.trim().to_lowercase()).filter(|id| !id.is_empty()).collect();
        let phone = row.phone.as_deref().map(normal_phone).filter(|phone| phone.len() >= 5);
        let words = plain(row.content.as_deref().or(row.title.as_deref()).unwrap_or_default());
        let mut grams = HashMap::new();
        let letters: Vec<char> = words.chars().collect();
        letters.windows(2).for_each(|pair| *grams.entry((pair[0], pair[1])).or_default() += 1);
        Self { row, ids, phone, words, grams }
    }

    /// Dice's coefficient over pairs of characters, from 0 to 1.
    fn likeness(&self, other: &Self) -> f64 {
        if self.words == other.words {
            return 1.0;
        }
        let all: u32 = self.grams.values().chain(other.grams.values()).sum();
        let shared = self.grams.iter().map(|(gram, count)| *count.min(other.grams.get(gram).unwrap_or(&0)));
        if all == 0 { 0.0 } else { f64::from(2 * shared.sum::<u32>()) / f64::from(all) }
    }

    /// How far apart they are in time; `None` where one says none.
    fn apart(&self, other: &Self) -> Option<SignedDuration> {
        let pairs = self.row.times.iter().flat_map(|at| other.row.times.iter().map(move |other| (*at, *other)));
        pairs.map(|(at, other)| at.duration_since(other).abs()).min()
    }

    fn differences(&self, here: &Self, within: SignedDuration) -> Vec<Difference> {
        let (old, new) = (&self.row, &here.row);
        let mut differences = Vec::new();
        let mut differ = |field: &'static str, there: &Option<String>, here: &Option<String>| {
            differences.push(Difference {
                field,
                there: there.clone().unwrap_or_default(),
                here: here.clone().unwrap_or_default(),
            });
        };
        // What one side does not have at all is no finding: exports have fewer fields than tickets.
        let said = |text: &Option<String>| text.as_deref().map(plain).filter(|text| !text.is_empty());
        for (field, there, here) in [
            ("name", &old.name, &new.name),
            ("title", &old.title, &new.title),
            ("content", &old.content, &new.content),
            ("location", &old.location, &new.location),
            ("category", &old.category, &new.category),
            ("kind", &old.kind, &new.kind),
        ] {
            if let (Some(a), Some(b)) = (said(there), said(here))
                && a != b
            {
                differ(field, there, here);
            }
        }
        if let (Some(a), Some(b)) = (&self.phone, &here.phone)
            && a != b
        {
            differ("phone", &old.phone, &new.phone);
        }
        // Only a time that the sender said: an export that was loaded later was received later.
        if let (Some(at), [said, _, ..]) = (old.times.first(), new.times.as_slice())
            && at.duration_since(*said).abs() > within
        {
            differ("time", &Some(at.to_string()), &Some(said.to_string()));
        }
        differences
    }
}

/// Without spaces and punctuation, in folded form.
fn plain(text: &str) -> String {
    fold(text).chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Of the rows that no number has paired, the pairs that are most alike, each row once.
fn by_likeness(
    there: &[Folded],
    here: &[Folded],
    pairs: &[Option<usize>],
    taken: &HashSet<usize>,
    span: &Span,
) -> Vec<(usize, usize)> {
    let free: Vec<usize> = (0..here.len()).filter(|index| !taken.contains(index)).collect();
    let mut by_phone: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_time: Vec<(Timestamp, usize)> = Vec::new();
    for &index in &free {
        if let Some(phone) = &here[index].phone {
            by_phone.entry(phone).or_default().push(index);
        }
        by_time.extend(here[index].row.times.iter().map(|at| (*at, index)));
    }
    by_time.sort_unstable();
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for (index, row) in there.iter().enumerate().filter(|(index, _)| pairs[*index].is_none()) {
        let mut candidates: HashSet<usize> = HashSet::new();
        if row.row.times.is_empty() {
            candidates.extend(row.phone.as_deref().and_then(|phone| by_phone.get(phone)).into_iter().flatten());
        }
        for at in &row.row.times {
            let edge = |at: Result<Timestamp, jiff::Error>| at.unwrap_or(Timestamp::MAX);
            let from = at.checked_sub(span.within).unwrap_or(Timestamp::MIN);
            let until = edge(at.checked_add(span.within));
            let first = by_time.partition_point(|(at, _)| *at < from);
            candidates.extend(by_time[first..].iter().take_while(|(at, _)| *at <= until).map(|(_, index)| *index));
        }
        for candidate in candidates {
            let other = &here[candidate];
            let likeness = row.likeness(other);
            let (least, bonus) = match (&row.phone, &other.phone) {
                (Some(a), Some(b)) if a == b => (SAME_PHONE, 1.0),
                (Some(_), Some(_)) => (OTHER_PHONE, 0.0),
                _ => (NO_PHONE, 0.5),
            };
            if likeness >= least {
                let apart =
                    row.apart(other).map_or(1.0, |apart| apart.as_secs_f64() / span.within.as_secs_f64().max(1.0));
                found.push((likeness + bonus - 0.1 * apart.min(1.0), index, candidate));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let (mut old, mut new) = (HashSet::new(), HashSet::new());
    found.retain(|(_, index, candidate)| {
        let free = !old.contains(index) && !new.contains(candidate);
        if free {
            old.insert(*index);
            new.insert(*candidate);
        }
        free
    });
    found.into_iter().map(|(_, index, candidate)| (index, candidate)).collect()
}
