//! The order, bounds and ownership of rows.

use super::*;
use crate::health::Moment;
use crate::store::message::{Claim, MessageId, NextDelivery};
use crate::store::schema;

const LEASE: Duration = Duration::from_secs(60);

fn outbox() -> Connection {
    let conn = Connection::open_in_memory().expect("a database");
    schema::migrate(&conn).expect("the schema");
    conn
}

fn message(incident: &str, number: u64, created: u64) -> OutboxMessage {
    OutboxMessage {
        notifier: "mail".to_owned(),
        address: "ops@example.org".to_owned(),
        check: incident.to_owned(),
        incident: incident.to_owned(),
        number,
        json: format!("\"{incident} {number}\""),
        created: Moment::from_secs(created),
        queueing: Queueing::AtOnce,
    }
}

fn put(conn: &Connection, incident: &str, number: u64, created: u64) -> MessageId {
    enqueue(
        conn,
        "a",
        &[message(incident, number, created)],
        OutboxBounds::USUAL,
    )
    .expect("a row");
    id_of(conn, incident, number)
}

fn id_of(conn: &Connection, incident: &str, number: u64) -> MessageId {
    conn.query_row(
        "SELECT id FROM outbox WHERE incident = ?1 AND number = ?2",
        params![incident, int(number)],
        |row| row.get(0).map(MessageId),
    )
    .expect("a row")
}

fn claim(owner: &str) -> Claim {
    Claim {
        owner: owner.to_owned(),
        notifier: "mail".to_owned(),
        address: "ops@example.org".to_owned(),
    }
}

/// What `owner` gets at `now`: the message's text, or when to come again.
fn next(conn: &Connection, now: u64, owner: &str) -> String {
    let due = next_due(conn, Moment::from_secs(now), &claim(owner), LEASE);
    match due.expect("an answer").0 {
        NextDelivery::Deliver(queued) => {
            format!("{} {}", queued.message.incident, queued.message.number)
        }
        NextDelivery::At(when) => format!("at {}", when.as_millis() / 1000),
        NextDelivery::Nothing => "nothing".to_owned(),
    }
}

#[test]
fn messages_of_an_incident_are_delivered_in_order() {
    let conn = outbox();
    put(&conn, "i", 2, 11); // handed over in the wrong order
    let first = put(&conn, "i", 1, 10);
    put(&conn, "j", 1, 12);
    assert_eq!(next(&conn, 20, "a"), "i 1");
    assert_eq!(
        next(&conn, 20, "a"),
        "j 1",
        "another incident does not wait"
    );
    assert_eq!(next(&conn, 20, "a"), "at 80", "all others wait for these");
    failed(&conn, first, Moment::from_secs(50), "no route").expect("noted");
    assert_eq!(next(&conn, 49, "a"), "at 50");
    assert_eq!(next(&conn, 50, "a"), "i 1");
    delivered(&conn, first).expect("done");
    assert_eq!(next(&conn, 50, "a"), "i 2");
}

#[test]
fn new_run_delivers_messages_reserved_by_the_old_one() {
    let conn = outbox();
    let failed_once = put(&conn, "i", 1, 10);
    assert_eq!(next(&conn, 20, "a"), "i 1");
    failed(&conn, failed_once, Moment::from_secs(50), "no route").expect("noted");
    put(&conn, "j", 1, 12);
    assert_eq!(next(&conn, 20, "a"), "j 1");
    assert_eq!(
        next(&conn, 20, "a"),
        "at 50",
        "killed while it was being delivered"
    );
    reclaim(&conn, "a", &[]).expect("reclaimed");
    assert_eq!(next(&conn, 21, "a"), "j 1");
    assert_eq!(
        next(&conn, 21, "a"),
        "at 50",
        "the other one keeps its pause"
    );
}

