//! The statistics: for each endpoint, phase and part of the distribution, by how much the candidate is
//! slower, how sure that is, and what could have been seen. Numbers, no verdicts.

use super::error_of_shift::{Between, ShiftError};
use super::large_shift;
use super::panel::{Panel, Trust};
use super::pooled::Pooled;
use super::rules::{REPEATED, Rules};
use super::score::{Part, Score};
use super::student::{critical, upper};
use super::traffic::{Arm, COMPARED, Endpoint, Traffic};
use crate::phases::Phase;
use crate::summary::Bucket;

/// The step of nginx's clock, and as fine as any clock is taken to be.
const CLOCK_US: u64 = 1_000;

/// By how many standard errors a true shift must lie beyond the critical value so that it is found with
/// a chance of 0.8.
const POWER: f64 = 0.842;

/// A one-sided level that leaves the machine's own shift in peace: it is judged by a few runs alone.
const MACHINE_LEVEL: f64 = 0.01;

/// What one statistic says of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistic {
    /// Of which phase.
    pub phase: Phase,
    /// Of which part of its distribution.
    pub part: Part,
    /// By how much the candidate is slower, as a logarithm.
    pub shift: f64,
    /// How sure that is.
    pub error: ShiftError,
    /// The same in µs, at the median or quantile that the part is about.
    pub change_us: f64,
    /// The median or quantile itself in µs, of the baseline and of the candidate.
    pub levels_us: [f64; 2],
    /// The chance of as large a shift if the candidate were slower by the margin only.
    pub p: f64,
    /// The smallest slowdown that would have been found with a chance of 0.8.
    pub detectable: f64,
}

impl Statistic {
    /// The ratio of candidate to baseline and its 95 % interval.
    #[must_use]
    pub fn ratio(&self) -> [f64; 3] {
        let reach = critical(0.025, self.error.freedom) * self.error.deviation;
        [
            self.shift.exp(),
            (self.shift - reach).exp(),
            (self.shift + reach).exp(),
        ]
    }
}

/// What all endpoints share: the machine, or a change that slows everything alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// In which phase.
    pub phase: Phase,
    /// By how much the runs of the candidate are slower, as a logarithm.
    pub shift: f64,
    /// The 95 % interval of it; `None` where runs were not repeated.
    pub interval: Option<(f64, f64)>,
    /// Whether it is slower beyond the margin, beyond chance; `None` where runs were not repeated.
    pub slower: Option<bool>,
}

/// All statistics of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// By endpoint of the traffic; those that the data allows and the floor does not forbid.
    pub statistics: Vec<Vec<Statistic>>,
    /// By endpoint: whether it had enough durations for any statistic.
    pub enough: Vec<bool>,
    /// What the endpoints share, by phase.
    pub machine: Vec<Machine>,
    /// By how much runs of the same program differ at an endpoint (bulk of the total), and whether that
    /// was measured here.
    pub between: Option<Between>,
}

/// An endpoint that allows a statistic, its score, and the durations of both arms.
struct Scored<'s> {
    endpoint: usize,
    of: &'s Endpoint,
    score: Score,
    arms: &'s [Vec<Bucket>; 2],
}

