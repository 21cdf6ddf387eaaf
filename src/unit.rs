//! Quantities and their one way to be read and shown: durations in microseconds, units of log
//! fields, quantiles, counts, bytes and shares.
//!
//! Everything is an integer: sums of integers do not depend on the order of the lines. Nothing here
//! knows of logs, phases or tables.

use std::fmt;
use std::str::FromStr;

/// A duration in whole microseconds, never negative.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Micros(pub u64);

impl Micros {
    /// The difference, or zero where `other` is larger (see `clamped` in [`crate::phases`]).
    #[must_use]
    pub fn minus(self, other: Micros) -> Micros {
        Micros(self.0.saturating_sub(other.0))
    }

    /// The sum; stays at the maximum instead of overflowing.
    #[must_use]
    pub fn plus(self, other: Micros) -> Micros {
        Micros(self.0.saturating_add(other.0))
    }
}

/// Three significant digits and a unit: `0 s`, `870 µs`, `1.25 ms`, `12.3 s`, `192 s`, `41.7 min`.
/// Below a millisecond whole microseconds are shown; from ten minutes on minutes, from ten hours on
/// hours.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MS: u64 = 1_000;
        const S: u64 = 1_000_000;
        const MIN: u64 = 60 * S;
        const HOUR: u64 = 60 * MIN;
        let us = self.0;
        let (per, name) = match us {
            0 => return f.pad("0 s"),
            _ if us < MS => return f.pad(&format!("{us} µs")),
            // 999.5 ms would round up to "1000 ms".
            _ if us < S - MS / 2 => (MS, "ms"),
            _ if us < 10 * MIN => (S, "s"),
            _ if us < 10 * HOUR => (MIN, "min"),
            _ => (HOUR, "h"),
        };
        f.pad(&format!("{} {name}", three_digits(us, per)))
    }
}

/// `value / per` with three significant digits, rounded half up, in integers.
fn three_digits(value: u64, per: u64) -> String {
    let value = u128::from(value);
    let per = u128::from(per);
    for decimals in [2_u32, 1, 0] {
        let scale = 10_u128.pow(decimals);
        let scaled = (value * scale + per / 2) / per;
        if scaled < 1_000 || decimals == 0 {
            let (whole, fraction) = (scaled / scale, scaled % scale);
            return match decimals {
                0 => whole.to_string(),
                _ => format!("{whole}.{fraction:0width$}", width = decimals as usize),
            };
        }
    }
    String::new()
}

/// The unit in which a log field gives a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Seconds, with a fraction: nginx's times, X-Runtime.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
    /// The value carries its unit: `12.3ms`, `0.5s`. A bare number does not say, and is refused.
    Suffix,
}

impl Unit {
    /// Digits between this unit and a microsecond: seconds 6, nanoseconds −3.
    const fn shift(self) -> i32 {
        match self {
            Unit::Seconds => 6,
            Unit::Milliseconds => 3,
            Unit::Microseconds | Unit::Suffix => 0,
            Unit::Nanoseconds => -3,
        }
    }

    /// Reads a plain decimal number (`12`, `0.255`, `33.1`) as a duration, truncated to whole
    /// microseconds. `None` for anything else: a sign, an exponent, hex, `NaN`, nothing at all, or a
    /// value over 2⁶³ µs.
    #[must_use]
    pub fn read(self, text: &[u8]) -> Option<Micros> {
        if let Some(time) = self.read_whole(text) {
            return Some(time);
        }
        let short = match self {
            Unit::Seconds => short_decimal(text, 6),
            Unit::Milliseconds => short_decimal(text, 3),
            Unit::Microseconds => short_decimal(text, 0),
            Unit::Nanoseconds => short_decimal(text, 0).map(|ns| ns / 1_000),
            Unit::Suffix => return read_with_suffix(text),
        };
        short.or_else(|| decimal(text, self.shift())).map(Micros)
    }

