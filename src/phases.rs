//! From the times of a record to the phases of its request.
//!
//! Every phase is there or it is not: absent is never zero. What is inferred from many records
//! together is not made here.

mod segments;

use std::num::NonZero;

use crate::grammar::{Field, Fields};
use crate::record::attempts::{Then, attempts, is_single};
use crate::record::server_timing::metrics;
use crate::record::{Record, Reject};
use crate::unit::{Micros, Unit};

/// A part of a request's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// The whole request as the server saw it.
    Total,
    /// Reading the request, sending the response, the proxy itself: total less all upstream time.
    Client,
    /// Earlier attempts that succeeded and redirected to another upstream.
    Redirect,
    /// Earlier attempts that failed.
    Retry,
    /// The last attempt, from connecting to its last byte.
    Upstream,
    /// Connecting to the upstream.
    Connect,
    /// From connected to response header: wait and app together.
    Server,
    /// Queueing for a worker.
    Wait,
    /// The application's own time.
    App,
    /// From response header to the last byte of the upstream.
    Transfer,
}

impl Phase {
    /// All phases, in the order of a report.
    pub const ALL: [Phase; 10] = [
        Phase::Total,
        Phase::Client,
        Phase::Redirect,
        Phase::Retry,
        Phase::Upstream,
        Phase::Connect,
        Phase::Server,
        Phase::Wait,
        Phase::App,
        Phase::Transfer,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name in flags, columns and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Total => "total",
            Phase::Client => "client",
            Phase::Redirect => "redirect",
            Phase::Retry => "retry",
            Phase::Upstream => "upstream",
            Phase::Connect => "connect",
            Phase::Server => "server",
            Phase::Wait => "wait",
            Phase::App => "app",
            Phase::Transfer => "transfer",
        }
    }

    /// The phase of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// How a request ended, as far as its times are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// Its times are what they say.
    #[default]
    Whole,
    /// It was cut off (499, 504): its durations are lower bounds.
    Censored,
    /// It became a tunnel or a stream (101, event streams): its duration is no latency.
    Upgraded,
}

/// Whether a status says that a request was cut off: nginx's 499, where the client left, and 504.
#[must_use]
#[inline]
pub fn is_cut_off(status: u16) -> bool {
    matches!(status, 499 | 504)
}

/// From which phase a request's busy time was taken; the better ones are first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// The application's own time.
    App,
    /// From connected to response header.
    Server,
    /// The last attempt as a whole.
    Upstream,
    /// The whole request, where the log says nothing of an upstream.
    Total,
}

impl Basis {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Basis::App => "app",
            Basis::Server => "server",
            Basis::Upstream => "upstream",
            Basis::Total => "total",
        }
    }
}

/// Who said the app time or the wait of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// A header or field of the application, X-Runtime and its kin.
    XRuntime,
    /// A metric of Server-Timing.
    ServerTiming,
    /// A queue timer of the server.
    QueueTimer,
}

impl Clock {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Clock::XRuntime => "x-runtime",
            Clock::ServerTiming => "server-timing",
            Clock::QueueTimer => "queue-timer",
        }
    }
}

/// The phases of one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phases {
    /// Bit `n` is set where phase `n` is known; `us` holds stale data elsewhere.
    known: u32,
    us: [u64; Phase::COUNT],
    /// Some difference was negative and counts as zero: the two clocks of nginx disagree by up to
    /// 4 ms.
    pub clamped: bool,
    /// How the request ended.
    pub ending: Ending,
    /// Busy time and where it is from; `None` where no worker was busy (static, from cache) or
    /// nothing is known.
    pub busy: Option<(Basis, Micros)>,
    /// Who said the wait or app time.
    pub clock: Option<Clock>,
}

/// What a run says about app time.
#[derive(Debug, Clone, Default)]
pub struct AppClock {
    /// The metric of Server-Timing that is the application's time; `total` where not given.
    pub metric: Option<Vec<u8>>,
}

impl Phases {
    /// The fields that the phases of a record are read from.
    pub const NEEDS: Fields = segments::FIELDS
        .with(Field::Stamp)
        .with(Field::Date)
        .with(Field::Status)
        .with(Field::Total)
        .with(Field::Connect)
        .with(Field::Header)
        .with(Field::Response)
        .with(Field::UpstreamStatus)
        .with(Field::CacheStatus)
        .with(Field::ContentType)
        .with(Field::App)
        .with(Field::ServerTiming);

