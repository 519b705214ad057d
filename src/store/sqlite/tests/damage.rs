//! Damaged files: whatever is intact is there afterwards, and the damaged files are kept.

use super::{
    super::{handle::Handle, inbox, log, open, schema, tickets},
    *,
};
use crate::store::{EventLog, Progress};
use rusqlite::Connection;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::OnceLock,
};

const MESSAGES: usize = 2000;
/// Of these the first become tickets; the rest is in the line.
const TICKETS: usize = 1200;
const PAGE: usize = 4096;
/// What ends before the log begins.
const IN_FILE: usize = 1400;

/// The bytes of a store that was killed: a file, and a log that is not in it yet.
struct Sound {
    file: Vec<u8>,
    log: Vec<u8>,
}

/// Every hundred bytes say whose they are and which, so that the test can see in the raw bytes what is intact.
fn mark(index: usize, chunk: usize) -> String {
    format!("<{index:06}.{chunk:06}>{}", "诉求".repeat(14))
}

fn chunks(index: usize) -> usize {
    match index % 50 {
        0 => 700,
        1 => 45,
        rest => 1 + rest % 6,
    }
}

fn body(index: usize) -> String {
    (0..chunks(index)).map(|chunk| mark(index, chunk)).collect()
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let place = Place::new();
        // By hand, so that nobody copies the log into the file at another moment.
        let mut connection = open::connect(&place.path()).unwrap();
        schema::migrate(&mut connection).unwrap();
        let handle = Handle::new(connection, Default::default(), Default::default()).unwrap();
        let transaction =
            |work: &dyn Fn(&Handle) -> rusqlite::Result<()>| handle.transaction(|| work(&handle)).unwrap();
        let accept = |from: usize| {
            let messages = (from..from + 20).map(new).collect::<Vec<_>>();
            transaction(&|handle| inbox::accept(handle, &messages).map(drop));
        };
        let issue = |from: usize| {
            let outcomes = (from..from + 50).map(outcome).collect::<Vec<_>>();
            transaction(&|handle| tickets::issue(handle, &mut outcomes.clone()).map(drop));
        };
        (0..IN_FILE).step_by(20).for_each(accept);
        (0..TICKETS / 2).step_by(50).for_each(issue);
        let progress = Progress { cursor: Sequence(100), ahead: vec![(120, 130)] };
        transaction(&|handle| log::save_progress(handle, "core", &progress));
        handle.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        (IN_FILE..MESSAGES).step_by(20).for_each(accept);
        (TICKETS / 2..TICKETS).step_by(50).for_each(issue);
        Sound { file: fs::read(place.path()).unwrap(), log: fs::read(place.wal()).unwrap() }
    })
}

fn new(index: usize) -> NewMessage {
    let key = format!("key-{index}");
    message(body(index), Some((&key, OnOtherContent::NewAppeal)))
}

fn number(index: usize) -> Number {
    Number { day: DAY, sequence: index as u32 + 1 }
}

fn outcome(index: usize) -> Outcome {
    ticket(MessageId(index as i64 + 1), number(index), &format!("ticket {index}{}", "。".repeat(index % 3000)))
}

