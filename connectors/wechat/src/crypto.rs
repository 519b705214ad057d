//! Signatures and the encryption of the message push (消息加解密), as its "message push" and "technical plan" pages say.
//!
//! Plain text is `random(16) ‖ length(4, big endian) ‖ message ‖ app id`, padded to 32-byte blocks, AES-256-CBC with the
//! first half of the key as IV. CBC tells nobody who wrote it: the signature over the ciphertext does, and is checked
//! first, always.

use aes::Aes256;
use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Blocks for padding; AES's own are of 16.
const BLOCK: usize = 32;
const HEAD: usize = 20;

/// An EncodingAESKey is base64 without its `=`; the last character may carry bits that mean nothing.
const KEY_BASE64: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The lower-case hex SHA-1 over the sorted parts.
pub fn signature(parts: &mut [&str]) -> String {
    parts.sort_unstable();
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares a signature in constant time.
pub fn signed(claimed: &str, parts: &mut [&str]) -> bool {
    signature(parts).as_bytes().ct_eq(claimed.as_bytes()).into()
}

/// What was not right with a ciphertext: nothing more is told, to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be decrypted")]
pub struct Undecryptable;

/// A key (EncodingAESKey), decoded.
#[derive(Clone)]
pub struct AesKey([u8; 32]);

impl AesKey {
    /// From the 43 characters that the console shows.
    ///
    /// # Errors
    /// What is wrong and what would be right; never the key.
    pub fn decode(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if length != 43 {
            return Err(format!("has {length} characters: the console shows 43, letters and digits"));
        }
        let bytes = KEY_BASE64.decode(format!("{text}=")).map_err(|_| {
            "has a character outside A-Z, a-z, 0-9, + and /: copy the 43 characters of the console".to_owned()
        })?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| "does not make 32 bytes: copy the 43 characters of the console".to_owned())
    }

    /// The message in `ciphertext` (base64), if it is for `app_id`.
    ///
    /// # Errors
    /// One and the same, whatever is wrong.
    pub fn decrypt(&self, ciphertext: &str, app_id: &str) -> Result<Vec<u8>, Undecryptable> {
        let mut buffer = STANDARD.decode(ciphertext).map_err(|_| Undecryptable)?;
        let decryptor = cbc::Decryptor::<Aes256>::new(&self.0.into(), self.iv());
        if buffer.is_empty() || buffer.len() % 16 != 0 {
            return Err(Undecryptable);
        }
        decryptor.decrypt_padded::<NoPadding>(&mut buffer).map_err(|_| Undecryptable)?;
        let padding = usize::from(*buffer.last().ok_or(Undecryptable)?);
        let end = buffer.len().checked_sub(padding).ok_or(Undecryptable)?;
        let padded = (1..=BLOCK).contains(&padding) && buffer[end..].iter().all(|byte| usize::from(*byte) == padding);
        if !padded || end < HEAD {
            return Err(Undecryptable);
        }
        let length = u32::from_be_bytes([buffer[16], buffer[17], buffer[18], buffer[19]]);
        let message_end = usize::try_from(length).ok().and_then(|n| n.checked_add(HEAD)).ok_or(Undecryptable)?;
        // The app id stops a message to another account that was given the same key.
        if message_end > end || &buffer[message_end..end] != app_id.as_bytes() {
            return Err(Undecryptable);
        }
        buffer.truncate(message_end);
        buffer.drain(..HEAD);
        Ok(buffer)
    }

    /// `message` for `app_id` (base64). `context` makes equal messages differ: the nonce and time of the request.
    ///
    /// The leading 16 bytes are a keyed hash of all that is encrypted: as good as random to everyone without the key,
    /// and the same answer comes out again for the same request.
    pub fn encrypt(&self, message: &[u8], app_id: &str, context: &str) -> String {
        let mut head = [0; 16];
        if let Ok(mut hash) = Hmac::<Sha256>::new_from_slice(&self.0) {
            hash.update(context.as_bytes());
            hash.update(&[0]);
            hash.update(message);
            head.copy_from_slice(&hash.finalize().into_bytes()[..16]);
        }
        self.seal(head, message, app_id)
    }

    fn seal(&self, head: [u8; 16], message: &[u8], app_id: &str) -> String {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let mut buffer = Vec::with_capacity(HEAD + message.len() + app_id.len() + BLOCK);
        buffer.extend_from_slice(&head);
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(message);
        buffer.extend_from_slice(app_id.as_bytes());
        let padding = BLOCK - buffer.len() % BLOCK;
        buffer.resize(buffer.len() + padding, u8::try_from(padding).unwrap_or_default());
        let whole = buffer.len();
        let encryptor = cbc::Encryptor::<Aes256>::new(&self.0.into(), self.iv());
        // Whole blocks: this cannot fail.
        let _ = encryptor.encrypt_padded::<NoPadding>(&mut buffer, whole);
        STANDARD.encode(buffer)
    }

    fn iv(&self) -> &cbc::cipher::Iv<cbc::Decryptor<Aes256>> {
        let iv: &[u8; 16] = self.0.first_chunk().unwrap_or(&[0; 16]);
        iv.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "wxba5fad812f8e6fb9";

    fn key() -> AesKey {
        AesKey::decode(&"A".repeat(43)).unwrap()
    }

    #[test]
    fn the_official_signatures_agree() {
        let verification = &mut ["AAAAA", "1714036504", "1514711492"];
        assert_eq!(signature(verification), "f464b24fc39322e44b38aa78f5edd27bd1441696");
        assert!(signed("899cf89e464efb63f54ddac96b0a0a235f53aa78", &mut ["AAAAA", "1714037059", "486452656"]));
    }

    #[test]
    fn the_official_push_decrypts() {
        let encrypted = include_str!("../tests/golden/spec/official.encrypt").trim();
        let parts = &mut ["AAAAA", "1714112445", "415670741", encrypted];
        assert!(signed("046e02f8204d34f8ba5fa3b1db94908f3df2e9b3", parts));
        let message = key().decrypt(encrypted, APP).unwrap();
        assert!(String::from_utf8(message).unwrap().ends_with(r#""debug_str":"hello world"}"#));
        assert_eq!(key().decrypt(encrypted, "wx0000000000000000"), Err(Undecryptable));
    }

    #[test]
    fn the_official_answer_comes_out_byte_for_byte() {
        let sealed = key().seal(*b"707722b803182950", br#"{"demo_resp":"good luck"}"#, APP);
        assert_eq!(sealed, "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==");
        let parts = &mut ["AAAAA", "1713424427", "415670741", sealed.as_str()];
        assert_eq!(signature(parts), "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1");
    }

    #[test]
    fn keys_whose_last_character_has_trailing_bits_are_keys() {
        let key = AesKey::decode("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C").unwrap();
        assert_eq!(key.decrypt(&key.encrypt(b"<xml/>", APP, ""), APP).unwrap(), b"<xml/>");
        assert!(AesKey::decode(&"A".repeat(44)).err().unwrap().contains("43"));
        assert!(AesKey::decode(&"*".repeat(43)).is_err());
    }

    #[test]
    fn every_length_goes_through_and_equal_messages_differ_by_their_context() {
        for length in 0..100 {
            let message = vec![b'a'; length];
            assert_eq!(key().decrypt(&key().encrypt(&message, APP, "1"), APP).unwrap(), message);
        }
        assert_ne!(key().encrypt(b"a", APP, "1"), key().encrypt(b"a", APP, "2"));
        assert_eq!(key().encrypt(b"a", APP, "1"), key().encrypt(b"a", APP, "1"));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let raw = |plain: Vec<u8>| {
            let mut buffer = plain;
            let whole = buffer.len();
            let encryptor = cbc::Encryptor::<Aes256>::new(&key().0.into(), key().iv());
            encryptor.encrypt_padded::<NoPadding>(&mut buffer, whole).unwrap();
            STANDARD.encode(buffer)
        };
        let mut lie = vec![0; 16];
        lie.extend([0xff, 0xff, 0xff, 0xff]);
        lie.resize(32, 12);
        assert_eq!(key().decrypt(&raw(lie), APP), Err(Undecryptable));
        for last in [0, 13, 31, 32, 33, 255] {
            let mut short = vec![0; 32];
            short[31] = last;
            assert_eq!(key().decrypt(&raw(short), APP), Err(Undecryptable));
        }
        for text in ["", "AA==", "AAAA", "not base64!"] {
            assert_eq!(key().decrypt(text, APP), Err(Undecryptable));
        }
    }
}
