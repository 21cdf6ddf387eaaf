//! The application behind every server, the same visit to each, and what slowpath must then find in
//! the server's log: what the clients saw, what the application did, and what the lines say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;
use std::{env, fs};

use crate::app::{Answer, App, Endpoint};
use crate::client::{Client, Key, Sent};
use crate::report::{Report, number};

/// More clients at once than a server lets through to the application, where it has such a limit.
pub const CROWD: usize = 6;

/// Workers of the application: more than clients, for those servers that have no limit.
const WORKERS: usize = CROWD + 2;

/// Most servers log times in whole milliseconds, cut off.
const TICK_US: u64 = 1_000;

/// Starts the application.
pub fn app() -> App {
    let ms = Duration::from_millis;
    App::start(
        WORKERS,
        vec![
            Endpoint::new("GET", "/api/users/:id", ms(8), Answer::Send(200, 900)),
            Endpoint::new("GET", "/search", ms(15), Answer::Send(200, 5_000)),
            Endpoint::new("POST", "/api/orders", ms(21), Answer::Send(201, 60)),
            Endpoint::new("GET", "/api/coupons/:id", ms(3), Answer::Send(404, 20)),
            Endpoint::new("POST", "/checkout", ms(12), Answer::Send(500, 30)),
            Endpoint::new("POST", "/tickets", ms(40), Answer::Send(201, 40)),
            Endpoint::new("GET", "/ready", ms(0), Answer::Send(200, 2)),
        ],
    )
}

/// Some requests of every kind: ids in paths, bodies, query strings, errors, and a crowd.
pub fn visit(address: SocketAddr) -> Client {
    let client = Client::new(address);
    for id in 40..44 {
        let path = format!("/api/users/{id}");
        assert_eq!(client.get("/api/users/:id", &path), 200);
    }
    for page in 0..3 {
        let path = format!("/search?q=blue%20shoes&page={page}");
        assert_eq!(client.get("/search", &path), 200);
    }
    for bytes in [0, 300] {
        assert_eq!(client.post("/api/orders", "/api/orders", bytes), 201);
    }
    assert_eq!(client.get("/api/coupons/:id", "/api/coupons/77"), 404);
    assert_eq!(client.post("/checkout", "/checkout", 80), 500);
    thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| assert_eq!(client.post("/tickets", "/tickets", 50), 201));
        }
    });
    client
}

/// What a naive reader takes from a line: the request as `METHOD TARGET`, and the phases that the
/// line tells, in µs.
pub struct Told {
    pub request: String,
    pub phases: Vec<(&'static str, u64)>,
}

/// A log and what is expected of it.
pub struct Expected<'e> {
    /// The server and the form of its log.
    pub what: &'e str,
    pub log: &'e Path,
    /// Flags beside the log; none where the format is to be found out.
    pub flags: &'e [&'e str],
    /// The name of the format in the report.
    pub format: &'e str,
    /// A second reader, which shares nothing with slowpath; `None` where a line is no request.
    pub told: &'e dyn Fn(&str) -> Option<Told>,
    /// Phases that this log cannot know.
    pub unknown: &'e [&'e str],
}

