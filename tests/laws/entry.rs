//! Random requests, and how they are written in the formats `slowpath`, `json` and `ltsv`.
//!
//! Most requests are what a server writes; some have clocks that disagree, some are cut off, and
//! some are nothing that a client should send.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Bytes that a failing test shows as a person would type them.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// The lines of a log, each with its end.
pub fn joined(lines: &[Bytes]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| line.0.iter().copied().chain([b'\n']))
        .collect()
}

/// One try at an upstream.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Times in milliseconds; `None` is written `-`.
    connect: Option<u64>,
    header: Option<u64>,
    response: Option<u64>,
    /// `None` is written `-`.
    status: Option<u16>,
    server: usize,
    /// Whether an internal redirect follows rather than the next server.
    redirects: bool,
}

/// A request as a server would log it.
#[derive(Debug, Clone)]
pub struct Entry {
    request: String,
    status: u16,
    bytes: u64,
    /// Milliseconds since 1970.
    ended: u64,
    /// Milliseconds.
    total: u64,
    attempts: Vec<Attempt>,
    /// The last redirect went to a name that does not resolve: the lists end in a separator.
    to_nowhere: bool,
    cache: &'static str,
    app: String,
    server_timing: String,
    host: &'static str,
    agent: &'static str,
}

/// What kind of lines a log is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Slowpath,
    Json,
    Ltsv,
    /// LTSV that logs no more of an upstream than its response time.
    LtsvResponseOnly,
}

impl Form {
    pub const ALL: [Form; 4] = [
        Form::Slowpath,
        Form::Json,
        Form::Ltsv,
        Form::LtsvResponseOnly,
    ];

    /// The name of the built-in grammar.
    pub fn grammar(self) -> &'static str {
        match self {
            Form::Slowpath => "slowpath",
            Form::Json => "json",
            Form::Ltsv | Form::LtsvResponseOnly => "ltsv",
        }
    }
}

/// Any form.
pub fn form() -> impl Strategy<Value = Form> {
    select(Form::ALL.to_vec())
}

/// 2026-01-31T12:00:00Z in milliseconds.
const NOON: u64 = 1_769_860_800_000;

/// Durations of every size, in milliseconds.
fn duration() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0),
        4 => 0..20_u64,
        4 => 0..2_000_u64,
        2 => 0..400_000_u64,
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let times = prop_oneof![
        // Each time is measured from the beginning of the attempt.
        8 => (0..5_u64, duration(), duration()).prop_map(|(connect, server, transfer)| {
            let header = connect + server;
            (Some(connect), Some(header), Some(header + transfer))
        }),
        // No answer came.
        2 => (0..5_u64, duration())
            .prop_map(|(connect, response)| (Some(connect), None, Some(connect + response))),
        1 => duration().prop_map(|response| (None, None, Some(response))),
        // Not even how long it took was logged.
        1 => Just((None, None, None)),
        // Clocks that disagree.
        1 => (duration(), duration(), duration())
            .prop_map(|(connect, header, response)| (Some(connect), Some(header), Some(response))),
    ];
    let status = select(vec![
        Some(200),
        Some(200),
        Some(201),
        Some(404),
        Some(500),
        Some(502),
        Some(504),
        None,
    ]);
    (times, status, 0..5_usize, any::<bool>()).prop_map(|(times, status, server, redirects)| {
        Attempt {
            connect: times.0,
            header: times.1,
            response: times.2,
            status,
            server,
            redirects,
        }
    })
}

/// Paths without anything that a mask would replace.
const PLAIN_PATHS: &[&str] = &[
    "/",
    "/api/users",
    "/api/orders",
    "/api/orders/export",
    "/health",
    "/static/app.js",
    "/login?next=/api/orders/17",
    "/search?q=a&page=2#top",
    "//double//slash/",
];

/// Paths that name single things.
const PATHS_WITH_IDS: &[&str] = &[
    "/api/users/42",
    "/api/users/43/orders/7",
    "/o/123e4567-e89b-12d3-a456-426614174000",
    "/blog/how-to-boil-an-egg",
    "/i/10.0.0.1",
    "/d/2024-01-31",
    "/caf%C3%A9",
];

const METHODS: &[&str] = &[
    "GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH",
];

/// Request lines that a client should not send, as a log holds them.
const ODD_REQUESTS: &[&str] = &[
    "",
    "-",
    "GET",
    "t3 12.1.2",
    "MGLNDD_192.0.2.1_80",
    "\\x16\\x03\\x01\\x00Z\\x01",
    "PATCHp /products HTTP/1.1",
    "get /login HTTP/1.1",
    "GET http://example.com/login HTTP/1.1",
    "GET http://example.com HTTP/1.1",
    "GET http://example.com?next=/ HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "PRI * HTTP/2.0",
    "GET /with a blank HTTP/1.1",
    "GET /old",
];

