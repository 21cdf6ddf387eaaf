//! `shared_slow_path` and `slow_endpoint`: a few endpoints whose own time grew are the cause. Those that
//! grew at the same time by the same part of their code share a slow path: as Server-Timing says, or by
//! the time that was added to each of their requests.

use super::segment::{Segment, segment};
use super::{Verdict, endpoints, hull, micros, named, percent, severity, share, when, windows};
use crate::diagnosis::case::{Case, Examined, blamed};
use crate::diagnosis::change::Change;
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::{Evidence, Finding, Grounds, Kind, Prose, Role, Subject, Topic, Value};
use crate::summary::SlowRequest;
use crate::unit;

/// The steps of endpoints that share a path agree within this factor: they agreed within 4 % where they
/// called one function for one key, but how many of their requests do so differs. Simulated.
const SAME_STEP: f64 = 1.6;
/// Examples that a finding shows.
const EXAMPLES: usize = 2;

pub fn look(case: &Case<'_>) -> Verdict {
    if let Some(why) = case.blind() {
        return Err(why);
    }
    let mut findings = Vec::new();
    for group in blamed(case) {
        // The heaviest incident of a group has most to show.
        let Some(heaviest) = group
            .iter()
            .copied()
            .max_by(|a, b| a.verdict.added.total_cmp(&b.verdict.added))
        else {
            continue;
        };
        for path in paths(case, heaviest) {
            findings.push(finding(case, &group, heaviest, &path));
        }
    }
    Ok(findings)
}

/// Culprits that have a slow path in common, or one alone.
struct Path {
    /// Places in the summary.
    culprits: Vec<usize>,
    segment: Option<Segment>,
}

fn paths(case: &Case<'_>, examined: &Examined) -> Vec<Path> {
    let Cause::Culprits(places) = &examined.verdict.cause else {
        return Vec::new();
    };
    let mut left: Vec<&Change> = places
        .iter()
        .filter_map(|at| examined.changes.get(*at))
        .collect();
    let mut paths = Vec::new();
    let all: Vec<usize> = left.iter().map(|change| change.endpoint).collect();
    if let Some(named) = segment(case, examined, &all).filter(|segment| segment.endpoints.len() > 1)
    {
        left.retain(|change| !named.endpoints.contains(&change.endpoint));
        paths.push(Path {
            culprits: named.endpoints.clone(),
            segment: Some(named),
        });
    }
    // Steps in rising order: those next to each other within the factor are one group.
    left.sort_by(|a, b| {
        step(a)
            .total_cmp(&step(b))
            .then(a.endpoint.cmp(&b.endpoint))
    });
    let mut group: Vec<&Change> = Vec::new();
    let mut close = |group: &mut Vec<&Change>| {
        if group.is_empty() {
            return;
        }
        let mut culprits: Vec<usize> = group.drain(..).map(|change| change.endpoint).collect();
        culprits.sort_unstable();
        let segment =
            segment(case, examined, &culprits).filter(|segment| segment.endpoints == culprits);
        paths.push(Path { culprits, segment });
    };
    for change in left {
        let agrees = group
            .last()
            .is_some_and(|last| step(change) <= SAME_STEP * step(last) + 2.0 * step_error(change));
        if !agrees {
            close(&mut group);
        }
        group.push(change);
    }
    close(&mut group);
    paths
}

/// Time added to each request, in µs, and its error.
fn step(change: &Change) -> f64 {
    change.growth * change.usual
}

fn step_error(change: &Change) -> f64 {
    change.growth_error * change.usual
}

