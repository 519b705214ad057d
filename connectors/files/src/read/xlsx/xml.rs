//! XML as a stream of events, none of them large.

use super::package::Part;
use crate::read::MAX_LINE;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use std::io::{BufReader, Read};

/// Bytes of one tag, at most.
const MAX_TAG: usize = 64 << 10;
const MAX_DEPTH: usize = 64;

pub(super) struct Xml {
    reader: Reader<BufReader<Narrow>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl Xml {
    pub fn new(part: Part) -> Self {
        let narrow = Narrow { part, in_tag: false, run: 0, read: vec![0; 64 << 10] };
        Self { reader: Reader::from_reader(BufReader::with_capacity(64 << 10, narrow)), buffer: Vec::new(), depth: 0 }
    }

    /// The next event.
    pub fn next(&mut self) -> Result<Event<'_>, String> {
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer);
        let event = event.map_err(|error| format!("the file is no whole XLSX: {error}"))?;
        match &event {
            Event::DocType(_) => return Err("the file is no XLSX: it has a DTD".into()),
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth > MAX_DEPTH {
            return Err("the file is no XLSX: it is nested too deeply".into());
        }
        Ok(event)
    }

    /// Every event, until `take` says no.
    pub fn each(&mut self, mut take: impl FnMut(&Event<'_>) -> bool) -> Result<(), String> {
        loop {
            let event = self.next()?;
            if matches!(event, Event::Eof) || !take(&event) {
                return Ok(());
            }
        }
    }
}

/// The value of an attribute by its local name.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let found =
        attributes.with_checks(false).flatten().find(|attribute| attribute.key.local_name().into_inner() == name)?;
    quick_xml::escape::unescape(&found.value).ok().map(std::borrow::Cow::into_owned)
}

/// Lets text pass up to [`MAX_LINE`] in one run and drops the rest, so that no cell fills the memory: an appeal takes a
/// tenth of it. A tag may not be longer than a tag is.
struct Narrow {
    part: Part,
    in_tag: bool,
    run: usize,
    read: Vec<u8>,
}

impl Read for Narrow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let room = buffer.len().min(self.read.len());
            let count = self.part.read(&mut self.read[..room])?;
            if count == 0 {
                return Ok(0);
            }
            let mut kept = 0;
            for byte in &self.read[..count] {
                match byte {
                    b'<' if !self.in_tag => (self.in_tag, self.run) = (true, 0),
                    b'>' if self.in_tag => (self.in_tag, self.run) = (false, 0),
                    _ => self.run += 1,
                }
                if self.in_tag && self.run > MAX_TAG {
                    return Err(std::io::Error::other("a tag does not end"));
                }
                // Between characters: a continuation byte belongs to what passed.
                if self.in_tag || self.run < MAX_LINE || (self.run < MAX_LINE + 4 && byte & 0xc0 == 0x80) {
                    buffer[kept] = *byte;
                    kept += 1;
                }
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}
