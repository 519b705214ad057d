//! Elements that show the words in them otherwise than a page does: hidden, or with their white space.

/// Elements within one another that are kept in mind.
const MAX_SCOPES: usize = 50;
/// Elements that never have words in them.
const VOID: [&str; 10] = ["img", "br", "hr", "input", "meta", "link", "wbr", "area", "col", "base"];
/// Elements that the next of their kind ends.
const ENDED: [&str; 8] = ["p", "li", "td", "th", "tr", "dt", "dd", "option"];

/// What an element does to the words in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// They are not shown.
    Hidden,
    /// Their white space is.
    Preformatted,
}

impl Effect {
    /// Of an element with this style, and perhaps the attribute `hidden`.
    pub fn of(name: &str, style: &str, hidden: bool) -> Option<Self> {
        if VOID.contains(&name) {
            return None;
        }
        let style: String =
            style.chars().take(500).filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        let says =
            |wanted: &str| style.split(';').any(|rule| rule.strip_suffix("!important").unwrap_or(rule) == wanted);
        let unseen =
            ["display:none", "visibility:hidden", "mso-hide:all", "font-size:0", "font-size:0px", "font-size:0pt"];
        if hidden || unseen.iter().any(|rule| says(rule)) {
            return Some(Self::Hidden);
        }
        (name == "pre" || style.contains("white-space:pre")).then_some(Self::Preformatted)
    }
}

/// The elements that are open, as far as they do something.
#[derive(Debug, Default)]
pub struct Scopes(Vec<Scope>);

#[derive(Debug)]
struct Scope {
    name: String,
    /// How many of this name are open within each other.
    depth: usize,
    effect: Effect,
}

impl Scopes {
    /// An element begins.
    pub fn open(&mut self, name: &str, effect: Option<Effect>) {
        if self.0.last().is_some_and(|last| last.name == name && ENDED.contains(&name)) {
            self.0.pop();
        }
        let open = self.0.len();
        let same =
            self.0.last_mut().filter(|last| last.name == name && effect.is_none_or(|effect| effect == last.effect));
        match (same, effect) {
            (Some(last), _) => last.depth += 1,
            (None, Some(effect)) if open < MAX_SCOPES => {
                self.0.push(Scope { name: name.to_owned(), depth: 1, effect });
            }
            _ => {}
        }
    }

    /// An element ends.
    pub fn close(&mut self, name: &str) {
        // One that was never closed itself ends with the one around it.
        let Some(at) = self.0.iter().rposition(|scope| scope.name == name) else { return };
        self.0.truncate(at + 1);
        if let Some(last) = self.0.last_mut() {
            last.depth -= 1;
            if last.depth == 0 {
                self.0.pop();
            }
        }
    }

    /// Words here are not shown.
    pub fn hidden(&self) -> bool {
        self.0.iter().any(|scope| scope.effect == Effect::Hidden)
    }

    /// White space here is shown.
    pub fn preformatted(&self) -> bool {
        self.0.iter().any(|scope| scope.effect == Effect::Preformatted)
    }
}
