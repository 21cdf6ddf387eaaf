//! JSON by the schema `slowpath.report/1` (`schema/slowpath.report.1.json`): everything that the
//! summary knows of the chosen rows, for programs.
//!
//! The types here are what is written, not what is computed with. Which rows there are is decided in
//! [`super::View`], what they mean in [`crate::summary`].

mod findings;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use super::View;
use crate::diagnosis::{Pool, Wait};
use crate::endpoint::Dimension;
use crate::phases::Phase;
use crate::record::Reject;
use crate::stamp::Stamp;
use crate::summary::{self, Distribution, FileSummary, Knowledge, SlowRequest};
use crate::unit::{Micros, Quantile};
use crate::untrusted::Untrusted;

/// The name and version of the schema. Keys may be added to a version; a change of any other kind
/// makes a new one.
const SCHEMA: &str = "slowpath.report/1";

/// The quantiles that every phase has.
const QUANTILES: [Quantile; 5] = [
    Quantile::percent(50),
    Quantile::percent(90),
    Quantile::percent(95),
    Quantile::percent(99),
    Quantile::P99_9,
];

/// The quantiles of a window.
const WINDOW_QUANTILES: [Quantile; 2] = [Quantile::percent(50), Quantile::percent(99)];

/// Renders the view.
#[must_use]
pub fn render(view: &View<'_>) -> String {
    pretty(&Wire::of(view).report())
}

/// The text of a value, in which characters that are not seen are escaped.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // OK because writing to memory cannot fail and every key is a string.
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|e| unreachable!("{e}"));
    visible(&text)
}

/// The same on one line, as one of many.
#[must_use]
pub fn line(view: &View<'_>) -> String {
    // OK for the same reason.
    let text =
        serde_json::to_string(&Wire::of(view).report()).unwrap_or_else(|e| unreachable!("{e}"));
    visible(&text)
}

/// The text with everything escaped that is hidden, and a line end.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if is_hidden(c) {
            // Outside strings there is only ASCII, and no escape is split by what is replaced.
            for unit in c.encode_utf16(&mut [0; 2]) {
                // OK because write! to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

/// Characters that JSON allows in a string as they are, but that a terminal would obey or a reader
/// would not see: DEL, the C1 controls, line separators, and what reorders or hides text.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A map that keeps its order.
struct Entries<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    approximate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_why: Option<&'a str>,
    /// `true` or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<bool>,
    input: Input<'a>,
    split: Split<'a>,
    totals: Numbers<'a>,
    endpoints: Vec<Endpoint<'a>>,
    other: Option<Other<'a>>,
    timeline: Vec<Window>,
    upstreams: Vec<Upstream<'a>>,
    slowest: Vec<Slow<'a>>,
    findings: Vec<findings::Wire<'a>>,
    not_looked_at: Vec<findings::NotLookedAt<'a>>,
}

#[derive(Serialize)]
struct Input<'a> {
    files: Vec<File<'a>>,
    lines: u64,
    records: u64,
    rejects: u64,
    filtered: u64,
    without_duration: u64,
    first: Option<String>,
    last: Option<String>,
}

#[derive(Serialize)]
struct File<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
    format: Option<&'a str>,
    lines: u64,
    records: u64,
    rejects: Entries<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    definition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    formats: Option<Vec<FormatRecords<'a>>>,
}

/// How many records of a file are in one of its formats.
#[derive(Serialize)]
struct FormatRecords<'a> {
    format: &'a str,
    records: u64,
}

#[derive(Serialize)]
struct Split<'a> {
    wait: &'static str,
    by: Option<&'static str>,
    coverage: Option<f64>,
    busy: &'static str,
    window_us: u64,
    /// Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fifo: Option<Fifo<'a>>,
}

/// What became of the FIFO reconstruction.
#[derive(Serialize)]
struct Fifo<'a> {
    applied: bool,
    why: Option<String>,
    pools: Vec<FifoPool<'a>>,
}

#[derive(Serialize)]
struct FifoPool<'a> {
    upstream: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_b64: Option<String>,
    requests: u64,
    workers: Option<u64>,
    own_ratio: Option<f64>,
}

impl<'a> Fifo<'a> {
    fn of(fifo: &'a summary::Fifo) -> Self {
        let pool = |pool: &'a summary::FifoPool| {
            let (upstream, upstream_b64) = text(&pool.upstream);
            FifoPool {
                upstream,
                upstream_b64,
                requests: pool.requests,
                workers: pool.workers,
                own_ratio: pool.own_ratio.map(|ratio| (ratio * 1e4).round() / 1e4),
            }
        };
        let address = |address: &[u8]| text(address).0.into_owned();
        Fifo {
            applied: fifo.refusal.is_none(),
            why: fifo.refusal.as_ref().map(|why| why.words(address)),
            pools: fifo.pools.iter().map(pool).collect(),
        }
    }
}

#[derive(Serialize)]
struct Endpoint<'a> {
    method: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method_b64: Option<String>,
    route: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_b64: Option<String>,
    /// By name, so that a dimension that was asked for twice is written once.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: BTreeMap<String, Cow<'a, str>>,
    #[serde(flatten)]
    numbers: Numbers<'a>,
}