    /// As [`Unit::read`] of a whole number of a unit below seconds, with no more than fifteen digits, as
    /// most servers write them. `None` says nothing.
    #[must_use]
    #[inline]
    pub fn read_whole(self, text: &[u8]) -> Option<Micros> {
        match self {
            Unit::Seconds | Unit::Suffix => None,
            Unit::Milliseconds => short_whole(text).map(|ms| Micros(ms * 1_000)),
            Unit::Microseconds => short_whole(text).map(Micros),
            Unit::Nanoseconds => short_whole(text).map(|ns| Micros(ns / 1_000)),
        }
    }

    /// As [`Unit::read`] of a number with an exponent, `5e-05`: so Python and JavaScript write small
    /// numbers in JSON.
    #[must_use]
    #[cold]
    pub fn read_scientific(self, text: &[u8]) -> Option<Micros> {
        let mark = memchr::memchr2(b'e', b'E', text)?;
        let (number, exponent) = (text.get(..mark)?, text.get(mark + 1..)?);
        let exponent: i32 = std::str::from_utf8(exponent).ok()?.parse().ok()?;
        // Beyond this nothing is left, or nothing fits.
        (-64..=64).contains(&exponent).then_some(())?;
        match self {
            Unit::Suffix => None,
            unit => decimal(number, unit.shift() + exponent).map(Micros),
        }
    }
}

/// Powers of ten for moving the point of up to nine decimals.
const TENS: [u64; 10] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// As `decimal` of seconds in microseconds, for numbers below ten with three decimals or six: what
/// nginx and Rack write for nearly all requests. `None` for everything else.
#[must_use]
#[inline(always)]
pub fn usual_seconds(text: &[u8]) -> Option<u64> {
    // The digit before the point is moved to those behind it.
    if let [second, decimals @ ..] = text
        && let Ok(decimals) = <[u8; 4]>::try_from(decimals)
    {
        let word = u32::from_le_bytes(decimals);
        let digits = (word & !0xff) | u32::from(*second);
        let ms = four_digits(digits.to_le_bytes()).filter(|_| decimals[0] == b'.')?;
        return Some(ms * 1_000);
    }
    let text = <[u8; 8]>::try_from(text).ok()?;
    let word = u64::from_le_bytes(text);
    let digits = (word & !0xffff) | u64::from(text[0]) << 8 | u64::from(b'0');
    eight_digits(digits.to_le_bytes()).filter(|_| text[1] == b'.')
}

/// As [`short_decimal`] of a whole number of no more than fifteen digits, as most servers write them.
#[inline(always)]
fn short_whole(text: &[u8]) -> Option<u64> {
    match text {
        // The commonest are the shortest.
        [a @ b'0'..=b'9'] => Some(u64::from(a - b'0')),
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(u64::from(a - b'0') * 10 + u64::from(b - b'0')),
        _ => integer(text).filter(|_| (1..=15).contains(&text.len())),
    }
}

/// As [`eight_digits`], of four.
#[inline(always)]
fn four_digits(text: [u8; 4]) -> Option<u64> {
    let digits = u32::from_le_bytes(text) ^ 0x3030_3030;
    if (digits | digits.wrapping_add(0x0606_0606)) & 0xf0f0_f0f0 != 0 {
        return None;
    }
    let pairs = digits * 10 + (digits >> 8);
    Some(u64::from((pairs & 0xff) * 100 + (pairs >> 16 & 0xff)))
}

/// The number that eight digits are: neighbours are added up in pairs, then pairs of pairs, then
/// those, all at once in one word (<https://johnnylee-sde.github.io/Fast-numeric-string-to-int>).
#[inline(always)]
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    // The first digit is the lowest byte.
    let digits = u64::from_le_bytes(text) ^ 0x3030_3030_3030_3030;
    // What is no digit is over nine now: it has a high bit, or gets one where six is added.
    if (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    let pairs = digits * 10 + (digits >> 8);
    let fours = (pairs & 0x00ff_00ff_00ff_00ff) * 100 + ((pairs >> 16) & 0x00ff_00ff_00ff_00ff);
    let high = fours & 0xffff;
    let low = (fours >> 32) & 0xffff;
    Some(high * 10_000 + low)
}

