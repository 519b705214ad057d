//! The index in Redis: two round trips an appeal.
//!
//! The keys share a hash tag, so that a script may touch them all and a cluster keeps them together: `{PREFIX}:n` counts the
//! appeals, `{PREFIX}:p:N`, `{PREFIX}:l:N` and `{PREFIX}:q:N` are small, large and parted buckets of postings, many to a hash,
//! because a key costs Redis more than what most of them hold; `{PREFIX}:e:N` are records; `{PREFIX}:filling` is there while somebody fills it.
//! All expire with the window. What is noted of an appeal after it was put in travels with the next one.

use super::{Away, held};
use crate::shared;
use jiesu_linking::{Gathered, PLACED_AT, Placed, Record, postings};
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
/// Buckets in one hash: no more than Redis keeps in one piece of memory (`hash-max-listpack-entries`).
const BUCKETS_OF_A_HASH: u16 = 64;

/// Removes some of what there is, and answers where to go on, 0 at the end. A script, so that in a cluster the node that has
/// the keys is asked. KEYS: one of them. ARGV: where to begin, how many, what they are like.
const CLEAR: &str = r"
local scanned = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[3], 'COUNT', ARGV[2])
for _, key in ipairs(scanned[2]) do redis.call('UNLINK', key) end
return tonumber(scanned[1])";

/// Puts an appeal in, and answers its place and what the buckets held before.
///
/// A bucket is in one of three hashes, each named after the one before: small ones lie together in a hash that Redis keeps in one
/// piece of memory (`hash-max-listpack-value`); large ones each for themselves; of what has grown further, the parts, so that
/// what is read and written stays short. One that moves leaves nothing but its name. Where most are by now is looked first. A
/// part is cut down as `jiesu_linking`'s own are.
/// KEYS: the counter. ARGV: the prefix, life in ms, the record, where the place stands in a record, the parts of a bucket,
/// postings kept of a tag and of a part, after how many it is cut, how many notes, the notes (id, bytes), then of each bucket
/// its hash, its field and its part's there, and the tag.
const GATHER: &str = r"
local call, sub, byte, floor = redis.call, string.sub, string.byte, math.floor
local prefix, life, notes, parts = ARGV[1], ARGV[2], tonumber(ARGV[9]), tonumber(ARGV[5])
local newest, most, step = tonumber(ARGV[6]), tonumber(ARGV[7]), 6 * tonumber(ARGV[8])
for n = 10, 9 + 2 * notes, 2 do
  local key = prefix .. ':e:' .. ARGV[n]
  if call('EXISTS', key) == 1 then call('SETRANGE', key, ARGV[4], ARGV[n + 1]) end
end
local function cut(part)
  local counts, kept, count = {}, {}, 0
  for from = #part - 5, 1, -6 do
    local of = sub(part, from, from + 1)
    counts[of] = (counts[of] or 0) + 1
    if counts[of] <= newest and count < most then
      count = count + 1
      kept[count] = sub(part, from, from + 5)
    end
  end
  for i = 1, floor(count / 2) do kept[i], kept[count - i + 1] = kept[count - i + 1], kept[i] end
  return table.concat(kept)
