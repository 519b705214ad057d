//! What every home of the store must do, told once and asked of both.

mod accept;
mod contacts;
mod conversation;
mod issue;
mod line;
mod pieces;
mod records;
mod reports;
#[path = "../../../tests/it/harness/postgres.rs"]
#[allow(dead_code)]
pub(in crate::store) mod server;

use super::{
    Accepted, MessageId, NewEvent, NewMessage, NewTicket, Outcome, Pace, Pass, Sequence, Store,
    postgres::{Address, PostgresStore},
    sqlite::SqliteStore,
};
use crate::number::Number;
use bytes::Bytes;
use jiesu_connector::{DeliveryKey, Incoming, OnOtherContent, Raw, Secret, digest};
use jiff::Timestamp;
use server::Postgres;
use std::{collections::BTreeMap, sync::Arc};
use tempfile::TempDir;

pub(in crate::store) const DAY: u32 = 20_261_122;
pub(in crate::store) const NOW: &str = "2026-11-22T08:00:00Z";

/// Where stores can be.
enum Homes {
    Sqlite,
    Postgres(Postgres),
}

/// Where one is.
enum Place {
    Sqlite(TempDir),
    Postgres(Address),
}

impl Homes {
    /// A place with no store yet.
    fn place(&self) -> Place {
        match self {
            Self::Sqlite => Place::Sqlite(tempfile::tempdir().unwrap()),
            Self::Postgres(server) => Place::Postgres(address(&server.database())),
        }
    }
}

impl Place {
    async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(directory) => Arc::new(SqliteStore::open(&directory.path().join("jiesu.db")).unwrap()),
            Self::Postgres(address) => Arc::new(PostgresStore::open(address.clone()).await.unwrap()),
        }
    }
}

pub(in crate::store) fn address(url: &str) -> Address {
    Address::new(&Secret::new(url.to_owned()), None).unwrap()
}

/// Each case alone on SQLite; and all of them, one after the other, on one server.
macro_rules! on_both_homes {
    ($($module:ident::$case:ident,)*) => {
        mod on_sqlite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    $module::$case(&Homes::Sqlite).await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn on_postgresql() {
            let homes = Homes::Postgres(Postgres::start(&["fsync=off"]));
            $(
                // The last one named is the one that failed.
                eprintln!("{}", stringify!($module::$case));
                $module::$case(&homes).await;
            )*
        }
    };
}

on_both_homes! {
    accept::many_at_once_get_the_numbers_from_one_on_and_they_are_there_after_a_restart,
    accept::a_redelivery_gets_the_first_receipt_and_other_content_is_a_new_appeal,
    accept::a_name_that_is_new_with_a_redelivery_stands_for_the_first_message,
    accept::each_day_counts_from_one,
    accept::what_is_in_the_queue_at_the_close_is_written,
    contacts::a_contact_is_due_when_nothing_is_lacking_whatever_the_order,
    contacts::a_contact_that_lacks_something_waits_for_it_also_across_a_restart_and_no_longer_than_its_window,
    contacts::what_comes_after_the_outcome_is_late_and_all_of_it_can_be_looked_at_again,
    contacts::a_ticket_is_not_made_of_a_contact_that_has_grown_and_what_stands_apart_waits_for_it,
    conversation::a_conversation_closes_with_its_window_its_ticket_or_its_two_hundredth_message,
    conversation::a_ticket_is_not_made_of_a_conversation_that_has_grown_nor_twice,
    conversation::what_is_said_sets_the_pace,
    issue::an_incident_begins_with_the_ticket_that_joins_it_or_not_at_all,
    issue::a_repeat_counts_to_its_ticket_until_it_is_undone,
    issue::many_tickets_at_once_are_each_stored_or_left,
    issue::what_citizens_are_known_by_is_learnt_shown_and_split,
    issue::what_is_published_is_found_by_what_is_asked,
    issue::replies_and_media_wait_for_their_turn,
    line::an_outcome_counts_once_however_often_it_is_stored,
    line::giants_are_read_a_few_at_a_time_and_none_is_left_out,
    line::a_change_is_made_on_the_version_that_was_read_and_an_update_once,
    line::one_holder_has_a_lease_until_it_gives_it_back,
    line::progress_and_dead_letters_are_each_destinations_own,
    pieces::a_message_goes_on_when_its_last_piece_is_there_whatever_the_order,
    pieces::the_same_place_with_other_bytes_begins_another_message_and_the_first_goes_on_with_its_gaps,
    pieces::what_is_missing_is_waited_for_and_then_comes_as_an_addition,
    pieces::in_a_conversation_pieces_keep_it_open_and_others_join_it,
    pieces::what_is_urgent_only_when_joined_goes_when_nothing_is_missing,
    pieces::what_is_whole_goes_before_those_whose_time_is_over_however_many_they_are,
    records::days_are_closed_in_their_order_and_each_once,
    records::the_last_comparison_of_each_line_is_known,
    records::what_waits_is_told_by_line_and_messages_are_read_by_line_and_day,
    reports::a_reply_is_delivered_partly_or_not_by_what_is_reported_of_all_its_messages,
    reports::what_is_never_reported_is_given_up_after_its_time,
}