fn finding(case: &Case<'_>, group: &[&Examined], examined: &Examined, path: &Path) -> Finding {
    let common = examined.verdict.common;
    let of = |endpoint: &usize| {
        examined
            .changes
            .iter()
            .find(|change| change.endpoint == *endpoint)
    };
    let changes: Vec<&Change> = path.culprits.iter().filter_map(of).collect();
    let added: f64 = changes.iter().map(|change| change.added(common)).sum();
    let error = changes
        .iter()
        .map(|change| change.added_error().powi(2))
        .sum::<f64>()
        .sqrt();
    let requests: f64 = changes.iter().map(|change| change.during.served).sum();
    let all_requests: f64 = examined
        .changes
        .iter()
        .map(|change| change.during.served)
        .sum();
    let victims = examined
        .changes
        .iter()
        .filter(|change| change.is_victim() && !path.culprits.contains(&change.endpoint));
    let victims = victims.count();
    let is_shared = path.culprits.len() > 1;
    // What the log begins with did not begin in it.
    let title = case
        .names(&path.culprits)
        .words(match (examined.incident.from, is_shared) {
            (0, true) => " were slow together from the beginning of the log",
            (0, false) => " was slow from the beginning of the log",
            (_, true) => " became slow together",
            (_, false) => " became slow",
        });
    let title = match &path.segment {
        Some(segment) => title.words(", in ").log(&segment.name).words(format!(
            ", which explains {} of it",
            percent(segment.explains)
        )),
        None if is_shared => title.words(", each request by about the same time"),
        None => title,
    };
    let title = Prose::new("").and(title).words(format!(
        ": {} of the requests, {} of the added work",
        share(requests, all_requests),
        share(added, examined.verdict.added)
    ));
    let mut detail = vec![Prose::new(format!(
        "{}: {} requests took {} more of the application's time than usual (± {}).",
        when(case, group),
        unit::count(requests as u64),
        micros(added),
        micros(error)
    ))];
    detail.extend(changes.iter().map(|change| {
        Prose::new("Own time of ")
            .and(case.name(change.endpoint))
            .words(format!(
                " per request: {} usually, {} then.",
                micros(change.usual),
                micros(change.during.mean())
            ))
    }));
    if victims > 0 {
        detail.push(Prose::new(format!(
            "{} waited behind them.",
            endpoints(victims)
        )));
    }
    let agreeing = control(examined, &changes);
    if is_shared {
        detail.push(Prose::new(format!(
            "Control: of {} other endpoints {agreeing} grew by as much at that time.",
            unit::count((examined.changes.len() - changes.len()) as u64)
        )));
    }
    let evidence = evidence(
        case,
        group,
        &changes,
        (added, error),
        examined,
        agreeing,
        path,
    );
    let length = (examined.incident.until - examined.incident.from) as f64
        * case.panel.as_ref().map_or(0, |panel| panel.width.0) as f64;
    let waited: f64 = examined
        .changes
        .iter()
        .map(|change| (change.waits().1 - change.waits().0).max(0.0) * change.effect.served)
        .sum();
    let (from, until) = hull(case, group);
    Finding {
        kind: if is_shared {
            Kind::SharedSlowPath
        } else {
            Kind::SlowEndpoint
        },
        severity: severity(added + waited, length),
        grounds: match (case.grounds(), &path.segment) {
            // That they share is measured only where the log names what they share.
            (Grounds::Measured, None) if is_shared => Grounds::Associated,
            (grounds, _) => grounds,
        },
        title,
        detail,
        from,
        until,
        endpoints: named(path.culprits.iter().copied(), Role::Culprit),
        subject: path.segment.as_ref().map(|segment| Subject {
            topic: Topic::Segment,
            value: segment.name.clone(),
        }),
        evidence,
        examples: examples(case, examined, &path.culprits),
        advice: match (&path.segment, is_shared) {
            (Some(segment), _) => Prose::new("Look at ")
                .log(&segment.name)
                .words(": what it does for these requests grew."),
            (None, true) => Prose::new("Look for what these endpoints call and the others do not."),
            (None, false) => Prose::new(
                "Look at what this endpoint does for the requests below; the others are as fast as ever.",
            ),
        },
        explains: micros(added),
    }
}

/// How many of the other endpoints grew by as much per request, by a like step.
fn control(examined: &Examined, culprits: &[&Change]) -> usize {
    let (least, most) = culprits
        .iter()
        .fold((f64::MAX, 0.0_f64), |(least, most), change| {
            (least.min(step(change)), most.max(step(change)))
        });
    examined
        .changes
        .iter()
        .filter(|change| {
            !culprits
                .iter()
                .any(|culprit| culprit.endpoint == change.endpoint)
        })
        .filter(|change| {
            change.has_grown(0.5, 0.0)
                && step(change) * SAME_STEP >= least
                && step(change) <= SAME_STEP * most
        })
        .count()
}

#[allow(clippy::too_many_arguments)]
fn evidence(
    case: &Case<'_>,
    group: &[&Examined],
    changes: &[&Change],
    (added, error): (f64, f64),
    examined: &Examined,
    agreeing: usize,
    path: &Path,
) -> Evidence {
    let of = |change: &&Change| {
        let endpoint = case.summary.endpoints.get(change.endpoint);
        let name = |bytes: Option<&Vec<u8>>| Value::Log(bytes.cloned().unwrap_or_default());
        let (wait_before, wait_during) = change.waits();
        Value::Group(vec![
            ("method", name(endpoint.map(|endpoint| &endpoint.method))),
            ("route", name(endpoint.map(|endpoint| &endpoint.route))),
            ("requests", Value::Count(change.during.served as u64)),
            ("own_usual_us", Value::Duration(micros(change.usual))),
            ("own_us", Value::Duration(micros(change.during.mean()))),
            ("own_error_us", Value::Duration(micros(step_error(change)))),
            ("wait_usual_us", Value::Duration(micros(wait_before))),
            ("wait_us", Value::Duration(micros(wait_during))),
        ])
    };
    let mut evidence: Evidence = vec![
        ("added_us", Value::Duration(micros(added))),
        ("added_error_us", Value::Duration(micros(error))),
        (
            "added_share",
            Value::Number(added / examined.verdict.added.max(1.0)),
        ),
        ("changes", Value::List(changes.iter().map(of).collect())),
    ];
    if path.culprits.len() > 1 {
        evidence.push((
            "control_of",
            Value::Count((examined.changes.len() - changes.len()) as u64),
        ));
        evidence.push(("control", Value::Count(agreeing as u64)));
    }
    if let Some(segment) = &path.segment {
        evidence.push(("segment_explains", Value::Number(segment.explains)));
    }
    evidence.push(("windows", windows(case, group)));
    evidence
}

/// The sampled requests of the culprits in the incident that worked longest, as far as it is known: a long
/// wait shows nothing of them.
fn examples(case: &Case<'_>, examined: &Examined, culprits: &[usize]) -> Vec<SlowRequest> {
    let mut found: Vec<(f64, SlowRequest)> = Vec::new();
    for at in culprits {
        let Some(endpoint) = case.summary.endpoints.get(*at) else {
            continue;
        };
        let slow = endpoint.history.sample.iter().filter_map(|(_, line)| {
            let (own, window) = case.own(*at, line)?;
            examined.incident.holds(window).then_some((own, line))
        });
        let longest = slow.max_by(|(a, one), (b, other)| a.total_cmp(b).then(other.cmp(one)));
        found.extend(longest.map(|(own, line)| (own, line.example())));
    }
    found.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.line.cmp(&other.line)));
    found.truncate(EXAMPLES);
    found.into_iter().map(|(_, example)| example).collect()
}