    /// The phases of a record.
    ///
    /// # Errors
    /// A time of an upstream is no number.
    pub fn of(record: &Record<'_>, clock: &AppClock) -> Result<Phases, Reject> {
        let mut phases = Phases::default();
        phases.read(record, clock)?;
        Ok(phases)
    }

    /// Takes the phases of a record in place of those of another.
    ///
    /// # Errors
    /// A time of an upstream is no number; what it holds then is of no use.
    #[inline(always)]
    pub fn read(&mut self, record: &Record<'_>, clock: &AppClock) -> Result<(), Reject> {
        self.known = 0;
        self.clamped = false;
        self.busy = None;
        self.clock = None;
        if record.status == Some(101) || is_event_stream(record) {
            self.ending = Ending::Upgraded;
            return Ok(());
        }
        self.ending = match record.status {
            Some(status) if is_cut_off(status) => Ending::Censored,
            _ => Ending::Whole,
        };
        if let Some(total) = record.total {
            self.set(Phase::Total, total);
        }
        self.split_upstream(record)?;
        if record.has_any(segments::FIELDS) {
            self.add_segments(record)?;
        }
        if self.ending == Ending::Whole {
            self.split_server(record, clock);
        }
        self.busy = self.busy_time(record);
        if record.total.is_none() && record.plan().grammar.total_is_sum {
            self.sum_total(record);
        }
        Ok(())
    }

    /// The phases of a tunnel or stream: none.
    #[must_use]
    pub fn upgraded() -> Phases {
        Phases {
            ending: Ending::Upgraded,
            ..Phases::default()
        }
    }

    /// The duration of a phase; `None` where it is unknown or did not take place.
    #[must_use]
    #[inline]
    pub fn get(&self, phase: Phase) -> Option<Micros> {
        (self.known & (1 << phase as u32) != 0).then(|| Micros(self.us[phase as usize]))
    }

    /// The phases that are known, by their place in [`Phase::ALL`], and in its order.
    #[inline(always)]
    pub fn places(&self) -> impl Iterator<Item = (usize, Micros)> {
        let mut left = NonZero::new(self.known);
        std::iter::from_fn(move || {
            let known = left?;
            let at = known.trailing_zeros() as usize;
            left = NonZero::new(known.get() & (known.get() - 1));
            Some((at, Micros(*self.us.get(at)?)))
        })
    }

