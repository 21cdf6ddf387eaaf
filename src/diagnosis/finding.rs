//! One statement of the diagnosis, and the words that it is made of. How it is shown is not known here.

use std::cmp::{Ordering, Reverse};

use super::Prose;
use crate::stamp::Stamp;
use crate::summary::SlowRequest;
use crate::unit::Micros;

/// What a finding says. Each kind says one thing, and none repeats another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The worker pool of an upstream was full: requests queued.
    Saturation,
    /// Two or more endpoints' own time grew together, and they are the cause.
    SharedSlowPath,
    /// One endpoint's own time grew in an incident, and it shares with nobody.
    SlowEndpoint,
    /// Most endpoints' own time grew: something common below them.
    DependencySlowdown,
    /// More requests, the same work each.
    TrafficSurge,
    /// Slow time concentrates on one value.
    HotKey,
    /// Several incident windows with normal time between.
    RecurringOutage,
    /// A rare endpoint starts just before the windows, beyond chance.
    RareTrigger,
    /// An endpoint's own time stepped and stayed, without an incident.
    Shift,
    /// Own time climbs and resets, over and over.
    Drift,
    /// Time grows with the size of the request or response.
    SizeDependent,
    /// The same request comes again after failing.
    RetryStorm,
    /// Attempts at upstreams failed and were repeated by the proxy.
    UpstreamRetries,
    /// One upstream host is slower than its peers.
    SlowUpstream,
    /// Time is lost towards clients, not in the application.
    SlowClients,
    /// The hit ratio fell.
    CacheCollapse,
    /// Errors were served from cache.
    CachedErrors,
    /// Regular probes take a visible share of busy time.
    HealthCheckLoad,
    /// Requests end without an answer after the same round time.
    Timeouts,
    /// Connections to upstreams come about after 1, 3 or 7 s.
    SynRetransmits,
    /// Most requests fail with 502 or 503 for a short time.
    Restarts,
}

impl Kind {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Saturation => "saturation",
            Kind::SharedSlowPath => "shared_slow_path",
            Kind::SlowEndpoint => "slow_endpoint",
            Kind::DependencySlowdown => "dependency_slowdown",
            Kind::TrafficSurge => "traffic_surge",
            Kind::HotKey => "hot_key",
            Kind::RecurringOutage => "recurring_outage",
            Kind::RareTrigger => "rare_trigger",
            Kind::Shift => "shift",
            Kind::Drift => "drift",
            Kind::SizeDependent => "size_dependent",
            Kind::RetryStorm => "retry_storm",
            Kind::UpstreamRetries => "upstream_retries",
            Kind::SlowUpstream => "slow_upstream",
            Kind::SlowClients => "slow_clients",
            Kind::CacheCollapse => "cache_collapse",
            Kind::CachedErrors => "cached_errors",
            Kind::HealthCheckLoad => "health_check_load",
            Kind::Timeouts => "timeouts",
            Kind::SynRetransmits => "syn_retransmits",
            Kind::Restarts => "restarts",
        }
    }

    /// What is looked for, in words that go on from "looked for".
    #[must_use]
    pub const fn sought(self) -> &'static str {
        match self {
            Kind::Saturation => "full worker pools",
            Kind::SharedSlowPath => "slow paths that endpoints share",
            Kind::SlowEndpoint => "endpoints whose own time grew",
            Kind::DependencySlowdown => "slow dependencies",
            Kind::TrafficSurge => "surges of traffic",
            Kind::HotKey => "keys that carry the slow time",
            Kind::RecurringOutage => "outages that come again",
            Kind::RareTrigger => "rare requests that precede outages",
            Kind::Shift => "lasting steps of own time",
            Kind::Drift => "own time that climbs and resets",
            Kind::SizeDependent => "time that grows with size",
            Kind::RetryStorm => "requests repeated after failures",
            Kind::UpstreamRetries => "attempts repeated by the proxy",
            Kind::SlowUpstream => "upstreams slower than their peers",
            Kind::SlowClients => "slow clients",
            Kind::CacheCollapse => "hit ratios that fell",
            Kind::CachedErrors => "errors served from cache",
            Kind::HealthCheckLoad => "health checks that load the workers",
            Kind::Timeouts => "timeouts",
            Kind::SynRetransmits => "connections whose first packets were lost",
            Kind::Restarts => "applications that are gone for a while",
        }
    }
}

