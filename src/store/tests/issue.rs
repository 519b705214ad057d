//! Outcomes that touch more than their own ticket, and what goes out with them.

use super::*;
use crate::store::{
    Changed, Contested, Identity, Joins, Known, Learnt, NewMedia, NewReply, NoTicket, PublishedQuery, Reach,
    TicketChange, TicketQuery,
};
use jiff::SignedDuration;

fn change(number: crate::number::Number, version: i64, text: &str) -> TicketChange {
    let told = event(number, text);
    TicketChange {
        number,
        version,
        status: "accepted".into(),
        document: document(number, text),
        events: vec![told],
        ..TicketChange::default()
    }
}

pub(super) async fn an_incident_begins_with_the_ticket_that_joins_it_or_not_at_all(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let first = accept(&store, message("first", None)).await;
    let second = accept(&store, message("second", None)).await;
    let waiting = pending(&store).await;
    store.issue(vec![ticket(waiting[0].id, first, "first")]).await.unwrap();
    let joining = |version| {
        let mut outcome = ticket(waiting[1].id, second, "second");
        if let Outcome::Ticket { ticket, .. } = &mut outcome {
            let begins = Some(Box::new(change(first, version, "of an incident")));
            ticket.joins = Some(Joins { root: first, begins });
        }
        outcome
    };
    assert_eq!(store.issue(vec![joining(7)]).await.unwrap(), 1, "somebody else has changed the first one");
    assert!(store.ticket(second).await.unwrap().is_none() && pending(&store).await.len() == 1);
    assert_eq!((events(&store).await.len(), store.members(first, 9).await.unwrap().len()), (1, 0));

    assert_eq!(store.issue(vec![joining(1)]).await.unwrap(), 0);
    assert!(store.ticket(first).await.unwrap().unwrap().document.contains("of an incident"));
    let told: Vec<_> = events(&store).await.iter().map(|event| event.number).collect();
    assert_eq!(told, [first, first, second], "what begins it comes first");
    assert_eq!(store.members(first, 9).await.unwrap().len(), 2);
}

pub(super) async fn a_repeat_counts_to_its_ticket_until_it_is_undone(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let first = accept(&store, message("first", None)).await;
    let again = accept(&store, message("again", None)).await;
    let waiting = pending(&store).await;
    store.issue(vec![ticket(waiting[0].id, first, "first")]).await.unwrap();
    let repeat = |version| Outcome::Repeat {
        messages: vec![waiting[1].id],
        number: again,
        code_hash: [9; 16],
        change: Box::new(change(first, version, "twice")),
    };
    assert_eq!(store.issue(vec![repeat(3)]).await, Ok(1), "the ticket is another by now");
    assert_eq!(store.issue(vec![repeat(1)]).await, Ok(0));
    assert_eq!(store.issue(vec![repeat(2)]).await, Ok(1), "once only");
    assert_eq!(store.repeat_of(again).await, Ok(Some(Some(first))));
    let Known::Ticket(row) = store.known(again).await.unwrap() else { panic!("it has no ticket") };
    assert_eq!((row.number, &row.code_hash[..]), (first, &[9; 16][..]), "the ticket, by the repeat's own code");
    assert_eq!(store.tallies(DAY).await.unwrap()[0].repeat, 1);
    assert_eq!(store.undo_repeat(again).await, Ok(true));
    assert_eq!(store.undo_repeat(again).await, Ok(false));
    assert_eq!(store.repeat_of(again).await, Ok(Some(None)));
    let back = pending(&store).await;
    assert!(matches!(&back[..], [one] if one.number == again && one.late && !one.ticketed), "{back:?}");
    let tally = &store.tallies(DAY).await.unwrap()[0];
    assert!(tally.balanced() && tally.repeat == 0 && tally.pending == 1, "{tally:?}");
    assert!(matches!(store.known(again).await.unwrap(), Known::InTheLine { .. }));
    store.close().await.unwrap();
}

pub(super) async fn many_tickets_at_once_are_each_stored_or_left(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let mut numbers = Vec::new();
    for index in 0..8 {
        numbers.push(accept(&store, message(format!("{index}"), None)).await);
    }
    let waiting = pending(&store).await;
    let mut outcomes: Vec<Outcome> = (0..8).map(|at| ticket(waiting[at].id, numbers[at], "x")).collect();
    // One that is there twice; one whose number another has; and in between what is none.
    outcomes.insert(2, ticket(waiting[1].id, numbers[1], "again"));
    outcomes.insert(5, Outcome::Learnt(Vec::new()));
    outcomes.push(Outcome::Quarantine { message: waiting[7].id, reason: "too late".into(), at: now() });
    if let Outcome::Ticket { ticket, .. } = &mut outcomes[4] {
        // The fourth under the first's number.
        ticket.number = numbers[0];
    }
    assert_eq!(store.issue(outcomes).await, Ok(2));
    let told: Vec<_> = events(&store).await.into_iter().map(|event| (event.sequence.0, event.number)).collect();
    let expected = [0, 1, 2, 4, 5, 6, 7].map(|at: usize| numbers[at]);
    assert!(told.iter().copied().eq((1..).zip(expected)), "{told:?}");
    let left = pending(&store).await;
    assert!(matches!(&left[..], [one] if one.id == waiting[3].id && one.late), "{left:?}");
    assert!(store.quarantined(9).await.unwrap().is_empty());
    assert_eq!(store.tallies(DAY).await.unwrap()[0].ticketed, 7);
    let found =
        store.tickets(TicketQuery { words: Some("x".into()), limit: 3, ..TicketQuery::default() }).await.unwrap();
    assert!(found.iter().map(|row| row.number).eq([7, 6, 5].map(|at: usize| numbers[at])));
    let query = TicketQuery { before: Some(numbers[2]), day: Some(DAY), limit: 9, ..TicketQuery::default() };
    assert_eq!(store.tickets(query).await.unwrap().len(), 2);
    let query = TicketQuery { channel: Some("a\0pp".into()), limit: 9, ..TicketQuery::default() };
    assert!(store.tickets(query).await.unwrap().is_empty());
    assert_eq!(store.tickets_from(numbers[5], 9).await.unwrap().len(), 2);
    store.close().await.unwrap();
}

