//! Whether the runs had the same load: times under different load cannot be compared.

use super::panel::median;
use super::traffic::{Arm, Traffic};
use crate::phases::Phase;
use crate::summary::COMPARED;

/// Loads are the same up to this ratio.
const SAME: f64 = 1.25;

/// The load of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Whose run.
    pub arm: Arm,
    /// Its requests.
    pub requests: u64,
    /// Requests per second; `None` where the log has no clock.
    pub per_second: Option<f64>,
    /// Requests at the same time, on average: Little's law, the sum of all durations over the time.
    pub at_once: Option<f64>,
    /// Whether it differs from what the baseline usually had.
    pub differs: bool,
}

/// The load of each run.
///
/// A generator offers either so many requests per second, or so many clients that wait for their
/// answers; a slower program then has more requests at once, or fewer per second. So a run differs where
/// both differ from the median of the baseline's runs. Without a clock the counts of requests must do.
#[must_use]
pub fn loads(traffic: &Traffic) -> Vec<Load> {
    let total = COMPARED
        .iter()
        .position(|phase| *phase == Phase::Total)
        .unwrap_or(0);
    let mut loads: Vec<Load> = traffic
        .runs
        .iter()
        .enumerate()
        .map(|(at, run)| {
            let blocks = || traffic.endpoints.iter().flat_map(move |of| of.blocks(at));
            let requests: u64 = blocks().map(|block| block.requests).sum();
            let durations = blocks()
                .flat_map(|block| &block.times[total])
                .map(|bucket| bucket.middle() as f64 * bucket.count as f64)
                .sum::<f64>();
            let clocked = run.seconds > 0.0;
            Load {
                arm: run.arm,
                requests,
                per_second: clocked.then(|| requests as f64 / run.seconds),
                at_once: clocked.then(|| durations / 1e6 / run.seconds),
                differs: false,
            }
        })
        .collect();
    let usual = |value: fn(&Load) -> Option<f64>| {
        let of_baseline = loads.iter().filter(|load| load.arm == Arm::Baseline);
        let mut values: Vec<f64> = of_baseline.filter_map(value).collect();
        (!values.is_empty()).then(|| median(&mut values))
    };
    let (rate, at_once) = (usual(|load| load.per_second), usual(|load| load.at_once));
    let requests = usual(|load| Some(load.requests as f64)).unwrap_or(0.0);
    for load in &mut loads {
        load.differs = match (load.per_second, rate) {
            (Some(mine), Some(usual)) => {
                let crowd = load.at_once.zip(at_once);
                !is_same(mine, usual) && crowd.is_none_or(|(mine, usual)| !is_same(mine, usual))
            }
            _ => !is_same(load.requests as f64, requests),
        };
    }
    loads
}

fn is_same(one: f64, another: f64) -> bool {
    one <= another * SAME && another <= one * SAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::traffic::{Block, Endpoint, Run};
    use crate::summary::Bucket;

    /// Whether a second run differs from one of 1,000 requests of 100 ms in 100 s.
    fn differs(requests: u64, millis: u64, seconds: f64) -> bool {
        let block = |requests, millis: u64| {
            let bucket = Bucket {
                low: millis * 1_000,
                high: millis * 1_000,
                count: requests,
            };
            vec![Block {
                requests,
                times: [Vec::new(), Vec::new(), vec![bucket]],
                ..Block::default()
            }]
        };
        let run = |arm, seconds| Run { arm, seconds };
        let traffic = Traffic {
            runs: vec![run(Arm::Baseline, 100.0), run(Arm::Candidate, seconds)],
            endpoints: vec![Endpoint {
                runs: vec![block(1_000, 100), block(requests, millis)],
                ..Endpoint::default()
            }],
        };
        loads(&traffic)[1].differs
    }

    #[test]
    fn a_slower_program_is_no_other_load() {
        // So many requests per second, each slower.
        assert!(!differs(1_000, 400, 100.0));
        // So many clients, each waiting longer.
        assert!(!differs(500, 200, 100.0));
        // A longer run.
        assert!(!differs(3_000, 100, 300.0));
    }

    #[test]
    fn half_the_traffic_is() {
        assert!(differs(500, 100, 100.0));
        assert!(differs(2_000, 100, 100.0));
        assert!(differs(1_000, 100, 20.0));
    }
}
