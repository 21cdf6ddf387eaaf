//! A second reader of logs, written from the tables of the design alone: it splits lines in the
//! plainest way, keeps every value, and sorts. It shares no line with the library; where the two
//! disagree, one of them is wrong.
//!
//! It knows the lines that `entry.rs` writes, not every log: routes are paths without ids, and a
//! line that does not split as it should is a reject.

use std::collections::BTreeMap;

use crate::entry::{Bytes, Form};

/// The phases by the names of the design.
pub const PHASES: [&str; 10] = [
    "total", "client", "redirect", "retry", "upstream", "connect", "server", "wait", "app",
    "transfer",
];

/// All durations of one phase in µs, in no order.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    pub all: Vec<u64>,
    /// Those of them that are lower bounds.
    pub censored: Vec<u64>,
}

/// Everything that is known of an endpoint, or of the whole log.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    pub requests: u64,
    pub errors_4xx: u64,
    pub errors_5xx: u64,
    pub censored: u64,
    pub upgraded: u64,
    pub clamped: u64,
    pub bytes: u64,
    pub busy: u64,
    pub phases: BTreeMap<&'static str, Durations>,
}

/// What is known of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    pub requests: u64,
    pub errors_5xx: u64,
    pub busy: u64,
}

/// A log, read the slow way.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub lines: u64,
    pub rejects: u64,
    pub totals: Counts,
    pub endpoints: BTreeMap<(String, String), Counts>,
    /// By the number of the window since 1970.
    pub windows: BTreeMap<i64, Counts>,
    pub servers: BTreeMap<String, Server>,
    /// The first time and the last, in µs.
    pub range: Option<(i64, i64)>,
    /// The best basis of busy time that any record had.
    pub basis: &'static str,
    /// Records with a wait, and records of which one could be known.
    pub covered: (u64, u64),
}

/// The texts of a line that mean something.
struct Texts {
    request: String,
    status: String,
    bytes: String,
    total: String,
    ended: String,
    connects: Option<String>,
    headers: Option<String>,
    responses: String,
    statuses: String,
    servers: String,
    cache: String,
    app: String,
    server_timing: String,
}

