//! Which endpoint a record belongs to: method, route, and the dimensions asked for.
//!
//! An endpoint is looked up by a borrowed key; nothing is allocated for an endpoint that was seen
//! before. Folding of slugs needs all endpoints together and happens after the merge, in [`fold`].

pub mod fold;
mod mask;
mod pattern;

pub use mask::mask;
pub use pattern::{Pattern, PatternError};

use std::borrow::Cow;

use crate::grammar::{Escape, Field, Fields};
use crate::record::attempts::{attempts, is_single};
use crate::record::{Record, Request, json};
use crate::scan;

/// The route of records whose request line is empty or binary.
pub const MALFORMED: &str = "(malformed)";

/// What stands in for methods that HTTP does not know: a client may send anything there.
const OTHER_METHOD: &[u8] = b"(other)";

/// The methods that keep their name: RFC 9110, PATCH, WebDAV and its kin, QUERY, PURGE, and PRI, which an
/// HTTP/2 client sends to an HTTP/1 port.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"MKCALENDAR",
    b"QUERY",
    b"PURGE",
    b"PRI",
];

/// A longer route is cut, so that a key stays small whatever a client sends.
const LONGEST_ROUTE: usize = 512;

/// A dimension besides method and route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The host asked for.
    Host,
    /// The address of the upstream that answered.
    Upstream,
    /// The status.
    Status,
    /// `2xx`, `5xx`, …
    StatusClass,
    /// HIT, MISS, …
    CacheStatus,
    /// `Chrome`, `curl`, `Googlebot`, …
    UserAgent,
    /// The client's address.
    RemoteAddr,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 7] = [
        Dimension::Host,
        Dimension::Upstream,
        Dimension::Status,
        Dimension::StatusClass,
        Dimension::CacheStatus,
        Dimension::UserAgent,
        Dimension::RemoteAddr,
    ];

    /// The name in flags, columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Dimension::Host => "host",
            Dimension::Upstream => "upstream",
            Dimension::Status => "status",
            Dimension::StatusClass => "status_class",
            Dimension::CacheStatus => "cache_status",
            Dimension::UserAgent => "user_agent",
            Dimension::RemoteAddr => "remote_addr",
        }
    }

    /// The dimension of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Dimension> {
        Dimension::ALL
            .into_iter()
            .find(|dimension| dimension.name() == name)
    }

    /// The field that it is taken from.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Dimension::Host => Field::Host,
            Dimension::Upstream => Field::UpstreamAddr,
            Dimension::Status | Dimension::StatusClass => Field::Status,
            Dimension::CacheStatus => Field::CacheStatus,
            Dimension::UserAgent => Field::UserAgent,
            Dimension::RemoteAddr => Field::RemoteAddr,
        }
    }

    /// The record's value; `-` where it has none.
    fn push(self, record: &Record<'_>, out: &mut Vec<u8>) {
        let text = |field| record.text(field).unwrap_or(b"-");
        match self {
            Dimension::Upstream => out.extend_from_slice(last_upstream(record).unwrap_or(b"-")),
            Dimension::StatusClass => match record.status {
                Some(status) => out.extend_from_slice(format!("{}xx", status / 100).as_bytes()),
                None => out.push(b'-'),
            },
            Dimension::UserAgent => {
                out.extend_from_slice(user_agent_family(text(Field::UserAgent)))
            }
            other => out.extend_from_slice(text(other.field())),
        }
    }
}

/// The address of the last attempt that has one: the upstream that answered.
#[must_use]
pub fn last_upstream<'a>(record: &Record<'a>) -> Option<&'a [u8]> {
    let addresses = record.text(Field::UpstreamAddr)?;
    if is_single(addresses) {
        return Some(addresses);
    }
    attempts(addresses)
        .map(|(address, _)| address)
        .filter(|address| !matches!(*address, b"" | b"-"))
        .last()
}

