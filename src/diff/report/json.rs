//! The difference as JSON by the schema `slowpath.diff/1` (`schema/slowpath.diff.1.json`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Side, Told};
use crate::diagnosis::Finding;
use crate::diff::{Changed, PhaseChange};
use crate::report::json::Name;
use crate::summary;

/// The name and version of the schema. Keys may be added to a version; a change of any other kind
/// makes a new one.
const SCHEMA: &str = "slowpath.diff/1";

#[derive(Serialize)]
struct Diff<'d> {
    schema: &'static str,
    complete: bool,
    before: Log,
    after: Log,
    mean: Option<Mean>,
    endpoints: Vec<Pair<'d>>,
    new: Vec<Lone<'d>>,
    vanished: Vec<Lone<'d>>,
    findings: Findings,
}

#[derive(Serialize)]
struct Log {
    requests: u64,
    first: Option<String>,
    last: Option<String>,
    approximate: bool,
}

#[derive(Serialize)]
struct Mean {
    before_us: f64,
    after_us: f64,
    own_us: f64,
    mix_us: f64,
}

#[derive(Serialize)]
struct Pair<'d> {
    #[serde(flatten)]
    name: Name<'d>,
    requests: [u64; 2],
    errors_5xx: [u64; 2],
    seconds: f64,
    phases: BTreeMap<&'static str, Phase>,
}

#[derive(Serialize)]
struct Phase {
    count: [u64; 2],
    mean_us: [f64; 2],
    p95_us: [u64; 2],
    ratio: Option<f64>,
    interval: Option<[f64; 2]>,
}

#[derive(Serialize)]
struct Lone<'d> {
    #[serde(flatten)]
    name: Name<'d>,
    requests: u64,
    busy_us: u64,
}

#[derive(Serialize)]
struct Findings {
    appeared: Vec<Said>,
    went: Vec<Said>,
    stayed: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    kind: &'static str,
    severity: &'static str,
    title: String,
}

/// Renders it.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let difference = told.difference;
    let (changed, _) = told.changed();
    let said = |of: &[&Finding]| of.iter().map(|finding| said(finding)).collect();
    crate::report::json::pretty(&Diff {
        schema: SCHEMA,
        complete: told.complete,
        before: log(told.before),
        after: log(told.after),
        mean: difference.mix.map(|mix| Mean {
            before_us: rounded(mix.before_us),
            after_us: rounded(mix.after_us),
            own_us: rounded(mix.own_us),
            mix_us: rounded(mix.mix_us),
        }),
        endpoints: changed.iter().map(|of| pair(told, of)).collect(),
        new: lone(told, &difference.new),
        vanished: lone(told, &difference.vanished),
        findings: Findings {
            appeared: said(&difference.appeared),
            went: said(&difference.went),
            stayed: said(&difference.stayed),
        },
    })
}

fn log(side: &Side<'_>) -> Log {
    let summary = side.summary;
    Log {
        requests: summary.totals.requests,
        first: summary.range.map(|(first, _)| first.rfc3339()),
        last: summary.range.map(|(_, last)| last.rfc3339()),
        approximate: summary.approximate.is_some(),
    }
}

fn name<'d>(told: &Told<'_>, endpoint: &'d summary::Endpoint) -> Name<'d> {
    Name::new(
        &endpoint.method,
        &endpoint.route,
        told.dimensions(),
        &endpoint.dimensions,
    )
}

fn pair<'d>(told: &Told<'_>, of: &'d Changed) -> Pair<'d> {
    let phase = |change: &PhaseChange| Phase {
        count: change.counts,
        mean_us: change.means_us.map(rounded),
        p95_us: change.p95.map(|quantile| quantile.value.0),
        ratio: change.ratio.map(rounded),
        interval: change.interval.map(|ends| ends.map(rounded)),
    };
    Pair {
        name: name(told, &of.after),
        requests: [of.before.requests, of.after.requests],
        errors_5xx: [of.before.errors_5xx, of.after.errors_5xx],
        seconds: rounded(of.seconds),
        phases: of
            .phases
            .iter()
            .map(|change| (change.phase.name(), phase(change)))
            .collect(),
    }
}

fn lone<'d>(told: &Told<'_>, endpoints: &'d [summary::Endpoint]) -> Vec<Lone<'d>> {
    let lone = |endpoint: &'d summary::Endpoint| Lone {
        name: name(told, endpoint),
        requests: endpoint.requests,
        busy_us: endpoint.busy.0,
    };
    endpoints.iter().map(lone).collect()
}

fn said(finding: &Finding) -> Said {
    Said {
        kind: finding.kind.name(),
        severity: finding.severity.name(),
        title: finding.title.render(|name| name.for_json().into_owned()),
    }
}

/// Six decimals: more are noise, and differ between machines. JSON has no infinity.
fn rounded(value: f64) -> f64 {
    (value.clamp(-1e15, 1e15) * 1e6).round() / 1e6
}
