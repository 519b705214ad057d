//! What became of what was received, counted with the outcome, in its own transaction.

use super::{fail::Fail, link::Text, tx::Tx};
use crate::store::Counter;
use std::collections::BTreeMap;

/// Counts of a transaction, by day, channel and hotline; what is taken back is below zero.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<(u32, String, String), [i64; 6]>);

impl Counts {
    pub(super) fn add(&mut self, day: u32, channel: &str, hotline: &str, counter: Counter, by: i64) {
        self.0.entry((day, channel.to_owned(), hotline.to_owned())).or_default()[counter as usize] += by;
    }

    pub(super) async fn store(self, tx: &Tx<'_>) -> Result<(), Fail> {
        if self.0.is_empty() {
            return Ok(());
        }
        let days: Vec<i64> = self.0.keys().map(|(day, ..)| i64::from(*day)).collect();
        let channels: Vec<Text<&str>> = self.0.keys().map(|(_, channel, _)| Text(&**channel)).collect();
        let hotlines: Vec<Text<&str>> = self.0.keys().map(|(.., hotline)| Text(&**hotline)).collect();
        let counts = |counter: Counter| self.0.values().map(|counts| counts[counter as usize]).collect::<Vec<i64>>();
        let sql = "INSERT INTO tally (day, channel, hotline, ticketed, supplement, repeat, redelivery, refused, noted)
                   SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                        $7::bigint[], $8::bigint[], $9::bigint[])
                   ON CONFLICT (day, channel, hotline) DO UPDATE SET
                     ticketed = greatest(0, tally.ticketed + excluded.ticketed),
                     supplement = greatest(0, tally.supplement + excluded.supplement),
                     repeat = greatest(0, tally.repeat + excluded.repeat),
                     redelivery = greatest(0, tally.redelivery + excluded.redelivery),
                     refused = greatest(0, tally.refused + excluded.refused),
                     noted = greatest(0, tally.noted + excluded.noted)";
        use Counter::{Noted, Redelivery, Refused, Repeat, Supplement, Ticketed};
        let (ticketed, supplement, repeat) = (counts(Ticketed), counts(Supplement), counts(Repeat));
        let (redelivery, refused, noted) = (counts(Redelivery), counts(Refused), counts(Noted));
        tx.execute(sql, &[&days, &channels, &hotlines, &ticketed, &supplement, &repeat, &redelivery, &refused, &noted])
            .await
            .map(drop)
    }
}
