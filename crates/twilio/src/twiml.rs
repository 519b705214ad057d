//! TwiML: what a call, or a message, is told to do.

/// The media type of an answer.
pub const MEDIA_TYPE: &str = "text/xml; charset=utf-8";

/// One element, with its attributes and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// An element of this name; element names are ours, never a stranger's.
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    /// With an attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// With words in it.
    #[must_use]
    pub fn text(mut self, words: impl Into<String>) -> Self {
        self.text = words.into();
        self
    }

    /// With an element in it.
    #[must_use]
    pub fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", escaped(value).replace('"', "&quot;").replace('\n', " ")));
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&escaped(&self.text));
        self.children.iter().for_each(|child| child.write(out));
        out.push_str(&format!("</{}>", self.name));
    }
}

/// What XML takes: no control characters, and marks written as their entities.
fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    text.replace(['\u{fffe}', '\u{ffff}'], "").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A whole answer.
pub fn response(elements: &[Element]) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
    let all = elements.iter().cloned().fold(Element::new("Response"), Element::child);
    all.write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_stays_words() {
        let say = Element::new("Say").with("voice", "a\"b<").text("1 < 2 & \u{0}]]>");
        let text = response(&[Element::new("Gather").child(say), Element::new("Hangup")]);
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Gather><Say voice=\"a&quot;b&lt;\">1 &lt; 2 &amp; \
             ]]&gt;</Say></Gather><Hangup/></Response>"
        );
        assert_eq!(response(&[]), "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>");
    }
}
