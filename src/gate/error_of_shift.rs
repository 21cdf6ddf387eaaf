//! How far the shift of an endpoint may be off: its error within runs, what differs between runs of the
//! same program, and what estimating the machine's share adds.

use super::panel::{Panel, mean, median};
use super::student::critical;
use super::traffic::{Arm, Traffic};

/// What two runs of the same program differ by at one endpoint where nothing tells it: 1.5 %.
/// Chosen: the middle of what repeated benchmark runs of web applications showed (1 % to 3 %).
pub const ASSUMED_BETWEEN: f64 = 0.015;

/// Where an endpoint's runs differ so much more than those of the others that it happens by chance to
/// one in so many, its own difference counts.
const OWN_WAY: f64 = 0.01;

/// How sure a shift is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftError {
    /// The standard error.
    pub deviation: f64,
    /// On how many independent deviations it rests.
    pub freedom: f64,
}

/// By how much runs of the same program differ, over and above what happens within them.
#[derive(Debug, Clone, PartialEq)]
pub struct Between {
    /// The variance from run to run that endpoints usually have, after the machine's share.
    pub usual: f64,
    /// Whether runs were repeated, so that it was measured.
    pub measured: bool,
    /// By endpoint: the variance and on how many deviations it rests.
    of_endpoints: Vec<(f64, f64)>,
}

/// How the runs of one endpoint scatter around the means of their arms.
struct Scatter {
    variance: f64,
    /// What is expected of that from within the runs.
    within: f64,
    freedom: f64,
}

impl Between {
    /// Measures it: the variance that makes the scatter of the median endpoint what chance would make
    /// it. An endpoint that goes its own way has its own.
    ///
    /// Source: Paule and Mandel 1982, with the median over endpoints in place of the sum, so that a few
    /// restless ones do not speak for all. Where no arm was repeated, `stored` serves, the standard
    /// deviation recorded by earlier comparisons of unchanged code, or what is assumed.
    #[must_use]
    pub fn of(panel: &Panel, traffic: &Traffic, stored: Option<f64>) -> Between {
        let scatters: Vec<Option<Scatter>> = (0..panel.cells.len())
            .map(|endpoint| Scatter::of(panel, traffic, endpoint))
            .collect();
        let freedom: f64 = scatters.iter().flatten().map(|of| of.freedom).sum();
        if freedom == 0.0 {
            let usual = stored.unwrap_or(ASSUMED_BETWEEN).powi(2);
            return Between {
                usual,
                measured: false,
                of_endpoints: vec![(usual, f64::INFINITY); scatters.len()],
            };
        }
        let usual = usual(scatters.iter().flatten());
        let of_endpoints = scatters
            .iter()
            .map(|scatter| match scatter {
                Some(of) if of.variance > (of.within + usual) * chi_squared_above(of.freedom) => {
                    (of.variance - of.within, of.freedom)
                }
                // A median knows about 2/π of what a mean does (Kenney and Keeping 1962, 9.4).
                _ => (usual, freedom * std::f64::consts::FRAC_2_PI),
            })
            .collect();
        Between {
            usual,
            measured: true,
            of_endpoints,
        }
    }
}

impl Scatter {
    /// `None` where no arm has two runs with the endpoint.
    fn of(panel: &Panel, traffic: &Traffic, endpoint: usize) -> Option<Scatter> {
        let (mut squares, mut within, mut n, mut freedom) = (0.0, 0.0, 0.0, 0.0);
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
            freedom += cells().count() as f64 - 1.0;
        }
        (freedom >= 1.0).then(|| Scatter {
            variance: squares / freedom,
            within: within / n,
            freedom,
        })
    }
}

/// The variance between runs with which the median scatter is the median of chance, by halving.
fn usual<'s>(scatters: impl Iterator<Item = &'s Scatter> + Clone) -> f64 {
    let typical = |between: f64| {
        let ratio =
            |of: &Scatter| of.variance / (of.within + between) / chi_squared_median(of.freedom);
        median(&mut scatters.clone().map(ratio).collect::<Vec<f64>>())
    };
    let largest = scatters.clone().map(|of| of.variance).fold(0.0, f64::max);
    let (mut low, mut high) = (0.0, 2.0 * largest + 1e-12);
    if typical(0.0) <= 1.0 {
        return 0.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if typical(middle) > 1.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The median of χ²/ν (Wilson and Hilferty 1931).
fn chi_squared_median(freedom: f64) -> f64 {
    (1.0 - 2.0 / (9.0 * freedom)).powi(3)
}

/// What χ²/ν exceeds with the chance [`OWN_WAY`] (likewise).
fn chi_squared_above(freedom: f64) -> f64 {
    let step = 2.0 / (9.0 * freedom);
    (1.0 - step + critical(OWN_WAY, f64::INFINITY) * step.sqrt()).powi(3)
}

impl ShiftError {
    /// The error of each endpoint's shift; `None` where an arm lacks it.
    ///
    /// The freedom is Satterthwaite's (1946) for the sum of both variances.
    #[must_use]
    pub fn of_all(panel: &Panel, traffic: &Traffic, between: &Between) -> Vec<Option<ShiftError>> {
        let own: Vec<Option<(f64, f64)>> = (0..panel.cells.len())
            .map(|endpoint| own_variance(panel, traffic, endpoint, between.of_endpoints[endpoint]))
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
    (between, freedom): (f64, f64),
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
        of_runs += between / runs;
    }
    parts += of_runs * of_runs / freedom;
    let variance = within + of_runs;
    let freedom = if parts > 0.0 {
        variance * variance / parts
    } else {
        1.0
    };
    Some((variance, freedom))
}