#[derive(Serialize)]
struct Other<'a> {
    endpoints: usize,
    #[serde(flatten)]
    numbers: Numbers<'a>,
}

#[derive(Serialize)]
struct Numbers<'a> {
    requests: u64,
    errors_4xx: u64,
    errors_5xx: u64,
    censored: u64,
    upgraded: u64,
    clamped: u64,
    without_duration: u64,
    bytes: u64,
    busy_us: u64,
    busy_share: Option<f64>,
    phases: Entries<&'static str, PhaseNumbers>,
    /// Not kept of endpoints that are added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    slowest: Option<Vec<Slow<'a>>>,
}

#[derive(Serialize)]
struct PhaseNumbers {
    count: u64,
    sum_us: u64,
    /// Only where the sum is inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_us: Option<u64>,
    min_us: Option<u64>,
    #[serde(flatten)]
    quantiles: Entries<String, Option<u64>>,
    max_us: Option<u64>,
    #[serde(flatten)]
    at_least: Option<AtLeast>,
}

/// Quantiles that fall where requests were cut off; there is at least one.
#[derive(Serialize)]
struct AtLeast {
    at_least: bool,
    at_least_quantiles: Vec<String>,
}

#[derive(Serialize)]
struct Slow<'a> {
    total_us: u64,
    time: Option<String>,
    line: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_b64: Option<String>,
}

#[derive(Serialize)]
struct Window {
    from: Option<String>,
    requests: u64,
    errors_5xx: u64,
    busy_us: u64,
    wait_us: Option<u64>,
    p50_us: Option<u64>,
    p99_us: Option<u64>,
    #[serde(flatten)]
    at_least: Option<AtLeast>,
}

#[derive(Serialize)]
struct Upstream<'a> {
    upstream: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_b64: Option<String>,
    requests: u64,
    errors_5xx: u64,
    busy_us: u64,
    /// Known only of a pool that was full.
    pool: Option<u64>,
    utilisation: Option<f64>,
}

/// Wait that was inferred, for whom it is asked.
struct Inferred<'v> {
    waits: Option<&'v [Wait]>,
    /// The place of each row among the endpoints, by its address.
    rows: BTreeMap<usize, usize>,
    is_row: Vec<bool>,
}

impl<'v> Inferred<'v> {
    fn of_view(view: &'v View<'v>) -> Self {
        let address = |endpoint: &summary::Endpoint| std::ptr::from_ref(endpoint) as usize;
        let places = view.summary.endpoints.iter().enumerate();
        let places: BTreeMap<usize, usize> = places.map(|(at, e)| (address(e), at)).collect();
        let mut inferred = Inferred {
            waits: view.diagnosis.waits.as_deref(),
            rows: BTreeMap::new(),
            is_row: vec![false; view.summary.endpoints.len()],
        };
        for row in &view.rows {
            if let Some(at) = places.get(&address(row)) {
                inferred.rows.insert(address(row), *at);
                inferred.is_row[*at] = true;
            }
        }
        inferred
    }

    fn is_row(&self, at: usize) -> bool {
        self.is_row.get(at).copied().unwrap_or(false)
    }

    /// That of several endpoints together.
    fn of(&self, within: impl Fn(usize) -> bool) -> Option<Wait> {
        let mut sum = Wait::default();
        let waits = self.waits?.iter().enumerate().filter(|(at, _)| within(*at));
        waits.for_each(|(_, wait)| sum.add(wait));
        (sum.count > 0).then_some(sum)
    }

    fn of_row(&self, row: &summary::Endpoint) -> Option<Wait> {
        let at = *self.rows.get(&(std::ptr::from_ref(row) as usize))?;
        self.waits?.get(at).copied().filter(|wait| wait.count > 0)
    }
}

/// From the view to what is written.
struct Wire<'v> {
    view: &'v View<'v>,
    inferred: Inferred<'v>,
    /// Those that every phase has and those that were asked for, in rising order.
    quantiles: Vec<Quantile>,
}

impl<'v> Wire<'v> {
    fn of(view: &'v View<'v>) -> Self {
        let mut quantiles = [QUANTILES.as_slice(), &view.quantiles].concat();
        quantiles.sort_unstable();
        quantiles.dedup();
        let inferred = Inferred::of_view(view);
        Wire {
            view,
            inferred,
            quantiles,
        }
    }

