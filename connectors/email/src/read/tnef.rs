//! `winmail.dat` (MS-OXTNEF): the files and the words that Outlook packs into one part.

use super::charset;
use std::ops::Range;

const SIGNATURE: u32 = 0x223E_9F78;
/// Files in one part.
const MAX_FILES: usize = 50;
/// Properties in one list.
const MAX_PROPERTIES: u32 = 2_000;

/// What was packed.
#[derive(Debug, Default)]
pub struct Packed {
    /// The words, if they are there as text.
    pub text: Option<String>,
    /// The words as HTML, still in their charset.
    pub html: Option<Range<usize>>,
    /// The files: name, type, and where their bytes are.
    pub files: Vec<File>,
}

/// A packed file.
#[derive(Debug, Default)]
pub struct File {
    /// Its name.
    pub name: Option<String>,
    /// Its media type, if told.
    pub media_type: Option<String>,
    /// Where its bytes are in the part.
    pub bytes: Range<usize>,
}

struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.all.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let range = self.take(N)?;
        self.all[range].try_into().ok()
    }

    fn long(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn short(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }
}

/// Unpacks `data`, as far as it can be read; `None` if it is no such part.
pub fn unpack(data: &[u8]) -> Option<Packed> {
    let mut reader = Reader { all: data, at: 0 };
    if reader.long()? != SIGNATURE {
        return None;
    }
    reader.short()?;
    let (mut packed, mut code_page) = (Packed::default(), None);
    // What is cut off at the end leaves what came before it.
    while let Some((id, range)) = attribute(&mut reader) {
        let value = &data[range.clone()];
        if id == 0x9002 {
            // A file begins.
            if packed.files.len() == MAX_FILES {
                break;
            }
            packed.files.push(File::default());
        }
        match (id, packed.files.last_mut()) {
            (0x8010, Some(file)) if file.name.is_none() => file.name = Some(text(value, code_page)),
            (0x800F, Some(file)) => file.bytes = range,
            (0x9005, Some(file)) => file_properties(data, range, file, code_page),
            (0x9007, _) => code_page = value.get(..4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes),
            (0x800C, _) => packed.text = Some(text(value, code_page)),
            (0x9003, _) => message_properties(data, range, &mut packed, code_page),
            _ => {}
        }
    }
    packed.files.retain(|file| !file.bytes.is_empty());
    Some(packed)
}

fn attribute(reader: &mut Reader<'_>) -> Option<(u32, Range<usize>)> {
    let [_level] = reader.bytes()?;
    let id = reader.long()? & 0xFFFF;
    let length = reader.long()?;
    let range = reader.take(length as usize)?;
    reader.short()?;
    Some((id, range))
}

fn text(bytes: &[u8], code_page: Option<u32>) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    charset::decode(bytes, Some(label(code_page)), None)
}

fn label(code_page: Option<u32>) -> &'static [u8] {
    match code_page {
        Some(936 | 54936) => b"gb18030",
        Some(950) => b"big5",
        Some(932) => b"shift_jis",
        Some(949) => b"cp949",
        Some(65001) => b"utf-8",
        _ => b"",
    }
}

