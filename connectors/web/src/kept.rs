//! Files that the gateway has already: the page carries a marked reference to each, so that nobody has to choose a file
//! again because a field was wrong, and nobody can name a file that they did not send.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiesu_connector::{Attachment, KeptFile, Part, PartType, Payload, Seal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a reference works, in seconds: less than the gateway keeps what it is about.
const LIFE: i64 = 12 * 3600;
/// Bytes of the mark.
const MARK: usize = 16;
/// Where the files of a stored message stand in its `meta`.
pub(crate) const META: &str = "files";

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Where it is.
    #[serde(flatten)]
    pub file: KeptFile,
    /// What the citizen calls it.
    pub name: String,
}

impl Kept {
    /// As a citizen reads it.
    pub fn label(&self) -> String {
        let name = if self.name.is_empty() { "（没有名称的文件）" } else { &self.name };
        format!("{name}（{}）", size(self.file.bytes))
    }

    /// As a part of the appeal: the place in the transcript, and the attachment.
    pub fn into_attachment(self, index: usize) -> (Part, Attachment) {
        let kind = PartType::of_media(&self.file.media_type);
        let name = Some(self.name).filter(|name| !name.is_empty());
        let media_type = self.file.media_type.clone();
        let part = Part { kind, text: None, attachment: Some(index) };
        (part, Attachment { name, media_type, payload: Payload::Kept(self.file) })
    }
}

/// A size as people write it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} 字节"),
        1024..1_048_576 => format!("{} KB", bytes.div_ceil(1024)),
        _ if bytes.is_multiple_of(1_048_576) => format!("{} MB", bytes / 1_048_576),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}

/// Makes and reads the references of one channel.
#[derive(Clone)]
pub(crate) struct References {
    seal: Arc<dyn Seal>,
    purpose: String,
}

#[derive(Serialize, Deserialize)]
struct Reference {
    #[serde(flatten)]
    kept: Kept,
    /// Seconds since 1970.
    expires: i64,
}

impl References {
    pub fn new(seal: Arc<dyn Seal>, channel: &str) -> Self {
        Self { seal, purpose: format!("web upload/{channel}") }
    }

    /// A reference to `kept`.
    pub fn to(&self, kept: &Kept, now: Timestamp) -> String {
        let reference = Reference { kept: kept.clone(), expires: now.as_second() + LIFE };
        let json = serde_json::to_vec(&reference).unwrap_or_default();
        let mark = self.seal.mark(&self.purpose, &[&json]);
        URL_SAFE_NO_PAD.encode([&mark[..MARK], &json].concat())
    }

    /// What `text` refers to, if it is ours and not too old.
    pub fn read(&self, text: &str, now: Timestamp) -> Option<Kept> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok()?;
        let (mark, json) = bytes.split_at_checked(MARK)?;
        if !self.seal.is_good(&self.purpose, &[json], mark) {
            return None;
        }
        let reference: Reference = serde_json::from_slice(json).ok()?;
        (reference.expires >= now.as_second()).then_some(reference.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector::LocalSeal;

    #[test]
    fn a_reference_is_good_for_what_was_sent_and_for_a_while() {
        let references = References::new(Arc::new(LocalSeal::default()), "a");
        let file = KeptFile { sha256: "ab".repeat(32), bytes: 1_300_000, media_type: "image/jpeg".into() };
        let kept = Kept { file, name: "路灯.jpg".into() };
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        let reference = references.to(&kept, at(0));
        assert_eq!(references.read(&reference, at(LIFE)), Some(kept.clone()));
        assert_eq!(references.read(&reference, at(LIFE + 1)), None);
        let mut bent = URL_SAFE_NO_PAD.decode(&reference).expect("base64");
        bent[20] ^= 1;
        assert_eq!(references.read(&URL_SAFE_NO_PAD.encode(bent), at(0)), None);
        assert_eq!((references.read("", at(0)), references.read("路", at(0))), (None, None));
        assert_eq!(kept.label(), "路灯.jpg（1.2 MB）");
        assert_eq!((size(10 << 20), size(1), size(2_000)), ("10 MB".into(), "1 字节".into(), "2 KB".into()));
    }
}
