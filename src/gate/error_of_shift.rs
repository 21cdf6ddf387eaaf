//! How far the shift of an endpoint may be off: its error within runs, what differs between runs of the
//! same program, and what estimating the machine's share adds.

use super::panel::{Panel, mean};
use super::traffic::{Arm, Traffic};

/// What two runs of the same program differ by at one endpoint where nothing tells it: 1.5 %.
/// Chosen: the middle of what repeated benchmark runs of web applications showed (1 % to 3 %).
pub const ASSUMED_BETWEEN: f64 = 0.015;

/// The share of endpoints left out at either end when the difference between runs is averaged.
const TRIMMED: f64 = 0.1;

/// How sure a shift is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftError {
    /// The standard error.
    pub deviation: f64,
    /// On how many independent deviations it rests.
    pub freedom: f64,
}

/// The variance between runs of the same program, over and above what happens within them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between {
    /// Of one endpoint from run to run, after the machine's share.
    pub variance: f64,
    /// On how many deviations it rests; infinite where it is assumed.
    pub freedom: f64,
    /// Whether runs were repeated, so that it was measured.
    pub measured: bool,
}

impl Between {
    /// Measures it as a mean over endpoints, the extremes left out: the variance of an endpoint's runs
    /// within its arm, less the variance that is expected from within the runs.
    ///
    /// Source: the analysis of variance of one random effect (Searle, Casella and McCulloch 1992, 3.6).
    /// Where no arm was repeated, `stored` serves, the standard deviation recorded by earlier
    /// comparisons of unchanged code, or what is assumed.
    #[must_use]
    pub fn of(panel: &Panel, traffic: &Traffic, stored: Option<f64>) -> Between {
        let mut excess: Vec<f64> = Vec::new();
        let mut freedom = 0.0;
        for endpoint in 0..panel.cells.len() {
            let (mut squares, mut within, mut n, mut of_endpoint) = (0.0, 0.0, 0.0, 0.0);
            for arm in Arm::BOTH {
                let cells = || panel.of_arm(traffic, endpoint, arm);
                let Some(centre) = mean(cells().map(|cell| cell.mean)) else {
                    continue;
                };
                squares += cells()
                    .map(|cell| (cell.mean - centre).powi(2))
                    .sum::<f64>();
                within += cells().map(|cell| cell.variance).sum::<f64>();
                n += cells().count() as f64;
                of_endpoint += cells().count() as f64 - 1.0;
            }
            if of_endpoint >= 1.0 {
                excess.push(squares / of_endpoint - within / n);
                freedom += of_endpoint;
            }
        }
        if excess.is_empty() {
            return Between {
                variance: stored.unwrap_or(ASSUMED_BETWEEN).powi(2),
                freedom: f64::INFINITY,
                measured: false,
            };
        }
        excess.sort_unstable_by(f64::total_cmp);
        let cut = (excess.len() as f64 * TRIMMED) as usize;
        let kept = &excess[cut..excess.len() - cut];
        Between {
            variance: mean(kept.iter().copied()).unwrap_or(0.0).max(0.0),
            freedom,
            measured: true,
        }
    }
}

impl ShiftError {
    /// The error of each endpoint's shift; `None` where an arm lacks it.
    ///
    /// The freedom is Satterthwaite's (1946) for the sum of both variances.
    #[must_use]
    pub fn of_all(panel: &Panel, traffic: &Traffic, between: Between) -> Vec<Option<ShiftError>> {
        let own: Vec<Option<(f64, f64)>> = (0..panel.cells.len())
            .map(|endpoint| own_variance(panel, traffic, endpoint, between))
            .collect();
        // The median of n values has π/2 times the variance of their mean.
        let machine = match panel.sharing {
            0 => 0.0,
            n => {
                let typical = mean(own.iter().flatten().map(|(variance, _)| *variance));
                std::f64::consts::FRAC_PI_2 * typical.unwrap_or(0.0) / n as f64
            }
        };
        own.into_iter()
            .map(|own| {
                own.map(|(variance, freedom)| ShiftError {
                    deviation: (variance + machine).sqrt(),
                    freedom,
                })
            })
            .collect()
    }
}

/// The variance of an endpoint's shift without the machine's share, and its freedom.
fn own_variance(
    panel: &Panel,
    traffic: &Traffic,
    endpoint: usize,
    between: Between,
) -> Option<(f64, f64)> {
    let (mut within, mut of_runs) = (0.0, 0.0);
    // Σ (variance² / freedom) of the parts.
    let mut parts = 0.0;
    for arm in Arm::BOTH {
        let runs = panel.of_arm(traffic, endpoint, arm).count() as f64;
        if runs == 0.0 {
            return None;
        }
        for cell in panel.of_arm(traffic, endpoint, arm) {
            let variance = cell.variance / (runs * runs);
            within += variance;
            parts += variance * variance / (cell.blocks as f64 - 1.0).max(1.0);
        }
        of_runs += between.variance / runs;
    }
    parts += of_runs * of_runs / between.freedom;
    let variance = within + of_runs;
    let freedom = if parts > 0.0 {
        variance * variance / parts
    } else {
        1.0
    };
    Some((variance, freedom))
}
