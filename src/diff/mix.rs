//! How much of the change of the mean over all requests comes from endpoints that became slower, and how
//! much from another mix of endpoints.

use crate::phases::Phase;
use crate::summary::{Endpoint, Summary};

use super::pairs;

/// The mean whole duration over all requests that have one, in µs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// In the first log.
    pub before_us: f64,
    /// In the second.
    pub after_us: f64,
    /// The part of the difference that comes from the endpoints themselves.
    pub own_us: f64,
    /// The part that comes from how many requests each endpoint has, those of one log only included.
    pub mix_us: f64,
}

impl Mix {
    /// `Δ = Σ (π_B − π_A)(μ_A + μ_B)/2 + Σ (π_A + π_B)/2 (μ_B − μ_A)` over the endpoints, with their shares
    /// π of the requests and their means μ: an exact split (Kitagawa, JASA 50, 1955).
    pub(super) fn of(before: &Summary, after: &Summary) -> Option<Mix> {
        let (both, mut vanished, mut new) = pairs::pairs(before, after);
        vanished.extend(before.other.clone());
        new.extend(after.other.clone());
        let sums = |endpoint: &Endpoint| {
            let total = endpoint.phase(Phase::Total);
            total.map_or((0.0, 0.0), |of| (of.count as f64, of.sum.0 as f64))
        };
        let whole = |summary: &Summary| {
            let (n, sum) = sums(&summary.totals);
            (n > 0.0).then_some((n, sum / n))
        };
        let ((n, before_us), (m, after_us)) = (whole(before)?, whole(after)?);
        let mut own_us = 0.0;
        let mut mix_us = 0.0;
        for (one, other) in &both {
            let ((count, sum), (counted, summed)) = (sums(one), sums(other));
            let (share, shared) = (count / n, counted / m);
            if count == 0.0 || counted == 0.0 {
                mix_us += summed / m - sum / n;
                continue;
            }
            let (mean, meant) = (sum / count, summed / counted);
            mix_us += (shared - share) * f64::midpoint(mean, meant);
            own_us += f64::midpoint(share, shared) * (meant - mean);
        }
        mix_us += new.iter().map(|of| sums(of).1 / m).sum::<f64>();
        mix_us -= vanished.iter().map(|of| sums(of).1 / n).sum::<f64>();
        Some(Mix {
            before_us,
            after_us,
            own_us,
            mix_us,
        })
    }
}
