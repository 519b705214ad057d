//! Which cell styles show a number as a date (ECMA-376, part 1, 18.8.30).

use super::{
    package::Part,
    xml::{Xml, attribute},
};
use quick_xml::events::Event;
use std::collections::HashMap;

/// Styles, at most.
const MAX_STYLES: usize = 65_536;

/// For each style, by its number, whether it is a date's.
pub(super) fn date_styles(part: Part) -> Result<Vec<bool>, String> {
    let mut own: HashMap<u32, bool> = HashMap::new();
    let mut styles = Vec::new();
    let mut within = false;
    Xml::new(part).each(|event| {
        match event {
            Event::Start(element) | Event::Empty(element) => match element.local_name().into_inner() {
                "cellXfs" => within = matches!(event, Event::Start(_)),
                "numFmt" if own.len() < MAX_STYLES => {
                    let id = attribute(element, "numFmtId").and_then(|id| id.parse().ok());
                    if let (Some(id), Some(code)) = (id, attribute(element, "formatCode")) {
                        own.insert(id, is_date(&code));
                    }
                }
                "xf" if within && styles.len() < MAX_STYLES => {
                    let id: u32 = attribute(element, "numFmtId").and_then(|id| id.parse().ok()).unwrap_or_default();
                    let built_in = matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58);
                    styles.push(own.get(&id).copied().unwrap_or(built_in));
                }
                _ => {}
            },
            Event::End(element) if element.local_name().into_inner() == "cellXfs" => within = false,
            _ => {}
        }
        true
    })?;
    Ok(styles)
}

/// A format with a year, month, day, hour or second in it, outside of quotes, brackets and escapes.
fn is_date(code: &str) -> bool {
    let mut characters = code.chars();
    let mut letters = String::new();
    while let Some(character) = characters.next() {
        match character {
            '"' => drop(characters.by_ref().find(|end| *end == '"')),
            '[' => drop(characters.by_ref().find(|end| *end == ']')),
            '\\' | '_' | '*' => drop(characters.next()),
            other => letters.extend(other.to_lowercase()),
        }
    }
    let letters = letters.replace("general", "");
    !letters.contains(['0', '#', '?']) && letters.contains(['y', 'm', 'd', 'h', 's'])
        || letters.contains("yy")
        || letters.contains("ss.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_from_numbers() {
        for code in ["yyyy-mm-dd", "yyyy\"年\"m\"月\"d\"日\"", "h:mm:ss", "[$-804]yyyy/m/d", "mm:ss.0"] {
            assert!(is_date(code), "{code}");
        }
        for code in ["General", "0.00", "#,##0", "@", "\"day\"0", "[Red]0", "0_d"] {
            assert!(!is_date(code), "{code}");
        }
    }
}
