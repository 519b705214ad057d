//! Names of folders, as IMAP writes them: modified UTF-7 (RFC 3501, section 5.1.3).

use base64::{
    Engine, alphabet,
    engine::{GeneralPurpose, general_purpose::NO_PAD},
};

const MODIFIED: GeneralPurpose = GeneralPurpose::new(&alphabet::IMAP_MUTF7, NO_PAD);

/// `name` for the server.
pub fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut wide: Vec<u8> = Vec::new();
    let flush = |wide: &mut Vec<u8>, encoded: &mut String| {
        if !wide.is_empty() {
            encoded.push('&');
            encoded.push_str(&MODIFIED.encode(&wide));
            encoded.push('-');
            wide.clear();
        }
    };
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut wide, &mut encoded);
            encoded.push(character);
            if character == '&' {
                encoded.push('-');
            }
        } else {
            let mut units = [0; 2];
            wide.extend(character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut wide, &mut encoded);
    encoded
}

#[cfg(test)]
mod tests {
    #[test]
    fn chinese_names_are_written_as_servers_expect() {
        assert_eq!(super::encode("INBOX"), "INBOX");
        assert_eq!(super::encode("A&B"), "A&-B");
        // The example of RFC 3501.
        assert_eq!(super::encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
    }
}
