//! The marks that our own mails carry, so that what comes back is known: in the Message-ID, in the reply address, and in
//! the address that bounces go to. Each has a ticket's number and the gateway's proof for it.

/// What goes before the marks behind the `+` of an address: `t.` in a reply address, `b.` in a bounce address.
const KINDS: [&str; 2] = ["t.", "b."];
/// Marks in one text that are looked at.
const MAX_MARKS: usize = 50;

/// A mark that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The ticket's number.
    pub number: String,
    /// What of it: a reply's id in the ticket.
    pub name: Option<String>,
    /// The proof that came with the number.
    pub proof: String,
}

impl Mark {
    /// As it stands before the `@` of a Message-ID.
    pub fn to_text(&self) -> String {
        match &self.name {
            Some(name) => format!("{}.{name}.{}", self.number, self.proof),
            None => format!("{}.{}", self.number, self.proof),
        }
    }
}

/// Where a ticket's number stands in `text`, each time: `YYYYMMDD-NNNNNN-C`.
fn numbers(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let bytes = text.as_bytes();
    let digits = move |from: usize, most: usize| {
        bytes.get(from..).unwrap_or_default().iter().take(most).take_while(|byte| byte.is_ascii_digit()).count()
    };
    memchr::memchr_iter(b'-', bytes).filter_map(move |dash| {
        let day = dash.checked_sub(8).filter(|day| digits(*day, 8) == 8)?;
        // A longer run of digits is something else.
        if day > 0 && bytes[day - 1].is_ascii_digit() {
            return None;
        }
        let sequence = digits(dash + 1, 10);
        let check = dash + 1 + sequence + 1;
        let whole = (6..=9).contains(&sequence) && bytes.get(check - 1) == Some(&b'-') && digits(check, 2) == 1;
        whole.then_some((day, check + 1))
    })
}

/// The first number that a person wrote in `text`.
pub fn written(text: &str) -> Option<String> {
    numbers(text).next().map(|(from, to)| text[from..to].to_owned())
}

/// The marks in `text`: Message-IDs, addresses, or a whole bounce.
pub fn find(text: &str) -> Vec<Mark> {
    let found = numbers(text).filter_map(|(from, to)| {
        let rest = text[to..].strip_prefix('.')?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        let (name, proof) = match rest[..end].rsplit_once('.') {
            Some((name, proof)) => (Some(name.to_owned()), proof),
            None => (None, &rest[..end]),
        };
        // Mail programs may write addresses in another case.
        let good = proof.len() == PROOF && proof.bytes().all(|byte| byte.is_ascii_alphanumeric());
        good.then(|| Mark { number: text[from..to].to_owned(), name, proof: proof.to_ascii_lowercase() })
    });
    let mut marks: Vec<Mark> = Vec::new();
    for mark in found.take(MAX_MARKS) {
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
    marks
}

/// Letters of a proof.
const PROOF: usize = 16;

/// `address` with `mark` behind a `+` (RFC 5233): for replies, or for bounces.
pub fn sub_address(address: &str, bounce: bool, mark: &Mark) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}+{}{}@{domain}", KINDS[usize::from(bounce)], mark.to_text()),
        None => address.to_owned(),
    }
}

/// `address` without what stands behind a `+`, in lower case.
pub fn base_address(address: &str) -> String {
    let address = address.to_ascii_lowercase();
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or_default()),
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_marks_are_found_in_ids_addresses_and_bounces() {
        let mark =
            Mark { number: "20261122-000123-4".into(), name: Some("rp_1".into()), proof: "abcdefghij234567".into() };
        assert_eq!(find(&format!("<{}@12345.example>", mark.to_text())), std::slice::from_ref(&mark));
        let bounce = sub_address("12345@leshan.example", true, &mark);
        assert_eq!(bounce, "12345+b.20261122-000123-4.rp_1.abcdefghij234567@leshan.example");
        assert_eq!(find(&bounce), std::slice::from_ref(&mark));
        let bare = Mark { name: None, ..mark.clone() };
        assert_eq!(find(&sub_address("12345@leshan.example", false, &bare)), [bare]);
        assert_eq!(base_address(&bounce), "12345@leshan.example");
        assert_eq!(find("20261122-000123-4 20261122-000123-4.short 20261122-000123-45.abcdefghij234567"), []);
    }

    #[test]
    fn a_number_is_found_where_a_person_wrote_it() {
        assert_eq!(written("Re: [工单 20261122-000123-4] 路灯").as_deref(), Some("20261122-000123-4"));
        assert_eq!(written("电话 0833-1234567，单号120261122-000123-4"), None);
        assert_eq!(written("-"), None);
    }
}
