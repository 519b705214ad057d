//! The index in Redis: two round trips an appeal.
//!
//! The keys share a hash tag, so that a script may touch them all and a cluster keeps them together:
//! `{PREFIX}:n` counts the appeals, `{PREFIX}:b:N` is a bucket of postings, `{PREFIX}:r:N` an appeal's record. All expire with
//! the window. What is noted of an appeal after it was put in travels with the next one.

use super::{Away, held};
use crate::shared;
use jiesu_linking::{Gathered, Placed, Record, postings};
use redis::cmd;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

/// Notes that wait for the next appeal; beyond it the oldest are let go, which costs no more than a looser incident.
const MOST_NOTES: usize = 1_000;
/// Keys that are removed at once.
const AT_ONCE: usize = 1_000;

/// Removes some of what there is, and answers where to go on, 0 at the end. A script, so that in a cluster the node that has
/// the keys is asked. KEYS: one of them. ARGV: where to begin, how many, what they are like.
const CLEAR: &str = r"
local scanned = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[3], 'COUNT', ARGV[2])
for _, key in ipairs(scanned[2]) do redis.call('UNLINK', key) end
return tonumber(scanned[1])";

/// Puts an appeal in, and answers its place and what the buckets held before. Cuts a bucket as
/// `jiesu_linking`'s own do.
/// KEYS: the counter, then the buckets. ARGV: life in ms, the record, the prefix of records, the longest bucket, postings
/// kept of a tag, where the place stands in a record, how many notes, the notes (id, bytes), then a tag for each bucket.
const GATHER: &str = r"
local life, record, prefix = ARGV[1], ARGV[2], ARGV[3]
local most, newest, at, notes = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
for n = 0, notes - 1 do
  local key = prefix .. ARGV[8 + 2 * n]
  if redis.call('EXISTS', key) == 1 then redis.call('SETRANGE', key, at, ARGV[9 + 2 * n]) end
end
local id = redis.call('INCR', KEYS[1])
local le = string.char(id % 256, math.floor(id / 256) % 256, math.floor(id / 65536) % 256, math.floor(id / 16777216) % 256)
local buckets = {}
for k = 2, #KEYS do
  local before = redis.call('GET', KEYS[k]) or ''
  buckets[k - 1] = before
  local tag = ARGV[8 + 2 * notes + k - 2]
  if #before + 6 > most then
    local bucket, counts, kept, count = before .. tag .. le, {}, {}, 0
    for from = #bucket - 5, 1, -6 do
      local posting = string.sub(bucket, from, from + 5)
      local of = string.sub(posting, 1, 2)
      counts[of] = (counts[of] or 0) + 1
      if counts[of] <= newest and count < most / 12 then
        count = count + 1
        kept[count] = posting
      end
    end
    for i = 1, math.floor(count / 2) do kept[i], kept[count - i + 1] = kept[count - i + 1], kept[i] end
    redis.call('SET', KEYS[k], table.concat(kept), 'PX', life)
  else
    redis.call('APPEND', KEYS[k], tag .. le)
    if before == '' or id % 16 == 0 then redis.call('PEXPIRE', KEYS[k], life) end
  end
end
redis.call('SET', prefix .. id, record, 'PX', life)
return { id, buckets }";

/// The index in Redis.
pub(super) struct RedisHome {
    redis: Arc<shared::Redis>,
    prefix: String,
    life: u64,
    notes: Mutex<Vec<Placed>>,
    /// The last place that was given; a smaller one after it means that Redis has lost everything.
    last: AtomicU32,
    lost: AtomicBool,
}

