//! `hot_key`: the slow time of culprits concentrates on one value of what is asked for or who asks.

use std::collections::BTreeMap;

use super::{Verdict, hull, micros, named, share, when, windows};
use crate::diagnosis::case::{Case, Examined, blamed};
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{Finding, Kind, Prose, Role, Severity, Subject, Topic, Value, limits};
use crate::summary::{Sampled, Text};
use crate::unit;

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind() {
        return Err(why);
    }
    Ok(blamed(case)
        .iter()
        .filter_map(|group| hottest(case, group))
        .collect())
}

/// In which respect requests are compared, and the value.
type Element = (Dimension, Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dimension {
    /// A variable part of the path.
    Id,
    /// A key and value of the query.
    Query,
    Client,
    Agent,
    Host,
    Upstream,
}

impl Dimension {
    fn topic(self) -> Topic {
        match self {
            Dimension::Id | Dimension::Query | Dimension::Host => Topic::Key,
            Dimension::Client | Dimension::Agent => Topic::Client,
            Dimension::Upstream => Topic::Upstream,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Dimension::Id => "the id",
            Dimension::Query => "the query",
            Dimension::Client => "the client",
            Dimension::Agent => "the agent",
            Dimension::Host => "the host",
            Dimension::Upstream => "the upstream",
        }
    }
}

/// Sampled requests of one element, or of all: each stands for `weight` requests.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// Sampled lines.
    lines: usize,
    /// Sampled lines that were slow.
    slow: usize,
    requests: f64,
    excess: f64,
}

impl Sums {
    fn add(&mut self, weight: f64, excess: f64, is_slow: bool) {
        self.lines += 1;
        self.slow += usize::from(is_slow);
        self.requests += weight;
        self.excess += weight * excess;
    }

    fn mean(&self) -> f64 {
        self.excess / self.requests.max(1.0)
    }
}

fn hottest(case: &Case<'_>, group: &[&Examined]) -> Option<Finding> {
    let mut elements: BTreeMap<Element, Sums> = BTreeMap::new();
    let mut all = Sums::default();
    let mut culprits: Vec<usize> = Vec::new();
    for examined in group {
        let Cause::Culprits(places) = &examined.verdict.cause else {
            continue;
        };
        for change in places.iter().filter_map(|at| examined.changes.get(*at)) {
            let endpoint = case.summary.endpoints.get(change.endpoint)?;
            culprits.push(change.endpoint);
            for (weight, line) in &endpoint.history.sample {
                let Some((own, window)) = case.own(change.endpoint, line) else {
                    continue;
                };
                if !examined.incident.holds(window) {
                    continue;
                }
                // What is usual is taken off; a request faster than that makes up for nothing.
                let excess = (own - change.usual).max(0.0);
                let is_slow = excess >= 0.5 * change.usual.max(change.growth * change.usual);
                all.add(*weight, excess, is_slow);
                for element in elements_of(line, &endpoint.route) {
                    elements
                        .entry(element)
                        .or_default()
                        .add(*weight, excess, is_slow);
                }
            }
        }
    }
    culprits.sort_unstable();
    culprits.dedup();
    let hot = elements
        .into_iter()
        .filter(|(_, sums)| is_hot(sums, &all))
        .max_by(|(a, a_sums), (b, b_sums)| {
            let rank = |sums: &Sums| sums.excess / all.excess;
            // Of values that carry about the same, the one that says most of it: what is asked for.
            let same = (rank(a_sums) - rank(b_sums)).abs() < 0.05;
            if same {
                b.cmp(a)
            } else {
                rank(a_sums).total_cmp(&rank(b_sums))
            }
        });
    hot.map(|(element, sums)| finding(case, group, &culprits, &element, &sums, &all))
}