    /// The phases that are known, in the order of [`Phase::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Micros)> {
        self.places()
            .filter_map(|(at, duration)| Some((*Phase::ALL.get(at)?, duration)))
    }

    /// Whether no phase is known.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.known == 0
    }

    #[inline]
    pub(crate) fn set(&mut self, phase: Phase, duration: Micros) {
        self.known |= 1 << phase as u32;
        self.us[phase as usize] = duration.0;
    }

    /// A difference that cannot be negative; where the clocks say otherwise it is zero, and noted.
    #[inline]
    fn difference(&mut self, more: Micros, less: Micros) -> Micros {
        self.clamped |= more < less;
        more.minus(less)
    }

    /// Client, redirect, retry, upstream, connect, server and transfer.
    #[inline(always)]
    fn split_upstream(&mut self, record: &Record<'_>) -> Result<(), Reject> {
        let upstream = match record.raw(Field::Response) {
            Some(responses) => {
                let last = self.walk_attempts(record, responses)?;
                let earlier = self
                    .get(Phase::Redirect)
                    .unwrap_or_default()
                    .plus(self.get(Phase::Retry).unwrap_or_default());
                if let Some(total) = record.total {
                    let client = self.difference(total, earlier.plus(last.unwrap_or_default()));
                    self.set(Phase::Client, client);
                }
                last
            }
            None => None,
        };
        if let Some(upstream) = upstream {
            self.set(Phase::Upstream, upstream);
        }
        let connect = last_of(record, Field::Connect)?;
        let header = last_of(record, Field::Header)?;
        if let Some(connect) = connect {
            self.set(Phase::Connect, connect);
        }
        if let Some(header) = header {
            let server = self.difference(header, connect.unwrap_or_default());
            self.set(Phase::Server, server);
            if let Some(upstream) = upstream {
                let transfer = self.difference(upstream, header);
                self.set(Phase::Transfer, transfer);
            }
        }
        Ok(())
    }

    /// Sums the earlier attempts into redirect and retry, and returns the last one's time.
    #[inline(always)]
    fn walk_attempts(
        &mut self,
        record: &Record<'_>,
        responses: &[u8],
    ) -> Result<Option<Micros>, Reject> {
        match record.plain_time(Field::Response) {
            Some(time) => Ok(Some(time)),
            None => self.walk_several(record, responses),
        }
    }

    /// As [`Phases::walk_attempts`], for lists.
    #[inline(never)]
    fn walk_several(
        &mut self,
        record: &Record<'_>,
        responses: &[u8],
    ) -> Result<Option<Micros>, Reject> {
        // Of these nearly all are so.
        if responses == b"-" {
            return Ok(None);
        }
        let unit = record.unit(Field::Response);
        if is_single(responses) {
            return element(unit, responses);
        }
        let mut statuses = record.raw(Field::UpstreamStatus).map(attempts);
        for (response, then) in attempts(responses) {
            let status = statuses
                .as_mut()
                .and_then(Iterator::next)
                .map_or(&b""[..], |(status, _)| status);
            let time = element(unit, response)?;
            let phase = match then {
                Then::End => return Ok(time),
                // Without a list of statuses, a redirect is taken to follow a success.
                Then::Redirect if !matches!(status.first(), Some(b'5' | b'-')) => Phase::Redirect,
                Then::Redirect | Then::Retry => Phase::Retry,
            };
            // An attempt whose time is unknown says nothing.
            if let Some(time) = time {
                let sum = self.get(phase).unwrap_or_default().plus(time);
                self.set(phase, sum);
            }
        }
        Ok(None)
    }

    /// App and wait.
    #[inline(always)]
    fn split_server(&mut self, record: &Record<'_>, clock: &AppClock) {
        let app = if self.get(Phase::Upstream).is_none() && asked_nobody(record)
            || answered_by_cache(record)
        {
            None
        } else {
            app_time(record, clock)
        };
        if let Some((app, clock)) = app {
            self.set(Phase::App, app);
            self.clock.get_or_insert(clock);
        }
        if self.get(Phase::Wait).is_some() {
            return;
        }
        let Some((app, _)) = app else { return };
        // Where the header's time is not logged at all, the response's is the best there is.
        let whole_response = || {
            let upstream = self
                .get(Phase::Upstream)
                .filter(|_| record.raw(Field::Header).is_none())?;
            Some(upstream.minus(self.get(Phase::Connect).unwrap_or_default()))
        };
        if let Some(server) = self.get(Phase::Server).or_else(whole_response) {
            let wait = self.difference(server, app);
            self.set(Phase::Wait, wait);
        }
    }

    #[inline]
    fn busy_time(&self, record: &Record<'_>) -> Option<(Basis, Micros)> {
        let known = |basis, phase| self.get(phase).map(|time| (basis, time));
        known(Basis::App, Phase::App)
            .or_else(|| known(Basis::Server, Phase::Server))
            .or_else(|| known(Basis::Upstream, Phase::Upstream))
            // A log that names upstreams and has none here says that no worker was busy.
            .or_else(|| {
                known(Basis::Total, Phase::Total).filter(|_| {
                    !record.has_any(OF_UPSTREAM) && !segments::is_first_byte_of_cache(record)
                })
            })
    }
}

/// Where a line has one of these, it says whether an upstream was asked.
const OF_UPSTREAM: Fields = Fields::NONE
    .with(Field::Response)
    .with(Field::Service)
    .with(Field::Server);

/// The time of one attempt; `-`, HAProxy's `-1` and nothing are unknown.
#[inline]
fn element(unit: Unit, text: &[u8]) -> Result<Option<Micros>, Reject> {
    match text {
        b"" | b"-" | b"-1" => Ok(None),
        text => unit.read(text).map(Some).ok_or(Reject::Number),
    }
}

