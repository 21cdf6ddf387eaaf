//! Time stamps of log lines: read from the forms that servers write, shown as RFC 3339 in UTC.
//!
//! A stamp is never altered: what the log says is what is counted. A stamp that is no date is
//! refused (`None`), and its line becomes a reject.

use crate::unit::{Micros, integer};

/// A point in time in microseconds since 1970-01-01T00:00:00Z; may be negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Stamp(pub i64);

const SECOND: i64 = 1_000_000;

/// How a field writes its time stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StampForm {
    /// `28/Sep/1970:12:00:00 +0600`: nginx's `$time_local`, Apache's `%t`.
    Clf,
    /// `1970-09-28T12:00:00+06:00`, with an optional fraction, `Z` or an offset.
    Iso8601,
    /// Seconds since the epoch with an optional fraction: `$msec`.
    EpochSeconds,
    /// `Thu Nov  7 03:19:17 2019`, taken as UTC: C's `ctime`, uWSGI.
    Ctime,
    /// `06/Feb/2009:12:14:14.655`, taken as UTC: HAProxy's `%tr`.
    Haproxy,
    /// `12:14:14[.655]` of a day that another column names, UTC (W3C). Of itself it is no stamp; see
    /// [`with_date`].
    TimeOfDay,
    /// When a request was queued: `t=1571347200.123`, with or without the `t=`, in s, ms, µs or ns,
    /// told by the size of the number; see `since`.
    Since,
    /// Whichever of the first three or the epoch in s, ms, µs or ns it is, told by the value (JSON
    /// and LTSV keys called `time`).
    Any,
}

impl StampForm {
    /// Reads a stamp; `None` where the text is not of this form or not a date.
    #[must_use]
    pub fn read(self, text: &[u8]) -> Option<Stamp> {
        match self {
            StampForm::Clf => clf(text),
            StampForm::Iso8601 => iso8601(text),
            StampForm::EpochSeconds => epoch_seconds(text),
            StampForm::Ctime => ctime(text),
            StampForm::Haproxy => haproxy(text),
            StampForm::TimeOfDay => None,
            StampForm::Since => since(text),
            StampForm::Any => {
                let text = text
                    .strip_prefix(b"[")
                    .and_then(|t| t.strip_suffix(b"]"))
                    .unwrap_or(text);
                iso8601(text)
                    .or_else(|| clf(text))
                    .or_else(|| haproxy(text))
                    .or_else(|| epoch(text))
            }
        }
    }
}

impl Stamp {
    /// The stamp moved back by a duration.
    #[must_use]
    pub fn before(self, duration: Micros) -> Stamp {
        Stamp(self.0.saturating_sub_unsigned(duration.0))
    }

