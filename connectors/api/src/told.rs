//! What is said to citizens of their matters, the same on every channel but for its words.

use crate::{Progress, Words};

/// Matters told at once.
const MOST: usize = 3;

impl Words {
    /// How far matters are: the newest few, and how many more there are, in the phrases `group.progress…` and at most
    /// about `limit` bytes.
    pub fn progress(&self, group: &str, found: &[Progress], limit: usize) -> String {
        let fill = |name: &str, values: &[(&str, &str)]| self.fill(&format!("{group}.{name}"), values);
        if found.is_empty() {
            return fill("progress_none", &[]);
        }
        let mut lines = Vec::new();
        for matter in found.iter().take(MOST) {
            let status = self.phrase(&format!("status.{}", matter.status)).unwrap_or(&matter.status);
            let mut line = fill("progress", &[("number", &matter.number), ("status", status)]);
            if let Some(unit) = &matter.unit {
                line += &fill("progress_unit", &[("unit", unit)]);
            }
            if let Some(reply) = &matter.reply {
                // Several matters share the limit, so that no long answer hides the next matter.
                let share = (limit / found.len().min(MOST)).saturating_sub(300);
                line += &fill("progress_reply", &[("reply", &shorten(reply, share))]);
            }
            lines.push(line);
        }
        let mut text = lines.join("\n");
        if found.len() > MOST {
            text += &fill("progress_more", &[("count", &(found.len() - MOST).to_string())]);
        }
        text
    }
}

/// `text` in at most `max` bytes, cut between characters.
pub fn shorten(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(max.saturating_sub('…'.len_utf8()))])
}