impl Expected<'_> {
    /// Compares the report of the log with all of that. The log is complete.
    pub fn compare(&self, client: &Client) -> Report {
        let what = self.what;
        let text = fs::read(self.log).unwrap_or_else(|e| panic!("{what}: no log: {e}"));
        let text = String::from_utf8_lossy(&text);
        self.keep(&text);
        let mut arguments: Vec<&Path> = self.flags.iter().map(Path::new).collect();
        arguments.push(self.log);
        let directory = self.log.parent().expect("a directory");
        let report = Report::of(arguments, directory);

        assert_eq!(report.format(), self.format, "{what}");
        let told: Vec<Option<Told>> = text.lines().map(self.told).collect();
        let requests = told.iter().flatten().count() as u64;
        let input = &report.json["input"];
        assert_eq!(number(input, "lines"), told.len() as u64, "{what}");
        assert_eq!(number(input, "records"), requests, "{what}");

        let endpoints = client.request_lines();
        let mut sums: BTreeMap<(Key, &str), (u64, u64)> = BTreeMap::new();
        for told in told.into_iter().flatten() {
            let line = format!("{} HTTP/1.1", told.request);
            // The other ones asked whether the server was ready.
            let Some(key) = endpoints.get(&line) else {
                continue;
            };
            for (phase, us) in told.phases {
                let (count, sum) = sums.entry((*key, phase)).or_default();
                *count += 1;
                *sum += us;
            }
        }
        for (key, sent) in &client.sent() {
            self.compare_counts(&report, *key, sent);
            self.compare_durations(&report, *key, sent);
            for phase in self.unknown {
                let there = report.phase(*key, phase);
                assert!(there.is_none(), "{what}: {key:?} has {phase}: {there:?}");
            }
        }
        for ((key, phase), (count, sum)) in sums {
            let found = report.phase(key, phase);
            let found = found.unwrap_or_else(|| panic!("{what}: {key:?} has no {phase}"));
            assert_eq!(number(found, "count"), count, "{what}: {phase} of {key:?}");
            assert_eq!(number(found, "sum_us"), sum, "{what}: {phase} of {key:?}");
        }
        report
    }

    fn compare_counts(&self, report: &Report, key: Key, sent: &Sent) {
        let what = self.what;
        assert_eq!(
            report.count(key, "requests"),
            sent.requests,
            "{what}: {key:?}"
        );
        for (class, name) in [(4, "errors_4xx"), (5, "errors_5xx")] {
            let of_class = sent
                .statuses
                .iter()
                .filter(|(status, _)| **status / 100 == class);
            let count: u64 = of_class.map(|(_, count)| count).sum();
            assert_eq!(report.count(key, name), count, "{what}: {name} of {key:?}");
        }
    }

    /// A log's total lies between what the application ran and what the clients waited for; that the
    /// unit is right shows here.
    fn compare_durations(&self, report: &Report, key: Key, sent: &Sent) {
        let what = self.what;
        let Some(total) = report.phase(key, "total") else {
            assert!(
                self.unknown.contains(&"total"),
                "{what}: {key:?} has no total"
            );
            return;
        };
        assert_eq!(number(total, "count"), sent.requests, "{what}: {key:?}");
        let ran = sent.said_us;
        assert!(ran > 0, "{what}: {key:?}: no answer said how long it ran");
        let sum = number(total, "sum_us");
        let cut_off = TICK_US * sent.requests;
        let took = sent.took.as_micros() as u64;
        assert!(
            ran <= sum + cut_off && sum <= took + cut_off,
            "{what}: {key:?}: the log says {sum} µs, the application ran {ran}, the clients waited {took}"
        );
    }

    /// With `SLOWPATH_RECORD_SERVERS=FOLDER` the logs stay there.
    fn keep(&self, text: &str) {
        if let Some(folder) = env::var_os("SLOWPATH_RECORD_SERVERS") {
            let name = self.what.replace([' ', '/', '%'], "_");
            let file = Path::new(&folder).join(name + ".log");
            fs::write(file, text).expect("a copy of a log where SLOWPATH_RECORD_SERVERS says");
        }
    }
}

/// The words of a line between blanks, from the end: `last(line, 0)` is the last one.
pub fn from_the_end(line: &str, place: usize) -> &str {
    line.rsplit(' ').nth(place).unwrap_or("")
}

/// `METHOD TARGET` of the request line in the first quotes; scheme and host are left out.
pub fn quoted_request(line: &str) -> Option<String> {
    let request = line.split('"').nth(1)?;
    let mut words = request.split(' ');
    Some(format!("{} {}", words.next()?, path(words.next()?)))
}

/// A target without scheme and host.
pub fn path(target: &str) -> &str {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    }
}

/// `0.012345` as 12,345 µs, any digits beyond cut off.
pub fn micros(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.split_once('.')?;
    let digits = format!("{fraction:0<6}");
    let whole: u64 = whole.parse().ok()?;
    Some(whole * 1_000_000 + digits.get(..6)?.parse::<u64>().ok()?)
}