    /// The time from this stamp to a later one; zero where it is not later.
    #[must_use]
    pub fn until(self, later: Stamp) -> Micros {
        Micros(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// The stamp moved on by a duration.
    #[must_use]
    pub fn after(self, duration: Micros) -> Stamp {
        Stamp(self.0.saturating_add_unsigned(duration.0))
    }

    /// RFC 3339 in UTC with as many decimals as needed: `2026-01-31T12:00:00.25Z`. A stamp outside
    /// the years −9999 to 9999 is shown as its microseconds.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_microsecond(self.0)
            .map_or_else(|_| format!("{} us", self.0), |t| t.to_string())
    }
}

/// Two ASCII digits.
// Inlined, so that nothing is checked where the length is known.
#[inline(always)]
fn two(text: &[u8], at: usize) -> Option<i64> {
    match text.get(at..at + 2)? {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(i64::from(a - b'0') * 10 + i64::from(b - b'0')),
        _ => None,
    }
}

/// Four ASCII digits.
#[inline(always)]
fn four(text: &[u8], at: usize) -> Option<i64> {
    Some(two(text, at)? * 100 + two(text, at + 2)?)
}

/// `+0600`, `+06:00`, `-0330`, `Z`: seconds east of UTC.
#[inline]
fn offset(text: &[u8]) -> Option<i64> {
    if let b"Z" | b"z" = text {
        return Some(0);
    }
    let (sign, digits) = text.split_first()?;
    let (hours, minutes) = match (sign, digits.len()) {
        (b'+' | b'-', 4) => (two(digits, 0)?, two(digits, 2)?),
        (b'+' | b'-', 5) if digits[2] == b':' => (two(digits, 0)?, two(digits, 3)?),
        (b'+' | b'-', 2) => (two(digits, 0)?, 0),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = hours * 3_600 + minutes * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar; `None` for a day that does
/// not exist. The formula is Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Puts a date, a time of day and an offset together. `:60` is a leap second, counted as the next.
fn stamp(date: i64, hour: i64, minute: i64, second: i64, east: i64) -> Option<Stamp> {
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(Stamp(
        (date * 86_400 + hour * 3_600 + minute * 60 + second - east) * SECOND,
    ))
}

fn clf(text: &[u8]) -> Option<Stamp> {
    // dd/Mon/yyyy:hh:mm:ss +hhmm
    let [
        _,
        _,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        _,
        _,
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b' ',
        east @ ..,
    ] = text
    else {
        return None;
    };
    let month = match &[*m1, *m2, *m3] {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    };
    let date = days(four(text, 7)?, month, two(text, 0)?)?;
    stamp(
        date,
        two(text, 12)?,
        two(text, 15)?,
        two(text, 18)?,
        offset(east)?,
    )
}

fn iso8601(text: &[u8]) -> Option<Stamp> {
    // yyyy-mm-ddThh:mm:ss[.fraction][Z|+hh:mm]; without a zone, as many programs write it, it counts as UTC.
    let (text, rest) = text.split_first_chunk::<19>()?;
    let marks = [text[4], text[7], text[10], text[13], text[16]];
    let [b'-', b'-', b'T' | b't' | b' ', b':', b':'] = marks else {
        return None;
    };
    let date = integer(&[0, 1, 2, 3, 5, 6, 8, 9].map(|at| text[at]))?.cast_signed();
    let time = integer(&[11, 12, 14, 15, 17, 18].map(|at| text[at]))?.cast_signed();
    let (fraction, east) = match rest {
        [b'.' | b',', digits @ ..] => {
            let n = digits.iter().take_while(|b| b.is_ascii_digit()).count();
            if n == 0 {
                return None;
            }
            digits.split_at(n)
        }
        _ => (&b""[..], rest),
    };
    let date = days(date / 10_000, date / 100 % 100, date % 100)?;
    let east = if east.is_empty() { 0 } else { offset(east)? };
    let whole = stamp(date, time / 10_000, time / 100 % 100, time % 100, east)?;
    Some(Stamp(whole.0 + micros_of_fraction(fraction)))
}

/// The first six digits after the point, as microseconds.
fn micros_of_fraction(digits: &[u8]) -> i64 {
    if let [a, b, c] = digits {
        return [a, b, c]
            .iter()
            .fold(0, |ms, d| ms * 10 + i64::from(**d - b'0'))
            * 1_000;
    }
    (0..6).fold(0, |us, i| {
        us * 10 + digits.get(i).map_or(0, |d| i64::from(d - b'0'))
    })
}

fn epoch_seconds(text: &[u8]) -> Option<Stamp> {
    let dot = memchr::memchr(b'.', text).unwrap_or(text.len());
    let (whole, rest) = text.split_at(dot);
    let fraction = rest.get(1..).unwrap_or(b"");
    // Eleven digits of seconds reach the year 5138; more are milliseconds that someone mislabelled.
    if whole.is_empty() || whole.len() > 11 || !whole.iter().chain(fraction).all(u8::is_ascii_digit)
    {
        return None;
    }
    let seconds = whole.iter().fold(0, |s, d| s * 10 + i64::from(d - b'0'));
    Some(Stamp(seconds * SECOND + micros_of_fraction(fraction)))
}

/// `Thu Nov  7 03:19:17 2019`, with or without the name of the day.
fn ctime(text: &[u8]) -> Option<Stamp> {
    let mut words = text
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let mut first = words.next()?;
    if month(first).is_none() {
        first = words.next()?;
    }
    let (day, time, year) = (words.next()?, words.next()?, words.next()?);
    let day = match day {
        [digit @ b'0'..=b'9'] => i64::from(digit - b'0'),
        _ => two(day, 0).filter(|_| day.len() == 2)?,
    };
    if words.next().is_some() || year.len() != 4 {
        return None;
    }
    let seconds = time_of_day(time)?;
    let date = days(four(year, 0)?, month(first)?, day)?;
    Some(Stamp(date * 86_400 * SECOND + seconds))
}

/// `dd/Mon/yyyy:hh:mm:ss[.mmm]` without an offset.
fn haproxy(text: &[u8]) -> Option<Stamp> {
    let (date, time) = (text.get(..11)?, text.get(12..)?);
    if date[2] != b'/' || date[6] != b'/' || text[11] != b':' {
        return None;
    }
    let date = days(four(date, 7)?, month(&date[3..6])?, two(date, 0)?)?;
    Some(Stamp(date * 86_400 * SECOND + time_of_day(time)?))
}

/// The stamp of a date `yyyy-mm-dd` and a time of day `hh:mm:ss[.fraction]`, both UTC.
#[must_use]
pub fn with_date(date: &[u8], time: &[u8]) -> Option<Stamp> {
    let [_, _, _, _, b'-', _, _, b'-', _, _] = date else {
        return None;
    };
    let date = days(four(date, 0)?, two(date, 5)?, two(date, 8)?)?;
    Some(Stamp(date * 86_400 * SECOND + time_of_day(time)?))
}

/// Microseconds since midnight of `hh:mm:ss[.fraction]`.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let [_, _, b':', _, _, b':', _, _, rest @ ..] = text else {
        return None;
    };
    let fraction = match rest {
        [] => rest,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            digits
        }
        _ => return None,
    };
    let whole = stamp(0, two(text, 0)?, two(text, 3)?, two(text, 6)?, 0)?;
    Some(whole.0 + micros_of_fraction(fraction))
}

