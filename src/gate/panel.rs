//! One statistic of all endpoints in all runs: means, the noise that all endpoints share, and how far
//! each mean may be off.
//!
//! The error within a run is taken from its blocks of time, because requests next to each other are
//! slow together: an error computed as if they were independent flags the weather. What all endpoints
//! share, in a block or in a run, is the machine and is taken out.

use super::score::Score;
use super::traffic::{Arm, Endpoint, Traffic};

/// Endpoints from which on what they share can be told from what they do themselves.
pub const LEAST_ENDPOINTS: usize = 8;

/// Requests of an endpoint in a block from which on it has a say in what the block shares.
const LEAST_IN_BLOCK: f64 = 3.0;

/// Where neighbouring blocks are this much alike, blocks are joined in pairs …
const ALIKE: f64 = 0.3;
/// … but not to fewer than this.
const LEAST_BLOCKS: usize = 10;

/// The scores of one endpoint in one run.
#[derive(Debug, Clone)]
struct Scored {
    /// Requests and sum of scores of each block.
    blocks: Vec<(f64, f64)>,
    requests: f64,
    mean: f64,
    /// The variance of the mean, if requests were independent.
    independent: f64,
}

/// The mean score of an endpoint in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Less what the endpoints of the run share.
    pub mean: f64,
    /// The variance of it within the run.
    pub variance: f64,
    /// From how many blocks that variance is.
    pub blocks: usize,
}

/// A statistic over endpoints and runs.
#[derive(Debug)]
pub struct Panel {
    /// By endpoint, then by run; `None` where the run lacks the endpoint.
    pub cells: Vec<Vec<Option<Cell>>>,
    /// By run: what its endpoints share, 0 where there are too few to tell.
    pub shared: Vec<f64>,
    /// How many endpoints told that; 0 where too few.
    pub sharing: usize,
}

/// How much the noise that endpoints share is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Several runs of each arm show what taking it out leaves behind.
    Repeated,
    /// Nothing shows it: the variance is at least that with the noise left in.
    Single,
}

impl Panel {
    /// Scores endpoints; each with its score, and the index of the phase that is scored.
    #[must_use]
    pub fn new(
        traffic: &Traffic,
        scores: &[(&Endpoint, &Score)],
        phase: usize,
        trust: Trust,
    ) -> Panel {
        let runs = traffic.runs.len();
        let mut scored: Vec<Vec<Option<Scored>>> = scores
            .iter()
            .map(|(endpoint, score)| {
                (0..runs)
                    .map(|run| Scored::new(endpoint, score, phase, run))
                    .collect()
            })
            .collect();
        let mut noise = shared_by_block(&scored, runs);
        while is_alike(&noise) {
            for cell in scored.iter_mut().flatten().flatten() {
                cell.join_pairs();
            }
            noise = shared_by_block(&scored, runs);
        }
        let sharing = if scored.len() >= LEAST_ENDPOINTS {
            scored.len()
        } else {
            0
        };
        let mean_in = |run: usize| {
            scored
                .iter()
                .filter_map(move |of| of[run].as_ref().map(|cell| cell.mean))
        };
        let shared: Vec<f64> = (0..runs)
            .map(|run| match sharing {
                0 => 0.0,
                _ => median(&mut mean_in(run).collect::<Vec<f64>>()),
            })
            .collect();
        let still = [];
        let cells = scored
            .iter()
            .map(|of| {
                of.iter()
                    .enumerate()
                    .map(|(run, cell)| {
                        cell.as_ref().map(|cell| {
                            let raw = cell.variance(&still);
                            let quiet = match sharing {
                                0 => raw,
                                _ => cell.variance(&noise[run]),
                            };
                            Cell {
                                mean: cell.mean - shared[run],
                                variance: match trust {
                                    Trust::Repeated => quiet,
                                    Trust::Single => quiet.max(raw),
                                },
                                blocks: cell.occupied(),
                            }
                        })
                    })
                    .collect()
            })
            .collect();
        Panel {
            cells,
            shared,
            sharing,
        }
    }

    /// By how much an endpoint is slower in the candidate, in logarithms: the difference between the
    /// means of its runs. `None` where an arm lacks it.
    #[must_use]
    pub fn shift(&self, traffic: &Traffic, endpoint: usize) -> Option<f64> {
        let mean = |arm| mean(self.of_arm(traffic, endpoint, arm).map(|cell| cell.mean));
        Some(mean(Arm::Candidate)? - mean(Arm::Baseline)?)
    }

