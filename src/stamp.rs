//! Time stamps of log lines: read from the forms that servers write, shown as RFC 3339 in UTC.
//!
//! A stamp is never altered: what the log says is what is counted. A stamp that is no date is
//! refused (`None`), and its line becomes a reject.

use crate::unit::Micros;

/// A point in time in microseconds since 1970-01-01T00:00:00Z; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Whichever of the three it is, told by the value (JSON and LTSV keys called `time`).
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
            StampForm::Any => {
                let text = text
                    .strip_prefix(b"[")
                    .and_then(|t| t.strip_suffix(b"]"))
                    .unwrap_or(text);
                iso8601(text)
                    .or_else(|| clf(text))
                    .or_else(|| epoch_seconds(text))
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
fn two(text: &[u8], at: usize) -> Option<i64> {
    match text.get(at..at + 2)? {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(i64::from(a - b'0') * 10 + i64::from(b - b'0')),
        _ => None,
    }
}

/// Four ASCII digits.
fn four(text: &[u8], at: usize) -> Option<i64> {
    Some(two(text, at)? * 100 + two(text, at + 2)?)
}

/// `+0600`, `+06:00`, `-0330`, `Z`: seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, digits) = text.split_first()?;
    let (hours, minutes) = match (sign, digits.len()) {
        (b'Z' | b'z', 0) => return Some(0),
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
    // yyyy-mm-ddThh:mm:ss[.fraction](Z|+hh:mm)
    let [
        _,
        _,
        _,
        _,
        b'-',
        _,
        _,
        b'-',
        _,
        _,
        b'T' | b't' | b' ',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        rest @ ..,
    ] = text
    else {
        return None;
    };
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
    let date = days(four(text, 0)?, two(text, 5)?, two(text, 8)?)?;
    let whole = stamp(
        date,
        two(text, 11)?,
        two(text, 14)?,
        two(text, 17)?,
        offset(east)?,
    )?;
    Some(Stamp(whole.0 + micros_of_fraction(fraction)))
}

/// The first six digits after the point, as microseconds.
fn micros_of_fraction(digits: &[u8]) -> i64 {
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