    fn report(&self) -> Report<'v> {
        let View {
            summary,
            diagnosis,
            rows,
            other,
            other_count,
            complete,
            ..
        } = self.view;
        Report {
            schema: SCHEMA,
            approximate: summary.approximate.is_some(),
            approximate_why: summary.approximate.as_deref(),
            partial: (!complete).then_some(true),
            input: self.input(),
            split: self.split(),
            totals: self.numbers(
                &summary.totals,
                Some(&summary.totals.slowest),
                self.inferred.of(|_| true),
            ),
            endpoints: rows.iter().map(|row| self.endpoint(row)).collect(),
            other: other.as_ref().map(|other| Other {
                endpoints: *other_count,
                numbers: self.numbers(
                    other,
                    None,
                    self.inferred.of(|at| !self.inferred.is_row(at)),
                ),
            }),
            timeline: summary
                .timeline
                .iter()
                .map(|window| self.window(window))
                .collect(),
            upstreams: summary
                .upstreams
                .iter()
                .enumerate()
                .map(|(at, address)| upstream(address, diagnosis.pools.get(at).copied().flatten()))
                .collect(),
            slowest: slowest(&summary.slowest),
            findings: diagnosis
                .findings
                .iter()
                .map(|finding| findings::Wire::of(finding, summary))
                .collect(),
            not_looked_at: diagnosis
                .not_looked_at
                .iter()
                .map(findings::NotLookedAt::of)
                .collect(),
        }
    }

    fn input(&self) -> Input<'v> {
        let summary = self.view.summary;
        Input {
            files: summary.files.iter().map(file).collect(),
            lines: summary.lines.lines,
            records: summary.lines.records,
            rejects: summary.lines.rejected(),
            filtered: summary.lines.filtered,
            without_duration: summary.totals.without_duration,
            first: summary.range.and_then(|(first, _)| time(first)),
            last: summary.range.and_then(|(_, last)| time(last)),
        }
    }

    fn split(&self) -> Split<'v> {
        let split = &self.view.summary.split;
        let inferred = self.inferred.of(|_| true);
        let (covered, of) = split.covered;
        Split {
            wait: if inferred.is_some() {
                "inferred"
            } else {
                split.wait.word()
            },
            by: split.by.or(inferred.map(|_| "common-mode")),
            coverage: match inferred {
                Some(wait) => fraction(wait.count.min(of), of, 4),
                None => fraction(covered, of, 4),
            },
            busy: split.busy.name(),
            window_us: split.window.0,
            fifo: self.view.summary.fifo.as_ref().map(Fifo::of),
        }
    }

    fn endpoint(&self, endpoint: &'v summary::Endpoint) -> Endpoint<'v> {
        let (method, method_b64) = text(&endpoint.method);
        let (route, route_b64) = text(&endpoint.route);
        let mut dimensions = BTreeMap::new();
        for (dimension, value) in self
            .view
            .summary
            .dimensions
            .iter()
            .zip(&endpoint.dimensions)
        {
            let (value, base64) = text(value);
            dimensions.insert(dimension.name().to_owned(), value);
            if let Some(base64) = base64 {
                dimensions.insert(format!("{}_b64", dimension.name()), Cow::Owned(base64));
            }
        }
        let inferred = self.inferred.of_row(endpoint);
        let numbers = self.numbers(endpoint, Some(&endpoint.slowest), inferred);
        Endpoint {
            method,
            method_b64,
            route,
            route_b64,
            dimensions,
            numbers,
        }
    }

    fn numbers<'e>(
        &self,
        endpoint: &summary::Endpoint,
        examples: Option<&'e [SlowRequest]>,
        inferred: Option<Wait>,
    ) -> Numbers<'e> {
        let phase = |phase: Phase| {
            let numbers = match (endpoint.phase(phase), inferred) {
                (Some(distribution), _) => {
                    let is_told = matches!(phase, Phase::Wait | Phase::App);
                    self.phase(distribution, endpoint.error.filter(|_| is_told))
                }
                (None, Some(wait)) if phase == Phase::Wait => self.inferred_phase(&wait, wait.sum),
                (None, Some(wait)) if phase == Phase::App => self.inferred_phase(&wait, wait.own),
                _ => return None,
            };
            Some((phase.name(), numbers))
        };
        Numbers {
            requests: endpoint.requests,
            errors_4xx: endpoint.errors_4xx,
            errors_5xx: endpoint.errors_5xx,
            censored: endpoint.censored,
            upgraded: endpoint.upgraded,
            clamped: endpoint.clamped,
            without_duration: endpoint.without_duration,
            bytes: endpoint.bytes,
            busy_us: endpoint.busy.0,
            busy_share: fraction(endpoint.busy.0, self.view.summary.totals.busy.0, 6),
            phases: Entries(Phase::ALL.into_iter().filter_map(phase).collect()),
            slowest: examples.map(slowest),
        }
    }

    /// A phase of which only the sum is known.
    fn inferred_phase(&self, wait: &Wait, sum: f64) -> PhaseNumbers {
        let nothing = |quantile: &Quantile| (format!("{}_us", quantile.key()), None);
        PhaseNumbers {
            count: wait.count,
            // OK because a cast of a float saturates.
            sum_us: sum.max(0.0) as u64,
            error_us: Some(wait.error as u64),
            min_us: None,
            quantiles: Entries(self.quantiles.iter().map(nothing).collect()),
            max_us: None,
            at_least: None,
        }
    }

    fn phase(&self, distribution: &Distribution, error: Option<Micros>) -> PhaseNumbers {
        let values = self.quantiles.iter().map(|quantile| {
            (
                format!("{}_us", quantile.key()),
                Some(distribution.quantile(*quantile).value.0),
            )
        });
        PhaseNumbers {
            count: distribution.count,
            sum_us: distribution.sum.0,
            error_us: error.map(|error| error.0),
            min_us: Some(distribution.min.0),
            quantiles: Entries(values.collect()),
            max_us: Some(distribution.max.0),
            at_least: at_least(distribution, &self.quantiles),
        }
    }

    fn window(&self, window: &summary::Window) -> Window {
        let total = window.total.as_ref();
        let quantile = |quantile| total.map(|total| total.quantile(quantile).value.0);
        let [p50, p99] = WINDOW_QUANTILES;
        // Where nobody said a wait, the sum is not 0 but unknown.
        let is_known = self.view.summary.split.wait != Knowledge::Unknown;
        Window {
            from: time(window.from),
            requests: window.requests,
            errors_5xx: window.errors_5xx,
            busy_us: window.busy.0,
            wait_us: is_known.then_some(window.wait.0),
            p50_us: quantile(p50),
            p99_us: quantile(p99),
            at_least: total.and_then(|total| at_least(total, &WINDOW_QUANTILES)),
        }
    }
}