/// The upstream that was asked first; `None` where none was.
#[must_use]
pub fn first_upstream<'a>(record: &Record<'a>) -> Option<&'a [u8]> {
    let addresses = record.text(Field::UpstreamAddr)?;
    attempts(addresses)
        .map(|(address, _)| address)
        .find(|address| !matches!(*address, b"" | b"-"))
}

/// The program behind a `User-Agent`: the token that names it, without its version.
#[must_use]
pub fn user_agent_family(agent: &[u8]) -> &[u8] {
    // Browsers name each other for the sake of compatibility; the most specific name stands here first.
    const NAMES: &[&[u8]] = &[
        b"Edg",
        b"OPR",
        b"SamsungBrowser",
        b"Firefox",
        b"Chrome",
        b"Safari",
    ];
    let product = |word: &[u8]| {
        word.iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            .count()
    };
    let words = agent
        .split(|b| matches!(b, b' ' | b';' | b'(' | b')' | b','))
        .filter(|word| !word.is_empty());
    let (mut first, mut browser) = (None, NAMES.len());
    for word in words {
        let name = &word[..product(word)];
        let ending = name.split_last_chunk::<3>();
        if ending.is_some_and(|(_, ending)| ending.eq_ignore_ascii_case(b"bot")) {
            return name;
        }
        first.get_or_insert(name);
        let mut better = NAMES[..browser].iter();
        browser = better
            .position(|name| word.starts_with(name))
            .unwrap_or(browser);
    }
    if agent.starts_with(b"Mozilla/")
        && let Some(browser) = NAMES.get(browser)
    {
        return browser;
    }
    first.filter(|name| !name.is_empty()).unwrap_or(b"-")
}

/// How records are put to endpoints.
#[derive(Debug, Default)]
pub struct Naming {
    /// Route patterns; the first that matches names the route.
    pub patterns: Vec<Pattern>,
    /// Routes that are event streams: no latency.
    pub streams: Vec<Pattern>,
    /// Dimensions besides method and route.
    pub dimensions: Vec<Dimension>,
}

impl Naming {
    /// The fields that naming needs.
    #[must_use]
    pub fn needs(&self) -> Fields {
        let request = [Field::Request, Field::Method, Field::Target];
        self.dimensions
            .iter()
            .map(|dimension| dimension.field())
            .chain(request)
            .collect()
    }

    /// Writes the key of the record's endpoint into `key`, which is emptied first.
    #[inline]
    pub fn key(&self, record: &Record<'_>, key: &mut Vec<u8>) {
        key.clear();
        for dimension in &self.dimensions {
            push_part(key, |key| dimension.push(record, key));
        }
        match record.request {
            Request::Malformed => {
                key.push(b' ');
                key.extend_from_slice(MALFORMED.as_bytes());
            }
            Request::Line { method, target } => {
                push_method(method, key);
                let start = key.len();
                self.push_route(target, record.plan().escape, key);
                if key.len() - start > LONGEST_ROUTE {
                    key.truncate(start + LONGEST_ROUTE);
                    key.extend_from_slice("…".as_bytes());
                }
            }
        }
    }

    #[inline(always)]
    fn push_route(&self, target: &[u8], escape: Escape, key: &mut Vec<u8>) {
        if let [b'/', ..] = target
            && self.patterns.is_empty()
            && escape != Escape::Backslash
        {
            return mask::mask_target(target, key);
        }
        let path = path(target, escape);
        match self.patterns.iter().find(|pattern| pattern.matches(&path)) {
            Some(pattern) => key.extend_from_slice(pattern.text().as_bytes()),
            None => mask(&path, key),
        }
    }

    /// Whether the record is of a route that was given as a stream.
    #[must_use]
    #[inline]
    pub fn is_stream(&self, record: &Record<'_>) -> bool {
        if self.streams.is_empty() {
            return false;
        }
        match record.request {
            Request::Line { target, .. } => {
                let path = path(target, record.plan().escape);
                self.streams.iter().any(|pattern| pattern.matches(&path))
            }
            Request::Malformed => false,
        }
    }