/// A whole number without a sign.
#[must_use]
#[inline(always)]
pub fn integer(text: &[u8]) -> Option<u64> {
    match (text.len(), text.first_chunk(), text.last_chunk()) {
        // Both halves, which may overlap, and zeros in front of them.
        (4..=8, Some(first), Some(last)) => {
            let missing = u8::BITS * (8 - text.len() as u32);
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            let zeros = 0x3030_3030_3030_3030 & !(u64::MAX << missing);
            let digits = zeros | u64::from(first) << missing | u64::from(last) << u32::BITS;
            eight_digits(digits.to_le_bytes())
        }
        // Nineteen digits always fit.
        (0..=19, ..) => {
            let (number, rest) = leading_digits(text, 0);
            rest.is_empty().then_some(number)
        }
        _ => None,
    }
}

/// As [`decimal`], for a number that cannot overflow: what servers write. `None` for everything else,
/// which takes the long way.
#[inline]
fn short_decimal(text: &[u8], shift: usize) -> Option<u64> {
    // So many digits stay below 2^63.
    const MOST_DIGITS: usize = 18;
    let (whole, rest) = leading_digits(text.get(..MOST_DIGITS).unwrap_or(text), 0);
    let digits = text.len().min(MOST_DIGITS) - rest.len();
    if digits == 0 || digits + shift > MOST_DIGITS {
        return None;
    }
    match text.get(digits..)? {
        [] => Some(whole * TENS.get(shift)?),
        [b'.', decimals @ ..] if !decimals.is_empty() => {
            let (kept, dropped) = decimals.split_at(decimals.len().min(shift));
            let (value, rest) = leading_digits(kept, whole);
            let is_number = rest.is_empty() && dropped.iter().all(u8::is_ascii_digit);
            is_number.then_some(value * TENS.get(shift - kept.len())?)
        }
        _ => None,
    }
}

/// The number that the first digits go on with from `value`, and what is left behind them.
#[inline]
fn leading_digits(text: &[u8], mut value: u64) -> (u64, &[u8]) {
    let mut left = text;
    while let [byte, rest @ ..] = left {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u64::from(digit);
        left = rest;
    }
    (value, left)
}

/// A decimal number times `10^shift`, truncated.
fn decimal(text: &[u8], shift: i32) -> Option<u64> {
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(dot) => (text.get(..dot)?, text.get(dot + 1..)?),
        None => (text, &b""[..]),
    };
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return None;
    }
    let mut value = 0_u64;
    // The digits in front of the point after it was moved by `shift` places.
    let kept = whole.len() as i64 + i64::from(shift);
    let digits = whole
        .iter()
        .chain(fraction)
        .copied()
        .chain(std::iter::repeat(b'0'));
    for digit in digits.take(usize::try_from(kept).unwrap_or(0)) {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    (value <= i64::MAX as u64).then_some(value)
}

/// `12.3ms`, `800us`, `800µs`, `2s`, `5ns`, with or without a space before the unit.
fn read_with_suffix(text: &[u8]) -> Option<Micros> {
    let digits = text
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .count();
    let (number, suffix) = text.split_at(digits);
    match suffix {
        b"ms" => Unit::Milliseconds.read(number),
        b"s" => Unit::Seconds.read(number),
        _ => read_with_word(number, suffix.trim_ascii()),
    }
}

/// As [`read_with_suffix`], for the rarer ways to write a unit.
fn read_with_word(number: &[u8], suffix: &[u8]) -> Option<Micros> {
    // uWSGI goes on with how it sent the response.
    let word = match memchr::memmem::find(suffix, b" via ") {
        Some(end) => &suffix[..end],
        None => suffix,
    };
    let seconds = match word {
        b"s" | b"sec" | b"secs" => 1,
        b"ms" | b"msecs" => return Unit::Milliseconds.read(number),
        b"us" | b"micros" | b"\xc2\xb5s" | b"\xce\xbcs" => return Unit::Microseconds.read(number),
        b"ns" => return Unit::Nanoseconds.read(number),
        b"m" | b"min" => 60,
        b"h" => 3_600,
        b"d" => 86_400,
        _ => return None,
    };
    Unit::Seconds
        .read(number)?
        .0
        .checked_mul(seconds)
        .map(Micros)
}