end
local id = call('INCR', KEYS[1])
local le = string.char(id % 256, floor(id / 256) % 256, floor(id / 65536) % 256, floor(id / 16777216) % 256)
local hashes, first = { prefix .. ':p:', prefix .. ':l:', prefix .. ':q:' }, id > 262144 and 3 or id > 32768 and 2 or 1
local buckets = {}
for a = 10 + 2 * notes, #ARGV, 4 do
  local hash, field, part, tag, at = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], first
  local bucket = call('HGET', hashes[at] .. hash, at == 3 and part or field)
  while not bucket and at > 1 do
    at = at - 1
    bucket = call('HGET', hashes[at] .. hash, field)
  end
  while bucket == '' and at < 3 do
    at = at + 1
    bucket = call('HGET', hashes[at] .. hash, at == 3 and part or field) or ''
  end
  buckets[#buckets + 1] = bucket or ''
  bucket = (bucket or '') .. tag .. le
  local new
  if at == 1 and #bucket > 60 then
    call('HSET', hashes[1] .. hash, field, '')
    at = 2
  end
  if at == 2 and #bucket > 720 then
    local of, args = {}, {}
    for from = 1, #bucket, 6 do
      local one = field * parts + byte(bucket, from) % parts
      of[one] = (of[one] or '') .. sub(bucket, from, from + 5)
    end
    for one, postings in pairs(of) do
      args[#args + 1] = one
      args[#args + 1] = postings
    end
    new = call('HSET', hashes[3] .. hash, unpack(args))
    call('HSET', hashes[2] .. hash, field, '')
    at = 3
  else
    if at == 3 and #bucket % step == 0 and #bucket > step then bucket = cut(bucket) end
    new = call('HSET', hashes[at] .. hash, at == 3 and part or field, bucket)
  end
  if new > 0 or id % 16 == 0 then
    for level = 1, at do call('PEXPIRE', hashes[level] .. hash, life) end
  end
end
call('SET', prefix .. ':e:' .. id, ARGV[3], 'PX', life)
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
    pub(super) fn new(redis: Arc<shared::Redis>, prefix: String, window: Duration) -> Self {
        let (notes, last, lost) = Default::default();
        let mut home = Self { redis, prefix, life: 0, notes, last, lost };
        home.set_life(window);
        home
    }

    pub(super) fn set_life(&mut self, life: Duration) {
        self.life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 40);
    }

    pub(super) async fn gather(&self, keys: &[(u16, u16)], record: &[u8]) -> Result<Gathered, Away> {
        let notes = std::mem::take(&mut *held(&self.notes));
        let mut eval = cmd("EVAL");
        eval.arg(GATHER).arg(1).arg(format!("{}:n", self.prefix));
        eval.arg(&self.prefix).arg(self.life).arg(record);
        eval.arg(PLACED_AT).arg(postings::PARTS).arg(postings::NEWEST).arg(postings::MOST).arg(postings::STEP);
        eval.arg(notes.len());
        for note in &notes {
            eval.arg(note.id).arg(&Record::placed(note.ticket, note.root)[..]);
        }
        for (bucket, tag) in keys {
            let field = bucket % BUCKETS_OF_A_HASH;
            eval.arg(bucket / BUCKETS_OF_A_HASH).arg(field).arg(field * postings::PARTS + postings::part(*tag));
            eval.arg(&tag.to_le_bytes()[..]);
        }
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
                        keys.iter().zip(&buckets).for_each(|((_, tag), bucket)| gathered.add(bucket, *tag));
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
        ids.iter().for_each(|id| _ = get.arg(format!("{}:e:{id}", self.prefix)));
        let mut records: Vec<Option<Vec<u8>>> = self.redis.command(&get).await?;
        // What is noted and has not travelled yet counts all the same.
        for note in held(&self.notes).iter() {
            let Some(place) = ids.iter().position(|id| *id == note.id) else { continue };
            let bytes = records.get_mut(place).and_then(Option::as_mut);
            let at = PLACED_AT..PLACED_AT + 16;
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

    pub(super) async fn is_being_filled(&self) -> Result<bool, Away> {
        let mut exists = cmd("EXISTS");
        exists.arg(format!("{}:filling", self.prefix));
        Ok(self.redis.command::<i64>(&exists).await? != 0)
    }

    pub(super) async fn mark_filling(&self, filling: bool) -> Result<(), Away> {
        let key = format!("{}:filling", self.prefix);
        let mut mark = cmd(if filling { "SET" } else { "DEL" });
        mark.arg(key);
        if filling {
            mark.arg(1).arg("PX").arg(self.life);
        }
        // DEL counts, SET says OK.
        self.redis.command::<redis::Value>(&mark).await.map(drop).map_err(Away::from)
    }

    pub(super) fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
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
