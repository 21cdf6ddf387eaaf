//! The traffic that is drawn: endpoints of very different shape on a restless machine.

use slowpath::gate::traffic::{Arm, Block, Endpoint, Run, Traffic};
use slowpath::summary::histogram::{Growth, Histogram};

use crate::chance::Chance;

pub const ENDPOINTS: usize = 50;
/// How many of them a change makes slower.
pub const SLOWED: usize = 5;
/// Blocks of a run, of equal time.
const BLOCKS: usize = 24;
/// Seconds between two values of the machine's noise.
const TICK: f64 = 0.1;

/// What the candidate does to the endpoints that it makes slower.
#[derive(Clone, Copy, PartialEq)]
pub enum Change {
    None,
    /// Every request takes so many times as long.
    All(f64),
    /// The slowest tenth does.
    Tail(f64),
}

/// How runs are made.
#[derive(Clone, Copy)]
pub struct Design {
    /// Requests of an endpoint and arm over all runs.
    pub requests: usize,
    /// Runs of each arm, interleaved.
    pub runs: usize,
    /// Seconds of a run.
    pub seconds: f64,
    /// The standard deviation of the logarithm that all endpoints of a run share …
    pub common_offset: f64,
    /// … and of what each has of its own in a run.
    pub own_offset: f64,
    /// How differently endpoints feel the machine's noise: 0 is all alike.
    pub unevenness: f64,
}

/// The shape of an endpoint's durations.
struct Shape {
    median: f64,
    sigma: f64,
    tail_share: f64,
    alpha: f64,
    /// The share of slow requests, cache misses say, and how much slower those are.
    second: Option<(f64, f64)>,
    /// The 90th percentile without noise.
    p90: f64,
    /// How much of the machine's noise it feels.
    feels: f64,
}

impl Shape {
    fn new(chance: &mut Chance, unevenness: f64) -> Shape {
        let mut shape = Shape {
            median: 20_000.0 * 25.0_f64.powf(chance.unit()),
            sigma: chance.between(0.35, 0.9),
            tail_share: chance.between(0.005, 0.03),
            alpha: chance.between(1.3, 2.2),
            second: None,
            p90: 0.0,
            feels: 1.0 + unevenness * chance.between(-1.0, 1.0),
        };
        if chance.unit() < 1.0 / 3.0 {
            shape.second = Some((chance.between(0.2, 0.5), chance.between(3.0, 6.0)));
        }
        let mut drawn: Vec<f64> = (0..4_000).map(|_| shape.draw(chance)).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        shape.p90 = drawn[3_600];
        shape
    }

    /// A duration in µs on a quiet machine.
    fn draw(&self, chance: &mut Chance) -> f64 {
        let mut time = self.median * (self.sigma * chance.normal()).exp();
        if let Some((share, slower)) = self.second
            && chance.unit() < share
        {
            time *= slower;
        }
        if chance.unit() < self.tail_share {
            time *= 2.0 * chance.pareto(self.alpha).min(50.0);
        }
        time
    }

    fn changed(&self, time: f64, change: Change) -> f64 {
        match change {
            Change::All(ratio) => time * ratio,
            Change::Tail(ratio) if time > self.p90 => time * ratio,
            _ => time,
        }
    }
}

/// A drawn experiment: what the gate is given, and every duration for the methods beside it.
pub struct Drawn {
    pub traffic: Traffic,
    /// By endpoint: all durations of either arm, in µs.
    pub durations: Vec<[Vec<u64>; 2]>,
    /// Which endpoints the candidate makes slower.
    pub slowed: Vec<bool>,
}

pub fn draw(seed: u64, design: Design, change: Change) -> Drawn {
    let mut chance = Chance::new(seed, 1);
    let shapes: Vec<Shape> = (0..ENDPOINTS)
        .map(|_| Shape::new(&mut chance, design.unevenness))
        .collect();
    // ABAB…: with independent noise the order of the runs makes no difference.
    let runs: Vec<Run> = (0..2 * design.runs)
        .map(|at| Run {
            arm: Arm::BOTH[at % 2],
            seconds: design.seconds,
        })
        .collect();
    let noise: Vec<Noise> = runs
        .iter()
        .map(|_| Noise::new(&mut chance, design))
        .collect();
    let slowed: Vec<bool> = (0..ENDPOINTS)
        .map(|at| change != Change::None && at % (ENDPOINTS / SLOWED) == 0)
        .collect();
    let mut durations = Vec::new();
    let endpoints = shapes.iter().enumerate().map(|(at, shape)| {
        let mut of_arms = [Vec::new(), Vec::new()];
        let of_runs = runs.iter().zip(&noise).map(|(run, noise)| {
            let offset = design.own_offset * chance.normal();
            let mut histograms = vec![(Histogram::default(), 0); BLOCKS];
            for _ in 0..design.requests / design.runs {
                let when = chance.unit() * design.seconds;
                let mut time = shape.draw(&mut chance);
                if run.arm == Arm::Candidate && slowed[at] {
                    time = shape.changed(time, change);
                }
                time *= (offset + noise.offset + shape.feels * noise.at(when)).exp();
                // nginx logs whole milliseconds.
                let time = (time / 1_000.0).round() as u64 * 1_000;
                let block = ((when / design.seconds * BLOCKS as f64) as usize).min(BLOCKS - 1);
                histograms[block].0.record(time, Growth::Small);
                histograms[block].1 += 1;
                of_arms[run.arm as usize].push(time);
            }
            let block = |(histogram, requests): &(Histogram, u64)| Block {
                requests: *requests,
                times: [Vec::new(), Vec::new(), histogram.buckets()],
                ..Block::default()
            };
            histograms.iter().map(block).collect()
        });
        let endpoint = Endpoint {
            route: format!("/{at}").into_bytes(),
            runs: of_runs.collect(),
            ..Endpoint::default()
        };
        durations.push(of_arms);
        endpoint
    });
    let endpoints = endpoints.collect();
    Drawn {
        traffic: Traffic { runs, endpoints },
        durations,
        slowed,
    }
}

/// What the machine does to everything in a run: an Ornstein-Uhlenbeck process with a standard
/// deviation of 8 % and a correlation time of 5 s, and stalls that double every time for about 2 s,
/// about one a minute.
struct Noise {
    offset: f64,
    ticks: Vec<f64>,
}

impl Noise {
    fn new(chance: &mut Chance, design: Design) -> Noise {
        const DEVIATION: f64 = 0.08;
        const CORRELATION: f64 = 5.0;
        let keep = (-TICK / CORRELATION).exp();
        let mut level = DEVIATION * chance.normal();
        let count = (design.seconds / TICK) as usize + 1;
        let mut ticks: Vec<f64> = (0..count)
            .map(|_| {
                level = keep * level + DEVIATION * (1.0 - keep * keep).sqrt() * chance.normal();
                level
            })
            .collect();
        let mut begin = chance.exponential(60.0);
        while begin < design.seconds {
            let end = begin + chance.exponential(2.0);
            let stalled = (begin / TICK) as usize..((end / TICK) as usize).min(count);
            ticks[stalled]
                .iter_mut()
                .for_each(|tick| *tick += 2.0_f64.ln());
            begin = end + chance.exponential(60.0);
        }
        Noise {
            offset: design.common_offset * chance.normal(),
            ticks,
        }
    }

    fn at(&self, when: f64) -> f64 {
        self.ticks[((when / TICK) as usize).min(self.ticks.len() - 1)]
    }
}