impl RedisHome {
    pub(super) fn new(redis: Arc<shared::Redis>, prefix: &str, window: Duration) -> Self {
        let life = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 40);
        Self {
            redis,
            prefix: format!("{{{prefix}}}"),
            life,
            notes: Mutex::default(),
            last: AtomicU32::new(0),
            lost: AtomicBool::new(false),
        }
    }

    pub(super) async fn gather(&self, keys: &[(u16, u16)], record: &[u8]) -> Result<Gathered, Away> {
        let notes = std::mem::take(&mut *held(&self.notes));
        let mut eval = cmd("EVAL");
        eval.arg(GATHER).arg(keys.len() + 1).arg(format!("{}:n", self.prefix));
        keys.iter().for_each(|(bucket, _)| _ = eval.arg(format!("{}:b:{bucket}", self.prefix)));
        eval.arg(self.life).arg(record).arg(format!("{}:r:", self.prefix));
        eval.arg(postings::MOST).arg(postings::NEWEST).arg(jiesu_linking::PLACED_AT).arg(notes.len());
        for note in &notes {
            eval.arg(note.id).arg(&Record::placed(note.ticket, note.root)[..]);
        }
        keys.iter().for_each(|(_, tag)| _ = eval.arg(&tag.to_le_bytes()[..]));
        match self.redis.command::<(u32, Vec<Vec<u8>>)>(&eval).await {
            Ok((id, buckets)) => {
                if id < self.last.swap(id, Ordering::Relaxed) {
                    self.lost.store(true, Ordering::Relaxed);
                }
                // What is found in an index that has lost everything says nothing.
                match self.lost() {
                    true => Err(Away("Redis has lost the index; it is built anew".into())),
                    false => {
                        let mut gathered = Gathered { id, ..Gathered::default() };
                        keys.iter()
                            .zip(&buckets)
                            .for_each(|((_, tag), bucket)| gathered.add(postings::newest(bucket, *tag)));
                        Ok(gathered)
                    }
                }
            }
            Err(error) => {
                // Whether the notes arrived is not known; noting them twice does no harm.
                held(&self.notes).splice(0..0, notes);
                Err(error.into())
            }
        }
    }

    /// The bytes of the records at these places, where there still are such.
    pub(super) async fn records(&self, ids: &[u32]) -> Result<Vec<Option<Vec<u8>>>, Away> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = cmd("MGET");
        ids.iter().for_each(|id| _ = get.arg(format!("{}:r:{id}", self.prefix)));
        let mut records: Vec<Option<Vec<u8>>> = self.redis.command(&get).await?;
        // What is noted and has not travelled yet counts all the same.
        for note in held(&self.notes).iter() {
            let Some(place) = ids.iter().position(|id| *id == note.id) else { continue };
            let bytes = records.get_mut(place).and_then(Option::as_mut);
            let at = jiesu_linking::PLACED_AT..jiesu_linking::PLACED_AT + 16;
            if let Some(bytes) = bytes.and_then(|bytes| bytes.get_mut(at)) {
                bytes.copy_from_slice(&Record::placed(note.ticket, note.root));
            }
        }
        Ok(records)
    }

    pub(super) fn place(&self, placed: Placed) {
        let mut notes = held(&self.notes);
        if notes.len() >= MOST_NOTES {
            notes.remove(0);
        }
        notes.push(placed);
    }

    pub(super) async fn is_empty(&self) -> Result<bool, Away> {
        let mut exists = cmd("EXISTS");
        exists.arg(format!("{}:n", self.prefix));
        Ok(self.redis.command::<i64>(&exists).await? == 0)
    }

    pub(super) fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn found(&self) {
        self.lost.store(false, Ordering::Relaxed);
    }

    pub(super) async fn clear(&self) -> Result<(), Away> {
        let mut cursor = 0u64;
        loop {
            let mut clear = cmd("EVAL");
            clear.arg(CLEAR).arg(1).arg(format!("{}:n", self.prefix)).arg(cursor).arg(AT_ONCE);
            clear.arg(format!("{}:*", self.prefix));
            cursor = self.redis.command(&clear).await?;
            if cursor == 0 {
                self.last.store(0, Ordering::Relaxed);
                self.lost.store(false, Ordering::Relaxed);
                return Ok(());
            }
        }
    }
}