/// A duration as a person types it in a flag: `300ms`, `1s`, `1.5h`, `2d`. The unit is required.
impl FromStr for Micros {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read_with_suffix(text.trim().as_bytes())
            .ok_or_else(|| format!("{text:?} is not a duration: give a number and a unit, as in 300ms, 1s, 5m, 1h or 2d"))
    }
}

/// A quantile as an exact fraction, so that ranks are computed in integers (`99.9 / 100.0` in
/// floating point gives a wrong rank now and then).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantile {
    /// In millionths of one, in `1..=1_000_000`.
    millionths: u32,
}

impl Quantile {
    /// The quantile of a whole percentage in `1..=100`; larger ones are taken as 100.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        let millionths = percent * 10_000;
        Quantile {
            millionths: if millionths > 1_000_000 {
                1_000_000
            } else {
                millionths
            },
        }
    }

    /// 99.9 %.
    pub const P99_9: Quantile = Quantile {
        millionths: 999_000,
    };

    /// The 1-based nearest rank among `count` sorted values: `ceil(q · count)`, in `1..=count`.
    /// Zero when there are none.
    #[must_use]
    pub fn rank(self, count: u64) -> u64 {
        let product = u128::from(count) * u128::from(self.millionths);
        // OK because millionths <= 1_000_000, so the result is at most `count`.
        product.div_ceil(1_000_000) as u64
    }

    /// `0.5`, `0.999`: as a fraction of one.
    #[must_use]
    pub fn fraction(self) -> String {
        match self.millionths {
            1_000_000 => "1".to_owned(),
            millionths => format!("0.{millionths:06}")
                .trim_end_matches('0')
                .to_owned(),
        }
    }

    /// `p50`, `p99_9`: the key in JSON and the name of a column.
    #[must_use]
    pub fn key(self) -> String {
        self.label().replace('.', "_")
    }

    /// `p50`, `p99.9`: the heading of a column.
    #[must_use]
    pub fn label(self) -> String {
        let (whole, fraction) = (self.millionths / 10_000, self.millionths % 10_000);
        match fraction {
            0 => format!("p{whole}"),
            _ => format!(
                "p{whole}.{}",
                format!("{fraction:04}").trim_end_matches('0')
            ),
        }
    }
}

/// A percentage as typed: `50`, `99.9`, up to four decimals, over 0 and up to 100.
impl FromStr for Quantile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let error = || {
            format!(
                "{text:?} is not a percentile: give a number over 0 and up to 100, as in 50 or 99.9"
            )
        };
        let digits = text.strip_prefix('p').unwrap_or(text);
        let decimals = digits
            .split_once('.')
            .map_or(0, |(_, decimals)| decimals.len());
        if decimals > 4 {
            return Err(error());
        }
        let millionths = decimal(digits.as_bytes(), 4).ok_or_else(error)?;
        match u32::try_from(millionths) {
            Ok(millionths @ 1..=1_000_000) => Ok(Quantile { millionths }),
            _ => Err(error()),
        }
    }
}

/// A count with thousands separated: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in bytes with three significant digits: `512 B`, `1.50 KiB`, `12.3 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    let steps = [
        (1_u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    for (per, name) in steps {
        if n >= per {
            return format!("{} {name}", three_digits(n, per));
        }
    }
    format!("{n} B")
}

/// A share as a percentage: `12.3 %`, `0.04 %`, `100 %`. An empty whole has no share: `-`.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    match (part, part == whole) {
        (0, _) => "0 %".to_owned(),
        (_, true) => "100 %".to_owned(),
        _ => {
            let hundredths =
                (u128::from(part) * 10_000 + u128::from(whole) / 2) / u128::from(whole);
            match hundredths {
                0 => "<0.01 %".to_owned(),
                1..1_000 => format!("{}.{:02} %", hundredths / 100, hundredths % 100),
                _ => format!("{}.{} %", hundredths / 100, hundredths % 100 / 10),
            }
        }
    }
}

