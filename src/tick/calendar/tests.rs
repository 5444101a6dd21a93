use super::*;

/// 2026-05-01, a Friday, at midnight UTC.
const FRIDAY: u64 = 1_777_593_600;
const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn utc(text: &str) -> Calendar {
    Calendar::parse(text, Some("UTC")).expect(text)
}

#[test]
fn calendar_events_match_systemd_and_cron() {
    for (text, next) in [
        ("Sun 02:00", FRIDAY + 2 * DAY + 2 * HOUR),
        ("sunday 02:00:00", FRIDAY + 2 * DAY + 2 * HOUR),
        ("0 2 * * 0", FRIDAY + 2 * DAY + 2 * HOUR),
        ("Mon..Fri 22:30", FRIDAY + 22 * HOUR + 1800),
        ("Sat,Sun *-*-* 00:15", FRIDAY + DAY + 900),
        ("Fri..Sun 00:00", FRIDAY + DAY),
        ("*-*-01 03:00", FRIDAY + 3 * HOUR),
        ("*-06-02..03 03:00", FRIDAY + 32 * DAY + 3 * HOUR),
        ("06-01 00:00", FRIDAY + 31 * DAY),
        ("*:30", FRIDAY + 1800),
        ("02,14:00", FRIDAY + 2 * HOUR),
        ("hourly", FRIDAY + HOUR),
        ("daily", FRIDAY + DAY),
        ("weekly", FRIDAY + 3 * DAY),
        ("Monthly", FRIDAY + 31 * DAY),
        ("*/15 * * * *", FRIDAY + 900),
    ] {
        assert_eq!(utc(text).next(at(FRIDAY)), Some(at(next)), "{text}");
    }
    let berlin = Calendar::parse("Sun 02:00", Some("Europe/Berlin")).expect("it is known");
    assert_eq!(berlin.next(at(FRIDAY)), Some(at(FRIDAY + 2 * DAY)));
}

#[test]
fn invalid_calendar_events_are_refused_with_the_reason() {
    for (text, why) in [
        ("", "has no time of day"),
        ("Sun", "has no time of day"),
        ("Sunn 02:00", "has a weekday \"Sunn\" that there is not"),
        ("Su 02:00", "has a weekday \"Su\" that there is not"),
        (
            "Fri..Mon 02:00",
            "has a weekday \"Fri..Mon\" that there is not",
        ),
        ("25:00", "is not a calendar event"),
        ("02:00:30", "has seconds: windows begin at full minutes"),
        (
            "2026-05-01 02:00",
            "has a year: a window comes again every year",
        ),
        ("*-02-30 02:00", "never comes"),
        ("0 2 30 2 *", "never comes"),
        ("02:00 Sun", "is not a calendar event"),
        ("0 2 * * 0 UTC", "is not a calendar event"),
        (
            "Fri *-*-13 00:00",
            "has a weekday and a date: write one of them",
        ),
    ] {
        let found = Calendar::parse(text, Some("UTC"));
        assert_eq!(found, Err(why.to_owned()), "{text}");
    }
    let found = Calendar::parse("daily", Some("Mars/Olympus"));
    let why = "has a time zone \"Mars/Olympus\" that this system does not know";
    assert_eq!(found, Err(why.to_owned()));
}

/// The columns: the zone, the event, a moment, the next ones, in UTC.
#[test]
fn time_of_day_that_a_clock_skips_or_shows_twice_comes_once() {
    let utc = |text: &str| {
        let time: Timestamp = text.parse().expect(text);
        at(u64::try_from(time.as_second()).expect(text))
    };
    for (zone, text, after, next) in [
        // 02:00 to 03:00 is left out on 2026-03-29
        (
            "Europe/Berlin",
            "30 2 * * 0",
            "2026-03-27T00:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-04-05T00:30:00Z"],
        ),
        (
            "Europe/Berlin",
            "Sun 02:00",
            "2026-03-27T00:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-04-05T00:00:00Z"],
        ),
        (
            "Europe/Berlin",
            "Sun 03:00",
            "2026-03-27T00:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-04-05T01:00:00Z"],
        ),
        (
            "Europe/Berlin",
            "Sat 02:30",
            "2026-03-27T00:00:00Z",
            ["2026-03-28T01:30:00Z", "2026-04-04T00:30:00Z"],
        ),
        (
            "America/New_York",
            "02:30",
            "2026-03-08T00:00:00Z",
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        ),
        // midnight is left out
        (
            "America/Santiago",
            "daily",
            "2026-09-05T12:00:00Z",
            ["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"],
        ),
        // half an hour is left out
        (
            "Australia/Lord_Howe",
            "02:15",
            "2026-10-03T00:00:00Z",
            ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        // 02:00 to 03:00 comes twice on 2026-10-25
        (
            "Europe/Berlin",
            "30 2 * * 0",
            "2026-10-23T00:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-11-01T01:30:00Z"],
        ),
        // each hour is each hour
        (
            "Europe/Berlin",
            "*:30",
            "2026-03-29T00:45:00Z",
            ["2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"],
        ),
        (
            "Europe/Berlin",
            "*:30",
            "2026-10-25T00:15:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        ),
    ] {
        let calendar = Calendar::parse(text, Some(zone)).expect(text);
        let first = calendar.next(utc(after)).expect(text);
        let second = calendar.next(first).expect(text);
        assert_eq!([first, second], next.map(utc), "{zone} {text}");
    }
    let calendar = Calendar::parse("Sun 02:00", Some("Europe/Berlin")).expect("right");
    let window = Duration::from_secs(2 * HOUR);
    let open = |text| calendar.open_until(utc(text), window);
    let end = utc("2026-03-29T03:00:00Z");
    assert_eq!(open("2026-03-29T01:45:00Z"), Some(end));
    assert_eq!(open("2026-03-29T00:59:59Z"), None);
}

/// The columns: the time, and the end of the window that is open then.
#[test]
fn windows_are_open_from_their_begin_until_their_end() {
    let window = Duration::from_secs(2 * HOUR);
    for (now, end) in [
        (2 * HOUR - 1, None),
        (2 * HOUR, Some(4 * HOUR)),
        (4 * HOUR - 1, Some(4 * HOUR)),
        (4 * HOUR, None),
    ] {
        let found = utc("02:00").open_until(at(FRIDAY + now), window);
        assert_eq!(found, end.map(|end| at(FRIDAY + end)), "{now}");
    }
    // those that overlap are one
    let found = utc("02,03,04:00").open_until(at(FRIDAY + 2 * HOUR), window);
    assert_eq!(found, Some(at(FRIDAY + 6 * HOUR)));
    // also one that never ends
    assert!(utc("* * * * *").open_until(at(FRIDAY), window).is_some());
}