/// One of some hundred words without a digit.
fn word() -> impl Strategy<Value = String> {
    (0..400_u16).prop_map(|n| {
        let letter = |n: u16| char::from(b'a' + (n % 26) as u8);
        format!("{}{}", letter(n), letter(n / 26))
    })
}

fn path(paths: Paths) -> BoxedStrategy<String> {
    let fixed = |paths: Vec<&'static str>| select(paths).prop_map(str::to_owned);
    let all = [PLAIN_PATHS, PATHS_WITH_IDS].concat();
    match paths {
        Paths::Plain => fixed(PLAIN_PATHS.to_vec()).boxed(),
        Paths::WithIds => fixed(all).boxed(),
        Paths::Many => prop_oneof![
            1 => fixed(all),
            1 => word().prop_map(|word| format!("/blog/the-story-of-{word}")),
            2 => (word(), word()).prop_map(|(one, another)| format!("/{one}/{another}")),
        ]
        .boxed(),
    }
}

fn request(paths: Paths) -> impl Strategy<Value = String> {
    let usual = (select(METHODS), path(paths))
        .prop_map(|(method, path)| format!("{method} {path} HTTP/1.1"));
    prop_oneof![
        9 => usual,
        1 => select(ODD_REQUESTS).prop_map(str::to_owned),
    ]
}

const STATUSES: &[u16] = &[
    200, 200, 200, 200, 200, 201, 304, 400, 404, 499, 500, 502, 503, 504, 101, 0, 9,
];

const CACHE: &[&str] = &[
    "-",
    "-",
    "-",
    "-",
    "MISS",
    "BYPASS",
    "EXPIRED",
    "HIT",
    "STALE",
    "UPDATING",
    "REVALIDATED",
];

/// What `X-Runtime` holds: seconds with six decimals, more decimals than are kept, nothing, or what
/// is no number.
fn app() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..2_000_000_u64).prop_map(|us| format!("{}.{:06}", us / 1_000_000, us % 1_000_000)),
        1 => (0..2_000_000_000_u64)
            .prop_map(|ns| format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)),
        3 => Just("-".to_owned()),
        1 => select(vec!["soon", "-1", "1e3"]).prop_map(str::to_owned),
    ]
}

fn server_timing() -> impl Strategy<Value = String> {
    let metric = |name: &'static str| {
        (0..900_000_u64).prop_map(move |us| format!("{name};dur={}.{:03}", us / 1_000, us % 1_000))
    };
    prop_oneof![
        5 => Just("-".to_owned()),
        1 => metric("db"),
        2 => metric("total"),
        2 => (metric("db"), metric("total")).prop_map(|(db, total)| format!("{db}, {total}")),
        1 => metric("total").prop_map(|total| format!("miss, {total};desc=all")),
    ]
}

/// Which paths are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paths {
    /// Every path is its own route.
    Plain,
    /// Paths with ids, dates and titles among them.
    WithIds,
    /// Those and more names and titles than a table lists.
    Many,
}

/// A request that ended at most `spread` after noon.
pub fn entry(paths: Paths, spread: std::time::Duration) -> impl Strategy<Value = Entry> {
    let spread = u64::try_from(spread.as_millis()).unwrap();
    let attempts = prop_oneof![
        2 => vec(attempt(), 0..1),
        6 => vec(attempt(), 1..2),
        2 => vec(attempt(), 2..5),
    ];
    // The whole is mostly what its parts add up to.
    let total = prop_oneof![
        6 => (0..50_u64).prop_map(|more| (true, more)),
        2 => duration().prop_map(|total| (false, total)),
    ];
    let server = (attempts, prop::bool::weighted(0.05), total, select(CACHE));
    let client = (
        request(paths),
        select(STATUSES),
        0..100_000_u64,
        0..=spread,
        select(vec!["example.com", "api.example.com", "-"]),
        select(vec!["curl/8.5.0", "Mozilla/5.0 (X11) Firefox/128.0", "-"]),
    );
    (client, server, app(), server_timing()).prop_map(|(client, server, app, server_timing)| {
        let (request, status, bytes, after_noon, host, agent) = client;
        let (attempts, to_nowhere, (is_sum, total), cache) = server;
        let parts: u64 = attempts.iter().filter_map(|attempt| attempt.response).sum();
        Entry {
            request,
            status,
            bytes,
            ended: NOON + after_noon,
            total: if is_sum { parts + total } else { total },
            to_nowhere: to_nowhere && !attempts.is_empty(),
            attempts,
            cache,
            app,
            server_timing,
            host,
            agent,
        }
    })
}

