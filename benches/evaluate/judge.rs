//! A report against the truth.

use std::collections::BTreeSet;

use super::measure::{Facts, Sums};
use super::reading::{Finding, Reading, Report};
use super::stories::{Case, Truth};

/// What one report of one seed got right and wrong.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub story: &'static str,
    pub seed: u64,
    pub reading: Reading,
    pub facts: Facts,
    pub split_by: String,
    pub culprits: Sets,
    /// Pairs of endpoints said to share a slow path.
    pub pairs: Sets,
    pub triggers: Sets,
    /// Whether Server-Timing's name of the slow function is the subject, where there is one.
    pub named: Option<bool>,
    /// Whether the hot id is the subject of a finding, where there is one.
    pub hot: Option<bool>,
    /// Relative error of the total wait, where waiting was a tenth of the time at least.
    pub wait_error: Option<f64>,
    /// The true total wait in parts of the own time.
    pub wait_part: f64,
    /// Relative error of the own time of each endpoint with 200 requests.
    pub own_errors: Vec<f64>,
    /// Pool sizes said against true ones, of hosts that were full for half a minute.
    pub pools: Vec<(Option<u64>, u64)>,
    /// Kinds that must be there and are; that are there above info and must not.
    pub found: bool,
    pub expected: bool,
    pub false_kinds: Vec<String>,
    pub kinds: BTreeSet<String>,
    /// Kinds above info.
    pub loud: BTreeSet<String>,
    pub titles: Vec<String>,
}

/// How many of the true ones were named, and what was named beside.
#[derive(Clone, Debug, Default)]
pub struct Sets {
    pub right: usize,
    pub wrong: usize,
    pub missed: usize,
}

impl Sets {
    fn of<T: Ord>(said: &BTreeSet<T>, truth: &BTreeSet<T>) -> Self {
        Self {
            right: said.intersection(truth).count(),
            wrong: said.difference(truth).count(),
            missed: truth.difference(said).count(),
        }
    }

    pub fn exact(&self) -> bool {
        self.wrong == 0 && self.missed == 0
    }
}

/// Kinds whose culprits are endpoints that slow the others.
const BLAMING: [&str; 4] = ["shared_slow_path", "slow_endpoint", "saturation", "shift"];

/// Judges a report. `story` and `seed` are for whoever reads the verdict.
pub fn judge(
    story: &'static str,
    seed: u64,
    reading: Reading,
    case: &Case,
    sums: &Sums,
    report: &Report,
) -> Verdict {
    let truth = &case.truth;
    let name = |e: &usize| {
        let endpoint = &case.world.endpoints[*e];
        (endpoint.method.to_string(), endpoint.route())
    };
    let names = |list: &[usize]| -> BTreeSet<_> { list.iter().map(name).collect() };
    let in_role = |finding: &Finding, role: &str| -> BTreeSet<_> {
        let of_role = finding.endpoints.iter().filter(|(_, _, r)| r == role);
        of_role
            .map(|(method, route, _)| (method.clone(), route.clone()))
            .collect()
    };
    let said = |kinds: &[&str], role: &str| -> BTreeSet<_> {
        let meant = report
            .findings
            .iter()
            .filter(|f| kinds.contains(&f.kind.as_str()));
        meant.flat_map(|f| in_role(f, role)).collect()
    };
    let pairs = |set: &BTreeSet<(String, String)>| -> BTreeSet<_> {
        let list: Vec<_> = set.iter().collect();
        let mut pairs = BTreeSet::new();
        for (n, a) in list.iter().enumerate() {
            pairs.extend(list[n + 1..].iter().map(|b| ((*a).clone(), (*b).clone())));
        }
        pairs
    };
    let groups = report
        .findings
        .iter()
        .filter(|f| f.kind == "shared_slow_path");
    let said_pairs: BTreeSet<_> = groups.flat_map(|f| pairs(&in_role(f, "culprit"))).collect();
    let loud: BTreeSet<String> = report
        .findings
        .iter()
        .filter(|f| f.is_loud())
        .map(|f| f.kind.clone())
        .collect();
    let kinds: BTreeSet<String> = report.findings.iter().map(|f| f.kind.clone()).collect();
    // Whatever the story: that a pool was full is true where one was, for ten seconds on end.
    let full = sums.hosts.iter().any(|host| host.longest_full >= 10);
    let allowed = |kind: &str| {
        truth.must.contains(&kind) || truth.may.contains(&kind) || (kind == "saturation" && full)
    };
    Verdict {
        story,
        seed,
        reading,
        facts: sums.facts,
        split_by: report.split_by.clone(),
        culprits: Sets::of(&said(&BLAMING, "culprit"), &names(&truth.culprits)),
        pairs: Sets::of(&said_pairs, &pairs(&names(&truth.shared))),
        triggers: Sets::of(&said(&["rare_trigger"], "trigger"), &names(&truth.triggers)),
        named: named(truth, report, reading),
        hot: truth.hot.map(|hot| {
            let value = super::nginx::id(hot).to_string();
            report
                .findings
                .iter()
                .any(|f| f.kind == "hot_key" && f.subject == value)
        }),
        wait_error: wait_error(sums, report),
        wait_part: sums.wait_us() as f64 / sums.own_us().max(1) as f64,
        own_errors: own_errors(case, sums, report),
        pools: pools(case, sums, report),
        found: truth.must.iter().any(|kind| {
            report
                .findings
                .iter()
                .any(|f| f.kind == *kind && is_about(f, truth))
        }),
        expected: !truth.must.is_empty(),
        false_kinds: loud.iter().filter(|kind| !allowed(kind)).cloned().collect(),
        kinds,
        loud,
        titles: report
            .findings
            .iter()
            .map(|f| format!("{} [{}] {}", f.kind, f.basis, f.title))
            .collect(),
    }
}

