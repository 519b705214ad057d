//! Long messages, joined: bytes first, then the alphabet, because characters are cut between parts in the wild.

use super::Coding;

/// The text of a message whose parts are `parts`, in their order; `None` for one that never came, which is a visible
/// gap. `None` if it is no text at all.
pub(crate) fn join(coding: Coding, parts: &[Option<&[u8]>]) -> Option<String> {
    let total = parts.len();
    let mut text = String::new();
    let mut run: Vec<u8> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Some(bytes) => run.extend_from_slice(bytes),
            None => {
                text += &coding.decode(&std::mem::take(&mut run))?;
                text += &format!("[缺失第{}/{total}段]", index + 1);
            }
        }
    }
    if !run.is_empty() {
        text += &coding.decode(&run)?;
    }
    Some(text)
}

/// The text of one part by itself, named: a part that comes after its message was given up.
pub(crate) fn segment_alone(coding: Coding, place: u8, total: u8, bytes: &[u8]) -> Option<String> {
    Some(format!("[第{place}/{total}段]{}", coding.decode(bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_cut_between_parts_are_whole_again() {
        let (first, second) = ([0x8D, 0xEF, 0xD8, 0x3D], [0xDE, 0x00]);
        assert_eq!(join(Coding::Ucs2, &[Some(&first), Some(&second)]).as_deref(), Some("路😀"));
        assert_eq!(join(Coding::Gb18030, &[Some(&[0xC2]), Some(&[0xB7])]).as_deref(), Some("路"));
    }

    #[test]
    fn a_gap_is_seen_and_what_is_around_it_is_read() {
        let said = join(Coding::Ucs2, &[Some(&[0x8D, 0xEF]), None, Some(&[0x70, 0x6F])]);
        assert_eq!(said.as_deref(), Some("路[缺失第2/3段]灯"));
        assert_eq!(join(Coding::Ascii, &[None, None]).as_deref(), Some("[缺失第1/2段][缺失第2/2段]"));
    }
}