/// As nginx prints times: seconds with three decimals.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

impl Entry {
    /// The line of this form, without its end.
    pub fn line(&self, form: Form) -> Bytes {
        let text = match form {
            Form::Slowpath => self.slowpath(),
            Form::Json => self.json(),
            Form::Ltsv => self.ltsv(true),
            Form::LtsvResponseOnly => self.ltsv(false),
        };
        Bytes(text.into_bytes())
    }

    /// A list with an element for each attempt, as nginx writes it; `-` where there was none.
    fn list(&self, element: impl Fn(&Attempt) -> Option<String>) -> String {
        let mut out = String::new();
        for (at, attempt) in self.attempts.iter().enumerate() {
            out.push_str(&element(attempt).unwrap_or_else(|| "-".to_owned()));
            let is_last = at + 1 == self.attempts.len();
            match attempt.redirects {
                _ if is_last && self.to_nowhere => out.push_str(" : "),
                _ if is_last => {}
                true => out.push_str(" : "),
                false => out.push_str(", "),
            }
        }
        if self.attempts.is_empty() {
            out.push('-');
        }
        out
    }

    fn connects(&self) -> String {
        self.list(|attempt| attempt.connect.map(seconds))
    }

    fn headers(&self) -> String {
        self.list(|attempt| attempt.header.map(seconds))
    }

    fn responses(&self) -> String {
        self.list(|attempt| attempt.response.map(seconds))
    }

    fn statuses(&self) -> String {
        self.list(|attempt| attempt.status.map(|status| status.to_string()))
    }

    fn servers(&self) -> String {
        self.list(|attempt| Some(format!("10.0.0.{}:8080", attempt.server)))
    }

    fn slowpath(&self) -> String {
        format!(
            "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"{}\" {:03} {} \"-\" \"{}\" \
             rt={} uct=\"{}\" uht=\"{}\" urt=\"{}\" us=\"{}\" ua=\"{}\" cs={} ts={} \
             rl=98 rid=0be411044cb1cb67580e115413b2da60 host=\"{}\" app=\"{}\" st=\"{}\"",
            self.request,
            self.status,
            self.bytes,
            self.agent,
            seconds(self.total),
            self.connects(),
            self.headers(),
            self.responses(),
            self.statuses(),
            self.servers(),
            self.cache,
            seconds(self.ended),
            self.host,
            self.app,
            self.server_timing,
        )
    }

    fn json(&self) -> String {
        serde_json::json!({
            "time_local": "31/Jan/2026:12:00:00 +0000",
            "msec": seconds(self.ended),
            "request": self.request,
            "status": self.status,
            "body_bytes_sent": self.bytes.to_string(),
            "request_time": seconds(self.total),
            "upstream_connect_time": self.connects(),
            "upstream_header_time": self.headers(),
            "upstream_response_time": self.responses(),
            "upstream_status": self.statuses(),
            "upstream_addr": self.servers(),
            "upstream_cache_status": self.cache,
            "upstream_http_x_runtime": self.app,
            "upstream_http_server_timing": self.server_timing,
            "host": self.host,
            "http_user_agent": self.agent,
            "something": {"else": [1, "}", null]},
        })
        .to_string()
    }

    fn ltsv(&self, connect_and_header: bool) -> String {
        let mut fields = vec![
            ("msec", seconds(self.ended)),
            ("req", self.request.clone()),
            ("status", self.status.to_string()),
            ("size", self.bytes.to_string()),
            ("reqtime", seconds(self.total)),
            ("apptime", self.responses()),
            ("upstream_status", self.statuses()),
            ("upstream_addr", self.servers()),
            ("cache", self.cache.to_owned()),
            ("runtime", self.app.clone()),
            ("server_timing", self.server_timing.clone()),
            ("vhost", self.host.to_owned()),
            ("ua", self.agent.to_owned()),
        ];
        if connect_and_header {
            fields.push(("uct", self.connects()));
            fields.push(("uht", self.headers()));
        }
        let fields: Vec<String> = fields
            .iter()
            .map(|(label, value)| format!("{label}:{value}"))
            .collect();
        fields.join("\t")
    }
}

/// Lines that are no record of any form, each for a reason of its own.
pub fn broken_line() -> impl Strategy<Value = Bytes> {
    let fixed: Vec<&'static [u8]> = vec![
        b"",
        b"   ",
        b"\0\0\0\0",
        b"hello",
        // No mark of a byte order: a file that begins with one is another matter.
        b"\xfd\xff\xfe",
        b"nginx: [emerg] bind() to 0.0.0.0:80 failed",
    ];
    select(fixed).prop_map(|line| Bytes(line.to_vec()))
}
