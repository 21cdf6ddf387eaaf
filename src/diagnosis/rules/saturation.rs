//! `saturation`: the worker pool was full, and requests queued for it.

use super::{Verdict, endpoints, hull, micros, named, severity, share, when, windows};
use crate::diagnosis::case::{Case, Examined, same_cause};
use crate::diagnosis::change::Change;
use crate::diagnosis::pool::longest_full;
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{Evidence, Finding, Kind, Pool, Prose, Role, Subject, Topic, Value, limits};
use crate::unit;

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind() {
        return Err(why);
    }
    let full: Vec<&Examined> = case
        .slow()
        .filter(|examined| length(case, &[examined]) >= limits::FULL_LASTS)
        .filter(|examined| queue(examined).is_some())
        .filter(|examined| was_full(case, examined))
        .collect();
    Ok(same_cause(&full)
        .iter()
        .map(|group| finding(case, group))
        .collect())
}

/// Whether a pool was full for a while, where the log tells how many of its workers were busy: of a few workers
/// all are busy for a moment now and then, and some requests wait longer than most work. Where requests were cut
/// off the log does not tell: nobody knows whether a worker was at them.
fn was_full(case: &Case<'_>, examined: &Examined) -> bool {
    let incident = &examined.incident;
    let Some(panel) = &case.panel else {
        return false;
    };
    let (from, until) = (
        panel.start(incident.effect_from),
        panel.start(incident.effect_until),
    );
    let all = panel.sum(|window| incident.touches(window));
    if all.cut > limits::CUT_PART * all.requests {
        return true;
    }
    let upstreams = case.summary.upstreams.iter().zip(&case.pools);
    let mut known = upstreams
        .filter_map(|(upstream, pool)| Some((upstream, (*pool)?)))
        .peekable();
    known.peek().is_none()
        || known.any(|(upstream, pool)| {
            longest_full(case.summary, upstream, pool, from, until) >= limits::FULL_ON_END
        })
}

/// The queue of an incident.
struct Queue {
    /// Mean wait in quiet times and in the incident, in µs.
    wait: (f64, f64),
    /// Wait beyond the usual, in µs.
    added: f64,
    /// Requests that waited.
    requests: f64,
    /// Of these, those of the windows of the cause, and their wait in µs.
    of_cause: (f64, f64),
}

/// The wait of all requests, where it is as long as that of a full pool.
fn queue(examined: &Examined) -> Option<Queue> {
    let sum = |of: &dyn Fn(&Change) -> f64| examined.changes.iter().map(of).sum::<f64>();
    let (before, during) = (sum(&|c| c.before.served), sum(&|c| c.effect.served));
    if before < 1.0 || during < 1.0 {
        return None;
    }
    let wait = (
        (sum(&|c| c.before.wait) / before).max(0.0),
        (sum(&|c| c.effect.wait) / during).max(0.0),
    );
    // What these requests usually take: their mix may differ from the usual.
    let usual = sum(&|c| c.effect.served * c.usual) / during;
    let is_full = wait.1 >= limits::FULL_WAIT * usual && wait.1 >= 2.0 * wait.0;
    is_full.then_some(Queue {
        wait,
        added: (wait.1 - wait.0) * during,
        requests: during,
        of_cause: (sum(&|c| c.during.served), sum(&|c| c.during.wait).max(0.0)),
    })
}

