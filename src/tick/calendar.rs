//! Recurring moments, as systemd's calendar events write them (`Sun 02:00`, `Mon..Fri *-*-* 22:30`, `daily`) or as cron
//! does (`0 2 * * 0`), and the windows that begin at them. The wall clock is an argument.

use std::fmt;
use std::time::{Duration, SystemTime};

use cronexpr::jiff::{Timestamp, Zoned};
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};

/// What a calendar event looks like, for errors.
pub const EXAMPLES: &str = "\"Sun 02:00\", \"Mon..Fri 22:30\", \"*-*-01 03:00\", \"daily\" or, as cron has it, \"0 2 * * 0\"";

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// systemd's words, and what they stand for.
const WORDS: [(&str, &str); 5] = [
    ("hourly", "0 * * * *"),
    ("daily", "0 0 * * *"),
    ("weekly", "0 0 * * MON"),
    ("monthly", "0 0 1 * *"),
    ("yearly", "0 0 1 1 *"),
];

/// So many windows in a row are searched for a pause between them.
const TRIED: usize = 400;

/// Windows that overlap are joined; of more than so many the rest is another window.
const JOINED: usize = 1000;

/// Recurring moments.
#[derive(Clone)]
pub struct Calendar {
    text: String,
    timezone: Option<String>,
    crontab: Crontab,
    /// The same on a clock that is never set forward or back, if it names times of day: then one that a clock skips or
    /// shows twice is meant once, as with cron(8). What comes each hour or minute goes by the time that passes.
    of_day: Option<Crontab>,
}

/// Whether this system knows a time zone of this name.
pub fn is_timezone(name: &str) -> bool {
    let fields = format!("0 0 * * * {name}");
    cronexpr::parse_crontab_with(&fields, ParseOptions::default()).is_ok()
}

impl Calendar {
    /// Reads `text`, in a time zone such as `Europe/Berlin`; without one the system's.
    ///
    /// # Errors
    /// Says what is wrong, in words that follow "it".
    pub fn parse(text: &str, timezone: Option<&str>) -> Result<Self, String> {
        let fields = to_cron(text)?;
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::System;
        let crontab = cronexpr::parse_crontab_with(&fields, options)
            .map_err(|_| "is not a calendar event".to_owned())?;
        let crontab = match timezone {
            Some(zone) => cronexpr::parse_crontab_with(&format!("{fields} {zone}"), options)
                .map_err(|_| format!("has a time zone {zone:?} that this system does not know"))?,
            None => crontab,
        };
        let comes_each = |field: &str| field.starts_with('*');
        let of_day = match fields.split(' ').take(2).any(comes_each) {
            true => None,
            false => cronexpr::parse_crontab_with(&format!("{fields} UTC"), options).ok(),
        };
        let calendar = Self {
            text: text.to_owned(),
            timezone: timezone.map(str::to_owned),
            crontab,
            of_day,
        };
        match calendar.next(SystemTime::UNIX_EPOCH) {
            Some(_) => Ok(calendar),
            None => Err("never comes".to_owned()),
        }
    }