    /// By how much the candidate's runs are slower in what their endpoints share, in logarithms.
    #[must_use]
    pub fn machine(&self, traffic: &Traffic) -> f64 {
        let mean = |arm| mean(traffic.runs_of(arm).map(|run| self.shared[run])).unwrap_or(0.0);
        mean(Arm::Candidate) - mean(Arm::Baseline)
    }

    /// The cells of an endpoint in the runs of an arm.
    pub fn of_arm<'s>(
        &'s self,
        traffic: &'s Traffic,
        endpoint: usize,
        arm: Arm,
    ) -> impl Iterator<Item = Cell> + 's {
        traffic
            .runs_of(arm)
            .filter_map(move |run| self.cells[endpoint][run])
    }
}

impl Scored {
    /// `None` where the run has no such duration.
    fn new(endpoint: &Endpoint, score: &Score, phase: usize, run: usize) -> Option<Scored> {
        let mut squares = 0.0;
        let blocks: Vec<(f64, f64)> = endpoint
            .blocks(run)
            .iter()
            .map(|block| {
                let buckets = &block.times[phase];
                let (sum, of_squares) = score.sums(buckets);
                squares += of_squares;
                let n: u64 = buckets.iter().map(|bucket| bucket.count).sum();
                (n as f64, sum)
            })
            .collect();
        let requests: f64 = blocks.iter().map(|(n, _)| n).sum();
        if requests == 0.0 {
            return None;
        }
        let mean = blocks.iter().map(|(_, sum)| sum).sum::<f64>() / requests;
        let spread = (squares / requests - mean * mean).max(0.0);
        Some(Scored {
            independent: spread / (requests - 1.0).max(1.0),
            blocks,
            requests,
            mean,
        })
    }

    fn join_pairs(&mut self) {
        self.blocks = self
            .blocks
            .chunks(2)
            .map(|pair| {
                pair.iter()
                    .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
            })
            .collect();
    }

    /// Blocks with a request.
    fn occupied(&self) -> usize {
        self.blocks.iter().filter(|(n, _)| *n > 0.0).count()
    }

    /// The variance of the mean from the influence of each block, `K/(K-1) Σψ²`, after taking out this
    /// noise; never below that of independent requests.
    ///
    /// Source: the linearisation of a ratio, Woodruff 1971; blocks as in Carlstein 1986.
    fn variance(&self, noise: &[f64]) -> f64 {
        let k = self.occupied() as f64;
        if k < 2.0 {
            return self.independent;
        }
        let noise_of = |at: usize| noise.get(at).copied().unwrap_or(0.0);
        let blocks = || self.blocks.iter().enumerate();
        let average = blocks().map(|(at, (n, _))| n * noise_of(at)).sum::<f64>() / self.requests;
        let influences = blocks()
            .map(|(at, (n, sum))| (sum - n * (self.mean + noise_of(at) - average)) / self.requests);
        let sum: f64 = influences.map(|influence| influence * influence).sum();
        (k / (k - 1.0) * sum).max(self.independent)
    }
}

/// By run and block: the median over endpoints of how far the block is from the run's mean.
fn shared_by_block(scored: &[Vec<Option<Scored>>], runs: usize) -> Vec<Vec<f64>> {
    (0..runs)
        .map(|run| {
            let of_run: Vec<&Scored> = scored.iter().filter_map(|of| of[run].as_ref()).collect();
            let blocks = of_run.iter().map(|cell| cell.blocks.len()).max();
            (0..blocks.unwrap_or(0))
                .map(|at| {
                    let mut apart: Vec<f64> = of_run
                        .iter()
                        .filter_map(|cell| {
                            let (n, sum) = *cell.blocks.get(at)?;
                            (n >= LEAST_IN_BLOCK).then(|| sum / n - cell.mean)
                        })
                        .collect();
                    median(&mut apart)
                })
                .collect()
        })
        .collect()
}

/// Whether neighbouring blocks are so much alike that blocks are shorter than the noise.
fn is_alike(noise: &[Vec<f64>]) -> bool {
    if noise.iter().any(|run| run.len() < 2 * LEAST_BLOCKS) {
        return false;
    }
    let (mut products, mut squares) = (0.0, 0.0);
    for run in noise {
        let centre = mean(run.iter().copied()).unwrap_or(0.0);
        squares += run.iter().map(|x| (x - centre).powi(2)).sum::<f64>();
        let pairs = run.windows(2);
        products += pairs
            .map(|pair| (pair[0] - centre) * (pair[1] - centre))
            .sum::<f64>();
    }
    squares > 0.0 && products / squares > ALIKE
}

/// The mean; `None` of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    (n > 0.0).then(|| sum / n)
}

/// The median, the mean of the middle two of an even number; 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}