pub(super) async fn what_citizens_are_known_by_is_learnt_shown_and_split(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let number = accept(&store, message("x", None)).await;
    let identity = |name: &str, citizen: &str, proven| Identity {
        name: name.into(),
        citizen: citizen.into(),
        kind: "phone",
        shown: "138****8000".into(),
        proven,
        channel: "app".into(),
        number,
        at: now(),
    };
    let contested = Contested { name: "b".into(), citizen: "z".into(), number, at: now() };
    let learnt = vec![
        Learnt::Known(identity("a", "a", false)),
        Learnt::Known(identity("b", "a", false)),
        Learnt::Known(identity("b", "other", true)),
        Learnt::Contested(contested.clone()),
        Learnt::Contested(contested.clone()),
    ];
    assert_eq!(store.issue(vec![Outcome::Learnt(learnt)]).await, Ok(0));
    let known = [identity("a", "a", false), identity("b", "a", true)];
    let mut found = store.identities(vec!["b".into(), "a".into(), "c".into()]).await.unwrap();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(found, known, "the first says whose it is, any that it is proven");
    assert_eq!(store.citizen("a").await.unwrap(), (known.to_vec(), vec![contested]));
    assert_eq!(store.split_citizen("z", "b", "n", now(), "desk").await, Ok(None));
    assert_eq!(store.split_citizen("a", "b", "n", now(), "desk").await, Ok(Some(true)));
    assert_eq!(store.split_citizen("a", "a", "m", now(), "desk").await, Ok(Some(false)), "their only one");
    let trail = store.audit_trail(9).await.unwrap();
    assert_eq!((trail.len(), &*trail[0].who, &*trail[0].action), (1, "desk", "citizen.split a b n"));
    store.close().await.unwrap();
}

pub(super) async fn what_is_published_is_found_by_what_is_asked(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let mut numbers = Vec::new();
    for (index, document) in [
        r#"{"publish":true,"category":{"code":"0503"}}"#,
        r#"{"category":{"code":"0503"},"content":"\"publish\":true"}"#,
        r#"{"publish":true,"category":{"code":"0101","name":"\u0000"}}"#,
        r#"{"category":null,"publish":true}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let number = accept(&store, message(format!("{index}"), None)).await;
        let mut outcome = ticket(MessageId(index as i64 + 1), number, "");
        if let Outcome::Ticket { ticket, .. } = &mut outcome {
            ticket.document = document.into();
            ticket.received_at = now() + SignedDuration::from_secs(index as i64);
        }
        assert_eq!(store.issue(vec![outcome]).await, Ok(0));
        numbers.push(number);
    }
    let found = async |query: PublishedQuery| {
        let rows = store.published(PublishedQuery { limit: 9, ..query }).await.unwrap();
        rows.into_iter().map(|row| row.number.sequence).collect::<Vec<_>>()
    };
    let all = PublishedQuery::default;
    assert_eq!(found(all()).await, [4, 3, 1]);
    assert_eq!(found(PublishedQuery { categories: Some(vec!["0503".into(), "9".into()]), ..all() }).await, [1]);
    assert_eq!(found(PublishedQuery { numbers: Some(numbers[..3].to_vec()), ..all() }).await, [3, 1]);
    let since = Some(now() + SignedDuration::from_secs(1));
    assert_eq!(found(PublishedQuery { since, offset: 1, ..all() }).await, [3]);
    let closing = TicketChange {
        number: numbers[2],
        version: 1,
        status: "closed".into(),
        document: r#"{"publish":true,"category":{"code":"0102"}}"#.into(),
        ..TicketChange::default()
    };
    assert_eq!(store.change_ticket(closing).await, Ok(Changed::Done));
    assert_eq!(found(PublishedQuery { closed: Some(true), ..all() }).await, [3]);
    assert_eq!(found(PublishedQuery { closed: Some(false), ..all() }).await, [4, 1]);
    assert_eq!(found(PublishedQuery { categories: Some(vec!["0102".into()]), ..all() }).await, [3]);
    store.close().await.unwrap();
}

