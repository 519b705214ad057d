//! Replies whose fate is reported: by several messages, in any order, or never.

use super::{Homes, accept, document, message, now, pending, ticket};
use crate::{
    number::Number,
    reply::{State, verdict},
    store::{NewReply, Store, TicketChange},
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

async fn change(store: &Arc<dyn Store>, number: Number, change: impl FnOnce(TicketChange) -> TicketChange) {
    let row = store.ticket(number).await.unwrap().unwrap();
    let (version, status, document) = (row.version, row.status, document(number, "x"));
    let same = TicketChange { number, version, status, document, ..TicketChange::default() };
    assert_eq!(store.change_ticket(change(same)).await.unwrap(), crate::store::Changed::Done);
}

/// A reply that went out as `a` and `b`, awaited for two days.
async fn sent(store: &Arc<dyn Store>) -> (Number, i64) {
    let number = accept(store, message("x", None)).await;
    let id = pending(store).await[0].id;
    assert_eq!(store.issue(vec![ticket(id, number, "x")]).await, Ok(0));
    let reply = NewReply {
        name: "rp_1".into(),
        channel: "app".into(),
        recipient: "citizen".into(),
        words: "words".into(),
        give_up: Timestamp::MAX,
    };
    change(store, number, |same| TicketChange { reply: Some(reply), ..same }).await;
    let due = store.due_replies(Timestamp::now(), 10).await.unwrap().remove(0);
    let awaited = Some(now() + SignedDuration::from_hours(48));
    store.settle_reply(due.id, "sent", Some("a b".into()), awaited).await.unwrap();
    (number, due.id)
}

pub(super) async fn a_reply_is_delivered_partly_or_not_by_what_is_reported_of_all_its_messages(homes: &Homes) {
    for (fates, state) in [
        ([None, None], State::Delivered),
        ([None, Some("MA:0001")], State::Partial),
        ([Some("EXPIRED"), Some("MA:0001")], State::Refused),
    ] {
        let place = homes.place();
        let store = place.open().await;
        let (number, id) = sent(&store).await;
        assert!(store.due_replies(Timestamp::now(), 10).await.unwrap().is_empty(), "it is under way");
        assert_eq!(store.report("app", "other", None).await, Ok(None));
        assert_eq!(store.report("elsewhere", "a", None).await, Ok(None));
        let first = store.report("app", "b", fates[1]).await.unwrap().unwrap();
        assert_eq!((first.due.id, verdict(&first.fates)), (id, None));
        // The same report again says nothing new.
        store.report("app", "b", fates[1]).await.unwrap();
        let both = store.report("app", "a", fates[0]).await.unwrap().unwrap();
        assert_eq!(verdict(&both.fates).unwrap().0, state);
        change(&store, number, |same| TicketChange { replied: Some((id, state.as_str(), None)), ..same }).await;
        assert_eq!(store.report("app", "a", fates[0]).await, Ok(None), "its fate is settled");
        store.close().await.unwrap();
    }
}

pub(super) async fn what_is_never_reported_is_given_up_after_its_time(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let (_, id) = sent(&store).await;
    let at = |hours| now() + SignedDuration::from_hours(hours);
    assert!(store.unreported(at(47), 10).await.unwrap().is_empty());
    let late = store.unreported(at(48), 10).await.unwrap();
    assert_eq!((late.len(), late[0].due.id, verdict(&late[0].fates)), (1, id, None));
    store.close().await.unwrap();
}