/// The messages of which every mark can still be read in the raw bytes, wherever they lie.
fn intact(file: &[u8], log: &[u8]) -> BTreeSet<usize> {
    let mut seen: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    // Of each mark, what stands of it behind the one before and before the one behind it.
    let mut torn: BTreeMap<(usize, usize), [usize; 2]> = BTreeMap::new();
    let same = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(one, other)| one == other).count();
    for bytes in [file, log] {
        for at in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'<').map(|(at, _)| at) {
            let Some(name) = bytes.get(at + 1..at + 14).and_then(|name| std::str::from_utf8(name).ok()) else {
                continue;
            };
            let Some((index, chunk)) = name.split_once('.') else { continue };
            let (Ok(index), Ok(chunk)) = (index.parse(), chunk.parse()) else { continue };
            let this = mark(index, chunk);
            if bytes[at..].starts_with(this.as_bytes()) {
                seen.entry(index).or_default().insert(chunk);
                let next = mark(index, chunk + 1);
                let begins = same(&mut bytes[at + this.len()..].iter().copied().zip(next.bytes()));
                let begun = &mut torn.entry((index, chunk + 1)).or_default()[0];
                *begun = begins.max(*begun);
                if let Some(before) = chunk.checked_sub(1) {
                    let last = mark(index, before);
                    let ends = same(&mut bytes[..at].iter().rev().copied().zip(last.bytes().rev()));
                    let ended = &mut torn.entry((index, before)).or_default()[1];
                    *ended = ends.max(*ended);
                }
            }
        }
    }
    // A mark that lies across two pages of a chain is not found in one piece.
    let whole = |index: &usize, marks: &BTreeSet<usize>| {
        let in_two = |chunk: usize| torn.get(&(*index, chunk)).map_or(0, |[begun, ended]| begun + ended);
        (0..chunks(*index)).all(|chunk| marks.contains(&chunk) || in_two(chunk) >= mark(*index, chunk).len())
    };
    seen.iter().filter(|(index, marks)| whole(index, marks)).map(|(index, _)| *index).collect()
}