/// What a record comes to.
struct Outcome {
    method: String,
    route: String,
    status: u64,
    bytes: u64,
    ended: i64,
    total: u64,
    server: Option<String>,
    phases: BTreeMap<&'static str, u64>,
    clamped: bool,
    busy: Option<(&'static str, u64)>,
}

/// Reads the lines of a log with windows of so many seconds.
pub fn read(lines: &[Bytes], form: Form, window_seconds: i64) -> Log {
    let mut log = Log {
        basis: "total",
        ..Log::default()
    };
    let mut outcomes = Vec::new();
    for line in lines {
        log.lines += 1;
        let texts = std::str::from_utf8(&line.0)
            .ok()
            .and_then(|line| split(line, form));
        match texts.and_then(outcome) {
            Some(outcome) => outcomes.push(outcome),
            None => log.rejects += 1,
        }
    }
    for basis in ["upstream", "server", "app"] {
        let has = |outcome: &Outcome| outcome.busy.is_some_and(|(of, _)| of == basis);
        if outcomes.iter().any(has) {
            log.basis = basis;
        }
    }
    for outcome in &outcomes {
        log.add(outcome, window_seconds * 1_000_000);
    }
    log
}

impl Log {
    fn add(&mut self, outcome: &Outcome, window: i64) {
        // Where nothing is known of any work, the whole duration is the best there is.
        let busy = match self.basis {
            "total" => outcome.phases.get("total").copied(),
            _ => outcome.busy.map(|(_, busy)| busy),
        };
        let arrival = outcome.ended - i64::try_from(outcome.total).unwrap();
        let name = (outcome.route.clone(), outcome.method.clone());
        self.totals.add(outcome, busy);
        self.endpoints.entry(name).or_default().add(outcome, busy);
        self.windows
            .entry(arrival.div_euclid(window))
            .or_default()
            .add(outcome, busy);
        if let Some(address) = &outcome.server {
            let server = self.servers.entry(address.clone()).or_default();
            server.requests += 1;
            server.errors_5xx += u64::from(outcome.status >= 500);
            server.busy += outcome.busy.map_or(0, |(_, busy)| busy);
        }
        let (first, last) = self.range.unwrap_or((outcome.ended, outcome.ended));
        self.range = Some((first.min(outcome.ended), last.max(outcome.ended)));
        let is_cut_off = outcome.status == 499 || outcome.status == 504;
        self.covered.0 += u64::from(outcome.phases.contains_key("wait"));
        self.covered.1 += u64::from(outcome.busy.is_some() && !is_cut_off);
    }
}

impl Counts {
    fn add(&mut self, outcome: &Outcome, busy: Option<u64>) {
        self.requests += 1;
        self.errors_4xx += u64::from(outcome.status / 100 == 4);
        self.errors_5xx += u64::from(outcome.status >= 500);
        self.upgraded += u64::from(outcome.status == 101);
        self.clamped += u64::from(outcome.clamped);
        self.bytes += outcome.bytes;
        self.busy += busy.unwrap_or(0);
        let is_cut_off = outcome.status == 499 || outcome.status == 504;
        self.censored += u64::from(is_cut_off);
        for (phase, us) in &outcome.phases {
            let durations = self.phases.entry(phase).or_default();
            durations.all.push(*us);
            if is_cut_off && ["total", "upstream"].contains(phase) {
                durations.censored.push(*us);
            }
        }
    }
}

/// The texts of a line; `None` where it is no line of this form.
fn split(line: &str, form: Form) -> Option<Texts> {
    match form {
        Form::Slowpath => split_at_quotes(line),
        Form::Json => split_json(line),
        Form::Ltsv | Form::LtsvResponseOnly => split_at_tabs(line),
    }
}

/// nginx's escaping leaves no quote inside a value, so every odd piece is one.
fn split_at_quotes(line: &str) -> Option<Texts> {
    let pieces: Vec<&str> = line.split('"').collect();
    let between = [
        " ", " uct=", " uht=", " urt=", " us=", " ua=", " app=", " st=",
    ];
    let found = [
        pieces.get(4)?,
        pieces.get(6)?,
        pieces.get(8)?,
        pieces.get(10)?,
        pieces.get(12)?,
        pieces.get(14)?,
        pieces.get(18)?,
        pieces.get(20)?,
    ];
    let fits = between
        .iter()
        .zip(found)
        .all(|(wanted, piece)| piece.ends_with(wanted));
    if pieces.len() != 23 || !fits || pieces.last() != Some(&"") {
        return None;
    }
    let word = |piece: usize, at: usize| Some(pieces.get(piece)?.split(' ').nth(at)?.to_owned());
    let quoted = |piece: usize| Some((*pieces.get(piece)?).to_owned());
    let behind = |name: &str, piece: usize| {
        let words = pieces.get(piece)?.split(' ');
        words
            .filter_map(|word| word.strip_prefix(name))
            .next()
            .map(str::to_owned)
    };
    Some(Texts {
        request: quoted(1)?,
        status: word(2, 1)?,
        bytes: word(2, 2)?,
        total: behind("rt=", 6)?,
        ended: behind("ts=", 16)?,
        connects: Some(quoted(7)?),
        headers: Some(quoted(9)?),
        responses: quoted(11)?,
        statuses: quoted(13)?,
        servers: quoted(15)?,
        cache: behind("cs=", 16)?,
        app: quoted(19)?,
        server_timing: quoted(21)?,
    })
}

fn split_json(line: &str) -> Option<Texts> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    let text = |key: &str| match object.get(key)? {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Some(Texts {
        request: text("request")?,
        status: text("status")?,
        bytes: text("body_bytes_sent")?,
        total: text("request_time")?,
        ended: text("msec")?,
        connects: text("upstream_connect_time"),
        headers: text("upstream_header_time"),
        responses: text("upstream_response_time")?,
        statuses: text("upstream_status")?,
        servers: text("upstream_addr")?,
        cache: text("upstream_cache_status")?,
        app: text("upstream_http_x_runtime")?,
        server_timing: text("upstream_http_server_timing")?,
    })
}

fn split_at_tabs(line: &str) -> Option<Texts> {
    let fields: BTreeMap<&str, &str> = line
        .split('\t')
        .map(|field| field.split_once(':'))
        .collect::<Option<_>>()?;
    let text = |label: &str| fields.get(label).map(|text| (*text).to_owned());
    Some(Texts {
        request: text("req")?,
        status: text("status")?,
        bytes: text("size")?,
        total: text("reqtime")?,
        ended: text("msec")?,
        connects: text("uct"),
        headers: text("uht"),
        responses: text("apptime")?,
        statuses: text("upstream_status")?,
        servers: text("upstream_addr")?,
        cache: text("cache")?,
        app: text("runtime")?,
        server_timing: text("server_timing")?,
    })
}

/// A decimal number with so many digits behind the point kept, as an integer: `1.5` with six is
/// 1,500,000. `None` for what is no plain number.
fn decimal(text: &str, digits: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !is_plain(whole) || !is_plain(fraction) {
        return None;
    }
    let fraction: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(digits)
        .collect();
    format!("{whole}{fraction}").parse().ok()
}

/// Microseconds of an application's seconds, which may have an exponent: `5e-05`. Beyond 64 places
/// either way it is no number.
fn app_seconds(text: &str) -> Option<u64> {
    let Some((number, exponent)) = text.split_once(['e', 'E']) else {
        return decimal(text, 6);
    };
    let exponent: i32 = exponent.parse().ok().filter(|e| (-64..=64).contains(e))?;
    // The point is moved by hand: digits, then zeros, cut where the point ends up.
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    decimal(number, 0)?;
    let kept = i32::try_from(whole.len()).ok()? + 6 + exponent;
    let digits: String = (whole.chars().chain(fraction.chars()))
        .chain(std::iter::repeat('0'))
        .take(usize::try_from(kept).unwrap_or(0))
        .collect();
    let value: u64 = format!("0{digits}").parse().ok()?;
    (value <= i64::MAX as u64).then_some(value)
}

/// The elements of a list, each with what parts it from the one before: nothing, `,` or `:`.
fn list(text: &str) -> Vec<(char, String)> {
    let marked = text.replace(", ", "\u{1},").replace(" : ", "\u{1}:");
    marked
        .split('\u{1}')
        .enumerate()
        .map(|(at, element)| match at {
            0 => ('\0', element.to_owned()),
            _ => (element.chars().next().unwrap(), element[1..].to_owned()),
        })
        .collect()
}

/// The time of the last attempt.
fn last_time(text: &Option<String>) -> Option<u64> {
    let (_, last) = list(text.as_ref()?).pop()?;
    decimal(&last, 6)
}

/// From texts to phases, row by row of the design's table.
fn outcome(texts: Texts) -> Option<Outcome> {
    let (method, route) = endpoint(&texts.request);
    let status = texts.status.parse().ok()?;
    let total = decimal(&texts.total, 6)?;
    let servers = list(&texts.servers);
    let mut outcome = Outcome {
        method,
        route,
        status,
        bytes: texts.bytes.parse().ok()?,
        ended: i64::try_from(decimal(&texts.ended, 6)?).ok()?,
        total,
        server: servers
            .iter()
            .rev()
            .map(|(_, address)| address.clone())
            .find(|address| !address.is_empty() && address != "-"),
        phases: BTreeMap::new(),
        clamped: false,
        busy: None,
    };
    if status == 101 {
        return Some(outcome);
    }
    outcome.phases.insert("total", total);
    let attempts = outcome.upstream(&texts)?;
    let is_cut_off = status == 499 || status == 504;
    let is_from_cache = ["HIT", "STALE", "UPDATING", "REVALIDATED"].contains(&texts.cache.as_str());
    if !is_cut_off && !is_from_cache && attempts {
        outcome.app(&texts);
    }
    outcome.busy = ["app", "server", "upstream"]
        .into_iter()
        .find_map(|phase| Some((phase, *outcome.phases.get(phase)?)));
    Some(outcome)
}

impl Outcome {
    /// `more - less`; what would be negative is 0 and noted.
    fn difference(&mut self, more: u64, less: u64) -> u64 {
        self.clamped |= more < less;
        more.saturating_sub(less)
    }