fn wide(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn message_properties(data: &[u8], range: Range<usize>, packed: &mut Packed, code_page: Option<u32>) {
    properties(data, range, |tag, kind, value| match (tag, kind) {
        (0x1000, 0x1F) => packed.text = Some(wide(&data[value])),
        (0x1000, 0x1E) if packed.text.is_none() => packed.text = Some(text(&data[value], code_page)),
        (0x1013, 0x102 | 0x1E) => packed.html = Some(value),
        _ => {}
    });
}

fn file_properties(data: &[u8], range: Range<usize>, file: &mut File, code_page: Option<u32>) {
    properties(data, range, |tag, kind, value| match (tag, kind) {
        // The long name, then the short one.
        (0x3707, 0x1F) => file.name = Some(wide(&data[value])),
        (0x3707, 0x1E) => file.name = Some(text(&data[value], code_page)),
        (0x370E, 0x1F) => file.media_type = Some(wide(&data[value])),
        (0x370E, 0x1E) => file.media_type = Some(text(&data[value], code_page)),
        (0x3701, 0x102) if file.bytes.is_empty() => file.bytes = value,
        // A mail or an object: behind the name of its kind.
        (0x3701, 0x0D) if file.bytes.is_empty() => file.bytes = value.end.min(value.start + 16)..value.end,
        (0x3001, 0x1F) if file.name.is_none() => file.name = Some(wide(&data[value])),
        (0x3001, 0x1E) if file.name.is_none() => file.name = Some(text(&data[value], code_page)),
        _ => {}
    });
}

/// Walks a list of MAPI properties (MS-OXTNEF, section 2.1.3.4), as far as it can be read.
fn properties(data: &[u8], range: Range<usize>, mut found: impl FnMut(u16, u16, Range<usize>)) {
    let mut reader = Reader { all: &data[..range.end], at: range.start };
    let Some(count) = reader.long() else { return };
    for _ in 0..count.min(MAX_PROPERTIES) {
        if property(&mut reader, &mut found).is_none() {
            return;
        }
    }
}

fn property(reader: &mut Reader<'_>, found: &mut impl FnMut(u16, u16, Range<usize>)) -> Option<()> {
    let (kind, tag) = (reader.short()?, reader.short()?);
    if tag >= 0x8000 {
        // A named property: a GUID, and a number or a name.
        reader.take(16)?;
        match reader.long()? {
            0 => reader.take(4)?,
            _ => {
                let length = reader.long()? as usize;
                reader.take(padded(length)?)?
            }
        };
    }
    let several = kind & 0x1000 != 0;
    let base = kind & 0x0FFF;
    let fixed = match base {
        0x02 | 0x0B => Some(4),
        0x03 | 0x04 | 0x0A => Some(4),
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        0x0D | 0x1E | 0x1F | 0x102 => None,
        _ => return None,
    };
    let count = if several || fixed.is_none() { reader.long()? } else { 1 };
    for _ in 0..count.min(MAX_PROPERTIES) {
        match fixed {
            Some(size) => {
                reader.take(size)?;
            }
            None => {
                let length = reader.long()? as usize;
                let value = reader.take(padded(length)?)?;
                found(tag, base, value.start..value.start + length);
            }
        }
    }
    Some(())
}

fn padded(length: usize) -> Option<usize> {
    length.checked_next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(id: u32, value: &[u8]) -> Vec<u8> {
        let sum = value.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        [&[2_u8][..], &id.to_le_bytes(), &(value.len() as u32).to_le_bytes(), value, &sum.to_le_bytes()].concat()
    }

    fn sample() -> Vec<u8> {
        let name: Vec<u8> = "路灯.txt".encode_utf16().flat_map(u16::to_le_bytes).chain([0, 0]).collect();
        let length = name.len() as u32;
        let mut list = [1_u32.to_le_bytes(), [0x1F, 0, 0x07, 0x37], 1_u32.to_le_bytes(), length.to_le_bytes()].concat();
        list.extend(&name);
        list.resize(list.len().next_multiple_of(4), 0);
        [
            SIGNATURE.to_le_bytes().to_vec(),
            vec![1, 0],
            attribute(0x0006_9007, &936_u32.to_le_bytes()),
            attribute(0x0002_800C, b"\xc4\xe3\xba\xc3\0"),
            attribute(0x0006_9002, &[0; 14]),
            attribute(0x0001_8010, b"~1.TXT\0"),
            attribute(0x0006_800F, b"hello"),
            attribute(0x0006_9005, &list),
        ]
        .concat()
    }

    #[test]
    fn files_and_words_are_unpacked() {
        let data = sample();
        let packed = unpack(&data).unwrap();
        assert_eq!(packed.text.as_deref(), Some("你好"));
        assert_eq!(packed.files.len(), 1);
        assert_eq!(packed.files[0].name.as_deref(), Some("路灯.txt"));
        assert_eq!(&data[packed.files[0].bytes.clone()], b"hello");
    }

    #[test]
    fn what_is_cut_or_wrong_is_no_trouble() {
        let data = sample();
        for end in 0..data.len() {
            unpack(&data[..end]);
            let mut wrong = data.clone();
            wrong[end] ^= 0xff;
            unpack(&wrong);
        }
    }
}
