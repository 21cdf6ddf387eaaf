//! The judgement as JSON by the schema `slowpath.gate/1` (`schema/slowpath.gate.1.json`).

use serde::Serialize;

use super::Told;
use crate::gate::traffic::Arm;
use crate::gate::verdict::Verdict;
use crate::report::json::Name;

/// The name and version of the schema. Keys may be added to a version; a change of any other kind
/// makes a new one.
const SCHEMA: &str = "slowpath.gate/1";

#[derive(Serialize)]
struct Gate<'j> {
    schema: &'static str,
    outcome: &'static str,
    complete: bool,
    no_data: bool,
    reasons: &'j [String],
    rules: RulesWire,
    runs: Vec<Run>,
    machine: Vec<Machine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    between_runs: Option<BetweenRuns>,
    endpoints: Vec<Endpoint<'j>>,
    budgets: Vec<Budget<'j>>,
}

#[derive(Serialize)]
struct RulesWire {
    margin: f64,
    effect: f64,
    limit: f64,
    floor_us: u64,
    false_alarm: f64,
    false_share: f64,
}

#[derive(Serialize)]
struct Run {
    arm: &'static str,
    requests: u64,
    per_second: Option<f64>,
    at_once: Option<f64>,
    differs: bool,
}

#[derive(Serialize)]
struct Machine {
    phase: &'static str,
    change: f64,
    interval: Option<[f64; 2]>,
    slower: Option<bool>,
}

#[derive(Serialize)]
struct BetweenRuns {
    deviation: f64,
    measured: bool,
}

#[derive(Serialize)]
struct Endpoint<'j> {
    #[serde(flatten)]
    name: Name<'j>,
    required: bool,
    verdict: &'static str,
    because: Option<&'static str>,
    requests: ByArm<u64>,
    errors: Vec<Errors>,
    statistics: Vec<Statistic>,
}

#[derive(Serialize)]
struct ByArm<T> {
    baseline: T,
    candidate: T,
}

#[derive(Serialize)]
struct Errors {
    class: &'static str,
    baseline: u64,
    candidate: u64,
    grew: bool,
}

#[derive(Serialize)]
struct Statistic {
    phase: &'static str,
    part: String,
    baseline_us: u64,
    candidate_us: u64,
    change: f64,
    interval: [f64; 2],
    detectable: f64,
    p: f64,
    flagged: bool,
}

#[derive(Serialize)]
struct Budget<'j> {
    budget: &'j str,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_share: Option<f64>,
    kept: Option<bool>,
}

/// Renders it.
#[must_use]
pub fn render(told: &Told<'_>) -> String {
    let judgement = told.judgement;
    let rules = told.rules;
    let comparison = &judgement.comparison;
    let gate = Gate {
        schema: SCHEMA,
        outcome: match judgement.outcome {
            crate::gate::judgement::Outcome::Pass => "pass",
            crate::gate::judgement::Outcome::Fail => "fail",
            crate::gate::judgement::Outcome::Inconclusive => "inconclusive",
        },
        complete: told.complete,
        no_data: judgement.no_data,
        reasons: &judgement.reasons,
        rules: RulesWire {
            margin: rounded(judgement.margin),
            effect: rounded(rules.effect),
            limit: rounded(rules.limit),
            floor_us: rules.floor.0,
            false_alarm: rounded(rules.false_alarm),
            false_share: rounded(rules.false_share),
        },
        runs: judgement
            .loads
            .iter()
            .map(|load| Run {
                arm: load.arm.name(),
                requests: load.requests,
                per_second: load.per_second.map(rounded),
                at_once: load.at_once.map(rounded),
                differs: load.differs,
            })
            .collect(),
        machine: comparison
            .machine
            .iter()
            .map(|machine| Machine {
                phase: machine.phase.name(),
                change: rounded(machine.shift.exp_m1()),
                interval: machine
                    .interval
                    .map(|(low, high)| [rounded(low.exp_m1()), rounded(high.exp_m1())]),
                slower: machine.slower,
            })
            .collect(),
        between_runs: comparison.between.as_ref().map(|between| BetweenRuns {
            deviation: rounded(between.usual.sqrt()),
            measured: between.measured,
        }),
        endpoints: judgement
            .endpoints
            .iter()
            .map(|judged| endpoint(told, judged))
            .collect(),
        budgets: judgement
            .budgets
            .iter()
            .map(|result| {
                let is_share = result.budget.is_share();
                Budget {
                    budget: &result.budget.text,
                    measured_us: result
                        .measured
                        .filter(|_| !is_share)
                        .map(|us| us.round() as u64),
                    measured_share: result.measured.filter(|_| is_share).map(rounded),
                    kept: result.kept,
                }
            })
            .collect(),
    };
    crate::report::json::pretty(&gate)
}

fn endpoint<'j>(told: &Told<'j>, judged: &'j crate::gate::judgement::Judged) -> Endpoint<'j> {
    let of = &told.traffic.endpoints[judged.endpoint];
    let [baseline, candidate] = Arm::BOTH.map(|arm| judged.requests[arm as usize]);
    Endpoint {
        name: Name::new(&of.method, &of.route, told.dimensions, &of.dimensions),
        required: judged.required,
        verdict: match judged.verdict {
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Pass => "pass",
            Verdict::TooLittle => "too_little_data",
            Verdict::BelowFloor => "below_floor",
        },
        because: judged.because,
        requests: ByArm {
            baseline,
            candidate,
        },
        errors: judged
            .errors
            .iter()
            .map(|shift| Errors {
                class: shift.class.name(),
                baseline: shift.before.0,
                candidate: shift.after.0,
                grew: shift.grew,
            })
            .collect(),
        statistics: judged
            .statistics
            .iter()
            .map(|(statistic, flagged)| {
                let [ratio, low, high] = statistic.ratio();
                Statistic {
                    phase: statistic.phase.name(),
                    part: statistic.part.name(),
                    baseline_us: statistic.levels_us[0].round() as u64,
                    candidate_us: statistic.levels_us[1].round() as u64,
                    change: rounded(ratio - 1.0),
                    interval: [rounded(low - 1.0), rounded(high - 1.0)],
                    detectable: rounded(statistic.detectable),
                    p: rounded(statistic.p),
                    flagged: *flagged,
                }
            })
            .collect(),
    }
}

/// Six decimals: more are noise, and differ between machines. JSON has no infinity.
fn rounded(value: f64) -> f64 {
    (value.clamp(-1e9, 1e9) * 1e6).round() / 1e6
}
