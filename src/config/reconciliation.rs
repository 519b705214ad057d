//! `[reconciliation]`: what became of a day's appeals (当日工单当日转接).

use super::{Duration, TimeOfDay};
use schemars::JsonSchema;
use serde::Deserialize;

/// What became of a day's appeals: the alarm before its end, and its closing.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reconciliation {
    /// From this time of the local day on, what still waits raises an alarm.
    #[schemars(example = "23:00")]
    pub alarm_at: TimeOfDay,
    /// What waits for less than this is no cause for alarm.
    pub pending_after: Duration,
    /// How long after midnight a day is held open for what still waits; then it is closed with what is left.
    pub close_after: Duration,
}

impl Default for Reconciliation {
    fn default() -> Self {
        Self {
            alarm_at: TimeOfDay(jiff::civil::Time::constant(23, 0, 0, 0)),
            pending_after: Duration::seconds(60),
            close_after: Duration::seconds(15 * 60),
        }
    }
}