#[test]
fn given_up_message_blocks_no_other_and_is_counted() {
    let conn = outbox();
    let first = put(&conn, "i", 1, 10);
    put(&conn, "i", 2, 11);
    give_up(&conn, first, "550 no such user").expect("kept");
    assert_eq!(next(&conn, 20, "a"), "i 2");
    let counts = counts(&conn).expect("counts");
    assert_eq!((counts.pending, counts.kept, counts.bytes), (1, 1, 10));
    assert_eq!(counts.oldest, Some(Moment::from_secs(11)));
    assert_eq!(counts.by_notifier, [("mail".to_owned(), 1)].into());
}

#[test]
fn one_watchdog_delivers_and_orphans_are_inherited() {
    let conn = outbox();
    put(&conn, "i", 1, 10);
    assert_eq!(next(&conn, 10, "b"), "at 310", "its owner goes first");
    assert_eq!(next(&conn, 10, "a"), "i 1");
    assert_eq!(next(&conn, 10, "a"), "at 70", "not twice within the lease");
    assert_eq!(next(&conn, 369, "b"), "at 370", "nor by another");
    assert_eq!(next(&conn, 370, "b"), "i 1", "its owner is gone");
    assert_eq!(next(&conn, 371, "a"), "at 730", "now it is the other's");
}

#[test]
fn the_same_report_twice_is_one_row() {
    let conn = outbox();
    assert_eq!(put(&conn, "i", 1, 10), put(&conn, "i", 1, 10));
    assert_eq!(counts(&conn).expect("counts").pending, 1);
}

#[test]
fn overflow_drops_the_oldest_and_reports_them() {
    let conn = outbox();
    let bounds = OutboxBounds {
        rows: 3,
        bytes: 100,
    };
    let fill = |message: &OutboxMessage| {
        enqueue(&conn, "a", std::slice::from_ref(message), bounds).expect("a row")
    };
    for number in 1..=3 {
        assert_eq!(fill(&message("i", number, number)), []);
    }
    give_up(&conn, id_of(&conn, "i", 2), "no").expect("kept");
    let numbers = |dropped: Vec<DroppedMessage>| -> Vec<(u64, bool)> {
        dropped
            .iter()
            .map(|one| (one.number, one.given_up))
            .collect()
    };
    assert_eq!(numbers(fill(&message("i", 4, 4))), [(2, true)]);
    assert_eq!(numbers(fill(&message("i", 5, 5))), [(1, false)]);
    let heavy = OutboxMessage {
        json: "x".repeat(97),
        ..message("i", 6, 6)
    };
    assert_eq!(
        numbers(fill(&heavy)),
        [(3, false), (4, false), (5, false)],
        "never the new one itself"
    );
}

#[test]
fn messages_of_a_check_are_ordered_over_incidents() {
    let conn = outbox();
    let old = OutboxMessage {
        check: "shop".to_owned(),
        ..message("i", 1, 10)
    };
    // the clock was set back in between
    let new = OutboxMessage {
        check: "shop".to_owned(),
        ..message("j", 1, 5)
    };
    for message in [old, new, message("other", 1, 12)] {
        enqueue(&conn, "a", &[message], OutboxBounds::USUAL).expect("a row");
    }
    assert_eq!(next(&conn, 20, "a"), "i 1");
    assert_eq!(
        next(&conn, 20, "a"),
        "other 1",
        "another check does not wait"
    );
    let first = id_of(&conn, "i", 1);
    failed(&conn, first, Moment::from_secs(500), "no route").expect("noted");
    assert_eq!(next(&conn, 100, "a"), "other 1", "its lease is over");
    assert_eq!(next(&conn, 100, "a"), "at 160");
    retry_now(&conn, "a", "mail", Moment::from_secs(100)).expect("due");
    assert_eq!(next(&conn, 100, "a"), "i 1");
    delivered(&conn, first).expect("done");
    assert_eq!(next(&conn, 100, "a"), "j 1");
}