fn file(file: &FileSummary) -> File<'_> {
    let (path, path_b64) = text(&file.name);
    let rejects = Reject::ALL
        .iter()
        .map(|reject| (reject.key(), file.lines.rejects[*reject as usize]));
    File {
        path,
        path_b64,
        format: file.format.as_deref(),
        lines: file.lines.lines,
        records: file.lines.records,
        rejects: Entries(rejects.filter(|(_, count)| *count > 0).collect()),
        error: file.error.as_deref(),
        definition: file.definition.as_deref(),
        formats: match file.formats.as_slice() {
            [] | [_] => None,
            several => Some(
                several
                    .iter()
                    .map(|(format, records)| FormatRecords {
                        format,
                        records: *records,
                    })
                    .collect(),
            ),
        },
    }
}

fn upstream(upstream: &summary::Upstream, pool: Option<Pool>) -> Upstream<'_> {
    let (address, upstream_b64) = text(&upstream.address);
    Upstream {
        upstream: address,
        upstream_b64,
        requests: upstream.requests,
        errors_5xx: upstream.errors_5xx,
        busy_us: upstream.busy.0,
        pool: pool.filter(|pool| pool.was_full).map(|pool| pool.workers),
        utilisation: pool
            .filter(|pool| pool.was_full)
            .map(|pool| (pool.utilisation * 1e4).round() / 1e4),
    }
}

fn slowest(requests: &[SlowRequest]) -> Vec<Slow<'_>> {
    requests.iter().map(slow).collect()
}

fn slow(request: &SlowRequest) -> Slow<'_> {
    let (line, line_b64) = text(&request.line);
    Slow {
        total_us: request.total.0,
        time: request.stamp.and_then(time),
        line,
        line_b64,
    }
}

/// The quantiles that are lower bounds; `None` where there are none.
fn at_least(distribution: &Distribution, quantiles: &[Quantile]) -> Option<AtLeast> {
    let bounds = quantiles
        .iter()
        .filter(|quantile| distribution.quantile(**quantile).at_least);
    let at_least_quantiles: Vec<String> = bounds.map(|quantile| quantile.key()).collect();
    (!at_least_quantiles.is_empty()).then_some(AtLeast {
        at_least: true,
        at_least_quantiles,
    })
}

/// The name of an endpoint in a report that compares.
#[derive(Serialize)]
pub(crate) struct Name<'a> {
    method: Cow<'a, str>,
    route: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_base64: Option<String>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    dimensions: serde_json::Map<String, serde_json::Value>,
}

impl<'a> Name<'a> {
    /// Of a method and route, with the values of the dimensions.
    pub(crate) fn new(
        method: &'a [u8],
        route: &'a [u8],
        dimensions: &[Dimension],
        values: &[Vec<u8>],
    ) -> Self {
        let dimension = |(dimension, value): (&Dimension, &Vec<u8>)| {
            let value = Untrusted::new(value).for_json().into_owned();
            (dimension.name().to_owned(), value.into())
        };
        Name {
            method: Untrusted::new(method).for_json(),
            route: Untrusted::new(route).for_json(),
            route_base64: Untrusted::new(route).base64_if_lossy(),
            dimensions: dimensions.iter().zip(values).map(dimension).collect(),
        }
    }
}

/// A text of a log, and its bytes in base64 where the text loses some.
fn text(bytes: &[u8]) -> (Cow<'_, str>, Option<String>) {
    let bytes = Untrusted::new(bytes);
    (bytes.for_json(), bytes.base64_if_lossy())
}

/// A stamp by RFC 3339; `None` outside the years that it can write, where [`Stamp::rfc3339`] gives a
/// text of another form.
fn time(stamp: Stamp) -> Option<String> {
    Some(stamp.rfc3339())
        .filter(|text| text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with('Z'))
}

