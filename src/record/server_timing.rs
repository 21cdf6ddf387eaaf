//! The `Server-Timing` response header (<https://www.w3.org/TR/server-timing/>), as it stands in a
//! log.
//!
//! Metrics may overlap, so nothing here adds them up.

use memchr::memchr;

use crate::unit::{Micros, Unit};

/// One metric: its name and, where it has one, its duration (`dur`, milliseconds in the header).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric<'a> {
    /// The name, a token.
    pub name: &'a [u8],
    /// The duration; `None` where the metric has none, or one that is no number.
    pub duration: Option<Micros>,
}

/// The metrics of a header in their order. A part that is no metric is passed over; of a parameter
/// that is given twice the first counts, as the specification says.
pub fn metrics(header: &[u8]) -> impl Iterator<Item = Metric<'_>> {
    split(header, b',').filter_map(|metric| {
        let mut parts = split(metric, b';').map(<[u8]>::trim_ascii);
        let name = parts.next().filter(|name| is_token(name))?;
        let dur = parts.find_map(|parameter| {
            let equals = memchr(b'=', parameter)?;
            let (key, value) = (parameter.get(..equals)?, parameter.get(equals + 1..)?);
            key.trim_ascii()
                .eq_ignore_ascii_case(b"dur")
                .then_some(unquote(value.trim_ascii()))
        });
        Some(Metric {
            name,
            duration: dur.and_then(|dur| Unit::Milliseconds.read(dur)),
        })
    })
}

/// The quotes as nginx writes them: raw, `\x22` (default escaping), `\"` (JSON).
const QUOTES: &[&[u8]] = &[b"\"", b"\\x22", b"\\\""];

/// The value without its quotes, where it has some.
fn unquote(value: &[u8]) -> &[u8] {
    QUOTES
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(value)
}

/// The parts between separators that stand outside quotes.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left.take()?;
        let mut inside: Option<&[u8]> = None;
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let quote = QUOTES.iter().find(|quote| rest.starts_with(quote));
            match (quote, inside) {
                (Some(quote), None) => {
                    inside = Some(quote);
                    at += quote.len();
                }
                (Some(quote), Some(open)) if *quote == open => {
                    inside = None;
                    at += quote.len();
                }
                _ if inside.is_none() && rest.first() == Some(&separator) => {
                    left = rest.get(1..);
                    return text.get(..at);
                }
                _ => at += 1,
            }
        }
        Some(text)
    })
}

/// RFC 9110's token.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(header: &str) -> Vec<(String, Option<u64>)> {
        metrics(header.as_bytes())
            .map(|m| {
                (
                    String::from_utf8(m.name.to_vec()).unwrap(),
                    m.duration.map(|d| d.0),
                )
            })
            .collect()
    }

    fn want(rows: &[(&str, Option<u64>)]) -> Vec<(String, Option<u64>)> {
        rows.iter()
            .map(|(name, us)| ((*name).to_owned(), *us))
            .collect()
    }

    #[test]
    fn metrics_are_read_as_the_specification_says() {
        assert_eq!(
            list(r"db;dur=53.2, app;dur=47, total;dur=120.1, cache;desc=\x22hit, miss;dur=1\x22"),
            want(&[
                ("db", Some(53_200)),
                ("app", Some(47_000)),
                ("total", Some(120_100)),
                ("cache", None)
            ])
        );
        assert_eq!(
            list(r#"a; dur = "1.5" ; dur=9"#),
            want(&[("a", Some(1_500))])
        );
        assert_eq!(list(r#"a;DUR=\"2\""#), want(&[("a", Some(2_000))]));
        assert_eq!(
            list("miss, , db;desc=x"),
            want(&[("miss", None), ("db", None)])
        );
        assert_eq!(
            list("a;dur=-1, b c;dur=1, d;dur=x"),
            want(&[("a", None), ("d", None)])
        );
        assert_eq!(list(""), want(&[]));
    }
}