#[test]
fn unreadable_row_is_set_aside_and_blocks_no_other() {
    for column in [
        "incident",
        "message",
        "check_name",
        "address",
        "last_failure",
    ] {
        let conn = outbox();
        let first = put(&conn, "i", 1, 10);
        put(&conn, "j", 2, 11);
        conn.execute(
            &format!("UPDATE outbox SET {column} = CAST(x'ff68' AS TEXT) WHERE id = ?1"),
            [first.0],
        )
        .expect("damaged");
        let due = next_due(&conn, Moment::from_secs(20), &claim("a"), LEASE);
        let (due, set_aside) = due.expect("an answer");
        let NextDelivery::Deliver(queued) = due else {
            panic!("{column}: {due:?}");
        };
        assert_eq!((queued.message.number, set_aside), (2, 1), "{column}");
        assert_eq!(counts(&conn).expect("counts").kept, 1, "{column}");
    }
}

#[test]
fn attempt_set_by_a_clock_ahead_is_due_now() {
    let conn = outbox();
    let id = put(&conn, "i", 1, 10);
    failed(&conn, id, Moment::from_secs(315_360_000), "no route").expect("noted");
    assert_eq!(next(&conn, 20, "a"), "i 1");
}

#[test]
fn messages_of_a_removed_notifier_can_be_sent_or_dropped() {
    let conn = outbox();
    let gone = |number| OutboxMessage {
        notifier: "webhook".to_owned(),
        address: "https://hooks.example.org".to_owned(),
        ..message("i", number, 10)
    };
    enqueue(&conn, "a", &[gone(1), gone(2)], OutboxBounds::USUAL).expect("rows");
    assert_eq!(next(&conn, 20, "a"), "nothing", "mail does not claim it");
    give_up(&conn, id_of(&conn, "i", 1), "404").expect("kept");
    let now = Moment::from_secs(20);
    assert_eq!(redirect(&conn, "webhook", &claim("a"), now), Ok(2));
    assert_eq!(next(&conn, 20, "a"), "i 1");
    enqueue(&conn, "a", &[gone(3)], OutboxBounds::USUAL).expect("a row");
    assert_eq!(discard(&conn, "b", "webhook"), Ok(0), "another watchdog's");
    assert_eq!(discard(&conn, "a", "webhook"), Ok(1));
}

#[test]
fn another_watchdog_delivers_only_to_the_same_address() {
    let conn = outbox();
    put(&conn, "i", 1, 10);
    let elsewhere = Claim {
        address: "dev@example.org".to_owned(),
        ..claim("b")
    };
    let due = next_due(&conn, Moment::from_secs(10_000), &elsewhere, LEASE);
    assert_eq!(due, Ok((NextDelivery::Nothing, 0)));
    assert_eq!(
        owners(&conn, "mail", "ops@example.org"),
        Ok(vec!["a".to_owned()])
    );
    assert_eq!(inherit(&conn, "a", &claim("b")), Ok(1));
    assert_eq!(next(&conn, 10, "b"), "i 1", "its owner is known to be gone");
}

#[test]
fn held_message_is_replaced_by_a_later_held_one_and_taken_back_by_the_end() {
    let conn = outbox();
    let put = |number, created, queueing| {
        let message = OutboxMessage {
            queueing,
            ..message("i", number, created)
        };
        enqueue(&conn, "a", &[message], OutboxBounds::USUAL).expect("noted");
    };
    let held = |until| Queueing::HeldUntil(Moment::from_secs(until));
    let end = |text: &str| Queueing::TakesBack {
        instead: None,
        otherwise: Some(text.to_owned()),
    };
    put(1, 10, held(100));
    put(2, 20, held(100));
    assert_eq!(next(&conn, 50, "a"), "at 100");
    put(3, 60, end("\"over\""));
    assert_eq!(
        next(&conn, 200, "a"),
        "nothing",
        "it was over within the time"
    );
    put(4, 210, held(300));
    put(5, 220, held(300));
    assert_eq!(next(&conn, 300, "a"), "i 5", "and not 4");
    delivered(&conn, id_of(&conn, "i", 5)).expect("done");
    put(6, 310, end("\"over\""));
    assert_eq!(next(&conn, 310, "a"), "i 6");
}