/// The last element of a list of times.
#[inline(always)]
fn last_of(record: &Record<'_>, field: Field) -> Result<Option<Micros>, Reject> {
    match record.plain_time(field) {
        Some(time) => Ok(Some(time)),
        None => match record.raw(field) {
            // Of these nearly all are so.
            None | Some(b"-") => Ok(None),
            Some(text) => last_element(record, field, text),
        },
    }
}

#[inline(never)]
fn last_element(record: &Record<'_>, field: Field, text: &[u8]) -> Result<Option<Micros>, Reject> {
    let unit = record.unit(field);
    if is_single(text) {
        return element(unit, text);
    }
    let mut last = None;
    for (text, _) in attempts(text) {
        last = element(unit, text)?;
    }
    Ok(last)
}

/// The headers of a response from cache are the stored ones: their app time is another request's.
#[inline(always)]
fn answered_by_cache(record: &Record<'_>) -> bool {
    match record.raw(Field::CacheStatus) {
        // Most are not asked for in a cache.
        None | Some(b"-") => false,
        Some(status) => is_stored(status),
    }
}

#[inline(never)]
fn is_stored(status: &[u8]) -> bool {
    matches!(status, b"HIT" | b"STALE" | b"UPDATING" | b"REVALIDATED")
}

/// The log names upstreams, and none was asked: the headers are of no application.
#[inline]
fn asked_nobody(record: &Record<'_>) -> bool {
    record.raw(Field::Response).is_some() && record.text(Field::Response).is_none()
}

#[inline]
fn app_time(record: &Record<'_>, clock: &AppClock) -> Option<(Micros, Clock)> {
    let metric = |name: &[u8]| {
        let header = record.text(Field::ServerTiming)?;
        let metric = metrics(header).find(|metric| metric.name.eq_ignore_ascii_case(name))?;
        Some((metric.duration?, Clock::ServerTiming))
    };
    match &clock.metric {
        Some(name) => metric(name),
        None => record
            .app
            .map(|app| (app, Clock::XRuntime))
            .or_else(|| metric(b"total")),
    }
}