/// A size as a person types it: `96MiB`, `1GiB`, `500MB`, `65536`.
///
/// # Errors
/// Anything else, as a sentence that names the accepted form.
pub fn read_bytes(text: &str) -> Result<u64, String> {
    let error =
        || format!("{text:?} is not a size: give a number of bytes or a unit, as in 96MiB or 1GiB");
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = trimmed.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let per: u64 = match suffix.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(error()),
    };
    number.checked_mul(per).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_fractions_too() {
        let fraction = |text: &str| text.parse::<Quantile>().map(Quantile::fraction);
        assert_eq!(fraction("50").as_deref(), Ok("0.5"));
        assert_eq!(fraction("99.9").as_deref(), Ok("0.999"));
        assert_eq!(fraction("100").as_deref(), Ok("1"));
    }

    #[test]
    fn durations_are_read_as_decimals_and_truncated() {
        let rows: &[(Unit, &str, Option<u64>)] = &[
            (Unit::Seconds, "0.000", Some(0)),
            (Unit::Seconds, "0.255", Some(255_000)),
            (Unit::Seconds, "12", Some(12_000_000)),
            (Unit::Seconds, "0.0123459", Some(12_345)),
            (Unit::Seconds, "1234567890.123", Some(1_234_567_890_123_000)),
            (Unit::Milliseconds, "33.1", Some(33_100)),
            (Unit::Milliseconds, "0.0005", Some(0)),
            (Unit::Microseconds, "2480", Some(2_480)),
            (Unit::Nanoseconds, "357313", Some(357)),
            (Unit::Nanoseconds, "12", Some(0)),
            (Unit::Suffix, "12.3ms", Some(12_300)),
            (Unit::Suffix, "0.5 s", Some(500_000)),
            (Unit::Suffix, "7µs", Some(7)),
            (Unit::Suffix, "33 msecs ", Some(33_000)),
            (Unit::Suffix, "2 micros via sendfile()", Some(2)),
            (Unit::Suffix, "2 ms by", None),
            (Unit::Suffix, "7", None),
            (Unit::Seconds, "", None),
            (Unit::Seconds, "-", None),
            (Unit::Seconds, "-1", None),
            (Unit::Seconds, "+1", None),
            (Unit::Seconds, "1e3", None),
            (Unit::Seconds, "0x1", None),
            (Unit::Seconds, "NaN", None),
            (Unit::Seconds, ".5", None),
            (Unit::Seconds, "1,5", None),
            (Unit::Seconds, "1.2.3", None),
            (Unit::Seconds, "99999999999999999999", None),
            (Unit::Seconds, "0.1\u{0}", None),
        ];
        for (unit, text, us) in rows {
            assert_eq!(
                unit.read(text.as_bytes()),
                us.map(Micros),
                "{unit:?} {text:?}"
            );
        }
    }

    #[test]
    fn exponents_move_the_point() {
        let rows: &[(Unit, &str, Option<u64>)] = &[
            (Unit::Seconds, "5e-05", Some(50)),
            (Unit::Seconds, "1.25E-3", Some(1_250)),
            (Unit::Milliseconds, "1.5e+2", Some(150_000)),
            (Unit::Nanoseconds, "1.5e6", Some(1_500)),
            (Unit::Seconds, "1e-64", Some(0)),
            (Unit::Seconds, "1e64", None),
            (Unit::Seconds, "1e", None),
            (Unit::Seconds, "e5", None),
            (Unit::Seconds, "15", None),
            (Unit::Suffix, "1e3ms", None),
        ];
        for (unit, text, us) in rows {
            assert_eq!(
                unit.read_scientific(text.as_bytes()),
                us.map(Micros),
                "{text}"
            );
        }
    }

    #[test]
    fn the_short_way_equals_the_long_way() {
        let texts = [
            "0",
            "0.000",
            "12.345",
            "1.2.3",
            "1..",
            "1.",
            ".1",
            "",
            "-",
            "1234567890123",
            "12345678901234",
            "0.123456",
            "0.1234567",
            "1-",
            "9999999.999999",
            "0.017557019",
            "999999999999.9999999999",
            "1234567890123.9",
            "123456789012345678",
            "1234567890123456789",
            "0.12345678901234567890",
            "0.1234567x",
            "0.1234567.",
        ];
        for text in texts {
            for shift in [6, 3, 0] {
                if let Some(value) = short_decimal(text.as_bytes(), shift) {
                    assert_eq!(
                        decimal(text.as_bytes(), shift as i32),
                        Some(value),
                        "{text} {shift}"
                    );
                }
            }
        }
        // Every byte in every place of a number of each usual length.
        for text in ["0.000", "9.999", "0.255", "0.004546", "9.999999"] {
            for at in 0..text.len() {
                for byte in 0..=u8::MAX {
                    let mut text = text.as_bytes().to_vec();
                    text[at] = byte;
                    if let Some(value) = usual_seconds(&text) {
                        assert_eq!(decimal(&text, 6), Some(value), "{text:?}");
                    }
                }
            }
        }
        for text in [
            "",
            "0",
            "-1",
            "+5",
            "12",
            "x2",
            "2x",
            "999",
            "35000000",
            "123456789012345",
            "1234567890123456",
            "7 ",
        ] {
            let read = |unit: Unit| unit.read(text.as_bytes()).map(|time| time.0);
            for unit in [Unit::Milliseconds, Unit::Microseconds, Unit::Nanoseconds] {
                assert_eq!(
                    read(unit),
                    decimal(text.as_bytes(), unit.shift()),
                    "{text:?} {unit:?}"
                );
            }
        }
        assert_eq!(usual_seconds(b"9.255"), Some(9_255_000));
        assert_eq!(usual_seconds(b"0.012345"), Some(12_345));
        assert_eq!(short_decimal(b"0.255", 6), Some(255_000));
        assert_eq!(short_decimal(b"0.012345", 6), Some(12_345));
        assert_eq!(short_decimal(b"0.017557019", 6), Some(17_557));
        assert_eq!(short_decimal(b"11.9", 0), Some(11));
    }

    #[test]
    fn durations_are_shown_with_three_digits() {
        let rows = [
            (0, "0 s"),
            (1, "1 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (12_345, "12.3 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (192_000_000, "192 s"),
            (9_999, "10.0 ms"),
            (599_999_999, "600 s"),
            (600_000_000, "10.0 min"),
            (36_000_000_000, "10.0 h"),
        ];
        for (us, text) in rows {
            assert_eq!(Micros(us).to_string(), text);
        }
    }

    #[test]
    fn quantiles_have_exact_ranks() {
        let p999: Quantile = "99.9".parse().unwrap();
        assert_eq!(p999, Quantile::P99_9);
        assert_eq!(
            (p999.key().as_str(), p999.label().as_str()),
            ("p99_9", "p99.9")
        );
        assert_eq!(p999.rank(1_000), 999);
        assert_eq!(p999.rank(1_001), 1_000);
        assert_eq!(Quantile::percent(50).rank(1), 1);
        assert_eq!(Quantile::percent(50).rank(0), 0);
        assert_eq!(Quantile::percent(100).rank(u64::MAX), u64::MAX);
        for bad in ["0", "100.1", "", "x", "99.99999", "-1"] {
            assert!(bad.parse::<Quantile>().is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_sizes_and_shares_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_536), "1.50 KiB");
        assert_eq!(share(0, 0), "-");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(1, 1_000_000), "<0.01 %");
        assert_eq!(share(123, 10_000), "1.23 %");
        assert_eq!(read_bytes("96MiB"), Ok(96 << 20));
        assert!(read_bytes("96 parsecs").is_err());
    }

    #[test]
    fn a_whole_number_of_any_length_is_read() {
        let digits = "1234567890123456789";
        for length in 1..=digits.len() {
            let text = &digits[digits.len() - length..];
            assert_eq!(integer(text.as_bytes()), text.parse().ok(), "{text}");
            for at in 0..length {
                for wrong in [b'-', b'/', b':', b' ', 0, 0xff] {
                    let mut text = text.as_bytes().to_vec();
                    text[at] = wrong;
                    assert_eq!(integer(&text), None, "{text:?}");
                }
            }
        }
        assert_eq!(integer(b"12345678901234567890"), None);
    }
}
