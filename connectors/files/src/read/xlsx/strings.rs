//! The shared strings, on disk: a million rows have more of them than memory should.

use super::{package::Part, xml::Xml};
use quick_xml::events::Event;
use std::{
    fs::File,
    io::{BufWriter, Write},
    os::unix::fs::FileExt,
};

/// Bytes of all strings, at most.
const MAX_BYTES: u64 = 4 << 30;
/// What is read at once: strings stand in the order in which rows use them first.
const WINDOW: usize = 64 << 10;

/// The strings, and where each begins (8 bytes each): two files without a name.
pub(super) struct Strings {
    count: u64,
    texts: Window,
    starts: Window,
}

impl Strings {
    pub fn empty() -> Result<Self, String> {
        Ok(Self { count: 0, texts: Window::new(file()?), starts: Window::new(file()?) })
    }

    pub fn read(part: Part) -> Result<Self, String> {
        let (texts, starts) = (file()?, file()?);
        let full = |error: std::io::Error| format!("the strings of the file cannot be laid out on disk: {error}");
        let (mut to_texts, mut to_starts) = (BufWriter::new(&texts), BufWriter::new(&starts));
        let (mut count, mut end) = (0_u64, 0_u64);
        let mut xml = Xml::new(part);
        // Inside `t`, and not inside `rPh`, which says how the text is pronounced.
        let (mut within, mut spoken) = (false, false);
        to_starts.write_all(&0_u64.to_le_bytes()).map_err(full)?;
        loop {
            let mut write = |text: &str| {
                end += text.len() as u64;
                to_texts.write_all(text.as_bytes()).map_err(full)
            };
            match xml.next()? {
                Event::Eof => break,
                Event::Start(element) => match element.local_name().into_inner() {
                    "t" => within = !spoken,
                    "rPh" => spoken = true,
                    _ => {}
                },
                Event::Empty(element) if element.local_name().into_inner() == "si" => {
                    count += 1;
                    to_starts.write_all(&end.to_le_bytes()).map_err(full)?;
                }
                Event::End(element) => match element.local_name().into_inner() {
                    "t" => within = false,
                    "rPh" => spoken = false,
                    "si" => {
                        count += 1;
                        to_starts.write_all(&end.to_le_bytes()).map_err(full)?;
                    }
                    _ => {}
                },
                Event::Text(text) if within => write(&text.xml10_content())?,
                Event::CData(text) if within => write(&text.xml10_content())?,
                Event::GeneralRef(reference) if within => write(&super::sheet::resolved(&reference))?,
                _ => {}
            }
            if end > MAX_BYTES {
                return Err("the file has more text than can be taken: take it apart".into());
            }
        }
        to_texts.flush().and_then(|()| to_starts.flush()).map_err(full)?;
        drop((to_texts, to_starts));
        Ok(Self { count, texts: Window::new(texts), starts: Window::new(starts) })
    }

    /// The string at a place.
    pub fn get(&mut self, place: u64) -> Result<Option<String>, String> {
        if place >= self.count {
            return Ok(None);
        }
        let lost = |error: std::io::Error| format!("the strings of the file cannot be read: {error}");
        let mut bounds = [0; 16];
        self.starts.read(place * 8, &mut bounds).map_err(lost)?;
        let at = |half: &[u8]| u64::from_le_bytes(half.try_into().unwrap_or_default());
        let (start, end) = (at(&bounds[..8]), at(&bounds[8..]));
        let mut text = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or_default()];
        self.texts.read(start, &mut text).map_err(lost)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }
}

fn file() -> Result<File, String> {
    tempfile::tempfile().map_err(|error| format!("there is no room for temporary files: {error}"))
}

/// A file, of which the last piece that was read is at hand.
struct Window {
    file: File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn new(file: File) -> Self {
        Self { file, start: 0, bytes: Vec::new() }
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> std::io::Result<()> {
        if into.len() > WINDOW {
            return self.file.read_exact_at(into, at);
        }
        let here = |window: &Self| {
            let from = usize::try_from(at.checked_sub(window.start)?).ok()?;
            window.bytes.get(from..from + into.len()).map(|_| from)
        };
        let from = match here(self) {
            Some(from) => from,
            None => {
                self.bytes.resize(WINDOW, 0);
                let mut length = 0;
                while length < WINDOW {
                    match self.file.read_at(&mut self.bytes[length..], at + length as u64)? {
                        0 => break,
                        count => length += count,
                    }
                }
                self.bytes.truncate(length);
                self.start = at;
                if length < into.len() {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                0
            }
        };
        into.copy_from_slice(&self.bytes[from..from + into.len()]);
        Ok(())
    }
}
