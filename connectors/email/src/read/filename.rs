//! Names of files that are safe to show and to store.

use super::words::is_direction;

/// Longer names are cut, their ending kept.
const MAX_BYTES: usize = 255;

/// `name` without path, controls, marks that turn the reading order, and characters that a file system refuses; `None` if
/// nothing is left.
pub fn safe(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).find(|part| !part.trim().is_empty())?;
    let kept = last.chars().filter(|character| !character.is_control() && !is_direction(*character));
    let kept: String = kept.map(|character| if "<>:\"|?*".contains(character) { '_' } else { character }).collect();
    let kept = kept.trim().trim_end_matches(['.', ' ']);
    if kept.is_empty() {
        return None;
    }
    let stem = kept.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    let reserved = ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT");
    let kept = if reserved { format!("_{kept}") } else { kept.to_owned() };
    if kept.len() <= MAX_BYTES {
        return Some(kept);
    }
    let (stem, ending) = match kept.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 20 => (stem, format!(".{ending}")),
        _ => (kept.as_str(), String::new()),
    };
    Some(format!("{}{ending}", &stem[..stem.floor_char_boundary(MAX_BYTES - ending.len())]))
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn a_name_is_only_a_name() {
        assert_eq!(safe("路灯 照片.jpg").as_deref(), Some("路灯 照片.jpg"));
        assert_eq!(safe("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(safe("C:\\桌面\\材料.doc").as_deref(), Some("材料.doc"));
        assert_eq!(safe("a\u{202e}gpj.exe").as_deref(), Some("agpj.exe"));
        assert_eq!(safe("a<b>:c?.txt ..").as_deref(), Some("a_b__c_.txt"));
        assert_eq!(safe("con.txt").as_deref(), Some("_con.txt"));
        assert_eq!(safe("\u{0}/"), None);
        let long = safe(&format!("{}.pdf", "长".repeat(200))).unwrap();
        assert!(long.len() <= 255 && long.ends_with("长.pdf"));
    }
}