/// How much a finding matters; the graver is the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Context.
    Info,
    /// Real and worth acting on.
    Warning,
    /// People are being hurt: seconds lost, errors.
    Critical,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// On what a finding rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grounds {
    /// A field of the log says so.
    Measured,
    /// A model says so, and passed its test.
    Inferred,
    /// It coincides beyond chance, which is no proof.
    Associated,
}

impl Grounds {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Grounds::Measured => "measured",
            Grounds::Inferred => "inferred",
            Grounds::Associated => "associated",
        }
    }
}

/// The part that an endpoint has in a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It is a cause.
    Culprit,
    /// It starts just before.
    Trigger,
    /// It suffers from what it shares with others.
    Affected,
    /// It merely waits.
    Victim,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Culprit => "culprit",
            Role::Trigger => "trigger",
            Role::Affected => "affected",
            Role::Victim => "victim",
        }
    }
}

/// An endpoint in a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Its part.
    pub role: Role,
    /// Its place in [`crate::summary::Summary::endpoints`].
    pub endpoint: usize,
}

/// In which respect the subject of a finding is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A part of the application's time, as Server-Timing names it.
    Segment,
    /// A value in path or query.
    Key,
    /// An upstream server.
    Upstream,
    /// A client or a kind of clients.
    Client,
    /// A cache.
    Cache,
    /// The size of requests or responses.
    Size,
}

impl Topic {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Segment => "segment",
            Topic::Key => "key",
            Topic::Upstream => "upstream",
            Topic::Client => "client",
            Topic::Cache => "cache",
            Topic::Size => "size",
        }
    }
}

/// What the endpoints of a finding have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// In which respect.
    pub topic: Topic,
    /// The value, from the log.
    pub value: Vec<u8>,
}

/// A number or name that a person can check.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// How many.
    Count(u64),
    /// A ratio, a rate or another number without a unit; written with at most four decimals.
    Number(f64),
    /// A duration; its key ends in `_us`.
    Duration(Micros),
    /// A difference of durations, in µs, which may be negative; its key ends in `_us`.
    Change(i64),
    /// A point in time.
    Time(Stamp),
    /// Words of slowpath.
    Words(String),
    /// Bytes from the log.
    Log(Vec<u8>),
    /// Several.
    List(Vec<Value>),
    /// Several with names.
    Group(Evidence),
}

/// Named values in the order in which they are written. A key is used once.
pub type Evidence = Vec<(&'static str, Value)>;

/// One statement of the diagnosis.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it says.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// On what it rests.
    pub grounds: Grounds,
    /// The statement in one plain sentence.
    pub title: Prose,
    /// The sentences below it: the numbers, in the order of their weight.
    pub detail: Vec<Prose>,
    /// Where it begins; `None` where the log has no time.
    pub from: Option<Stamp>,
    /// Where it ends.
    pub until: Option<Stamp>,
    /// The endpoints with their roles; culprits first.
    pub endpoints: Vec<Named>,
    /// What they have in common.
    pub subject: Option<Subject>,
    /// The numbers that it rests on.
    pub evidence: Evidence,
    /// Lines of the log that show it.
    pub examples: Vec<SlowRequest>,
    /// What to do, in one line.
    pub advice: Prose,
    /// The time beyond the usual that it explains, by which findings are ordered.
    pub explains: Micros,
}

impl Finding {
    /// The order of a report: the graver first, then what explains most, then by kind, time and name.
    pub fn rank(&self, other: &Finding) -> Ordering {
        let key = |finding: &Finding| {
            (
                Reverse(finding.severity),
                Reverse(finding.explains),
                finding.kind,
                finding.from,
                finding.subject.clone(),
            )
        };
        key(self)
            .cmp(&key(other))
            .then_with(|| self.endpoints.cmp(&other.endpoints))
    }
}