    /// The first such moment after `time`.
    pub fn next(&self, time: SystemTime) -> Option<SystemTime> {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        let next = self.next_timestamp(time)?;
        let seconds = u64::try_from(next.as_second()).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn next_timestamp(&self, time: Timestamp) -> Option<Timestamp> {
        let mut next = self.crontab.find_next(MakeTimestamp(time)).ok()?;
        let Some(of_day) = &self.of_day else {
            return Some(next.timestamp());
        };
        while is_shown_again(&next) {
            next = self
                .crontab
                .find_next(MakeTimestamp(next.timestamp()))
                .ok()?;
        }
        let skipped = skipped(of_day, time, &next);
        Some(skipped.unwrap_or_else(|| next.timestamp()))
    }

    /// Whether each window of this length is open until the next one begins.
    pub fn never_pauses(&self, lasting: Duration) -> bool {
        // a leap year and its neighbours, in which all months and their lengths occur
        let mut last = SystemTime::UNIX_EPOCH + Duration::from_secs(1_830_297_600);
        for at in 0..TRIED {
            let Some(next) = self.next(last) else {
                return false;
            };
            let pause = next.duration_since(last).unwrap_or_default();
            if at > 0 && pause > lasting {
                return false;
            }
            last = next;
        }
        true
    }

    /// The end of the window that is open at `now`, where each lasts for `lasting`.
    pub fn open_until(&self, now: SystemTime, lasting: Duration) -> Option<SystemTime> {
        // a window that began a moment earlier than this is over; a search begins behind its argument
        let mut begin = self.next(now.checked_sub(lasting)?)?;
        if begin > now {
            return None;
        }
        let mut end = begin + lasting;
        for _ in 0..JOINED {
            begin = match self.next(begin) {
                Some(next) if next <= end => next,
                _ => break,
            };
            end = begin + lasting;
        }
        (now < end).then_some(end)
    }
}

/// Whether the clock showed this time of day an hour ago, before it was set back.
fn is_shown_again(moment: &Zoned) -> bool {
    let shown = moment.time_zone().to_ambiguous_zoned(moment.datetime());
    let first = shown.earlier().ok();
    first.is_some_and(|first| first.timestamp() < moment.timestamp())
}

/// When a clock between `time` and `next` is first set forward over a time of day of `of_day`: it is due then.
fn skipped(of_day: &Crontab, time: Timestamp, next: &Zoned) -> Option<Timestamp> {
    let zone = next.time_zone();
    let set = zone.following(time).map(|transition| {
        let at = transition.timestamp().as_second();
        let before = Timestamp::from_second(at - 1).map(|before| zone.to_offset(before).seconds());
        (at, before, transition.offset().seconds())
    });
    let mut set = set.take_while(|(at, _, _)| *at <= next.timestamp().as_second());
    let found = set.find(|(at, before, after)| {
        let Ok(before) = before else {
            return false;
        };
        // what the clock would have shown, as if it were that of UTC
        let (first, end) = (at + i64::from(*before), at + i64::from(*after));
        let due = MakeTimestamp::from_second(first - 1).and_then(|time| of_day.find_next(time));
        due.is_ok_and(|due| due.timestamp().as_second() < end)
    });
    found.and_then(|(at, _, _)| Timestamp::from_second(at).ok())
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.timezone) == (&other.text, &other.timezone)
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calendar({:?}, {:?})", self.text, self.timezone)
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.timezone {
            Some(zone) => write!(f, "{} {zone}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// The five fields of cron that `text` comes to.
fn to_cron(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [word] = words.as_slice()
        && let Some((_, fields)) = WORDS
            .iter()
            .find(|(known, _)| word.eq_ignore_ascii_case(known))
    {
        return Ok((*fields).to_owned());
    }
    if words.len() == 5 && !text.contains(':') {
        return Ok(words.join(" "));
    }
    let (mut days, mut date, mut time) = (None, None, None);
    for word in words {
        let place = if word.contains(':') {
            &mut time
        } else if word.contains('-') {
            &mut date
        } else if date.is_none() && time.is_none() {
            &mut days
        } else {
            return Err("is not a calendar event".to_owned());
        };
        if place.replace(word).is_some() {
            return Err("is not a calendar event".to_owned());
        }
    }
    let time = time.ok_or("has no time of day")?;
    let (hour, minute) = time_of_day(time)?;
    let (month, day) = date.map_or(Ok(("*".to_owned(), "*".to_owned())), month_and_day)?;
    if days.is_some() && (month.as_str(), day.as_str()) != ("*", "*") {
        // systemd wants both, cron either
        return Err("has a weekday and a date: write one of them".to_owned());
    }
    let weekdays = days.map_or(Ok("*".to_owned()), weekdays)?;
    Ok(format!("{minute} {hour} {day} {month} {weekdays}"))
}

/// `02:00`, `2,14:30`, `*:00`, `02:00:00`.
fn time_of_day(text: &str) -> Result<(String, String), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (hour, minute) = match parts.as_slice() {
        [hour, minute] | [hour, minute, "0" | "00"] => (hour, minute),
        [_, _, _] => return Err("has seconds: windows begin at full minutes".to_owned()),
        _ => return Err("has no time of day".to_owned()),
    };
    Ok((ranges(hour), ranges(minute)))
}

/// `*-*-01`, `*-12-24` or `12-24`.
fn month_and_day(text: &str) -> Result<(String, String), String> {
    match text.split('-').collect::<Vec<_>>().as_slice() {
        ["*", month, day] | [month, day] => Ok((ranges(month), ranges(day))),
        [_, _, _] => Err("has a year: a window comes again every year".to_owned()),
        _ => Err("is not a calendar event".to_owned()),
    }
}

/// systemd's ranges have two dots.
fn ranges(text: &str) -> String {
    text.replace("..", "-")
}

/// `Sun`, `Mon..Fri`, `Saturday,Sunday`.
fn weekdays(text: &str) -> Result<String, String> {
    let parts = text.split(',').map(|part| {
        let ends: Vec<_> = part.split("..").map(weekday).collect();
        match ends.as_slice() {
            [Some(day)] => Some(day.to_string()),
            // Sunday is 7 at the end of a range
            [Some(first), Some(last)] if first <= last => Some(format!("{first}-{last}")),
            _ => None,
        }
    });
    let days: Option<Vec<String>> = parts.collect();
    days.map(|days| days.join(","))
        .ok_or_else(|| format!("has a weekday {text:?} that there is not"))
}

fn weekday(text: &str) -> Option<usize> {
    let text = text.to_ascii_lowercase();
    let place = DAYS
        .iter()
        .position(|day| day.starts_with(&text) && text.len() >= 3)?;
    Some(place + 1)
}

#[cfg(test)]
mod tests {
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
}
