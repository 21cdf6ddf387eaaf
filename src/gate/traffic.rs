//! What is compared: runs of the same traffic, each endpoint of each run in blocks of equal time.
//!
//! Plain numbers, made from a summary, or drawn by a simulation; judges nothing.

pub use crate::summary::{Block, COMPARED};

use crate::stamp::Stamp;
use crate::summary::{self, Summary};

/// Which version of the program answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// The version to compare with.
    Baseline,
    /// The version that is judged.
    Candidate,
}

impl Arm {
    /// Both, in their order.
    pub const BOTH: [Arm; 2] = [Arm::Baseline, Arm::Candidate];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Arm::Baseline => "baseline",
            Arm::Candidate => "candidate",
        }
    }
}

/// One run of the traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Whose.
    pub arm: Arm,
    /// From the first arrival to the last, in seconds; 0 where the log has no clock.
    pub seconds: f64,
}

/// The runs of both arms and what each endpoint did in them.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// The runs.
    pub runs: Vec<Run>,
    /// The endpoints that occurred in any run.
    pub endpoints: Vec<Endpoint>,
}

/// An endpoint in all runs.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// The values of the dimensions besides method and route.
    pub dimensions: Vec<Vec<u8>>,
    /// The method; empty where there is none.
    pub method: Vec<u8>,
    /// The route.
    pub route: Vec<u8>,
    /// By run: its blocks in the order of time, those without a request too. Blocks of one run have
    /// equal width and the same number for every endpoint; a run that lacks the endpoint may have none.
    pub runs: Vec<Vec<Block>>,
}

impl Traffic {
    /// The runs of a summary: `arms` says of each of its sources which arm's it is.
    #[must_use]
    pub fn of(summary: &Summary, arms: &[Arm]) -> Traffic {
        let seconds = |range: &Option<(Stamp, Stamp)>| match range {
            Some((first, last)) => (last.0 as f64 - first.0 as f64) / 1e6,
            None => 0.0,
        };
        let runs = summary.runs.iter().zip(arms).map(|(run, arm)| Run {
            arm: *arm,
            seconds: seconds(&run.range),
        });
        let compared = summary.endpoints.iter().filter(|of| !of.runs.is_empty());
        let endpoint = |endpoint: &summary::Endpoint| Endpoint {
            dimensions: endpoint.dimensions.clone(),
            method: endpoint.method.clone(),
            route: endpoint.route.clone(),
            runs: endpoint.runs.clone(),
        };
        Traffic {
            runs: runs.collect(),
            endpoints: compared.map(endpoint).collect(),
        }
    }

    /// The indices of an arm's runs.
    pub fn runs_of(&self, arm: Arm) -> impl Iterator<Item = usize> + '_ {
        let of_arm = move |(at, run): (usize, &Run)| (run.arm == arm).then_some(at);
        self.runs.iter().enumerate().filter_map(of_arm)
    }

    /// The requests of an arm.
    #[must_use]
    pub fn requests(&self, arm: Arm) -> u64 {
        let of_arm = |endpoint: &Endpoint| endpoint.requests(self, arm);
        self.endpoints.iter().map(of_arm).sum()
    }
}

impl Endpoint {
    /// Its blocks in a run; none where it did not occur.
    #[must_use]
    pub fn blocks(&self, run: usize) -> &[Block] {
        self.runs.get(run).map_or(&[], Vec::as_slice)
    }

    /// Its blocks in all runs of an arm.
    pub fn blocks_of<'s>(
        &'s self,
        traffic: &'s Traffic,
        arm: Arm,
    ) -> impl Iterator<Item = &'s Block> {
        traffic.runs_of(arm).flat_map(|run| self.blocks(run))
    }

    /// Its requests in an arm.
    #[must_use]
    pub fn requests(&self, traffic: &Traffic, arm: Arm) -> u64 {
        self.blocks_of(traffic, arm)
            .map(|block| block.requests)
            .sum()
    }

    /// Its errors in an arm: 4xx and 5xx.
    #[must_use]
    pub fn errors(&self, traffic: &Traffic, arm: Arm) -> [u64; 2] {
        self.blocks_of(traffic, arm).fold([0, 0], |sum, block| {
            [sum[0] + block.errors[0], sum[1] + block.errors[1]]
        })
    }

    /// Its busy time in an arm, in µs.
    #[must_use]
    pub fn busy(&self, traffic: &Traffic, arm: Arm) -> u64 {
        self.blocks_of(traffic, arm)
            .fold(0, |sum, block| sum.saturating_add(block.busy))
    }
}