    /// Every phase but wait and app; whether an upstream was asked.
    fn upstream(&mut self, texts: &Texts) -> Option<bool> {
        let responses = list(&texts.responses);
        let statuses = list(&texts.statuses);
        let mut sum = 0;
        for (at, (_, response)) in responses.iter().enumerate() {
            let time = match response.as_str() {
                "-" | "" => None,
                text => Some(decimal(text, 6)?),
            };
            sum += time.unwrap_or(0);
            let phase = match responses.get(at + 1) {
                None => "upstream",
                // The status says whether an attempt that something follows had failed.
                Some((':', _)) if !statuses[at].1.starts_with(['5', '-']) => "redirect",
                Some(_) => "retry",
            };
            if let Some(time) = time {
                *self.phases.entry(phase).or_default() += time;
            }
        }
        let client = self.difference(self.phases["total"], sum);
        self.phases.insert("client", client);
        let (connect, header) = (last_time(&texts.connects), last_time(&texts.headers));
        if let Some(connect) = connect {
            self.phases.insert("connect", connect);
        }
        if let Some(header) = header {
            let server = self.difference(header, connect.unwrap_or(0));
            self.phases.insert("server", server);
            if let Some(upstream) = self.phases.get("upstream").copied() {
                let transfer = self.difference(upstream, header);
                self.phases.insert("transfer", transfer);
            }
        }
        Some(texts.responses != "-")
    }

