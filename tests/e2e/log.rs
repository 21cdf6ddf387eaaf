//! A second, naive reading of the access log, for what only nginx knows: how long each attempt
//! took. It shares nothing with slowpath but the format's definition.

use std::collections::BTreeMap;

use crate::client::Key;

/// A line, as far as the tests look at it.
#[derive(Debug)]
pub struct Line {
    pub endpoint: Key,
    pub status: u16,
    pub cache: String,
    /// `$request_time`, in µs.
    pub total_us: u64,
    /// The attempts, in their order.
    pub attempts: Vec<Attempt>,
}

/// One try at a server.
#[derive(Debug)]
pub struct Attempt {
    pub status: String,
    /// `$upstream_response_time`, in µs.
    pub response_us: u64,
    /// Whether ` : ` follows it: nginx went on to another upstream because it was told to.
    pub handed_over: bool,
}

impl Line {
    /// Time of the attempts before the last one that nginx gave up on.
    pub fn retry_us(&self) -> u64 {
        let lost = self.earlier().filter(|attempt| !attempt.handed_over);
        lost.map(|attempt| attempt.response_us).sum()
    }

    /// Time of the attempts before the last one that named another upstream.
    pub fn redirect_us(&self) -> u64 {
        let handed_over = self.earlier().filter(|attempt| attempt.handed_over);
        handed_over.map(|attempt| attempt.response_us).sum()
    }

    fn earlier(&self) -> impl Iterator<Item = &Attempt> {
        let last = self.attempts.len().saturating_sub(1);
        self.attempts[..last].iter()
    }
}

/// All lines of a log in the `slowpath` format. `endpoints` tells which endpoint a request line
/// belongs to; any other request line is a malformed one.
pub fn read_lines(text: &str, endpoints: &BTreeMap<String, Key>) -> Vec<Line> {
    text.lines()
        .map(|line| {
            let mut quoted = line.split('"');
            let request = quoted.nth(1).expect("a request line");
            let after_request = quoted.next().expect("a status");
            let endpoint = endpoints.get(request).copied();
            Line {
                endpoint: endpoint.unwrap_or(("", "(malformed)")),
                status: after_request[1..4].parse().expect("three digits"),
                cache: value(line, "cs=").to_owned(),
                total_us: micros(value(line, "rt=")),
                attempts: attempts(value(line, "us="), value(line, "urt=")),
            }
        })
        .collect()
}

/// The value after ` name=`, without its quotes.
pub fn value<'l>(line: &'l str, name: &str) -> &'l str {
    let name = format!(" {name}");
    let start = line.rfind(&name).expect("the field") + name.len();
    let rest = &line[start..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(""),
        None => rest.split(' ').next().unwrap_or(""),
    }
}

/// The two lists put together; `-` is no list at all.
fn attempts(statuses: &str, times: &str) -> Vec<Attempt> {
    if times == "-" {
        return Vec::new();
    }
    let separated = times.replace(" : ", " :, ");
    let statuses = statuses.replace(" : ", ", ");
    separated
        .split(", ")
        .zip(statuses.split(", "))
        .map(|(time, status)| Attempt {
            status: status.to_owned(),
            response_us: micros(time.trim_end_matches(" :")),
            handed_over: time.ends_with(" :"),
        })
        .collect()
}

/// `1.234` as 1,234,000 µs; `-` as none.
pub fn micros(seconds: &str) -> u64 {
    match seconds.split_once('.') {
        Some((whole, milli)) => {
            let digits: u64 = format!("{whole}{milli}").parse().expect("a time");
            digits * 1_000
        }
        None => 0,
    }
}