#[inline]
fn is_event_stream(record: &Record<'_>) -> bool {
    record
        .text(Field::ContentType)
        .is_some_and(|content_type| content_type.starts_with(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::detect;
    use crate::grammar::{Names, builtin, compile};
    use crate::record::{LineReader, Reader};

    fn phases(tail: &str) -> Vec<(&'static str, u64)> {
        all(tail)
            .iter()
            .map(|(phase, us)| (phase.name(), us.0))
            .collect()
    }

    /// The phases of a line with this status, total, connect, header, response, statuses, cache
    /// status, app time and Server-Timing.
    fn all(tail: &str) -> Phases {
        let definition = r#""$request" $status rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" us="$upstream_status" cs=$upstream_cache_status app="$upstream_http_x_runtime" st="$upstream_http_server_timing""#;
        let plan = compile(
            "test",
            definition,
            crate::grammar::Escape::Default,
            Names::Checked,
        )
        .unwrap()
        .plan(Fields::ALL);
        let line = format!("\"GET / HTTP/1.1\" {tail}");
        let mut reader = LineReader::new(&plan);
        let record = reader.read(line.as_bytes()).unwrap();
        Phases::of(&record, &AppClock::default()).unwrap()
    }

    #[test]
    fn redirects_and_retries_are_told_apart() {
        assert_eq!(
            phases(
                r#"200 rt=0.100 uct="0.001 : 0.002" uht="0.010 : 0.050" urt="0.011 : 0.060" us="200 : 200" cs=- app="0.040" st="-""#
            ),
            [
                ("total", 100_000),
                ("client", 29_000),
                ("redirect", 11_000),
                ("upstream", 60_000),
                ("connect", 2_000),
                ("server", 48_000),
                ("wait", 8_000),
                ("app", 40_000),
                ("transfer", 10_000)
            ]
        );
        assert_eq!(
            phases(
                r#"200 rt=0.100 uct="0.001 : 0.002" uht="- : 0.050" urt="0.011 : 0.060" us="502 : 200" cs=- app="-" st="-""#
            ),
            [
                ("total", 100_000),
                ("client", 29_000),
                ("retry", 11_000),
                ("upstream", 60_000),
                ("connect", 2_000),
                ("server", 48_000),
                ("transfer", 10_000)
            ]
        );
    }

    #[test]
    fn a_redirect_to_nowhere_has_no_last_attempt() {
        assert_eq!(
            phases(
                r#"502 rt=0.012 uct="0.001 : " uht="0.010 : " urt="0.012 : " us="200 : " cs=- app="-" st="-""#
            ),
            [("total", 12_000), ("client", 0), ("redirect", 12_000)]
        );
    }

    #[test]
    fn negative_differences_are_clamped_and_counted() {
        let clamped = all(
            r#"200 rt=0.019 uct="0.000" uht="0.020" urt="0.020" us="200" cs=- app="0.0203" st="-""#,
        );
        assert!(clamped.clamped);
        assert_eq!(clamped.get(Phase::Client), Some(Micros(0)));
        assert_eq!(clamped.get(Phase::Wait), Some(Micros(0)));
    }

    #[test]
    fn cut_off_requests_have_no_app_and_no_wait() {
        for status in [499, 504] {
            let cut = all(&format!(
                r#"{status} rt=1.000 uct="0.001" uht="-" urt="1.000" us="504" cs=- app="0.5" st="-""#
            ));
            assert_eq!(cut.ending, Ending::Censored);
            assert_eq!((cut.get(Phase::App), cut.get(Phase::Wait)), (None, None));
            assert_eq!(cut.busy, Some((Basis::Upstream, Micros(1_000_000))));
        }
    }

    #[test]
    fn tunnels_have_no_latency() {
        let upgraded = all(
            r#"101 rt=40.000 uct="0.001" uht="0.002" urt="40.000" us="101" cs=- app="-" st="-""#,
        );
        assert_eq!(upgraded.ending, Ending::Upgraded);
        assert_eq!(upgraded.iter().count(), 0);
        assert_eq!(upgraded.busy, None);
    }

    #[test]
    fn a_cached_response_has_a_stale_app_time() {
        for status in ["HIT", "STALE", "UPDATING", "REVALIDATED"] {
            let cached = all(&format!(
                r#"200 rt=0.001 uct="0.000" uht="0.001" urt="0.001" us="304" cs={status} app="0.5" st="total;dur=500""#
            ));
            assert_eq!(cached.get(Phase::App), None, "{status}");
        }
        let from_disk = all(r#"200 rt=0.001 uct="-" uht="-" urt="-" us="-" cs=- app="0.5" st="-""#);
        assert_eq!((from_disk.get(Phase::App), from_disk.busy), (None, None));
    }

    #[test]
    fn server_timing_serves_where_there_is_no_x_runtime() {
        let timed = all(
            r#"200 rt=0.100 uct="0.000" uht="0.100" urt="0.100" us="200" cs=- app="-" st="db;dur=10, total;dur=60""#,
        );
        assert_eq!(timed.get(Phase::App), Some(Micros(60_000)));
        assert_eq!(timed.clock, Some(Clock::ServerTiming));
        let untimed = all(
            r#"200 rt=0.100 uct="0.000" uht="0.100" urt="0.100" us="200" cs=- app="-" st="db;dur=10""#,
        );
        assert_eq!(untimed.get(Phase::App), None);
    }

    #[test]
    fn every_builtin_sample_has_the_phases_that_it_names() {
        let needs = Phases::NEEDS
            .with(Field::Request)
            .with(Field::Method)
            .with(Field::Target);
        for builtin in builtin::all() {
            for sample in &builtin.samples {
                let line = sample.line.as_bytes();
                let plans = detect(line).unwrap().unwrap().plans(needs);
                let mut reader = Reader::new(&plans);
                let record = reader.read(line).unwrap();
                let phases = Phases::of(&record, &AppClock::default()).unwrap();
                let phases = phases
                    .iter()
                    .map(|(phase, us)| (phase.name().to_owned(), us.0))
                    .collect();
                assert_eq!(sample.phases, phases, "{}", sample.line);
                assert_eq!(sample.status, record.status, "{}", sample.line);
                let time = record.stamp.map(|stamp| stamp.rfc3339());
                assert_eq!(sample.time, time, "{}", sample.line);
            }
        }
    }
}