    /// Whether the route of a key was given by a pattern: such a route is never folded.
    #[must_use]
    pub fn is_given(&self, route: &[u8]) -> bool {
        route == MALFORMED.as_bytes()
            || self
                .patterns
                .iter()
                .any(|pattern| pattern.text().as_bytes() == route)
    }

    /// The parts of a key.
    #[must_use]
    pub fn parts<'k>(&self, key: &'k [u8]) -> Parts<'k> {
        let mut rest = key;
        let dimensions = self
            .dimensions
            .iter()
            .map(|_| take_part(&mut rest))
            .collect();
        let space = memchr::memchr(b' ', rest).unwrap_or(0);
        let (method, route) = rest.split_at(space);
        Parts {
            dimensions,
            method,
            route: route.get(1..).unwrap_or_default(),
        }
    }
}

/// The parts of an endpoint's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'k> {
    /// The values of the dimensions, in the order in which they were asked for.
    pub dimensions: Vec<&'k [u8]>,
    /// The method; empty where there is none.
    pub method: &'k [u8],
    /// The route.
    pub route: &'k [u8],
}

impl Parts<'_> {
    /// The key of these parts.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        for value in &self.dimensions {
            push_part(&mut key, |key| key.extend_from_slice(value));
        }
        key.extend_from_slice(self.method);
        key.push(b' ');
        key.extend_from_slice(self.route);
        key
    }
}

/// Appends a value behind its length, so that no value can pass for two.
fn push_part(key: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
    let at = key.len();
    key.extend_from_slice(&[0; 2]);
    push(key);
    key.truncate(at + 2 + LONGEST_ROUTE);
    // OK because LONGEST_ROUTE fits in sixteen bits.
    let length = (key.len() - at - 2) as u16;
    key[at..at + 2].copy_from_slice(&length.to_be_bytes());
}

fn take_part<'k>(key: &mut &'k [u8]) -> &'k [u8] {
    let Some((length, rest)) = key.split_first_chunk::<2>() else {
        return b"";
    };
    let (value, rest) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .unwrap_or((rest, b""));
    *key = rest;
    value
}

/// Appends the method and a blank.
#[inline]
fn push_method(method: &[u8], key: &mut Vec<u8>) {
    match method {
        // Nearly all requests of nearly all logs, and copied in one step.
        b"GET" => key.extend_from_slice(b"GET "),
        b"POST" => key.extend_from_slice(b"POST "),
        _ => {
            let is_known = method.is_empty() || METHODS.contains(&method);
            key.extend_from_slice(if is_known { method } else { OTHER_METHOD });
            key.push(b' ');
        }
    }
}

