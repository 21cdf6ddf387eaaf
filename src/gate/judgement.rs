//! The verdict on the whole: each endpoint's, which of them must be seen to be well, the load, the
//! machine, and the budgets.

use super::budget::{Budget, BudgetResult};
use super::comparison::{Comparison, Statistic, fewest_runs};
use super::errors::{ErrorShift, error_shifts};
use super::load::{Load, loads};
use super::rules::Rules;
use super::traffic::{Arm, Traffic};
use super::verdict::{Verdict, deciding, verdicts};
use crate::endpoint::Pattern;

/// How the gate ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing that matters is slower, and it would have been seen.
    Pass,
    /// It cannot be said.
    Inconclusive,
    /// Something is slower, fails or is missing.
    Fail,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "PASS",
            Outcome::Inconclusive => "INCONCLUSIVE",
            Outcome::Fail => "FAIL",
        }
    }
}

/// One endpoint, judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its place among the endpoints of the traffic.
    pub endpoint: usize,
    /// Whether the whole depends on its being seen to be well.
    pub required: bool,
    /// Requests of the baseline and of the candidate.
    pub requests: [u64; 2],
    /// On its times, errors and presence.
    pub verdict: Verdict,
    /// Why, where that is not its times.
    pub because: Option<&'static str>,
    /// What was compared, and whether it flagged the endpoint.
    pub statistics: Vec<(Statistic, bool)>,
    /// Its errors; none where it lacks in an arm.
    pub errors: Vec<ErrorShift>,
}

impl Judged {
    /// The statistic that says most: the one that flags it and is largest, else the deciding one.
    #[must_use]
    pub fn foremost(&self) -> Option<&Statistic> {
        let flagged = self.statistics.iter().filter(|(_, flagged)| *flagged);
        let worst = flagged.max_by(|(a, _), (b, _)| a.shift.total_cmp(&b.shift));
        match worst {
            Some((statistic, _)) => Some(statistic),
            None => deciding(self.statistics.iter().map(|(statistic, _)| statistic)),
        }
    }
}

/// All that the gate has to say.
#[derive(Debug)]
pub struct Judgement {
    /// How it ends.
    pub outcome: Outcome,
    /// Whether there was nothing to compare: then no setting makes it a pass.
    pub no_data: bool,
    /// Why it ends so, in sentences without a word of the log.
    pub reasons: Vec<String>,
    /// The endpoints: failed ones first, then the inconclusive, the required before the others, then by
    /// busy time of the baseline.
    pub endpoints: Vec<Judged>,
    /// The load of each run.
    pub loads: Vec<Load>,
    /// What was compared.
    pub comparison: Comparison,
    /// The budgets.
    pub budgets: Vec<BudgetResult>,
    /// The slowdown that nobody minds, as a ratio above 1.
    pub margin: f64,
}

/// What a person asks of the gate besides the rules.
#[derive(Debug, Default)]
pub struct Demands {
    /// Routes of the required endpoints; the busiest where there are none.
    pub required: Vec<Pattern>,
    /// Limits for the candidate alone.
    pub budgets: Vec<Budget>,
}

/// Judges the candidate.
#[must_use]
pub fn judge(traffic: &Traffic, rules: &Rules, demands: &Demands) -> Judgement {
    let comparison = Comparison::new(traffic, rules);
    let loads = loads(traffic);
    let budgets: Vec<BudgetResult> = demands
        .budgets
        .iter()
        .map(|budget| budget.judge(traffic))
        .collect();
    let endpoints = endpoints(traffic, rules, demands, &comparison);
    let margin = rules.margin(fewest_runs(traffic)).exp_m1();
    let mut judgement = Judgement {
        outcome: Outcome::Pass,
        no_data: false,
        reasons: Vec::new(),
        endpoints,
        loads,
        comparison,
        budgets,
        margin,
    };
    judgement.end(traffic, rules, demands);
    judgement
}