/// Whether a finding's subject is the true one, where the truth has one.
fn is_about(finding: &Finding, truth: &Truth) -> bool {
    truth
        .subject
        .as_ref()
        .is_none_or(|subject| finding.subject.contains(subject.as_str()))
}

fn named(truth: &Truth, report: &Report, reading: Reading) -> Option<bool> {
    let function = truth
        .function
        .filter(|_| reading == Reading::Timing && !truth.shared.is_empty())?;
    Some(
        report
            .findings
            .iter()
            .any(|f| f.kind == "shared_slow_path" && f.subject == function),
    )
}

fn wait_error(sums: &Sums, report: &Report) -> Option<f64> {
    let truth = sums.wait_us();
    if truth * 10 < sums.own_us() {
        return None;
    }
    let said = report.wait_us.unwrap_or(0);
    Some(said as f64 / truth as f64 - 1.0)
}

fn own_errors(case: &Case, sums: &Sums, report: &Report) -> Vec<f64> {
    let mut errors = Vec::new();
    for (endpoint, truth) in case.world.endpoints.iter().zip(&sums.endpoints) {
        let route = endpoint.route();
        let row = report
            .endpoints
            .iter()
            .find(|row| row.method == endpoint.method && row.route == route);
        if let Some(own) = row.and_then(|row| row.own_us)
            && truth.answered >= 200
        {
            errors.push(own as f64 / truth.own_us as f64 - 1.0);
        }
    }
    errors
}

fn pools(case: &Case, sums: &Sums, report: &Report) -> Vec<(Option<u64>, u64)> {
    // Behind one address the pool is that of all replicas.
    let first = case.world.services[0].hosts[0].as_str();
    let full = sums.hosts.iter().filter(|host| host.full_seconds >= 30);
    let mut pools = Vec::new();
    for host in full {
        let hidden = case.flaws.hides_hosts && host.address.starts_with("10.0.1.");
        if hidden && host.address != first {
            continue;
        }
        let workers = if hidden {
            case.world.services[0].all_workers()
        } else {
            host.workers
        };
        let said = report
            .pools
            .iter()
            .find(|(address, _)| *address == host.address);
        pools.push((said.map(|(_, pool)| *pool), workers as u64));
    }
    pools
}
