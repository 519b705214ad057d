//! Fields of fixed size, one after the other.

use crate::session::Garbage;

/// What is left of a body.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Garbage> {
        let (field, rest) = self.0.split_at_checked(length).ok_or(Garbage)?;
        self.0 = rest;
        Ok(field)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Garbage> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    pub(super) fn number(&mut self) -> Result<u32, Garbage> {
        Ok(self.take(4)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    pub(super) fn long(&mut self) -> Result<u64, Garbage> {
        Ok(self.take(8)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A text: it ends at the first NUL, and some gateways fill it up with spaces.
    pub(super) fn text(&mut self, length: usize) -> Result<String, Garbage> {
        let field = self.take(length)?;
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        Ok(String::from_utf8_lossy(field.get(..end).unwrap_or_default()).trim().to_owned())
    }
}

/// `text` in a field of `length` bytes, filled up with NULs; what does not fit is left out.
pub(super) fn fixed(text: &str, length: usize) -> Vec<u8> {
    let mut field: Vec<u8> = text.bytes().take(length).collect();
    field.resize(length, 0);
    field
}