fn endpoints(
    traffic: &Traffic,
    rules: &Rules,
    demands: &Demands,
    comparison: &Comparison,
) -> Vec<Judged> {
    let required = required(traffic, rules, demands);
    let no_data = Arm::BOTH.iter().any(|arm| traffic.requests(*arm) == 0);
    let in_both = traffic
        .endpoints
        .iter()
        .filter(|of| Arm::BOTH.iter().all(|arm| of.requests(traffic, *arm) > 0))
        .count();
    let mut judged: Vec<Judged> = verdicts(comparison, rules)
        .into_iter()
        .enumerate()
        .map(|(at, (verdict, flags))| {
            let endpoint = &traffic.endpoints[at];
            let requests = Arm::BOTH.map(|arm| endpoint.requests(traffic, arm));
            let errors = if requests.contains(&0) {
                Vec::new()
            } else {
                error_shifts(traffic, endpoint, rules, in_both).to_vec()
            };
            let failed = |which: usize| {
                let all: u64 = Arm::BOTH
                    .get(which)
                    .map_or(0, |arm| endpoint.errors(traffic, *arm).iter().sum());
                requests[which] > 0 && all == requests[which]
            };
            let (verdict, because) = match requests {
                // Without a run of an arm nothing can be said of its absence from it.
                _ if no_data => (Verdict::TooLittle, None),
                [_, 0] if required[at] => (Verdict::Fail, Some("missing from the candidate")),
                [_, 0] => (Verdict::TooLittle, Some("missing from the candidate")),
                [0, _] => (Verdict::TooLittle, Some("new in the candidate")),
                _ if failed(1) && !failed(0) => (Verdict::Fail, Some("every request fails")),
                _ if failed(1) => (Verdict::Inconclusive, Some("every request of both fails")),
                _ if errors.iter().any(|shift| shift.grew) && verdict != Verdict::Fail => {
                    (Verdict::Fail, Some("more errors"))
                }
                _ => (verdict, None),
            };
            Judged {
                endpoint: at,
                required: required[at],
                requests,
                verdict,
                because,
                statistics: comparison.statistics[at]
                    .iter()
                    .copied()
                    .zip(flags)
                    .collect(),
                errors,
            }
        })
        .collect();
    let busy = |judged: &Judged| traffic.endpoints[judged.endpoint].busy(traffic, Arm::Baseline);
    judged.sort_by_key(|judged| {
        let rank = match judged.verdict {
            Verdict::Fail => 0,
            Verdict::Inconclusive => 1,
            _ => 2,
        };
        (rank, !judged.required, std::cmp::Reverse(busy(judged)))
    });
    judged
}

/// Which endpoints are required: those whose route matches, else the fewest that carry most of the
/// baseline's busy time.
fn required(traffic: &Traffic, rules: &Rules, demands: &Demands) -> Vec<bool> {
    if !demands.required.is_empty() {
        return traffic
            .endpoints
            .iter()
            .map(|of| {
                demands
                    .required
                    .iter()
                    .any(|pattern| pattern.matches(&of.route))
            })
            .collect();
    }
    // A log without durations has no busy time; then requests must do.
    let busy: Vec<u64> = traffic
        .endpoints
        .iter()
        .map(|of| of.busy(traffic, Arm::Baseline))
        .collect();
    let weights = if busy.iter().all(|busy| *busy == 0) {
        traffic
            .endpoints
            .iter()
            .map(|of| of.requests(traffic, Arm::Baseline))
            .collect()
    } else {
        busy
    };
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(weights[*at]));
    let wanted = rules.required_share * weights.iter().map(|busy| *busy as f64).sum::<f64>();
    let mut required = vec![false; weights.len()];
    let mut carried = 0.0;
    for at in order {
        if carried >= wanted || weights[at] == 0 {
            break;
        }
        carried += weights[at] as f64;
        required[at] = true;
    }
    required
}