pub(super) async fn replies_and_media_wait_for_their_turn(homes: &Homes) {
    let place = homes.place();
    let store = place.open().await;
    let receipt = |recipient: &str| NewReply {
        name: crate::reply::RECEIPT.into(),
        channel: "app".into(),
        recipient: recipient.into(),
        words: String::new(),
        give_up: Timestamp::now() + SignedDuration::from_hours(1),
    };
    let mut outcomes = Vec::new();
    let mut numbers = Vec::new();
    for (index, recipient) in ["a", "a", "b"].into_iter().enumerate() {
        let number = accept(&store, message(format!("{index}"), None)).await;
        let mut outcome = ticket(MessageId(index as i64 + 1), number, "");
        if let Outcome::Ticket { ticket, media, .. } = &mut outcome {
            ticket.receipt = Some(receipt(recipient));
            (ticket.sender, ticket.unchecked) = (Some(recipient.into()), index == 1);
            let one = NewMedia { file: "f".into(), source: "s".into() };
            media.extend((index > 0).then_some(one));
        }
        outcomes.push(outcome);
        numbers.push(number);
    }
    assert_eq!(store.issue(outcomes).await, Ok(0));
    let due = async || store.due_replies(Timestamp::now(), 9).await.unwrap();
    let first = due().await;
    let to: Vec<_> = first.iter().map(|due| (due.number, &*due.reply.recipient)).collect();
    assert_eq!(to, [(numbers[0], "a"), (numbers[2], "b")], "a program that answers is answered once");
    // Another reply of the ticket waits for the one before it.
    let later = NewReply { name: "rp_1".into(), words: "答复\0".into(), ..receipt("a") };
    let more = TicketChange { reply: Some(later), ..change(numbers[0], 1, "x") };
    assert_eq!(store.change_ticket(more).await, Ok(Changed::Done));
    assert_eq!(due().await.len(), 2);
    assert_eq!(store.sending_reply(first[0].id).await, Ok(true));
    assert_eq!(store.sending_reply(first[0].id).await, Ok(false), "by one only");
    assert_eq!((due().await.len(), store.interrupted_replies().await.unwrap().len()), (1, 1));
    store.settle_reply(first[0].id, "delivered", Some("m1".into()), None).await.unwrap();
    assert_eq!(store.sent_reply("app", "m1").await.unwrap().unwrap().id, first[0].id);
    let now_due = due().await;
    assert!(now_due[1].reply.words.starts_with("答复") && now_due[1].reply.name == "rp_1", "{now_due:?}");
    store.postpone_reply(now_due[1].id, Timestamp::MAX).await.unwrap();
    assert_eq!(due().await.len(), 1);

    let media = store.due_media(Timestamp::now(), 9).await.unwrap();
    assert!(media.iter().map(|one| (one.number, one.attempts)).eq([(numbers[1], 0), (numbers[2], 0)]));
    store.postpone_media(numbers[1], "f", Timestamp::MAX).await.unwrap();
    let kept = TicketChange { fetched: Some(("f".into(), "kept")), unlink: true, ..change(numbers[2], 1, "x") };
    assert_eq!(store.change_ticket(kept).await, Ok(Changed::Done));
    assert!(store.due_media(Timestamp::now(), 9).await.unwrap().is_empty());

    assert!(store.unchecked(9).await.unwrap().iter().map(|row| row.number).eq([numbers[1]]));
    store.checked(numbers[1]).await.unwrap();
    assert!(store.unchecked(9).await.unwrap().is_empty());
    assert_eq!(store.reach(numbers[2]).await, Ok(Reach::Unknown), "their name is forgotten");
    assert_eq!(store.reach(numbers[0]).await, Ok(Reach::Sender("a".into())));
    let (left, number) = (accept(&store, message("bye", None)).await, numbers[0]);
    let noted = Outcome::Noted { message: MessageId(4), reach: Some(("app".into(), "a".into(), false)), shown: None };
    assert_eq!(store.issue(vec![noted]).await, Ok(0));
    assert_eq!(store.reach(number).await, Ok(Reach::Left));
    assert!(matches!(store.known(left).await.unwrap(), Known::Nothing));
    // Those who have a number are told what it came to.
    for (place, about) in [(5, Some(numbers[0])), (6, None)] {
        let asked = accept(&store, message(format!("asked {place}"), None)).await;
        let shown = Some(NoTicket { about, what: "progress" });
        let noted = Outcome::Noted { message: MessageId(place), reach: None, shown };
        assert_eq!(store.issue(vec![noted]).await, Ok(0));
        let known = store.known(asked).await.unwrap();
        let Known::Noted { received_at, what, about: row } = known else { panic!("{known:?}") };
        assert_eq!((received_at, &*what, row.map(|row| row.number)), (now(), "progress", about));
    }
    assert_eq!(store.tickets_of("app", "a", 9).await.unwrap().len(), 2);
    assert_eq!(store.glance(now(), 9).await.unwrap().arrivals.len(), 6);
    store.close().await.unwrap();
}