/// Whether an element carries much of the slow time and far more than its requests would.
fn is_hot(sums: &Sums, all: &Sums) -> bool {
    let rest = Sums {
        lines: all.lines - sums.lines,
        slow: all.slow - sums.slow,
        requests: all.requests - sums.requests,
        excess: all.excess - sums.excess,
    };
    // The lower end of the share, two errors of the slow lines below it.
    let part = sums.excess / all.excess.max(1.0);
    let error = (part * (1.0 - part) / all.slow.max(1) as f64).sqrt();
    sums.slow >= limits::HOT_LINES
        && rest.lines >= limits::HOT_LINES
        && part - 2.0 * error >= limits::HOT_SHARE
        && sums.mean() >= limits::HOT_LIFT * rest.mean()
}

/// The values of a request by which it may be told from others.
fn elements_of(line: &Sampled, route: &[u8]) -> Vec<Element> {
    let target = line.text(Text::Target);
    let (path, query) = match memchr::memchr(b'?', target) {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &b""[..]),
    };
    let mut elements: Vec<Element> = Vec::new();
    let parts = route
        .split(|byte| *byte == b'/')
        .zip(path.split(|byte| *byte == b'/'));
    let ids = parts
        .filter(|(name, _)| name.contains(&b':'))
        .map(|(_, value)| value);
    elements.extend(ids.map(|id| (Dimension::Id, id.to_vec())));
    let pairs = query
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .take(8);
    elements.extend(pairs.map(|pair| (Dimension::Query, pair.to_vec())));
    for (dimension, text) in [
        (Dimension::Client, Text::Client),
        (Dimension::Agent, Text::Agent),
        (Dimension::Host, Text::Host),
        (Dimension::Upstream, Text::Upstream),
    ] {
        let value = line.text(text);
        if !value.is_empty() {
            elements.push((dimension, value.to_vec()));
        }
    }
    elements.sort_unstable();
    elements.dedup();
    elements
}

fn finding(
    case: &Case<'_>,
    group: &[&Examined],
    culprits: &[usize],
    (dimension, value): &Element,
    sums: &Sums,
    all: &Sums,
) -> Finding {
    let (from, until) = hull(case, group);
    let example = culprits.iter().find_map(|at| {
        let endpoint = case.summary.endpoints.get(*at)?;
        let line = endpoint
            .history
            .sample
            .iter()
            .map(|(_, line)| line)
            .find(|line| {
                elements_of(line, &endpoint.route).contains(&(*dimension, value.clone()))
            })?;
        Some(line.example())
    });
    Finding {
        kind: Kind::HotKey,
        severity: Severity::Warning,
        grounds: case.grounds(),
        title: Prose::new(format!("The slow time is that of {} ", dimension.name()))
            .log(value)
            .words(format!(
                ": {} of it, and {} of the requests of ",
                share(sums.excess, all.excess),
                share(sums.requests, all.requests)
            ))
            .and(case.names(culprits)),
        detail: vec![Prose::new(format!(
            "{}: requests for it took {} longer than usual on average, others {} (from {} sampled lines).",
            when(case, group),
            micros(sums.mean()),
            micros((all.excess - sums.excess) / (all.requests - sums.requests).max(1.0)),
            unit::count(all.lines as u64)
        ))],
        from,
        until,
        endpoints: named(culprits.iter().copied(), Role::Culprit),
        subject: Some(Subject {
            topic: dimension.topic(),
            value: value.clone(),
        }),
        evidence: vec![
            (
                "share_of_time",
                Value::Number(sums.excess / all.excess.max(1.0)),
            ),
            (
                "share_of_requests",
                Value::Number(sums.requests / all.requests.max(1.0)),
            ),
            ("lines", Value::Count(sums.lines as u64)),
            ("lines_of", Value::Count(all.lines as u64)),
            ("excess_us", Value::Duration(micros(sums.mean()))),
            (
                "excess_of_others_us",
                Value::Duration(micros(
                    (all.excess - sums.excess) / (all.requests - sums.requests).max(1.0),
                )),
            ),
            ("windows", windows(case, group)),
        ],
        examples: example.into_iter().collect(),
        advice: Prose::new(
            "See what is special about this value: how much hangs on it, and who asks for it.",
        ),
        explains: micros(sums.excess),
    }
}