impl Judgement {
    /// Decides how it ends, and why.
    fn end(&mut self, traffic: &Traffic, rules: &Rules, demands: &Demands) {
        let mut fails: Vec<String> = Vec::new();
        let mut doubts: Vec<String> = Vec::new();
        for arm in Arm::BOTH {
            if traffic.requests(arm) == 0 {
                self.no_data = true;
                doubts.push(format!("the {} has no requests", arm.name()));
            }
        }
        let count = |of: &dyn Fn(&Judged) -> bool| {
            self.endpoints.iter().filter(|judged| of(judged)).count()
        };
        let is = |judged: &Judged, verdict| judged.verdict == verdict;
        // A run without a candidate lacks every endpoint; that is no regression but no data.
        if !self.no_data {
            let because = |judged: &Judged, why: &str| {
                is(judged, Verdict::Fail) && judged.because == Some(why)
            };
            for (n, what) in [
                (
                    count(&|judged| is(judged, Verdict::Fail) && judged.because.is_none()),
                    "slower",
                ),
                (
                    count(&|judged| because(judged, "missing from the candidate")),
                    "missing from the candidate",
                ),
                (
                    count(&|judged| because(judged, "every request fails")),
                    "failing every request",
                ),
                (
                    count(&|judged| because(judged, "more errors")),
                    "failing more often",
                ),
            ] {
                if n > 0 {
                    fails.push(format!("{} {what}", endpoints_in_words(n)));
                }
            }
            if count(&|judged| judged.required) == 0 {
                doubts.push("no endpoint matches --require".to_owned());
            }
            let unclear = |judged: &Judged| judged.required && is(judged, Verdict::Inconclusive);
            let failing = count(&|judged| unclear(judged) && judged.because.is_some());
            if failing > 0 {
                doubts.push(format!(
                    "{} failing every request of both",
                    required_in_words(failing)
                ));
            }
            let undecided = count(&|judged| unclear(judged) && judged.because.is_none());
            if undecided > 0 {
                doubts.push(format!(
                    "{} could hide a slowdown by {:.0} %",
                    required_in_words(undecided),
                    rules.limit * 100.0
                ));
            }
            let too_little = count(&|judged| judged.required && is(judged, Verdict::TooLittle));
            if too_little > 0 {
                doubts.push(format!(
                    "{} with too few requests",
                    required_in_words(too_little)
                ));
            }
            let judged = count(&|judged| matches!(judged.verdict, Verdict::Pass | Verdict::Fail));
            if judged == 0 && undecided + failing + too_little == 0 {
                doubts.push("no endpoint could be judged: all are below the floor".to_owned());
            }
        }
        for pattern in &demands.required {
            if !traffic
                .endpoints
                .iter()
                .any(|of| pattern.matches(&of.route))
            {
                doubts.push(format!("no endpoint matches --require {}", pattern.text()));
            }
        }
        for machine in &self.comparison.machine {
            let phase = machine.phase.name();
            match machine.slower {
                Some(true) => fails.push(format!(
                    "all endpoints together are slower in {phase} by {:+.0} %",
                    machine.shift.exp_m1() * 100.0
                )),
                None if machine.shift >= rules.limit.ln_1p() => doubts.push(format!(
                    "all endpoints together are slower in {phase} by {:+.0} %: the program or the machine; repeated runs would tell",
                    machine.shift.exp_m1() * 100.0
                )),
                _ => {}
            }
        }
        if self.loads.iter().any(|load| load.differs) {
            doubts.push("the runs had different load".to_owned());
        }
        for result in &self.budgets {
            match result.kept {
                Some(true) => {}
                Some(false) => fails.push(format!("over budget: {}", result.budget.text)),
                None => doubts.push(format!(
                    "too few requests for the budget {}",
                    result.budget.text
                )),
            }
        }
        self.outcome = match (fails.is_empty(), doubts.is_empty()) {
            (false, _) => Outcome::Fail,
            (true, false) => Outcome::Inconclusive,
            (true, true) => Outcome::Pass,
        };
        // Different load is named beside a regression too: it may be why.
        self.reasons = fails.into_iter().chain(doubts).collect();
    }
}

fn endpoints_in_words(n: usize) -> String {
    match n {
        1 => "1 endpoint".to_owned(),
        n => format!("{n} endpoints"),
    }
}

fn required_in_words(n: usize) -> String {
    match n {
        1 => "1 required endpoint".to_owned(),
        n => format!("{n} required endpoints"),
    }
}