/// Opens the damaged bytes and checks everything that must hold; says how many messages had to be there.
async fn survives(case: &str, file: Option<Vec<u8>>, log: Option<Vec<u8>>, alarm: impl Into<Option<bool>>) -> usize {
    let place = Place::new();
    for (path, bytes) in [(place.path(), &file), (place.wal(), &log)] {
        if let Some(bytes) = bytes {
            fs::write(path, bytes).unwrap();
        }
    }
    let expected = intact(file.as_deref().unwrap_or_default(), log.as_deref().unwrap_or_default());
    let store = place.open();

    let reader = Connection::open(place.path()).unwrap();
    let found = rows(&reader);
    for index in &expected {
        match found.get(index) {
            Some(found) => assert!(*found == body(*index), "{case}: message {index} has another body"),
            None => panic!("{case}: message {index} is intact in the damaged file, and gone"),
        }
    }
    let open: BTreeSet<i64> = pending(&store).await.iter().map(|message| message.id.0).collect();
    let mut told: BTreeSet<Number> = BTreeSet::new();
    let mut last = 0;
    for event in events(&store).await {
        let sequence = format!("\"sequence\":\"{:016}\"", event.sequence.0);
        assert!(String::from_utf8_lossy(&event.body).contains(&sequence), "{case}: an event's body was changed");
        assert!(event.sequence.0 > last, "{case}");
        last = event.sequence.0;
        told.insert(event.number);
    }
    let in_quarantine: BTreeSet<i64> = store.quarantined(9999).await.unwrap().iter().map(|row| row.message.0).collect();
    let ticketed: BTreeSet<i64> = {
        let mut statement = reader.prepare("SELECT number FROM ticket").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    for index in found.keys() {
        let (id, number) = (*index as i64 + 1, number(*index));
        let places = [ticketed.contains(&number.to_key()), open.contains(&id), in_quarantine.contains(&id)];
        assert_eq!(places.iter().filter(|there| **there).count(), 1, "{case}: message {index} is in {places:?}");
        assert!(!places[0] || told.contains(&number), "{case}: no event tells of ticket {index}");
    }
    for row in store.tickets(crate::store::TicketQuery { limit: 9999, ..Default::default() }).await.unwrap() {
        let index = row.number.sequence as usize - 1;
        assert_eq!(
            row.document,
            document(row.number, &format!("ticket {index}{}", "。".repeat(index % 3000))),
            "{case}"
        );
    }
    for tally in store.tallies(DAY).await.unwrap() {
        assert!(tally.balanced(), "{case}: {tally:?}");
    }
    // The next number is nobody's; a redelivery of what is there is known, and of what is lost is new.
    let next = accept(&store, message("another", None)).await;
    assert!(next.sequence as usize > MESSAGES, "{case}: {next} was given before");
    let again = (0..MESSAGES).find(|index| expected.contains(index)).map(new);
    if let Some(again) = again {
        assert!(store.accept(vec![again]).await.is_ok(), "{case}");
    }
    let progress = store.progress("core").await.unwrap();
    assert!(progress.cursor.0 <= 100, "{case}: {progress:?}");
    drop(reader);
    store.close().await.unwrap();
    drop(store);
    let alarm = alarm.into().unwrap_or_else(|| place.names().iter().any(|name| name.contains(".damaged-")));
    kept(case, &place, &file, &log, alarm);
    // And it is a store that opens again without anything to say.
    place.open().close().await.unwrap();
    assert_eq!(place.names().iter().filter(|name| name.ends_with(".txt")).count(), usize::from(alarm), "{case}");
    expected.len()
}

fn rows(reader: &Connection) -> BTreeMap<usize, String> {
    let mut statement = reader.prepare("SELECT id, number, body FROM message").unwrap();
    let rows = statement.query_map([], |row| {
        let (id, key): (i64, i64) = (row.get(0)?, row.get(1)?);
        let index = id as usize - 1;
        assert_eq!(Number::from_key(key), number(index));
        Ok((index, String::from_utf8_lossy(row.get_ref(2)?.as_blob()?).into_owned()))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The damaged files lie aside, byte for byte, exactly if there was something to say.
fn kept(case: &str, place: &Place, file: &Option<Vec<u8>>, log: &Option<Vec<u8>>, alarm: bool) {
    let aside: Vec<String> = place.names().into_iter().filter(|name| name.contains(".damaged-")).collect();
    if !alarm {
        assert!(aside.is_empty(), "{case}: {aside:?}");
        return;
    }
    let directory = place.path().parent().map(Path::to_owned).unwrap();
    for (suffix, bytes) in [("Z", file), ("Z-wal", log)] {
        let name = aside.iter().find(|name| name.ends_with(suffix));
        assert_eq!(name.is_some(), bytes.is_some(), "{case}: {aside:?}");
        if let (Some(name), Some(bytes)) = (name, bytes) {
            assert!(fs::read(directory.join(name)).unwrap() == *bytes, "{case}: {name} was changed");
        }
    }
    assert!(aside.iter().any(|name| name.ends_with(".txt")), "{case}: {aside:?}");
}

/// A small generator, so that a failure can be run again (Vigna's splitmix64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % below as u64) as usize
    }

    fn garbage(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.throw(256) as u8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_store_is_opened_as_it_is() {
    let sound = sound();
    assert!(sound.file.len() > 500 * PAGE && sound.log.len() > 500 * PAGE, "both hold something");
    let count = survives("sound", Some(sound.file.clone()), Some(sound.log.clone()), false).await;
    assert!(count > MESSAGES - 10, "the test sees the messages in the sound bytes: {count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_gives_back_what_is_left_of_it() {
    let sound = sound();
    for percent in [1, 25, 50, 75, 99] {
        let length = sound.file.len() * percent / 100;
        let case = format!("{percent} % of the file");
        let cut = sound.file[..length].to_vec();
        survives(&case, Some(cut.clone()), Some(sound.log.clone()), true).await;
        let count = survives(&format!("{case}, no log"), Some(cut), None, true).await;
        assert!(percent < 25 || count >= IN_FILE * percent / 200, "{case}: {count}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zeroed_page_costs_what_was_on_it() {
    let sound = sound();
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let mut file = sound.file.clone();
        let page = dice.throw(file.len() / PAGE);
        let tree = page == 0 || [2, 5, 10, 13].contains(&file[page * PAGE]);
        file[page * PAGE..][..PAGE].fill(0);
        // In the log there may be a newer version of that page: then nothing is wrong. And the last page of a chain
        // may well be zeros, for all that SQLite knows.
        let healed = page_in_log(&sound.log, page as u32 + 1) && page > 0;
        let alarm = if healed { Some(false) } else { tree.then_some(true) };
        let count = survives(&format!("page {page}, seed {seed}"), Some(file), Some(sound.log.clone()), alarm).await;
        assert!(count > MESSAGES - 400, "seed {seed}: {count}");
    }
}

fn page_in_log(log: &[u8], page: u32) -> bool {
    log[32..].chunks(24 + PAGE).any(|frame| frame[..4] == page.to_be_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zeroed_header_costs_nothing() {
    let sound = sound();
    for length in [100, PAGE] {
        let mut file = sound.file.clone();
        file[..length].fill(0);
        let count = survives("header, no log", Some(file), None, true).await;
        assert!(count >= IN_FILE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_over_pages_costs_what_was_on_them() {
    let sound = sound();
    for seed in 100..115 {
        let mut dice = Dice(seed);
        let mut file = sound.file.clone();
        for _ in 0..=dice.throw(3) {
            let page = dice.throw(file.len() / PAGE);
            dice.garbage(&mut file[page * PAGE..][..PAGE]);
        }
        survives(&format!("garbage, seed {seed}, no log"), Some(file), None, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_log_loses_its_last_transaction_quietly() {
    let sound = sound();
    let frame = 24 + PAGE;
    for cut in [1, 17, 2000, frame - 1] {
        let log = sound.log[..sound.log.len() - cut].to_vec();
        let place = Place::new();
        fs::write(place.path(), &sound.file).unwrap();
        fs::write(place.wal(), &log).unwrap();
        let store = place.open();
        assert_eq!(rows(&Connection::open(place.path()).unwrap()).len(), MESSAGES);
        store.close().await.unwrap();
        assert!(!place.names().iter().any(|name| name.contains("damaged")), "a power cut is no alarm");
    }
    let mut garbage = vec![0; 3 * frame + 99];
    Dice(7).garbage(&mut garbage);
    let log = [&sound.log[..], &garbage].concat();
    survives("garbage behind the log", Some(sound.file.clone()), Some(log), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_of_the_log_does_not_hide_what_is_behind_it() {
    let sound = sound();
    for seed in 200..210 {
        let mut dice = Dice(seed);
        let mut log = sound.log.clone();
        let frames = (log.len() - 32) / (24 + PAGE);
        let at = 32 + dice.throw(frames * 2 / 3) * (24 + PAGE);
        let (from, length) = [(0, 24 + PAGE), (24, PAGE), (300, 50)][dice.throw(3)];
        dice.garbage(&mut log[at + from..][..length]);
        let count = survives(&format!("log, seed {seed}"), Some(sound.file.clone()), Some(log), true).await;
        assert!(count > MESSAGES - 300, "seed {seed}: {count}");
    }
    let mut log = sound.log.clone();
    log[..32].fill(0);
    survives("the log's header", Some(sound.file.clone()), Some(log), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_cut_short_does_not_hide_what_was_copied_from_it() {
    let sound = sound();
    let frame = 24 + PAGE;
    // As the keeper leaves it: everything in the file, and the log as it was.
    let mut file = sound.file.clone();
    for at in (32..sound.log.len() - frame + 1).step_by(frame) {
        let number = u32::from_be_bytes(sound.log[at..at + 4].try_into().unwrap()) as usize;
        file.resize(file.len().max(number * PAGE), 0);
        file[(number - 1) * PAGE..number * PAGE].copy_from_slice(&sound.log[at + 24..at + frame]);
    }
    for parts in [2, 5, 9] {
        let log = sound.log[..sound.log.len() / parts].to_vec();
        let count = survives(&format!("a log of one in {parts}"), Some(file.clone()), Some(log), true).await;
        assert_eq!(count, MESSAGES);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_file_is_read() {
    let sound = sound();
    let count = survives("no file", None, Some(sound.log.clone()), true).await;
    assert!(count >= MESSAGES - IN_FILE - 20, "{count}");
    survives("empty file", Some(Vec::new()), Some(sound.log.clone()), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_its_end_waits_in_quarantine() {
    let sound = sound();
    let place = Place::new();
    let index = 1350;
    let needle = mark(index, 350);
    let at = sound.file.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    let mut file = sound.file.clone();
    file[at / PAGE * PAGE..][..PAGE].fill(0);
    fs::write(place.path(), file).unwrap();
    let store = place.open();
    // The zeroed page is not the end of a tree, so SQLite may not notice: then the body is short or zeros.
    let quarantined = store.quarantined(10).await.unwrap();
    assert!(quarantined.iter().any(|row| row.number == number(index)), "{quarantined:?}");
    let rows = rows(&Connection::open(place.path()).unwrap());
    assert!(body(index).starts_with(&rows[&index]) && rows[&index].len() > 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salvage_that_was_interrupted_is_finished_by_the_next_start() {
    let sound = sound();
    let made = Place::new();
    let store = made.open();
    accept(&store, message("salvaged", None)).await;
    store.close().await.unwrap();
    let salvaged = fs::read(made.path()).unwrap();
    // At each point the damaged files are in their place, or aside already.
    for moved in 0..3 {
        let place = Place::new();
        let named = |suffix: &str| place.path().with_file_name(format!("jiesu.db{suffix}"));
        fs::write(named(".salvaged-20261122T080000Z"), &salvaged).unwrap();
        let (file, log) = (".damaged-20261122T080000Z", ".damaged-20261122T080000Z-wal");
        fs::write(named(if moved > 1 { file } else { "" }), &sound.file).unwrap();
        fs::write(named(if moved > 0 { log } else { "-wal" }), &sound.log).unwrap();
        let store = place.open();
        let waiting = pending(&store).await;
        assert_eq!((waiting.len(), &waiting[0].raw.body[..]), (1, &b"salvaged"[..]));
        store.close().await.unwrap();
        assert!(fs::read(named(file)).unwrap() == sound.file && fs::read(named(log)).unwrap() == sound.log);
        assert_eq!(place.names().len(), 5, "{:?}", place.names());
    }
    // One that was not complete counts for nothing.
    let place = Place::new();
    fs::write(place.path().with_file_name("jiesu.db.salvaging"), &salvaged[..5000]).unwrap();
    fs::write(place.path(), &sound.file[..sound.file.len() / 2]).unwrap();
    fs::write(place.wal(), &sound.log).unwrap();
    let store = place.open();
    assert!(store.backlog().await.unwrap().messages > 0);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_is_met_in_use_makes_the_next_start_look_at_everything() {
    let sound = sound();
    let place = Place::new();
    fs::write(place.path(), &sound.file).unwrap();
    let store = place.open();
    // Behind its back, where no handle has read yet.
    let needle = mark(900, 0);
    let at = sound.file.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    let file = fs::File::options().write(true).open(place.path()).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0; PAGE], (at / PAGE * PAGE) as u64).unwrap();
    let mut failed = false;
    for from in (0..IN_FILE as i64).step_by(100) {
        failed |= store
            .pending(Pass { ready: MessageId(from), ..Pass::default() }, jiff::Timestamp::now(), 100)
            .await
            .is_err();
    }
    assert!(failed && place.names().contains(&"jiesu.db.suspect".to_owned()));
    drop(store.close().await);
    drop(store);
    let store = place.open();
    assert!(
        place.names().iter().any(|name| name.ends_with(".txt"))
            && !place.names().iter().any(|n| n.ends_with("suspect"))
    );
    assert!(!pending(&store).await.is_empty());
    store.close().await.unwrap();
}