fn finding(case: &Case<'_>, group: &[&Examined]) -> Finding {
    let queues: Vec<Queue> = group
        .iter()
        .filter_map(|examined| queue(examined))
        .collect();
    let all: f64 = queues.iter().map(|queue| queue.requests).sum();
    let added: f64 = queues.iter().map(|queue| queue.added).sum();
    let requests: f64 = queues.iter().map(|queue| queue.of_cause.0).sum();
    let during = queues.iter().map(|queue| queue.of_cause.1).sum::<f64>() / requests.max(1.0);
    let before = queues.first().map_or(0.0, |queue| queue.wait.0);
    let length = length(case, group);
    let mut culprits: Vec<usize> = Vec::new();
    let mut victims: Vec<usize> = Vec::new();
    for examined in group {
        if let Cause::Culprits(found) = &examined.verdict.cause {
            culprits.extend(
                found
                    .iter()
                    .filter_map(|at| examined.changes.get(*at))
                    .map(|change| change.endpoint),
            );
        }
        victims.extend(
            examined
                .changes
                .iter()
                .filter(|change| change.is_victim())
                .map(|change| change.endpoint),
        );
    }
    for list in [&mut culprits, &mut victims] {
        list.sort_unstable();
        list.dedup();
    }
    victims.retain(|victim| !culprits.contains(victim));
    let pools: Vec<(&[u8], Pool)> = case
        .summary
        .upstreams
        .iter()
        .zip(&case.pools)
        .filter_map(|(upstream, pool)| {
            Some((
                upstream.address.as_slice(),
                pool.filter(|pool| pool.was_full)?,
            ))
        })
        .collect();
    let workers: u64 = pools.iter().map(|(_, pool)| pool.workers).sum();
    let title = match pools.as_slice() {
        [] => Prose::new("The worker pool was full: requests queued for a worker"),
        [(address, pool)] => Prose::new("The worker pool of ")
            .log(address)
            .words(format!(
                " was full: all of its {} workers were busy and requests queued",
                pool.workers
            )),
        several => Prose::new(format!(
            "The worker pools of {} upstreams were full: all of their {workers} workers were busy and requests queued",
            several.len()
        )),
    };
    let mut detail = vec![Prose::new(format!(
        "{}: {} requests waited {} on average for a worker, {} in quiet times.",
        when(case, group),
        unit::count(requests as u64),
        micros(during),
        micros(before)
    ))];
    if all - requests >= 1.0 {
        detail.push(Prose::new(format!(
            "{} more came before the queue was gone.",
            unit::count((all - requests) as u64)
        )));
    }
    // Where the cause is not known, one of those that waited may be it.
    let is_told = group
        .iter()
        .all(|examined| examined.verdict.cause != Cause::Unknown);
    let is_common = group
        .iter()
        .any(|examined| matches!(examined.verdict.cause, Cause::Common(_)));
    let waited = Prose::new(format!(
        "{} {}.",
        endpoints(victims.len()),
        if is_common {
            "waited, and something that they share kept the workers longer"
        } else {
            "only waited"
        }
    ));
    detail.push(match culprits.len() {
        0 if is_told => waited,
        0 => Prose::new(format!(
            "{} waited; which of them kept the workers, if any, cannot be told.",
            endpoints(victims.len())
        )),
        _ => Prose::new("The workers were kept by ")
            .and(case.names(&culprits))
            .words("; ")
            .and(waited),
    });
    let mut evidence: Evidence = vec![
        ("wait_usual_us", Value::Duration(micros(before))),
        ("wait_us", Value::Duration(micros(during))),
        ("requests", Value::Count(requests as u64)),
        ("added_wait_us", Value::Duration(micros(added))),
        ("queue", Value::Number(added / length.max(1.0))),
    ];
    if workers > 0 {
        evidence.push(("pool", Value::Count(workers)));
        let pools = pools.iter().map(|(address, pool)| {
            Value::Group(vec![
                ("upstream", Value::Log(address.to_vec())),
                ("pool", Value::Count(pool.workers)),
                ("utilisation", Value::Number(pool.utilisation)),
            ])
        });
        evidence.push(("pools", Value::List(pools.collect())));
    }
    evidence.push(("windows", windows(case, group)));
    let mut roles = named(culprits.iter().copied(), Role::Culprit);
    let waiting_role = if is_told || !culprits.is_empty() {
        Role::Victim
    } else {
        Role::Affected
    };
    roles.extend(named(victims, waiting_role));
    let (from, until) = hull(case, group);
    Finding {
        kind: Kind::Saturation,
        severity: severity(added, length),
        grounds: case.grounds(),
        title: title.words(format!(
            " ({} of all time in it was waiting)",
            waiting(group)
        )),
        detail,
        from,
        until,
        endpoints: roles,
        subject: match pools.as_slice() {
            [(address, _)] => Some(Subject {
                topic: Topic::Upstream,
                value: address.to_vec(),
            }),
            _ => None,
        },
        evidence,
        examples: Vec::new(),
        advice: if culprits.is_empty() {
            Prose::new(
                "More workers shorten the queue if the machine has room for them; else find what keeps them longer, or what sends more.",
            )
        } else {
            Prose::new(
                "Mend the endpoints that keep the workers; more workers only put the moment off.",
            )
        },
        explains: micros(added),
    }
}

/// The part of the time of all requests that was waiting.
fn waiting(group: &[&Examined]) -> String {
    let sum = |of: &dyn Fn(&Change) -> f64| {
        group
            .iter()
            .flat_map(|examined| &examined.changes)
            .map(of)
            .sum::<f64>()
            .max(0.0)
    };
    let wait = sum(&|change| change.effect.wait);
    share(wait, wait + sum(&|change| change.effect.own))
}

/// The length of the effects, in µs.
fn length(case: &Case<'_>, group: &[&Examined]) -> f64 {
    let width = case.panel.as_ref().map_or(0, |panel| panel.width.0) as f64;
    let windows =
        |examined: &&Examined| examined.incident.effect_until - examined.incident.effect_from;
    group.iter().map(windows).sum::<usize>() as f64 * width
}
