//! Whether an endpoint fails more often in the candidate: the shares of 4xx and of 5xx.

use super::rules::Rules;
use super::student::upper;
use super::traffic::{Arm, Endpoint, Traffic};

/// A class of statuses that are errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 400 to 499.
    Client,
    /// 500 and over.
    Server,
}

impl Class {
    /// Both, in the order of [`super::traffic::Block::errors`].
    pub const ALL: [Class; 2] = [Class::Client, Class::Server];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Client => "4xx",
            Class::Server => "5xx",
        }
    }
}

/// So many errors where there were none are no chance.
const NEW: u64 = 5;

/// The share of requests by which errors must have grown.
const LEAST_GROWTH: f64 = 0.001;

/// The errors of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorShift {
    /// Which.
    pub class: Class,
    /// Of the baseline: errors and requests.
    pub before: (u64, u64),
    /// Of the candidate.
    pub after: (u64, u64),
    /// Whether they grew beyond chance.
    pub grew: bool,
}

/// The errors of an endpoint that occurs in both arms. `tested` is over how many endpoints the chance
/// of a false flag is spread.
///
/// The test of two proportions with the pooled share, one-sided (Fleiss, Levin and Paik 2003, 3.1), its
/// variance multiplied by how much more restless blocks of time are than independent requests would be
/// (the design effect, Kish 1965, 8.2); Bonferroni over classes and endpoints. Errors come in bursts, so
/// without the second step any burst would be a regression.
#[must_use]
pub fn error_shifts(
    traffic: &Traffic,
    endpoint: &Endpoint,
    rules: &Rules,
    tested: usize,
) -> [ErrorShift; 2] {
    Class::ALL.map(|class| {
        let of = |arm| {
            let requests = endpoint.requests(traffic, arm);
            (endpoint.errors(traffic, arm)[class as usize], requests)
        };
        let (before, after) = (of(Arm::Baseline), of(Arm::Candidate));
        let share = |(errors, requests): (u64, u64)| errors as f64 / requests.max(1) as f64;
        let growth = share(after) - share(before);
        let pooled = share((before.0 + after.0, before.1 + after.1));
        let effect = Arm::BOTH
            .map(|arm| design_effect(traffic, endpoint, class, arm))
            .into_iter()
            .fold(1.0, f64::max);
        let ends = 1.0 / before.1.max(1) as f64 + 1.0 / after.1.max(1) as f64;
        let deviation = (pooled * (1.0 - pooled) * ends * effect).sqrt();
        // A deviation of 0 means that all requests of both arms failed, or none did.
        let p = if deviation > 0.0 {
            upper(growth / deviation, f64::INFINITY)
        } else {
            1.0
        };
        let level = rules.false_alarm / (2 * tested).max(1) as f64;
        let is_new = class == Class::Server
            && before.0 == 0
            && after.0 >= NEW
            && after.1 <= before.1.saturating_mul(2);
        ErrorShift {
            class,
            before,
            after,
            grew: growth >= LEAST_GROWTH && (p <= level || is_new),
        }
    })
}

/// How much larger the variance of the share of errors is by blocks than by requests, at least 1.
fn design_effect(traffic: &Traffic, endpoint: &Endpoint, class: Class, arm: Arm) -> f64 {
    let blocks = || {
        let of_arm = endpoint.blocks_of(traffic, arm);
        of_arm
            .filter(|block| block.requests > 0)
            .map(|block| (block.errors[class as usize] as f64, block.requests as f64))
    };
    let (errors, requests) = blocks().fold((0.0, 0.0), |sum, (errors, requests)| {
        (sum.0 + errors, sum.1 + requests)
    });
    let (k, share) = (blocks().count() as f64, errors / requests);
    if k < 2.0 || errors == 0.0 || errors == requests {
        return 1.0;
    }
    let squares: f64 = blocks()
        .map(|(errors, requests)| (errors - requests * share).powi(2))
        .sum();
    let by_blocks = k / (k - 1.0) * squares / (requests * requests);
    let by_requests = share * (1.0 - share) / requests;
    (by_blocks / by_requests).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::traffic::{Block, Run};

    /// One run of each arm in ten blocks of 100 requests, with these 5xx in each block.
    fn grew(before: [u64; 10], after: [u64; 10]) -> bool {
        let run = |arm| Run { arm, seconds: 10.0 };
        let traffic = Traffic {
            runs: Arm::BOTH.map(run).to_vec(),
            endpoints: Vec::new(),
        };
        let block = |errors| Block {
            requests: 100,
            errors: [0, errors],
            ..Block::default()
        };
        let endpoint = Endpoint {
            runs: [before, after]
                .map(|errors| errors.map(block).to_vec())
                .to_vec(),
            ..Endpoint::default()
        };
        error_shifts(&traffic, &endpoint, &Rules::default(), 20)[1].grew
    }

    #[test]
    fn steady_errors_grow_and_a_burst_does_not() {
        assert!(grew([1; 10], [5; 10]));
        assert!(!grew([1; 10], [2, 1, 1, 0, 2, 1, 1, 1, 2, 0]));
        // As many errors, but all at once, in both arms.
        assert!(!grew(
            [10, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 50, 0, 0]
        ));
    }

    #[test]
    fn the_first_errors_count() {
        assert!(grew([0; 10], [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]));
        assert!(!grew([0; 10], [1, 0, 1, 0, 1, 0, 1, 0, 0, 0]));
        assert!(!grew([0; 10], [0; 10]));
        assert!(!grew([100; 10], [100; 10]));
    }
}