pub(in crate::store) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(in crate::store) fn message(body: impl Into<Bytes>, key: Option<(&str, OnOtherContent)>) -> NewMessage {
    let body: Bytes = body.into();
    let keys =
        key.map(|(value, on_other_content)| DeliveryKey { scope: "id".into(), value: value.into(), on_other_content });
    NewMessage {
        channel: "app".into(),
        hotline: "12345".into(),
        received_at: now(),
        day: DAY,
        window: None,
        pace: Pace::Usual,
        piece: None,
        contact: None,
        incoming: Incoming {
            digest: digest([&body[..]]),
            raw: Raw { media_type: "application/json".into(), meta: BTreeMap::new(), body },
            keys: keys.into_iter().collect(),
            sender: None,
            hotline: None,
            joins: true,
            receipt: false,
        },
    }
}

pub(in crate::store) async fn accept<S: Store + ?Sized>(store: &Arc<S>, message: NewMessage) -> Number {
    match &store.accept(vec![message]).await.unwrap()[..] {
        [Accepted::New { number, .. }] => *number,
        other => panic!("{other:?}"),
    }
}

pub(in crate::store) fn document(number: Number, text: &str) -> String {
    format!(r#"{{"schema":"jiesu.ticket/1","number":"{number}","content":"{text}"}}"#)
}

pub(in crate::store) fn event(number: Number, text: &str) -> NewEvent {
    let head = r#"{"specversion":"1.0","source":"jiesu/test","sequence":""#;
    let body = format!(r#"{head}0000000000000000","data":{{"ticket":{}}}}}"#, document(number, text));
    NewEvent { id: format!("ev_{number}"), kind: "ticket.created", number, body: body.into(), sequence_at: head.len() }
}

pub(in crate::store) fn ticket(message: MessageId, number: Number, text: &str) -> Outcome {
    let ticket = NewTicket {
        number,
        code_hash: [7; 16],
        channel: "app".into(),
        hotline: "12345".into(),
        kind: "complaint",
        appellant: "ap_1".into(),
        sender: None,
        received_at: now(),
        receipt: None,
        document: document(number, text),
        repeats: None,
        joins: None,
        unchecked: false,
    };
    Outcome::Ticket {
        messages: vec![message],
        media: Vec::new(),
        ticket: Box::new(ticket),
        events: vec![event(number, text)],
    }
}

/// Everything in the line, as the issuer reads it.
pub(in crate::store) async fn pending<S: Store + ?Sized>(store: &Arc<S>) -> Vec<crate::store::Message> {
    let mut all = Vec::new();
    let mut after = Pass::default();
    loop {
        let some = store.pending(after, jiff::Timestamp::now(), 512).await.unwrap();
        if some.is_empty() {
            return all;
        }
        after = after.behind(&some);
        all.extend(some);
    }
}

pub(in crate::store) async fn events<S: Store + ?Sized>(store: &Arc<S>) -> Vec<crate::store::StoredEvent> {
    let mut all = Vec::new();
    let mut after = Sequence(0);
    loop {
        let some = store.events(after, 512).await.unwrap();
        let Some(last) = some.last() else { return all };
        after = last.sequence;
        all.extend(some);
    }
}
