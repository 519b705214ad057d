//! Files in a form (`multipart/form-data`, RFC 7578). The gateway takes them out of the body while it arrives, so that
//! neither their size nor their number is ever in memory; a connector sees where they are kept.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a channel takes of files in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadCaps {
    /// Files, at most; the rest are passed over ([`UploadFault::TooMany`]).
    pub files: usize,
    /// Bytes of one file, at most; the rest of it is passed over ([`UploadFault::TooLarge`]).
    pub file: u64,
    /// Bytes of all that is no file, at most.
    pub fields: u64,
}

/// A form as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// What is no file, in order: name and value. A name that is no UTF-8 has the replacement character in it.
    pub fields: Vec<(String, Bytes)>,
    /// The files, in order. Empty file inputs are left out.
    pub files: Vec<Upload>,
    /// The body is longer than what the caps allow: what came before its files is here, the rest was not read.
    pub cut: bool,
}

/// A file in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The name of the field.
    pub field: String,
    /// Where it is kept, or why it is not.
    pub kept: Result<KeptFile, UploadFault>,
    /// Its name without folders and without characters that nobody sees, at most 100 characters; empty if it had none.
    pub name: String,
}

/// A file that the gateway has: on disk, durable. It is forgotten after a day, unless a message that was accepted names it
/// (its SHA-256 stands in [`crate::Raw::meta`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// SHA-256 of its bytes in lower-case hexadecimal: its name with the gateway.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// What its first bytes say that it is ([`crate::media_type_of`]); `application/octet-stream` if nothing known.
    pub media_type: String,
}

/// Why a file of a form is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadFault {
    /// Longer than [`UploadCaps::file`].
    TooLarge,
    /// One more than [`UploadCaps::files`].
    TooMany,
    /// It has no bytes.
    Empty,
    /// It could not be written: the disk is full or fails, or too much is waiting there for its form.
    Unavailable,
}

/// The characters of a file name that are kept, at most.
const MAX_NAME: usize = 100;

/// `name` without folders, without characters that nobody sees (controls, changes of direction), and not too long; its
/// ending survives the cut.
pub fn plain_file_name(name: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|letter| !hidden(*letter)).collect();
    let visible = visible.trim();
    if matches!(visible, "." | "..") {
        return String::new();
    }
    let letters = visible.chars().count();
    if letters <= MAX_NAME {
        return visible.to_owned();
    }
    let ending = visible.rfind('.').map(|dot| &visible[dot..]).filter(|ending| ending.chars().count() <= 10);
    let ending = ending.unwrap_or_default();
    let head = MAX_NAME - ending.chars().count();
    visible.chars().take(head).chain(ending.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_keeps_what_can_be_read_and_nothing_else() {
        for (given, kept) in [
            ("路灯.jpg", "路灯.jpg"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\王\照片.png", "照片.png"),
            ("a\0b\r\nc.jpg", "abc.jpg"),
            ("gpj.\u{202e}exe", "gpj.exe"),
            (" a ", "a"),
            ("..", ""),
            ("dir/", ""),
        ] {
            assert_eq!(plain_file_name(given), kept, "{given:?}");
        }
        let long = plain_file_name(&format!("{}.jpeg", "长".repeat(10_000)));
        assert_eq!((long.chars().count(), long.ends_with("长.jpeg")), (100, true));
        assert_eq!(plain_file_name(&"x".repeat(300)).len(), 100);
    }
}
