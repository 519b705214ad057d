//! What a file is, by its first bytes: what its sender calls it counts for nothing.

/// What the first bytes say that a file is, for the kinds that citizens send; [`HARMFUL`] ones among them, so that they can
/// be told apart. A few kilobytes are enough.
pub fn media_type_of(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    Some(match () {
        () if at(0, b"\xff\xd8\xff") => "image/jpeg",
        () if at(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => "image/gif",
        () if at(0, b"RIFF") && at(8, b"WEBP") => "image/webp",
        () if at(0, b"RIFF") && at(8, b"WAVE") => "audio/wav",
        () if at(0, b"RIFF") && at(8, b"AVI ") => "video/x-msvideo",
        () if at(0, b"BM") && at(6, b"\0\0\0\0") => "image/bmp",
        () if at(0, b"II*\0") || at(0, b"MM\0*") => "image/tiff",
        () if at(0, b"#!AMR") => "audio/amr",
        () if at(0, b"ID3") || (at(0, b"\xff") && matches!(bytes.get(1), Some(0xfb | 0xfa | 0xf3 | 0xf2))) => {
            "audio/mpeg"
        }
        () if at(0, b"\xff\xf1") || at(0, b"\xff\xf9") => "audio/aac",
        () if at(0, b"OggS") => "audio/ogg",
        () if at(0, b"fLaC") => "audio/flac",
        () if at(4, b"ftyp") => iso_media(bytes),
        () if at(0, b"\x1a\x45\xdf\xa3") => "video/webm",
        () if at(0, b"%PDF-") => "application/pdf",
        () if at(0, b"PK\x03\x04") => zipped(bytes),
        () if at(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") => "application/x-ole-storage",
        () if at(0, b"MZ") => "application/vnd.microsoft.portable-executable",
        () if at(0, b"\x7fELF") => "application/x-elf",
        () if at(0, b"#!") => "text/x-script",
        () => return markup(bytes),
    })
}

/// What must never be run by who opens it: programs, and pages with scripts in them.
pub const HARMFUL: [&str; 5] = [
    "application/vnd.microsoft.portable-executable",
    "application/x-elf",
    "text/x-script",
    "text/html",
    "image/svg+xml",
];

/// ISO base media (ISO/IEC 14496-12, 4.3): the major brand tells pictures and recordings from films.
fn iso_media(bytes: &[u8]) -> &'static str {
    match bytes.get(8..12).unwrap_or_default() {
        b"heic" | b"heix" | b"mif1" | b"msf1" | b"hevc" => "image/heic",
        b"avif" | b"avis" => "image/avif",
        b"M4A " | b"M4B " => "audio/mp4",
        b"qt  " => "video/quicktime",
        [b'3', b'g', b'p' | b'2', _] => "video/3gpp",
        _ => "video/mp4",
    }
}

/// Office Open XML is a zip whose parts have names of its own (ECMA-376, part 2).
fn zipped(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(4096)];
    let has = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    match () {
        () if has(b"word/") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        () if has(b"xl/") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        () if has(b"ppt/") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        () => "application/zip",
    }
}

/// HTML and SVG have no magic: what a browser would take for them (WHATWG MIME Sniffing, section 7.1) counts as such.
fn markup(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let head = text[..text.len().min(1024)].to_ascii_lowercase();
    let has = |tag: &[u8]| head.windows(tag.len()).any(|window| window == tag);
    match () {
        () if !head.starts_with(b"<") => None,
        () if has(b"<svg") => Some("image/svg+xml"),
        () if [
            &b"<!doctype html"[..],
            b"<html",
            b"<head",
            b"<body",
            b"<script",
            b"<iframe",
            b"<img",
            b"<a ",
            b"<!--",
        ]
        .iter()
        .any(|tag| has(tag)) =>
        {
            Some("text/html")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_say_what_a_file_is() {
        for (bytes, kind) in [
            (&b"\xff\xd8\xff\xe0 JFIF"[..], Some("image/jpeg")),
            (b"GIF89a/*<script>alert(1)</script>*/", Some("image/gif")),
            (b"\0\0\0\x18ftypheic", Some("image/heic")),
            (b"\0\0\0\x18ftypqt  ", Some("video/quicktime")),
            (b"\0\0\0\x18ftypisom", Some("video/mp4")),
            (
                b"PK\x03\x04....[Content_Types].xml....word/document.xml",
                Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            ),
            (b"PK\x03\x04", Some("application/zip")),
            (b"MZ\x90", Some(HARMFUL[0])),
            (b"\xef\xbb\xbf \n<!DOCTYPE html>", Some("text/html")),
            (b"<?xml version='1.0'?><svg onload='x'>", Some("image/svg+xml")),
            (b"<note>plain</note>", None),
            (b"plain words <script>", None),
            (b"", None),
        ] {
            assert_eq!(media_type_of(bytes), kind, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
