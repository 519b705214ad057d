//! The header of a mail or of one of its parts: fields by name, their values as bytes.

/// Bytes of a header that are looked at.
const MAX_HEADER: usize = 256 << 10;
/// Fields of a header that are looked at.
const MAX_FIELDS: usize = 1_000;
/// Lines in a row in a header that are no fields.
const JUNK_LINES: usize = 20;

/// A header: its fields in order.
#[derive(Debug, Default)]
pub struct Header<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Header<'a> {
    /// Splits an entity into its header and its body. Lines that are no field (mbox's `From `, junk) are left out.
    pub fn split(entity: &'a [u8]) -> (Self, &'a [u8]) {
        let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
        let entity = entity.strip_prefix(b"\xef\xbb\xbf").unwrap_or(entity);
        let mut at = 0;
        // Some programs begin with empty lines; the header follows all the same.
        let mut leading = entity.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if !begins_with_field(&entity[leading.min(entity.len())..]) {
            leading = 0;
        }
        at += leading;
        while at < entity.len() {
            let end = line_end(entity, at);
            let line = trim_end(&entity[at..end]);
            if line.is_empty() {
                return (Self(fields), &entity[end..]);
            }
            // A fold belongs to the field before it.
            let mut field_end = end;
            while matches!(entity.get(field_end), Some(b' ' | b'\t')) || goes_on(entity, field_end) {
                let next = line_end(entity, field_end);
                if trim_end(&entity[field_end..next]).is_empty() && !matches!(entity.get(next), Some(b' ' | b'\t')) {
                    // A line of white space only: the end of the header, as most senders of it mean.
                    break;
                }
                field_end = next;
            }
            let field = &entity[at..field_end];
            if let Some((name, value)) = name_and_value(field).filter(|_| fields.len() < MAX_FIELDS && at < MAX_HEADER)
            {
                fields.push((name, &value[..value.len().min(MAX_HEADER)]));
            } else if fields.is_empty()
                && at > leading
                && !begins_with_field(&entity[at..])
                && !field.starts_with(b"From ")
            {
                // No header at all: everything is body.
                return (Self(fields), entity);
            } else if at < MAX_HEADER
                && !fields.is_empty()
                && name_and_value(field).is_none()
                && !field_follows(&entity[field_end..])
            {
                // The empty line between header and body is missing.
                return (Self(fields), &entity[at..]);
            }
            at = field_end;
        }
        (Self(fields), &[])
    }

    /// Another view of the same fields.
    pub fn of(other: &Self) -> Self {
        Self(other.0.clone())
    }

    /// The first field of this name that says something: its raw value, unfolded only where it is read.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).find(|value| !value.is_empty()).or_else(|| self.all(name).next())
    }

    /// All fields of this name.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
    }

    /// Every field, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.0.iter().copied()
    }
}

fn begins_with_field(entity: &[u8]) -> bool {
    name_and_value(&entity[..line_end(entity, 0)]).is_some()
}

/// Encoded words at the beginning of a line, the white space before which was lost.
fn goes_on(entity: &[u8], at: usize) -> bool {
    let line = &entity[at..line_end(entity, at).min(at + 200)];
    line.starts_with(b"=?") && name_and_value(line).is_none() && memchr::memmem::find(line, b"?=").is_some()
}

/// Whether one of the next lines is a field, before an empty one.
fn field_follows(entity: &[u8]) -> bool {
    let lines = entity.split(|byte| *byte == b'\n').take(JUNK_LINES).take_while(|line| !trim_end(line).is_empty());
    lines.into_iter().any(|line| name_and_value(line).is_some_and(|(name, _)| name[0].is_ascii_alphabetic()))
}

fn line_end(entity: &[u8], at: usize) -> usize {
    entity[at..].iter().position(|byte| *byte == b'\n').map_or(entity.len(), |newline| at + newline + 1)
}

fn trim_end(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

fn name_and_value(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = field.iter().take(100).position(|byte| *byte == b':')?;
    let name = field[..colon].trim_ascii_end();
    let good = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic());
    good.then(|| (name, field[colon + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_among_junk_and_folds() {
        let mail = b"From a@b Mon\r\nSubject: one\r\n two\r\nno field here\r\nX-Y : z\r\n\r\nbody\r\n";
        let (header, body) = Header::split(mail);
        assert_eq!(header.get("subject"), Some(&b"one\r\n two"[..]));
        assert_eq!(header.get("x-y"), Some(&b"z"[..]));
        assert_eq!(body, b"body\r\n");
        let (header, body) =
            Header::split(b"\xef\xbb\xbfSubject: =?x?B?YQ==?=\n=?x?B?Yg==?=\nX-Z: 1\nno empty line\nbefore it");
        assert_eq!(header.get("subject"), Some(&b"=?x?B?YQ==?=\n=?x?B?Yg==?="[..]));
        assert_eq!((header.get("x-z"), body), (Some(&b"1"[..]), &b"no empty line\nbefore it"[..]));
    }

    #[test]
    fn what_has_no_header_is_all_body() {
        assert_eq!(Header::split(b"\r\nbody").1, b"body");
        assert_eq!(Header::split(b"").1, b"");
        assert_eq!(Header::split(b"Subject: x").1, b"");
        let (header, body) = Header::split(b"\n\nSubject: x\n\nbody");
        assert_eq!((header.get("Subject"), body), (Some(&b"x"[..]), &b"body"[..]));
    }
}
