//! The rules, one file each. A rule reads the case and makes findings; what it needs beyond that it
//! works out itself.

mod cache_collapse;
mod cached_errors;
mod dependency_slowdown;
mod drift;
mod health_check_load;
mod hot_key;
mod own_time;
mod rare_trigger;
mod recurring_outage;
mod restarts;
mod retry_storm;
mod saturation;
mod segment;
mod shift;
mod size_dependent;
mod slow_clients;
mod slow_upstream;
mod syn_retransmits;
mod timeouts;
mod traffic_surge;
mod upstream_retries;

use std::ops::Range;

use super::case::{Case, Examined};
use super::verdict::Cause;
use super::weighted::{Weighted, contrast};
use super::{Evidence, Finding, Kind, Named, Prose, Role, Severity, Subject, Value, limits};
use crate::summary::{Bucket, Text};
use crate::unit::{self, Micros};

/// What a rule says: its findings, or why it could not look.
pub type Verdict = Result<Vec<Finding>, String>;

/// A rule: the kinds of finding that it makes, and how.
pub struct Rule {
    /// The kinds.
    pub kinds: &'static [Kind],
    /// The rule.
    pub look: fn(&Case<'_>) -> Verdict,
}

/// All rules. What they share is worked out in the case, so their order says nothing.
pub const RULES: &[Rule] = &[
    Rule {
        kinds: &[Kind::Saturation],
        look: saturation::look,
    },
    Rule {
        kinds: &[Kind::SharedSlowPath, Kind::SlowEndpoint],
        look: own_time::look,
    },
    Rule {
        kinds: &[Kind::DependencySlowdown],
        look: dependency_slowdown::look,
    },
    Rule {
        kinds: &[Kind::TrafficSurge],
        look: traffic_surge::look,
    },
    Rule {
        kinds: &[Kind::HotKey],
        look: hot_key::look,
    },
    Rule {
        kinds: &[Kind::RecurringOutage],
        look: recurring_outage::look,
    },
    Rule {
        kinds: &[Kind::RareTrigger],
        look: rare_trigger::look,
    },
    Rule {
        kinds: &[Kind::SlowUpstream],
        look: slow_upstream::look,
    },
    Rule {
        kinds: &[Kind::UpstreamRetries],
        look: upstream_retries::look,
    },
    Rule {
        kinds: &[Kind::SlowClients],
        look: slow_clients::look,
    },
    Rule {
        kinds: &[Kind::SizeDependent],
        look: size_dependent::look,
    },
    Rule {
        kinds: &[Kind::CacheCollapse],
        look: cache_collapse::look,
    },
    Rule {
        kinds: &[Kind::CachedErrors],
        look: cached_errors::look,
    },
    Rule {
        kinds: &[Kind::Drift],
        look: drift::look,
    },
    Rule {
        kinds: &[Kind::Shift],
        look: shift::look,
    },
    Rule {
        kinds: &[Kind::RetryStorm],
        look: retry_storm::look,
    },
    Rule {
        kinds: &[Kind::HealthCheckLoad],
        look: health_check_load::look,
    },
    Rule {
        kinds: &[Kind::Timeouts],
        look: timeouts::look,
    },
    Rule {
        kinds: &[Kind::SynRetransmits],
        look: syn_retransmits::look,
    },
    Rule {
        kinds: &[Kind::Restarts],
        look: restarts::look,
    },
];

/// Leaves out what is the echo of a more particular finding: where one upstream is slow or climbs, and
/// what the others answered took no longer, nothing that all share became slow; and that the slow time of an
/// endpoint is that of a slow upstream says the same again.
pub fn leave_out_echoes(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let slow = findings
        .iter()
        .find(|finding| finding.kind == Kind::SlowUpstream)
        .and_then(|finding| finding.subject.clone());
    findings.retain(|finding| !repeats(finding.kind, finding.subject.as_ref(), slow.as_ref()));
    let hosts: Vec<Option<Subject>> = findings
        .iter()
        .filter(|finding| matches!(finding.kind, Kind::SlowUpstream | Kind::Drift))
        .map(|finding| finding.subject.clone())
        .collect();
    let is_echo = hosts.iter().any(|host| match host {
        Some(host) => !slowed_elsewhere(case, &host.value),
        // All of it climbs and falls back: that is what was seen as outages.
        None => true,
    });
    if is_echo {
        findings.retain(|finding| {
            !matches!(
                finding.kind,
                Kind::DependencySlowdown | Kind::RecurringOutage
            )
        });
    }
}

/// Whether a finding says of one endpoint what has been said of a slow upstream.
fn repeats(kind: Kind, subject: Option<&Subject>, slow: Option<&Subject>) -> bool {
    kind == Kind::HotKey && slow.is_some() && subject == slow
}

/// Whether requests to other upstreams took longer in incidents without culprits than in quiet times, by
/// sampled lines.
fn slowed_elsewhere(case: &Case<'_>, address: &[u8]) -> bool {
    let in_incident = |window: usize| {
        case.slow().any(|examined| {
            !matches!(examined.verdict.cause, Cause::Culprits(_)) && examined.incident.holds(window)
        })
    };
    let pairs = case.summary.endpoints.iter().map(|endpoint| {
        let mut pair = (Weighted::default(), Weighted::default());
        for (weight, octaves, line) in slow_upstream::worked(endpoint) {
            let window = line.arrival.and_then(|arrival| case.window(arrival));
            let Some(window) = window.filter(|_| line.text(Text::Upstream) != address) else {
                continue;
            };
            if in_incident(window) {
                pair.0.add(weight, octaves);
            } else if case.quiet.get(window).copied().unwrap_or(false) {
                pair.1.add(weight, octaves);
            }
        }
        pair
    });
    contrast(pairs).is_some_and(|slower| {
        slower.difference >= limits::ELSEWHERE && slower.z() >= limits::GROWN_Z
    })
}

/// Endpoints in a role.
fn named(endpoints: impl IntoIterator<Item = usize>, role: Role) -> Vec<Named> {
    let named = |endpoint| Named { role, endpoint };
    endpoints.into_iter().map(named).collect()
}

/// A part of a whole in words.
fn share(part: f64, whole: f64) -> String {
    // OK because both are sums of microseconds or counts, cut to whole numbers.
    unit::share(part.max(0.0) as u64, whole.max(0.0) as u64)
}

/// A part of one, as a percentage.
fn percent(part: f64) -> String {
    share(part * 1e6, 1e6)
}

/// The durations that a timer of so many µs makes: its own, and up to so many times as long, since timers are
/// late; and, as the middle of a bucket may lie a little before it, half a bucket less.
fn of_timer(us: f64, late: f64) -> Range<f64> {
    us * 0.996..us * late
}

/// How many of some buckets lie in a range of durations, in µs.
fn within(buckets: &[Bucket], range: &Range<f64>) -> u64 {
    let within = |bucket: &&Bucket| range.contains(&(bucket.middle() as f64));
    buckets
        .iter()
        .filter(within)
        .map(|bucket| bucket.count)
        .sum()
}

/// A duration of so many µs; below zero is nothing.
fn micros(us: f64) -> Micros {
    Micros(us.max(0.0) as u64)
}

/// Time beyond the usual in an incident of this length: more than one request at any moment that only
/// waits or works longer hurts people.
fn severity(explains: f64, length_us: f64) -> Severity {
    if explains >= length_us {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

/// When incidents were, for evidence.
fn windows(case: &Case<'_>, incidents: &[&Examined]) -> Value {
    let window = |examined: &&Examined| {
        let (from, until) = case.span(&examined.incident);
        let mut entry = Evidence::new();
        entry.extend(from.map(|from| ("from", Value::Time(from))));
        entry.extend(until.map(|until| ("until", Value::Time(until))));
        Value::Group(entry)
    };
    Value::List(incidents.iter().map(window).collect())
}

/// When an incident was, in words.
fn when(case: &Case<'_>, incidents: &[&Examined]) -> String {
    let clock = |stamp: Option<crate::stamp::Stamp>| {
        stamp.map_or_else(String::new, |stamp| {
            // Whole seconds are enough; the date stands in the head of the report.
            let text = stamp.rfc3339();
            text.split(['T', '.', 'Z'])
                .nth(1)
                .unwrap_or(&text)
                .to_owned()
        })
    };
    let one = |examined: &&Examined| {
        let (from, until) = case.span(&examined.incident);
        format!("{} to {}", clock(from), clock(until))
    };
    const SHOWN: usize = 4;
    let mut texts: Vec<String> = incidents.iter().take(SHOWN).map(one).collect();
    if incidents.len() > SHOWN {
        texts.push(format!("{} more", incidents.len() - SHOWN));
    }
    let list = texts.into_iter().map(Prose::new).collect();
    Prose::list(list).render(|name| name.for_terminal())
}

/// The first and last point in time of incidents.
fn hull(
    case: &Case<'_>,
    incidents: &[&Examined],
) -> (Option<crate::stamp::Stamp>, Option<crate::stamp::Stamp>) {
    let first = incidents
        .first()
        .and_then(|examined| case.span(&examined.incident).0);
    let last = incidents
        .last()
        .and_then(|examined| case.span(&examined.incident).1);
    (first, last)
}

/// One endpoint, or how many.
fn endpoints(count: usize) -> String {
    match count {
        1 => "1 endpoint".to_owned(),
        count => format!("{} endpoints", unit::count(count as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Topic;

    #[test]
    fn a_hot_upstream_repeats_a_slow_one_and_a_hot_id_does_not() {
        let subject = |topic: Topic, value: &[u8]| Subject {
            topic,
            value: value.to_vec(),
        };
        let slow = subject(Topic::Upstream, b"10.0.0.1:80");
        assert!(repeats(Kind::HotKey, Some(&slow), Some(&slow)));
        assert!(!repeats(Kind::Drift, Some(&slow), Some(&slow)));
        for other in [
            subject(Topic::Upstream, b"10.0.0.2:80"),
            subject(Topic::Key, b"10.0.0.1:80"),
        ] {
            assert!(!repeats(Kind::HotKey, Some(&other), Some(&slow)));
        }
        assert!(!repeats(Kind::HotKey, Some(&slow), None));
        assert!(!repeats(Kind::HotKey, None, None));
    }
}