/// The path of a request target: without scheme and authority, query and fragment.
#[inline]
fn path(target: &[u8], escape: Escape) -> Cow<'_, [u8]> {
    let target = match target.first() {
        Some(b'/') => target,
        _ => match memchr::memmem::find(target, b"://") {
            Some(at) => {
                let rest = &target[at + 3..];
                memchr::memchr2(b'/', b'?', rest).map_or(&b"/"[..], |slash| &rest[slash..])
            }
            None => target,
        },
    };
    let end = scan::find_any([b'?', b'#'], target).unwrap_or(target.len());
    match &target[..end] {
        b"" => Cow::Borrowed(b"/"),
        path if escape == Escape::Backslash && scan::find(b'\\', path).is_some() => {
            Cow::Owned(json::unescape(path))
        }
        path => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::detect;
    use crate::grammar::builtin;
    use crate::grammar::{Names, compile};
    use crate::record::{LineReader, Reader};

    fn key(naming: &Naming, line: &str) -> Vec<u8> {
        let plan = compile(
            "test",
            r#""$request" $status $upstream_addr $host "$http_user_agent""#,
            Escape::Default,
            Names::Checked,
        )
        .unwrap()
        .plan(Fields::ALL);
        let mut reader = LineReader::new(&plan);
        let mut key = Vec::new();
        naming.key(&reader.read(line.as_bytes()).unwrap(), &mut key);
        key
    }

    fn plain(request: &str) -> String {
        String::from_utf8(key(
            &Naming::default(),
            &format!("\"{request}\" 200 - - \"-\""),
        ))
        .unwrap()
    }

    #[test]
    fn the_path_is_what_counts() {
        assert_eq!(plain("GET /a/7?x=/y HTTP/1.1"), "GET /a/:id");
        assert_eq!(plain("GET http://example.com/a?x HTTP/1.1"), "GET /a");
        assert_eq!(plain("GET http://example.com?x HTTP/1.1"), "GET /");
        assert_eq!(plain("OPTIONS * HTTP/1.1"), "OPTIONS *");
        assert_eq!(plain("BREW /pot HTTP/1.1"), "(other) /pot");
        assert_eq!(plain(""), " (malformed)");
        assert_eq!(
            plain(&format!("GET /{} HTTP/1.1", "x/".repeat(400))).len(),
            "GET ".len() + 512 + "…".len()
        );
    }

    #[test]
    fn patterns_come_first() {
        let naming = Naming {
            patterns: vec![
                Pattern::new("/a/:any").unwrap(),
                Pattern::new("/[ab]/.*").unwrap(),
            ],
            ..Naming::default()
        };
        let route = |path: &str| {
            String::from_utf8(key(
                &naming,
                &format!("\"GET {path} HTTP/1.1\" 200 - - \"-\""),
            ))
            .unwrap()
        };
        assert_eq!(route("/a/b?q"), "GET /a/:any");
        assert_eq!(route("/a/b/c"), "GET /[ab]/.*");
        assert_eq!(route("/c/7"), "GET /c/:id");
    }

    #[test]
    fn dimensions_are_part_of_the_key_and_come_back() {
        let naming = Naming {
            dimensions: vec![
                Dimension::Upstream,
                Dimension::StatusClass,
                Dimension::UserAgent,
            ],
            ..Naming::default()
        };
        let key = key(
            &naming,
            r#""GET /a HTTP/1.1" 503 10.0.0.1:80, 10.0.0.2:80 x "Mozilla/5.0 (X11) Chrome/1 Safari/2""#,
        );
        let parts = naming.parts(&key);
        assert_eq!(parts.dimensions, [&b"10.0.0.2:80"[..], b"5xx", b"Chrome"]);
        assert_eq!((parts.method, parts.route), (&b"GET"[..], &b"/a"[..]));
        assert_eq!(parts.key(), key);
    }

    #[test]
    fn user_agents_have_families() {
        let rows = [
            ("curl/8.5.0", "curl"),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0 Safari/537.36 Edg/1",
                "Edg",
            ),
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/605 (KHTML, like Gecko) Version/18.2 Safari/605.1.15",
                "Safari",
            ),
            ("Mozilla/5.0", "Mozilla"),
            ("-", "-"),
            ("", "-"),
            ("\\x22", "-"),
        ];
        for (agent, family) in rows {
            assert_eq!(
                user_agent_family(agent.as_bytes()),
                family.as_bytes(),
                "{agent}"
            );
        }
    }

    #[test]
    fn every_builtin_sample_is_of_the_endpoint_that_it_names() {
        for builtin in builtin::all() {
            for sample in &builtin.samples {
                let line = sample.line.as_bytes();
                let plans = detect(line).unwrap().unwrap().plans(Fields::ALL);
                let mut reader = Reader::new(&plans);
                let record = reader.read(line).unwrap();
                let (naming, mut key) = (Naming::default(), Vec::new());
                naming.key(&record, &mut key);
                let name = String::from_utf8(key).unwrap();
                assert_eq!(name.trim_start(), sample.endpoint, "{}", sample.line);
            }
        }
    }
}