fn month(name: &[u8]) -> Option<i64> {
    const NAMES: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    NAMES
        .iter()
        .position(|known| *known == name)
        .map(|at| at as i64 + 1)
}

/// The epoch in seconds, or in ms, µs or ns where the number is so large that seconds would lie
/// beyond the year 5138. Numbers of those units before 1973 would be taken for a coarser one; no log
/// is that old.
fn epoch(text: &[u8]) -> Option<Stamp> {
    let whole = text
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(text.len());
    let per_microsecond: i64 = match whole {
        0..=11 => return epoch_seconds(text),
        12..=14 => -1_000,
        15..=17 => 1,
        18..=19 => 1_000,
        _ => return None,
    };
    let (digits, rest) = text.split_at(whole);
    let rest = rest.get(1..).unwrap_or_default();
    if !digits.iter().chain(rest).all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().try_fold(0_i64, |number, digit| {
        number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
    })?;
    Some(Stamp(if per_microsecond < 0 {
        let below = micros_of_fraction(rest) / 1_000;
        number * -per_microsecond + below
    } else {
        number / per_microsecond
    }))
}

/// The moment of an `X-Request-Start` header. Senders disagree on the unit (nginx `t=${msec}` writes
/// seconds, Heroku milliseconds, Apache's `t=%t` microseconds), so the size of the number tells.
fn since(text: &[u8]) -> Option<Stamp> {
    epoch(text.strip_prefix(b"t=").unwrap_or(text))
}

/// Whether the text of a stamp tells more than whole seconds.
#[must_use]
pub fn is_finer_than_seconds(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    memchr::memchr(b'.', text).is_some() || digits > 11
}

/// Reads stamps, doing no work for a stamp whose text equals the one before: logs are nearly
/// sorted, and servers write whole seconds.
#[derive(Debug, Default)]
pub struct StampReader {
    last: Option<(StampForm, Stamp)>,
    /// The text of `last`.
    text: Vec<u8>,
}

