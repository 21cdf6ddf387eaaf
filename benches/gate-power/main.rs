//! How often the gate is right and wrong, on drawn traffic: false alarms where nothing changed, power
//! where something did, and the share of flags that are false; beside two methods in common use, on the
//! same data.
//!
//! ```text
//! cargo run --release --example gate-power -- [--runs 1000] [--seed 10000] [--threads 2]
//! ```
//!
//! The method was tuned on seeds below 10,000; figures are quoted from 10,000 on.

mod chance;
mod methods;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use methods::METHODS;
use slowpath::gate::rules::Rules;
use world::{Change, Design};

/// What is counted over experiments, by method.
#[derive(Default)]
struct Counts {
    /// By experiment: whether any endpoint was flagged falsely, the share of the slowed endpoints that
    /// was found, and the share of the flags that is false.
    outcomes: [Vec<Outcome>; METHODS.len()],
}

#[derive(Clone, Copy)]
struct Outcome {
    false_alarm: f64,
    found: f64,
    false_share: f64,
}

fn outcome(flags: &[bool], slowed: &[bool]) -> Outcome {
    let count = |wanted: (bool, bool)| {
        let pairs = flags.iter().zip(slowed);
        pairs.filter(|pair| (*pair.0, *pair.1) == wanted).count() as f64
    };
    let (hits, wrong) = (count((true, true)), count((true, false)));
    let there = slowed.iter().filter(|slowed| **slowed).count() as f64;
    Outcome {
        false_alarm: f64::from(wrong > 0.0),
        found: hits / there.max(1.0),
        false_share: wrong / (hits + wrong).max(1.0),
    }
}

/// Draws experiments of one kind, on several threads; which thread draws which makes no difference.
fn experiments(
    design: Design,
    rules: &Rules,
    change: Change,
    seeds: std::ops::Range<u64>,
    threads: usize,
) -> Counts {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let drawn = world::draw(seed, design, change);
                    let of_methods =
                        methods::flags(&drawn, rules).map(|flags| outcome(&flags, &drawn.slowed));
                    found.lock().expect("no thread panicked").push(of_methods);
                }
            });
        }
    });
    let mut counts = Counts::default();
    for of_methods in found.into_inner().expect("no thread panicked") {
        for (all, one) in counts.outcomes.iter_mut().zip(of_methods) {
            all.push(one);
        }
    }
    counts
}

/// A mean over experiments with its 95 % interval: Wilson's for a yes or no, else the normal one, since
/// experiments are independent and endpoints of one are not.
fn said(values: &[f64]) -> String {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let z = 1.96;
    let (low, high) = if values.iter().all(|value| *value == 0.0 || *value == 1.0) {
        let centre = (mean + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let reach =
            z / (1.0 + z * z / n) * (mean * (1.0 - mean) / n + z * z / (4.0 * n * n)).sqrt();
        (centre - reach, centre + reach)
    } else {
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / (n - 1.0);
        let reach = z * (variance / n).sqrt();
        (mean - reach, mean + reach)
    };
    format!("{mean:.3} [{:.3}, {:.3}]", low.max(0.0), high.min(1.0))
}

fn flag(name: &str, usual: f64) -> f64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    match arguments.nth(1) {
        None => usual,
        Some(value) => value
            .parse()
            .unwrap_or_else(|_| panic!("{name} wants a number")),
    }
}

fn main() {
    let runs = flag("--runs", 1_000.0) as u64;
    let seed = flag("--seed", 10_000.0) as u64;
    let threads = flag("--threads", 2.0) as usize;
    let usual = Rules::default();
    let rules = Rules {
        margin: std::env::args()
            .any(|argument| argument == "--margin")
            .then(|| flag("--margin", 0.0)),
        false_share: flag("--false-share", usual.false_share),
        ..usual
    };
    let base = Design {
        requests: 5_000,
        runs: flag("--repeats", 3.0) as usize,
        seconds: flag("--seconds", 120.0),
        common_offset: flag("--common", 0.03),
        own_offset: flag("--own", 0.015),
        unevenness: flag("--unevenness", 0.0),
    };
    println!(
        "{} endpoints, {} runs an arm of {} s; machine noise OU 8 %, 5 s, with stalls; offsets of a run {} % common, {} % of each endpoint; seeds from {seed}",
        world::ENDPOINTS,
        base.runs,
        base.seconds,
        base.common_offset * 100.0,
        base.own_offset * 100.0
    );
    println!(
        "{:<9} {:<10} {:<18} {:>6}  {:<22} {:<22} {:<22}",
        "requests",
        "change",
        "method",
        "runs",
        "false alarm of a run",
        "found",
        "share of false flags"
    );
    let changes = [
        ("none", Change::None, runs),
        ("+10 %", Change::All(1.1), runs.div_ceil(4)),
        ("+20 %", Change::All(1.2), runs.div_ceil(4)),
        ("tail +20 %", Change::Tail(1.2), runs.div_ceil(4)),
    ];
    for requests in [1_000, 5_000] {
        let design = Design { requests, ..base };
        for (name, change, runs) in changes {
            let counts = experiments(design, &rules, change, seed..seed + runs, threads);
            for (method, outcomes) in METHODS.iter().zip(&counts.outcomes) {
                let of = |value: fn(&Outcome) -> f64| {
                    said(&outcomes.iter().map(value).collect::<Vec<f64>>())
                };
                let found = if change == Change::None {
                    "-".to_owned()
                } else {
                    of(|outcome| outcome.found)
                };
                println!(
                    "{requests:<9} {name:<10} {method:<18} {runs:>6}  {:<22} {found:<22} {:<22}",
                    of(|outcome| outcome.false_alarm),
                    of(|outcome| outcome.false_share)
                );
            }
        }
    }
}