impl Comparison {
    /// Compares the arms.
    #[must_use]
    pub fn new(traffic: &Traffic, rules: &Rules) -> Comparison {
        let runs = fewest_runs(traffic);
        let trust = if runs >= REPEATED {
            Trust::Repeated
        } else {
            Trust::Single
        };
        let mut found = Comparison {
            statistics: vec![Vec::new(); traffic.endpoints.len()],
            enough: vec![false; traffic.endpoints.len()],
            machine: Vec::new(),
            between: None,
        };
        for (at, phase) in COMPARED.into_iter().enumerate() {
            let durations: Vec<[Vec<Bucket>; 2]> = traffic
                .endpoints
                .iter()
                .map(|endpoint| durations(traffic, endpoint, at))
                .collect();
            let pooled: Vec<Option<Pooled>> = durations
                .iter()
                .map(|[baseline, candidate]| Pooled::new([baseline, candidate], rules.floor.0))
                .collect();
            let part = |score: fn(&Pooled, u64) -> Option<Score>| -> Vec<Scored<'_>> {
                let of = |(endpoint, pooled): (usize, &Option<Pooled>)| {
                    Some(Scored {
                        endpoint,
                        of: &traffic.endpoints[endpoint],
                        score: score(pooled.as_ref()?, CLOCK_US)?,
                        arms: &durations[endpoint],
                    })
                };
                pooled.iter().enumerate().filter_map(of).collect()
            };
            for (chosen, is_bulk) in [(part(Score::bulk), true), (part(Score::tail), false)] {
                let scores: Vec<(&Endpoint, &Score)> = chosen
                    .iter()
                    .map(|scored| (scored.of, &scored.score))
                    .collect();
                let panel = Panel::new(traffic, &scores, at, trust);
                let between = Between::of(&panel, traffic, rules.noise);
                found.add(traffic, rules, phase, &chosen, &panel, &between);
                if is_bulk {
                    found.machine.extend(machine(&panel, traffic, rules, phase));
                    found.between = found
                        .between
                        .filter(|_| chosen.is_empty())
                        .or(Some(between));
                }
            }
        }
        found.detectable(rules, runs);
        found
    }

    fn add(
        &mut self,
        traffic: &Traffic,
        rules: &Rules,
        phase: Phase,
        chosen: &[Scored<'_>],
        panel: &Panel,
        between: &Between,
    ) {
        let margin = rules.margin(fewest_runs(traffic));
        let errors = ShiftError::of_all(panel, traffic, between);
        let machine = panel.machine(traffic);
        for (at, (scored, error)) in chosen.iter().zip(errors).enumerate() {
            self.enough[scored.endpoint] = true;
            let (Some(error), Some(shift)) = (error, panel.shift(traffic, at)) else {
                continue;
            };
            // Half of the shift lies on either side of the level of both arms.
            let time = |shift: f64| scored.score.level * (2.0 * (shift / 2.0).sinh());
            if time(rules.limit.ln_1p()) < rules.floor.0 as f64 {
                continue;
            }
            let part = scored.score.part;
            let levels_us = [0, 1].map(|arm| quantile(&scored.arms[arm], part.quantile()));
            let p = upper((shift - margin) / error.deviation.max(1e-9), error.freedom);
            let shift = match part {
                _ if shift.abs() < large_shift::LARGE => shift,
                Part::Bulk => {
                    let [baseline, candidate] = scored.arms;
                    let whole = large_shift::bulk(baseline, candidate, rules.floor.0);
                    whole.map_or(shift, |whole| whole - machine)
                }
                Part::Tail(_) => (levels_us[1] / levels_us[0]).ln() - machine,
            };
            self.statistics[scored.endpoint].push(Statistic {
                phase,
                part,
                shift,
                error,
                change_us: time(shift),
                levels_us,
                p,
                detectable: 0.0,
            });
        }
    }

    /// Fills in what could have been seen: at the level that an endpoint alone among all must pass.
    fn detectable(&mut self, rules: &Rules, runs: usize) {
        let tested = self.statistics.iter().filter(|of| !of.is_empty()).count();
        let margin = rules.margin(runs);
        for of in &mut self.statistics {
            let level = rules.false_alarm / (tested * of.len()).max(1) as f64;
            for statistic in of {
                let error = statistic.error;
                let reach = (critical(level, error.freedom) + POWER) * error.deviation;
                // What is not seen in the numbers is not flagged either.
                statistic.detectable = (margin + reach).exp_m1().max(rules.effect);
            }
        }
    }
}

/// The count of runs of the arm that has fewer.
#[must_use]
pub fn fewest_runs(traffic: &Traffic) -> usize {
    let count = |arm| traffic.runs_of(arm).count();
    count(Arm::Baseline).min(count(Arm::Candidate))
}

/// The durations of an endpoint in a phase, by arm.
fn durations(traffic: &Traffic, endpoint: &Endpoint, phase: usize) -> [Vec<Bucket>; 2] {
    Arm::BOTH.map(|arm| {
        let blocks = endpoint.blocks_of(traffic, arm);
        together(blocks.flat_map(|block| block.times[phase].iter().copied()))
    })
}

/// The nearest-rank quantile in µs; 0 of nothing.
fn quantile(buckets: &[Bucket], q: f64) -> f64 {
    let count: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    let rank = ((q * count as f64).ceil() as u64).max(1);
    let mut seen = 0;
    let found = buckets.iter().find(|bucket| {
        seen += bucket.count;
        seen >= rank
    });
    found.map_or(0.0, |bucket| bucket.middle() as f64)
}

/// Buckets of several histograms as those of one.
#[must_use]
pub fn together(buckets: impl Iterator<Item = Bucket>) -> Vec<Bucket> {
    let mut all: Vec<Bucket> = buckets.collect();
    all.sort_unstable_by_key(|bucket| bucket.low);
    all.dedup_by(|next, kept| {
        let same = next.low == kept.low;
        if same {
            kept.count += next.count;
        }
        same
    });
    all
}

/// What the endpoints share, where there are enough to tell; by Welch's t test on the runs.
fn machine(panel: &Panel, traffic: &Traffic, rules: &Rules, phase: Phase) -> Option<Machine> {
    if panel.sharing == 0 {
        return None;
    }
    let of = |arm| -> Vec<f64> { traffic.runs_of(arm).map(|run| panel.shared[run]).collect() };
    let arms = Arm::BOTH.map(of);
    let mean = |runs: &[f64]| runs.iter().sum::<f64>() / (runs.len() as f64).max(1.0);
    let shift = panel.machine(traffic);
    let runs = fewest_runs(traffic);
    if runs < REPEATED {
        return Some(Machine {
            phase,
            shift,
            interval: None,
            slower: None,
        });
    }
    let (mut variance, mut parts) = (0.0, 0.0);
    for arm in &arms {
        let (centre, n) = (mean(arm), arm.len() as f64);
        let squares: f64 = arm.iter().map(|x| (x - centre).powi(2)).sum();
        let of_mean = squares / (n - 1.0) / n;
        variance += of_mean;
        parts += of_mean * of_mean / (n - 1.0);
    }
    let freedom = if parts > 0.0 {
        variance * variance / parts
    } else {
        1.0
    };
    let deviation = variance.sqrt().max(1e-9);
    let reach = critical(0.025, freedom) * deviation;
    let p = upper((shift - rules.margin(runs)) / deviation, freedom);
    Some(Machine {
        phase,
        shift,
        interval: Some((shift - reach, shift + reach)),
        slower: Some(p <= MACHINE_LEVEL && shift >= rules.effect.ln_1p()),
    })
}