impl StampReader {
    /// As [`StampForm::read`].
    #[inline]
    pub fn read(&mut self, form: StampForm, text: &[u8]) -> Option<Stamp> {
        if let Some((last, stamp)) = self.last
            && last == form
            && self.text == text
        {
            return Some(stamp);
        }
        let stamp = form.read(text);
        self.last = stamp.map(|stamp| (form, stamp));
        self.text.clear();
        self.text.extend_from_slice(text);
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_gives_the_same_instant() {
        let want = Some(Stamp(23_328_000 * SECOND));
        assert_eq!(StampForm::Clf.read(b"28/Sep/1970:06:00:00 +0600"), want);
        assert_eq!(StampForm::Iso8601.read(b"1970-09-28T06:00:00+06:00"), want);
        assert_eq!(StampForm::Iso8601.read(b"1970-09-28T00:00:00.000Z"), want);
        assert_eq!(StampForm::EpochSeconds.read(b"23328000.000"), want);
        for text in [
            &b"28/Sep/1970:06:00:00 +0600"[..],
            b"[28/Sep/1970:06:00:00 +0600]",
            b"1970-09-28T06:00:00+06:00",
            b"23328000",
        ] {
            assert_eq!(StampForm::Any.read(text), want);
        }
    }

    #[test]
    fn dates_agree_with_a_second_implementation() {
        for day in (-200_000..200_000).step_by(97) {
            let date = jiff::civil::date(1970, 1, 1)
                .checked_add(jiff::Span::new().days(day))
                .unwrap();
            assert_eq!(
                days(date.year().into(), date.month().into(), date.day().into()),
                Some(day),
                "{date}"
            );
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "29/Feb/2023:00:00:00 +0000",
            "00/Jan/2023:00:00:00 +0000",
            "01/Foo/2023:00:00:00 +0000",
            "01/Jan/2023:24:00:00 +0000",
            "01/Jan/2023:00:00:00 0000",
            "",
            "-",
        ] {
            assert_eq!(StampForm::Any.read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(StampForm::EpochSeconds.read(b"1571347200123"), None);
        for text in ["12345678901234567890", "t=", "t=x", "1571347200123x", "-1"] {
            assert_eq!(StampForm::Since.read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(StampForm::TimeOfDay.read(b"12:00:00"), None);
        assert_eq!(with_date(b"2023-02-29", b"12:00:00"), None);
        assert_eq!(with_date(b"2023-02-28", b"12:00:00x"), None);
    }

    #[test]
    fn servers_own_forms_are_read() {
        let want = Some(Stamp(1_573_096_757 * SECOND));
        assert_eq!(StampForm::Ctime.read(b"Thu Nov  7 03:19:17 2019"), want);
        assert_eq!(StampForm::Haproxy.read(b"07/Nov/2019:03:19:17.000"), want);
        assert_eq!(with_date(b"2019-11-07", b"03:19:17"), want);
        for text in [
            "t=1573096757",
            "1573096757.000",
            "1573096757000",
            "t=1573096757000000",
            "1573096757000000000",
        ] {
            assert_eq!(StampForm::Since.read(text.as_bytes()), want, "{text}");
        }
        assert_eq!(
            StampForm::Since.read(b"1573096757000.25"),
            want.map(|stamp| stamp.after(Micros(250)))
        );
        assert!(is_finer_than_seconds(b"1573096757000") && is_finer_than_seconds(b"1.5"));
        assert!(!is_finer_than_seconds(b"1573096757"));
    }

    #[test]
    fn fractions_are_kept_to_the_microsecond() {
        assert_eq!(
            StampForm::EpochSeconds.read(b"1.0234567"),
            Some(Stamp(1_023_456))
        );
        assert_eq!(Stamp(1_023_456).rfc3339(), "1970-01-01T00:00:01.023456Z");
    }

    #[test]
    fn the_reader_equals_the_form() {
        let mut reader = StampReader::default();
        for text in [&b"1.5"[..], b"1.5", b"x", b"x", b"2", b"1.5"] {
            assert_eq!(
                reader.read(StampForm::EpochSeconds, text),
                StampForm::EpochSeconds.read(text)
            );
        }
    }
}