    /// App and wait.
    fn app(&mut self, texts: &Texts) {
        let Some(app) = app_seconds(&texts.app).or_else(|| total_metric(&texts.server_timing))
        else {
            return;
        };
        self.phases.insert("app", app);
        // Without a header time in the log, the response's is the best.
        let best = if texts.headers.is_some() {
            "server"
        } else {
            "upstream"
        };
        if let Some(at_server) = self.phases.get(best).copied() {
            let wait = self.difference(at_server, app);
            self.phases.insert("wait", wait);
        }
    }
}

/// The duration of Server-Timing's `total`, which is in milliseconds.
fn total_metric(header: &str) -> Option<u64> {
    let metric = header
        .split(", ")
        .find(|metric| *metric == "total" || metric.starts_with("total;"))?;
    let duration = metric
        .split(';')
        .find_map(|part| part.strip_prefix("dur="))?;
    decimal(duration, 3)
}

/// Method and route of a request line.
fn endpoint(request: &str) -> (String, String) {
    const METHODS: [&str; 10] = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PRI", "TRACE", "CONNECT",
    ];
    let malformed = (String::new(), "(malformed)".to_owned());
    let words: Vec<&str> = request.split(' ').collect();
    let (method, target) = match words.as_slice() {
        [method, target @ .., protocol] if protocol.starts_with("HTTP/") => {
            (*method, target.join(" "))
        }
        [method, target @ ..] => (*method, target.join(" ")),
        [] => return malformed,
    };
    let is_method = !method.is_empty() && method.chars().all(|c| c.is_ascii_alphabetic());
    let is_target = target.starts_with('/') || target == "*" || target.contains("://");
    if !is_method || !is_target {
        return malformed;
    }
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => match rest.find(['/', '?']) {
            Some(at) => rest[at..].to_owned(),
            None => String::new(),
        },
        _ => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let route = if path.is_empty() { "/" } else { path };
    let method = if METHODS.contains(&method) {
        method
    } else {
        "(other)"
    };
    (method.to_owned(), route.to_owned())
}
