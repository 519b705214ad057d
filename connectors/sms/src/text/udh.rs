//! The user data header (3GPP TS 23.040, section 9.2.3.24): which part of a long message this is.

/// Which part of which long message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Segment {
    /// The sender's name for the long message.
    pub reference: u16,
    /// Bits of the reference: 8 or 16; an 8-bit one is another name than the 16-bit one of the same value.
    pub width: u8,
    /// How many parts there are, at least 2.
    pub total: u8,
    /// This one, from 1 to `total`.
    pub place: u8,
}

impl Segment {
    /// `None` where the numbers make no sense or there is only one part: then the message stands for itself.
    pub(crate) fn new(reference: u16, width: u8, total: u8, place: u8) -> Option<Self> {
        (total > 1 && (1..=total).contains(&place)).then_some(Self { reference, width, total, place })
    }
}

/// A message's bytes, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Udh<'a> {
    /// The part, if the header says so.
    pub segment: Option<Segment>,
    /// What follows the header.
    pub text: &'a [u8],
}

impl<'a> Udh<'a> {
    /// Reads a message that is said to have a header. Where there is none that could be one, all of it is text.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let all = Self { segment: None, text: bytes };
        let Some((length, rest)) = bytes.split_first() else { return all };
        let Some((mut elements, text)) = rest.split_at_checked(usize::from(*length)) else { return all };
        let mut segment = None;
        while let [identifier, length, rest @ ..] = elements {
            let Some((data, after)) = rest.split_at_checked(usize::from(*length)) else { return all };
            match (identifier, data) {
                (0x00, [reference, total, place]) => {
                    segment = Segment::new(u16::from(*reference), 8, *total, *place).or(segment);
                }
                (0x08, [high, low, total, place]) => {
                    segment = Segment::new(u16::from_be_bytes([*high, *low]), 16, *total, *place).or(segment);
                }
                _ => {}
            }
            elements = after;
        }
        if elements.is_empty() { Self { segment, text } } else { all }
    }
}

/// A header that its link did not announce: only the two that name parts, and only where the numbers make sense.
pub(crate) fn sniff(bytes: &[u8]) -> Option<Udh<'_>> {
    let named = matches!(bytes, [0x05, 0x00, 0x03, _, _, _, ..] | [0x06, 0x08, 0x04, _, _, _, _, ..]);
    Some(Udh::read(bytes)).filter(|udh| named && udh.segment.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_references_are_read_wherever_they_stand() {
        let eight = Udh::read(&[5, 0, 3, 0xAB, 3, 2, b'x']);
        assert_eq!((eight.segment, eight.text), (Segment::new(0xAB, 8, 3, 2), &b"x"[..]));
        let sixteen = Udh::read(&[10, 0x24, 2, 1, 0, 8, 4, 1, 0xAB, 3, 2, b'x']);
        assert_eq!((sixteen.segment, sixteen.text), (Segment::new(0x1AB, 16, 3, 2), &b"x"[..]));
    }

    #[test]
    fn what_cannot_be_a_header_is_text() {
        for odd in [&[][..], b"Hello", &[5, 0, 3, 1], &[5, 0, 9, 1, 2, 1, b'x']] {
            assert_eq!(Udh::read(odd), Udh { segment: None, text: odd });
        }
        for alone in [[5, 0, 3, 1, 1, 1, b'x'], [5, 0, 3, 1, 2, 0, b'x'], [5, 0, 3, 1, 2, 3, b'x']] {
            assert_eq!(Udh::read(&alone), Udh { segment: None, text: b"x" });
        }
    }

    #[test]
    fn a_header_that_nobody_announced_is_taken_only_where_it_is_beyond_doubt() {
        assert!(sniff(&[5, 0, 3, 1, 2, 1, 0x8D, 0xEF]).is_some());
        assert!(sniff(&[6, 8, 4, 0, 1, 2, 1, 0x8D, 0xEF]).is_some());
        assert!(sniff(&[5, 0, 3, 1, 2, 9, 0x8D, 0xEF]).is_none());
        assert!(sniff(&[0x05, 0x30, 3, 1, 2, 1]).is_none());
    }
}
