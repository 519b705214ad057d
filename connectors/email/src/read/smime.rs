//! Signed mail in one piece (`smime.p7m`): the mail within the signature (RFC 5652, section 5). The signature is not verified
//! here; the raw mail keeps it.

/// The OID of signed data, 1.2.840.113549.1.7.2.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// Pieces of a content.
const MAX_PIECES: usize = 10_000;

/// An element of BER (X.690): its tag, what is in it, and what follows.
struct Element<'a> {
    tag: u8,
    inner: &'a [u8],
    after: &'a [u8],
    /// Its length was not told: it ends with two zeros, which the elements in it lead to.
    open: bool,
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let length = match first {
        0x80 => return Some(Element { tag: *tag, inner: rest, after: &[], open: true }),
        0..0x80 => usize::from(*first),
        _ => {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count).filter(|_| count <= 4)?;
            let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
            // What was cut off goes up to the end.
            let rest = &rest[count..];
            let (inner, after) = rest.split_at(length.min(rest.len()));
            return Some(Element { tag: *tag, inner, after, open: false });
        }
    };
    let (inner, after) = rest.split_at(length.min(rest.len()));
    Some(Element { tag: *tag, inner, after, open: false })
}

/// What is signed in `bytes`; `None` if it is encrypted, or no such thing.
pub fn content(bytes: &[u8]) -> Option<Vec<u8>> {
    let expect = |bytes, tag: u8| element(bytes).filter(|found| found.tag == tag);
    let kind = expect(expect(bytes, 0x30)?.inner, 0x06)?;
    if kind.inner != SIGNED_DATA {
        return None;
    }
    let signed = expect(expect(kind.after, 0xa0)?.inner, 0x30)?;
    let algorithms = expect(expect(signed.inner, 0x02)?.after, 0x31)?;
    let content = expect(expect(algorithms.after, 0x30)?.inner, 0x06)?;
    let octets = element(expect(content.after, 0xa0)?.inner)?;
    match octets.tag {
        0x04 => Some(octets.inner.to_vec()),
        // In pieces.
        0x24 => {
            let (mut whole, mut rest) = (Vec::new(), octets.inner);
            for _ in 0..MAX_PIECES {
                let Some(piece) = expect(rest, 0x04).filter(|piece| !piece.open) else { break };
                whole.extend_from_slice(piece.inner);
                rest = piece.after;
            }
            (!whole.is_empty()).then_some(whole)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(tag: u8, inner: &[u8]) -> Vec<u8> {
        let length = u16::try_from(inner.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, inner].concat()
    }

    fn signed(content: &[u8]) -> Vec<u8> {
        let data = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
        let content = made(0x30, &[&data[..], &made(0xa0, content)].concat());
        let inner = made(0x30, &[&[2, 1, 1, 0x31, 0][..], &content, &[0x31, 0]].concat());
        made(0x30, &[&[0x06, 9][..], SIGNED_DATA, &made(0xa0, &inner)].concat())
    }

    #[test]
    fn what_is_signed_is_read_in_one_piece_or_several() {
        assert_eq!(content(&signed(&made(0x04, b"words"))).as_deref(), Some(&b"words"[..]));
        let pieces = [&[0x24, 0x80][..], &made(0x04, b"wo"), &made(0x04, b"rds"), &[0, 0]].concat();
        let whole = signed(&pieces);
        assert_eq!(content(&whole).as_deref(), Some(&b"words"[..]));
        for end in 0..whole.len() {
            content(&whole[..end]);
        }
        assert_eq!(content(b"\x30\x84\xff\xff\xff\xff\x06"), None);
    }
}