/// A part of a whole with so many decimals, cut off: only the whole itself is 1. `None` where the
/// whole is nothing.
fn fraction(part: u64, whole: u64, decimals: u32) -> Option<f64> {
    let scale = 10_u128.pow(decimals);
    let scaled = (u128::from(part) * scale).checked_div(u128::from(whole))?;
    // The decimal text decides, not a division of floats.
    let text = format!(
        "{}.{:0width$}",
        scaled / scale,
        scaled % scale,
        width = decimals as usize
    );
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use base64::Engine as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnosis::diagnose;
    use crate::endpoint::{Dimension, Naming};
    use crate::grammar::{Escape, Names, compile};
    use crate::input::{Feed, FeedOptions, Interrupt, Progress, Source};
    use crate::record::Plans;
    use crate::report::Choice;
    use crate::summary::{Ends, FileTally, Question, RejectSink, Summary, freeze, reduce};
    use crate::unit::Micros;

    const DEFINITION: &str = "$msec \"$request\" $status $body_bytes_sent $host $request_time $upstream_header_time $upstream_response_time $upstream_addr $upstream_http_x_runtime";

    /// A log through the library, with two workers over small blocks.
    fn summary(lines: &[u8], question: &Question) -> Summary {
        let grammar = compile("test", DEFINITION, Escape::None, Names::Checked).unwrap();
        let plans = Arc::new(Plans::only(grammar.plan(question.needs())));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(lines).unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        let progress = Arc::new(Progress::default());
        let open = |_: usize, _: &[u8]| Ok(Arc::clone(&plans));
        let options = FeedOptions {
            block: 128,
            at_once: 1,
        };
        let sources = vec![Source::File(file.path().to_owned())];
        let feed = Feed::new(
            sources,
            options,
            Arc::new(Interrupt::never()),
            Arc::clone(&progress),
            &open,
        );
        let rejects: Option<&RejectSink<Vec<u8>>> = None;
        let tallies =
            pool.install(|| reduce(&feed, 1, question, &Ends::default(), &progress, rejects));
        let file = FileSummary {
            name: b"access.log".to_vec(),
            format: Some(grammar.name.clone()),
            definition: Some(grammar.definition.clone()),
            lines: FileTally::default(),
            formats: Vec::new(),
            error: None,
        };
        freeze(tallies, question, vec![file])
    }

    fn question() -> Question {
        Question {
            memory: Question::MEMORY,
            slowest: 3,
            examples: 2,
            ..Question::default()
        }
    }

    fn all() -> Choice {
        Choice {
            columns: None,
            quantiles: Vec::new(),
            sort: None,
            limit: None,
        }
    }

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../schema/slowpath.report.1.json")).unwrap()
    }

    fn validator() -> jsonschema::Validator {
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema())
            .unwrap()
    }

    /// The rendered view, which fits the schema.
    fn rendered(summary: &Summary, choice: &Choice) -> Value {
        let text = render(&View::new(summary, &diagnose(summary), choice, true));
        assert!(text.ends_with("}\n"));
        let value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator()
            .iter_errors(&value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{text}");
        value
    }

    /// A line of the grammar above.
    fn line(second: u32, request: &str, status: u16, total: &str, upstream: &str) -> String {
        format!(
            "17000000{second:02}.500 \"{request} HTTP/1.1\" {status} 100 example.org {total} {upstream}\n"
        )
    }

    fn story() -> Vec<u8> {
        let mut log = String::new();
        for n in 0..40 {
            let total = format!("0.{:03}", 100 + n * 7);
            log += &line(
                n,
                "GET /api/users/7",
                200,
                &total,
                &format!("{total} {total} 10.0.0.1:80 0.0{n:02}"),
            );
            log += &line(
                n,
                "POST /api/objects/7",
                if n % 8 == 0 { 502 } else { 200 },
                "0.500",
                "0.400 0.450 10.0.0.2:80 0.3",
            );
            log += &line(
                n,
                "GET /static/a.css",
                if n % 3 == 0 { 404 } else { 200 },
                "0.001",
                "- - - -",
            );
        }
        log += "no line of this format\n\n";
        log.into_bytes()
    }

    #[test]
    fn a_log_fits_the_schema_and_adds_up() {
        let summary = summary(&story(), &question());
        let report = rendered(&summary, &all());
        assert_eq!(report["schema"], "slowpath.report/1");
        assert_eq!(report["approximate"], false);
        assert_eq!(
            (report.get("partial"), report.get("approximate_why")),
            (None, None)
        );
        let input = &report["input"];
        assert_eq!(
            (&input["lines"], &input["records"], &input["rejects"]),
            (&json!(122), &json!(120), &json!(2))
        );
        assert_eq!(
            input["files"][0]["rejects"],
            json!({ "empty": 1, "shape": 1 })
        );
        assert_eq!(input["files"][0]["path"], "access.log");
        assert_eq!(
            (&input["first"], &input["last"]),
            (
                &json!("2023-11-14T22:13:20.5Z"),
                &json!("2023-11-14T22:13:59.5Z")
            )
        );
        assert_eq!(
            report["split"],
            json!({ "wait": "measured", "by": "x-runtime", "coverage": 1.0, "busy": "app", "window_us": 1_000_000 })
        );
        let endpoints = report["endpoints"].as_array().unwrap();
        assert_eq!(endpoints.len(), 3);
        assert_eq!(
            (&endpoints[0]["method"], &endpoints[0]["route"]),
            (&json!("POST"), &json!("/api/objects/:id"))
        );
        let wait = &endpoints[0]["phases"]["wait"];
        assert_eq!(
            (&wait["count"], &wait["sum_us"], &wait["max_us"]),
            (&json!(40), &json!(4_000_000), &json!(100_000))
        );
        assert_eq!(endpoints[0].get("dimensions"), None);
        // A static file has no upstream, so those phases are absent, not empty.
        let css = endpoints
            .iter()
            .find(|row| row["route"] == "/static/a.css")
            .unwrap();
        assert_eq!(
            css["phases"]
                .as_object()
                .unwrap()
                .keys()
                .collect::<Vec<_>>(),
            ["client", "total"]
        );
        assert_eq!(css["errors_4xx"], 14);
        assert_eq!(report["other"], Value::Null);
        assert_eq!(report["upstreams"][0]["upstream"], "10.0.0.2:80");
        assert_eq!(report["slowest"][0]["total_us"], 500_000);
        assert_eq!(report["slowest"].as_array().unwrap().len(), 3);
        assert_eq!(
            report["timeline"][0]["wait_us"].as_u64(),
            Some(100_000 + 100_000)
        );
    }

    #[test]
    fn rows_and_other_are_the_totals() {
        let summary = summary(&story(), &question());
        for limit in 0..=3 {
            let report = rendered(
                &summary,
                &Choice {
                    limit: Some(limit),
                    ..all()
                },
            );
            let rows = report["endpoints"].as_array().unwrap();
            assert_eq!(rows.len(), limit);
            assert_eq!(report["other"].is_null(), limit == 3);
            if limit < 3 {
                assert_eq!(report["other"]["endpoints"], 3 - limit);
            }
            let parts = || {
                rows.iter()
                    .chain(Some(&report["other"]).filter(|other| !other.is_null()))
            };
            for key in [
                "requests",
                "errors_4xx",
                "errors_5xx",
                "censored",
                "upgraded",
                "clamped",
                "without_duration",
                "bytes",
                "busy_us",
            ] {
                let sum: u64 = parts().map(|part| part[key].as_u64().unwrap()).sum();
                assert_eq!(report["totals"][key], sum, "{key} with {limit} rows");
            }
            for (phase, total) in report["totals"]["phases"].as_object().unwrap() {
                for key in ["count", "sum_us"] {
                    let sum: u64 = parts()
                        .filter_map(|part| part["phases"][phase][key].as_u64())
                        .sum();
                    assert_eq!(total[key], sum, "{phase} {key} with {limit} rows");
                }
            }
        }
    }

    #[test]
    fn no_records_are_no_numbers() {
        for lines in [&b""[..], b"nothing of this format\n"] {
            let report = rendered(&summary(lines, &question()), &all());
            assert_eq!(
                (&report["input"]["first"], &report["input"]["last"]),
                (&Value::Null, &Value::Null)
            );
            assert_eq!(report["split"]["wait"], "unknown");
            assert_eq!(
                (&report["split"]["by"], &report["split"]["coverage"]),
                (&Value::Null, &Value::Null)
            );
            assert_eq!(report["totals"]["phases"], json!({}));
            assert_eq!(report["totals"]["busy_share"], Value::Null);
            for empty in ["endpoints", "timeline", "upstreams", "slowest", "findings"] {
                assert_eq!(report[empty], json!([]), "{empty}");
            }
        }
    }

    #[test]
    fn hostile_bytes_come_back_whole() {
        let bytes = |base64: &Value| {
            base64::engine::general_purpose::STANDARD
                .decode(base64.as_str().unwrap())
                .unwrap()
        };
        let upstream = "0.1 0.1 10.0.0.1:80 0.1";
        let mut log = Vec::new();
        // With escape=none a log may hold anything: an escape sequence, C1, quotes, line separators.
        let evil: [&[u8]; 4] = [
            b"/a/\xff",
            b"/a/\xfe",
            "/\u{1b}[2J\u{9b}1m\\\"'</script>\u{2028}\u{202e}\u{e0041}".as_bytes(),
            b"/plain",
        ];
        for path in evil {
            log.extend_from_slice(b"1700000000.5 \"GET ");
            log.extend_from_slice(path);
            log.extend_from_slice(b" HTTP/1.1\" 200 1 h\xc0\"st\x1b 0.1 ");
            log.extend_from_slice(upstream.as_bytes());
            log.push(b'\n');
        }
        let naming = Naming {
            dimensions: vec![Dimension::Host, Dimension::Status],
            ..Naming::default()
        };
        let mut summary = summary(
            &log,
            &Question {
                naming,
                ..question()
            },
        );
        // The path and the address are not the log's to choose here, and the reducer knows no such method.
        summary.files[0].name = b"/var/log/\xe9\x1b.log".to_vec();
        summary.upstreams[0].address = b"unix:/\xe9".to_vec();
        summary.endpoints[0].method = b"G\xe9T".to_vec();
        let text = render(&View::new(&summary, &diagnose(&summary), &all(), true));
        assert!(
            text.chars()
                .all(|c| c == '\n' || !c.is_control() && !is_hidden(c)),
            "{text:?}"
        );
        assert!(text.contains("\\udb40\\udc41"));
        let report = rendered(&summary, &all());
        let rows = report["endpoints"].as_array().unwrap();
        let route = |row: &Value| {
            row.get("route_b64").map_or_else(
                || row["route"].as_str().unwrap().as_bytes().to_vec(),
                &bytes,
            )
        };
        let mut routes: Vec<Vec<u8>> = rows.iter().map(route).collect();
        routes.sort();
        let mut want = evil.map(<[u8]>::to_vec);
        want.sort();
        assert_eq!(routes, want);
        let lossy = rows.iter().filter(|row| row["route"] == "/a/\u{fffd}");
        assert_eq!(lossy.count(), 2, "two rows that only base64 tells apart");
        for row in rows {
            let dimensions = &row["dimensions"];
            assert_eq!(bytes(&dimensions["host_b64"]), b"h\xc0\"st\x1b");
            assert_eq!(
                (&dimensions["host"], &dimensions["status"]),
                (&json!("h\u{fffd}\"st\u{1b}"), &json!("200"))
            );
            assert_eq!(dimensions.get("status_b64"), None);
            let line = bytes(&row["slowest"][0]["line_b64"]);
            assert!(memchr::memmem::find(&line, &route(row)).is_some());
        }
        assert_eq!(bytes(&rows[0]["method_b64"]), b"G\xe9T");
        assert_eq!(rows[1].get("method_b64"), None);
        assert_eq!(
            bytes(&report["input"]["files"][0]["path_b64"]),
            b"/var/log/\xe9\x1b.log"
        );
        assert_eq!(
            bytes(&report["upstreams"][0]["upstream_b64"]),
            b"unix:/\xe9"
        );
    }

    #[test]
    fn a_quantile_of_requests_that_were_cut_off_is_a_lower_bound() {
        let mut log = String::new();
        for n in 0..90 {
            log += &line(
                n % 60,
                "GET /a",
                200,
                "0.010",
                "0.010 0.010 10.0.0.1:80 0.010",
            );
        }
        for n in 0..10 {
            log += &line(n, "GET /a", 504, "60.000", "- 60.000 10.0.0.1:80 -");
        }
        let report = rendered(
            &summary(log.as_bytes(), &question()),
            &Choice {
                quantiles: vec!["75".parse().unwrap(), Quantile::percent(99)],
                ..all()
            },
        );
        let phases = &report["endpoints"][0]["phases"];
        assert_eq!(report["endpoints"][0]["censored"], 10);
        assert_eq!(phases["total"]["at_least"], true);
        assert_eq!(
            phases["total"]["at_least_quantiles"],
            json!(["p95", "p99", "p99_9"])
        );
        assert_eq!(phases["app"].get("at_least"), None);
        assert!(phases["total"]["p75_us"].is_u64());
    }

    #[test]
    fn keys_stand_in_the_order_of_the_schema() {
        let summary = summary(&story(), &question());
        let quantiles = ["75", "99.99", "5"].map(|quantile| quantile.parse().unwrap());
        let text = render(&View::new(
            &summary,
            &diagnose(&summary),
            &Choice {
                quantiles: quantiles.to_vec(),
                ..all()
            },
            true,
        ));
        let phase = text
            .split_once("\"total\": {")
            .unwrap()
            .1
            .split_once('}')
            .unwrap()
            .0;
        let keys: Vec<&str> = phase.split('"').skip(1).step_by(2).collect();
        assert_eq!(
            keys,
            [
                "count",
                "sum_us",
                "min_us",
                "p5_us",
                "p50_us",
                "p75_us",
                "p90_us",
                "p95_us",
                "p99_us",
                "p99_9_us",
                "p99_99_us",
                "max_us"
            ]
        );
    }

    #[test]
    fn wait_that_nobody_measured_is_null() {
        let report = rendered(
            &summary(
                line(1, "GET /a", 200, "0.2", "0.1 0.1 10.0.0.1:80 -").as_bytes(),
                &question(),
            ),
            &all(),
        );
        assert_eq!(
            (&report["split"]["wait"], &report["split"]["coverage"]),
            (&json!("unknown"), &json!(0.0))
        );
        assert_eq!(report["timeline"][0]["wait_us"], Value::Null);
        assert_eq!(report["timeline"][0]["p50_us"], 200_000);
    }

    #[test]
    fn a_report_that_is_not_whole_says_so() {
        let mut summary = summary(&story(), &question());
        summary.approximate = Some("more endpoints than fit in 1.00 MiB".to_owned());
        summary.files[0].error = Some("unexpected end of file".to_owned());
        let report: Value = serde_json::from_str(&render(&View::new(
            &summary,
            &diagnose(&summary),
            &all(),
            false,
        )))
        .unwrap();
        assert!(validator().is_valid(&report));
        assert_eq!(
            (&report["partial"], &report["approximate"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(
            report["approximate_why"],
            "more endpoints than fit in 1.00 MiB"
        );
        assert_eq!(
            report["input"]["files"][0]["error"],
            "unexpected end of file"
        );
    }

    #[test]
    fn fractions_are_cut_off() {
        assert_eq!(fraction(0, 0, 4), None);
        assert_eq!(fraction(0, 9, 4), Some(0.0));
        assert_eq!(fraction(2, 3, 4), Some(0.6666));
        assert_eq!(fraction(u64::MAX - 1, u64::MAX, 6), Some(0.999_999));
        assert_eq!(fraction(u64::MAX, u64::MAX, 6), Some(1.0));
    }

    #[test]
    fn a_time_is_rfc_3339_or_null() {
        assert_eq!(
            time(Stamp(1_500_000)).as_deref(),
            Some("1970-01-01T00:00:01.5Z")
        );
        for outside in [i64::MIN, i64::MAX, -70_000_000_000_000_000] {
            assert_eq!(time(Stamp(outside)), None);
        }
        // A duration of 285,000 years, which a JSON log may hold, puts the window out of all years.
        let log = line(1, "GET /a", 200, "9000000000000", "- - - -");
        let report = rendered(&summary(log.as_bytes(), &question()), &all());
        assert_eq!(report["timeline"][0]["from"], Value::Null);
        assert_eq!(
            report["totals"]["phases"]["total"]["max_us"],
            Micros(9_000_000_000_000_000_000).0
        );
    }

    /// Calls `each` with every object of a value, by its JSON pointer.
    fn objects(value: &Value, at: &str, each: &mut dyn FnMut(&str)) {
        match value {
            Value::Object(map) => {
                each(at);
                map.iter().for_each(|(key, value)| {
                    objects(
                        value,
                        &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                        each,
                    )
                });
            }
            Value::Array(values) => values
                .iter()
                .enumerate()
                .for_each(|(n, value)| objects(value, &format!("{at}/{n}"), each)),
            _ => {}
        }
    }

    #[test]
    fn the_schema_takes_no_accidental_key() {
        let naming = Naming {
            dimensions: vec![Dimension::Host],
            ..Naming::default()
        };
        let summary = summary(
            &story(),
            &Question {
                naming,
                ..question()
            },
        );
        let mut report = rendered(
            &summary,
            &Choice {
                limit: Some(1),
                ..all()
            },
        );
        report["findings"] = json!([finding()]);
        report["not_looked_at"] = json!([{ "kind": "drift", "why": "the log is too short" }]);
        let validator = validator();
        assert!(validator.is_valid(&report));
        let mut pointers = Vec::new();
        objects(&report, "", &mut |at| pointers.push(at.to_owned()));
        for at in pointers.iter().filter(|at| !at.ends_with("/evidence")) {
            let mut changed = report.clone();
            changed.pointer_mut(at).unwrap()["accident"] = json!(1);
            assert!(
                !validator.is_valid(&changed),
                "an accidental key in {at:?} passes"
            );
        }
        let mut changed = report.clone();
        changed["other"]["slowest"] = json!([]);
        assert!(!validator.is_valid(&changed));
    }

    #[test]
    fn the_schema_misses_no_key_but_optional_ones() {
        let report = rendered(
            &summary(&story(), &question()),
            &Choice {
                limit: Some(1),
                ..all()
            },
        );
        let validator = validator();
        let mut pointers = Vec::new();
        objects(&report, "", &mut |at| pointers.push(at.to_owned()));
        for at in pointers
            .iter()
            .filter(|at| !at.ends_with("/phases") && !at.ends_with("/rejects"))
        {
            for key in report.pointer(at).unwrap().as_object().unwrap().keys() {
                let mut changed = report.clone();
                changed
                    .pointer_mut(at)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(key);
                assert!(!validator.is_valid(&changed), "{at}/{key} may be missing");
            }
        }
    }

    fn finding() -> Value {
        json!({
            "kind": "shared_slow_path", "severity": "critical", "basis": "measured", "title": "…",
            "from": "2023-11-14T22:13:20Z", "until": null,
            "endpoints": [{ "method": "POST", "route": "/api/objects/:id", "role": "culprit" }],
            "subject": { "dimension": "segment", "value": "update_objects" }, "evidence": { "windows": 3 }, "advice": "…"
        })
    }

    #[test]
    fn the_words_of_the_schema_are_those_of_the_code() {
        let schema = schema();
        let words = |pointer: &str| -> Vec<String> {
            match schema.pointer(pointer).unwrap() {
                Value::Object(map) => map.keys().cloned().collect(),
                words => words
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            }
        };
        assert_eq!(
            words("/$defs/file/properties/rejects/propertyNames/enum"),
            Reject::ALL
                .iter()
                .map(|reject| reject.key())
                .collect::<Vec<_>>()
        );
        let mut phases = Phase::ALL.map(Phase::name);
        phases.sort_unstable();
        assert_eq!(words("/$defs/numbers/properties/phases/properties"), phases);
        let dimensions = Dimension::ALL.map(Dimension::name).join("|");
        assert_eq!(
            words("/$defs/endpoint/properties/dimensions/patternProperties"),
            [format!("^({dimensions})$"), format!("^({dimensions})_b64$")]
        );
        assert_eq!(words("/$defs/kind/enum").len(), 21);
        let report = rendered(&summary(b"", &question()), &all());
        for (key, wrong) in [
            ("kind", "slow"),
            ("severity", "bad"),
            ("basis", "guessed"),
            ("from", "yesterday"),
        ] {
            let mut report = report.clone();
            report["findings"] = json!([finding()]);
            assert!(validator().is_valid(&report));
            report["findings"][0][key] = json!(wrong);
            assert!(!validator().is_valid(&report), "{key}");
        }
    }
}
