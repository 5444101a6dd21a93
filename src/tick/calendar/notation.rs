//! How calendar events are written: systemd's notation, turned into the five fields of cron.

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

/// The five fields of cron that `text` comes to.
pub(super) fn to_cron(text: &str) -> Result<String, String> {
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
