//! The write-ahead log, frame by frame (<https://www.sqlite.org/fileformat2.html#walformat>).
//!
//! SQLite reads it up to the first frame that does not verify and forgets the rest. That is right for a torn tail,
//! which nobody was told of; it is wrong for damage in the middle, behind which lie transactions that were
//! acknowledged. Each frame's checksum goes on from that of the frame before it, so what lies behind can be verified.

use super::super::schema::PAGE_SIZE;
use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read},
};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE: usize = PAGE_SIZE as usize;
const FRAME: usize = FRAME_HEADER + PAGE;
const MAGIC: u32 = 0x377F_0682;

/// Where the newest version of a page lies in the log: page number to byte offset.
pub(super) type Frames = HashMap<u32, u64>;

/// What a log holds.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The transactions that SQLite reads.
    pub(super) committed: Frames,
    /// Pages of the file after the last of them; 0 if there is none.
    pub(super) pages: u32,
    /// Transactions behind a damaged frame that verify.
    pub(super) behind: Frames,
    /// How many those are.
    pub(super) commits_behind: u32,
    /// Frames of this log that nothing vouches for: their predecessor is damaged, or they are.
    pub(super) doubtful: Frames,
    /// The header does not verify, though the log is not empty.
    pub(super) headless: bool,
    /// Bytes behind the last transaction that SQLite reads, other than what an earlier round of the log left.
    pub(super) tail: u64,
}

impl Log {
    /// Whether acknowledged transactions lie where SQLite does not look.
    ///
    /// Each transaction is on the disk before the next begins, so a power cut leaves at most one incomplete: two that
    /// verify behind a frame that does not are damage.
    pub(super) fn damaged(&self) -> bool {
        self.commits_behind >= if self.headless { 1 } else { 2 }
    }

    /// Reads all of `file`.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let mut log = Self::default();
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut header = [0; HEADER];
        if fill(&mut reader, &mut header)? < HEADER {
            return Ok(log);
        }
        let header_sum = checksum((0, 0), &header[..24], word(&header, 0) & 1 == 1);
        let stored = (word(&header, 24), word(&header, 28));
        log.headless = word(&header, 0) & !1 != MAGIC || word(&header, 8) != PAGE_SIZE || header_sum != stored;
        let mut scan = Scan {
            big_endian: !log.headless && word(&header, 0) & 1 == 1,
            salts: (!log.headless).then(|| (word(&header, 16), word(&header, 20))),
            before: stored,
            intact: !log.headless,
            open: Frames::new(),
        };
        let mut frame = vec![0; FRAME];
        let mut at = HEADER as u64;
        loop {
            let read = fill(&mut reader, &mut frame)?;
            if read < FRAME {
                log.tail += if scan.ours(&frame, read) { read as u64 } else { 0 };
                return Ok(log);
            }
            scan.frame(&mut log, &frame, at);
            at += FRAME as u64;
        }
    }
}

struct Scan {
    big_endian: bool,
    /// Of this round of the log; unknown without a header.
    salts: Option<(u32, u32)>,
    /// The checksum that the frame before ends with.
    before: (u32, u32),
    /// No frame was damaged yet.
    intact: bool,
    /// Frames of a transaction whose commit has not come yet.
    open: Frames,
}

impl Scan {
    fn ours(&self, frame: &[u8], read: usize) -> bool {
        read >= 16 && self.salts.is_none_or(|salts| salts == (word(frame, 8), word(frame, 12)))
    }

    fn frame(&mut self, log: &mut Log, frame: &[u8], at: u64) {
        let (page, commit) = (word(frame, 0), word(frame, 4));
        let sum = checksum(self.before, &frame[..8], self.big_endian);
        let sum = checksum(sum, &frame[FRAME_HEADER..], self.big_endian);
        let stored = (word(frame, 16), word(frame, 20));
        self.before = stored;
        let data = at + FRAME_HEADER as u64;
        if !self.ours(frame, FRAME) {
            self.intact = false;
            return;
        }
        log.tail += FRAME as u64;
        if sum != stored || page == 0 {
            self.intact = false;
            if page != 0 {
                log.doubtful.insert(page, data);
            }
            return;
        }
        self.open.insert(page, data);
        if commit == 0 {
            return;
        }
        if self.intact {
            log.committed.extend(self.open.drain());
            (log.pages, log.tail) = (commit, 0);
        } else {
            log.behind.extend(self.open.drain());
            log.commits_behind += 1;
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let read = |at: usize| {
            let four = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        one = one.wrapping_add(read(0)).wrapping_add(two);
        two = two.wrapping_add(read(4)).wrapping_add(one);
    }
    (one, two)
}

/// Reads until `buffer` is full or the file ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
