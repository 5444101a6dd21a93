//! Recurring moments, as systemd's calendar events write them (`Sun 02:00`, `Mon..Fri *-*-* 22:30`, `daily`) or as cron
//! does (`0 2 * * 0`), and the windows that begin at them. The wall clock is an argument.

mod notation;

use std::fmt;
use std::time::{Duration, SystemTime};

use cronexpr::jiff::{Timestamp, Zoned};
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};

use notation::to_cron;

/// What a calendar event looks like, for errors.
pub const EXAMPLES: &str = "\"Sun 02:00\", \"Mon..Fri 22:30\", \"*-*-01 03:00\", \"daily\" or, as cron has it, \"0 2 * * 0\"";

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

#[cfg(test)]
mod tests;
