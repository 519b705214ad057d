//! Lines of a text in whatever encoding, each with its number.

use super::{Counted, MAX_LINE, unreadable};
use encoding_rs::{BIG5, CoderResult, Decoder, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use jiesu_mapping::text::guessed;
use std::io::{self, BufRead, BufReader, Read};

/// One line, without its end.
pub(super) struct Line {
    /// From 1.
    pub number: u64,
    /// Its text; what has no character is U+FFFD.
    pub text: String,
    /// Why it is not to be trusted.
    pub fault: Option<String>,
}

/// Reads lines.
pub(super) struct Lines {
    source: Box<dyn BufRead + Send>,
    encoding: &'static Encoding,
    /// The sample says nothing: each line is UTF-8 if it can be, else GB18030.
    open: bool,
    /// What ends a line.
    end: u8,
    number: u64,
    buffer: Vec<u8>,
}

impl Lines {
    /// The lines of `file`, of which `head` is the beginning.
    pub fn new(file: Counted, head: &[u8]) -> Self {
        let encoding = of_most_lines(head);
        let wide = [UTF_16LE, UTF_16BE].contains(&encoding);
        let source: Box<dyn BufRead + Send> = if wide {
            Box::new(BufReader::new(Narrowed {
                file,
                decoder: encoding.new_decoder(),
                ready: Vec::new(),
                at: 0,
                end: false,
            }))
        } else {
            Box::new(BufReader::with_capacity(64 << 10, file))
        };
        let end = if wide { end_of_lines(encoding.decode(head).0.as_bytes()) } else { end_of_lines(head) };
        let encoding = if wide { UTF_8 } else { encoding };
        Self { source, encoding, open: head.is_ascii(), end, number: 0, buffer: Vec::new() }
    }

    /// The text begins like an object.
    pub fn begins_with_object(&self, head: &[u8]) -> bool {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
    }

    /// The next line; none at the end.
    pub fn next(&mut self) -> Result<Option<Line>, String> {
        self.buffer.clear();
        let (mut any, mut cut) = (false, false);
        loop {
            let ready = self.source.fill_buf().map_err(|error| unreadable(&error))?;
            if ready.is_empty() {
                break;
            }
            any = true;
            let end = ready.iter().position(|byte| *byte == self.end);
            let piece = &ready[..end.unwrap_or(ready.len())];
            let room = MAX_LINE.saturating_sub(self.buffer.len());
            cut |= piece.len() > room;
            self.buffer.extend_from_slice(&piece[..piece.len().min(room)]);
            let used = piece.len() + usize::from(end.is_some());
            self.source.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(self.line(cut)))
    }

    fn line(&self, cut: bool) -> Line {
        let mut bytes = self.buffer.strip_suffix(b"\r").unwrap_or(&self.buffer);
        if self.number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        let (encoding, bytes) = match std::str::from_utf8(bytes) {
            Err(_) if self.open => (GB18030, bytes),
            _ => (self.encoding, bytes),
        };
        let (text, broken) = encoding.decode_without_bom_handling(bytes);
        let fault = if cut {
            Some(format!("the line is longer than {} KiB", MAX_LINE >> 10))
        } else if broken {
            Some(format!("there are bytes in it that are no {}", encoding.name()))
        } else {
            None
        };
        // The mark that the bytes of other encodings than UTF-8 begin with.
        let text = text.strip_prefix('\u{feff}').filter(|_| self.number == 1).unwrap_or(&text);
        // Of a line that long, enough to know it again.
        let text = if cut { text.chars().take(1_000).collect() } else { text.to_owned() };
        Line { number: self.number, text, fault }
    }
}

/// A line feed, as a rule with a carriage return before it; a carriage return alone where there is no other end (as
/// spreadsheets on a Mac still write it under "CSV (Macintosh)").
fn end_of_lines(head: &[u8]) -> u8 {
    if head.contains(&b'\r') && !head.contains(&b'\n') { b'\r' } else { b'\n' }
}

/// The encoding that most lines are in: one broken line must not turn a whole file into another language.
fn of_most_lines(head: &[u8]) -> &'static Encoding {
    if Encoding::for_bom(head).is_some() {
        return guessed(head);
    }
    let guess = guessed(head);
    if guess != GB18030 && guess != BIG5 {
        return guess;
    }
    let lines = head.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_ascii());
    let (mut all, mut valid) = (0_usize, 0_usize);
    for line in lines {
        all += 1;
        valid += usize::from(std::str::from_utf8(line).is_ok());
    }
    if valid * 2 > all { UTF_8 } else { guess }
}

/// UTF-16 as UTF-8.
struct Narrowed {
    file: Counted,
    decoder: Decoder,
    ready: Vec<u8>,
    at: usize,
    end: bool,
}

impl Read for Narrowed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.end {
            let mut wide = [0; 8 << 10];
            let count = self.file.read(&mut wide)?;
            self.end = count == 0;
            self.ready.resize(32 << 10, 0);
            let (result, _, written, _) = self.decoder.decode_to_utf8(&wide[..count], &mut self.ready, self.end);
            debug_assert_eq!(result, CoderResult::InputEmpty, "three bytes for two, and room for four");
            self.ready.truncate(written);
            self.at = 0;
        }
        let count = buffer.len().min(self.ready.len() - self.at);
        buffer[..count].copy_from_slice(&self.ready[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
