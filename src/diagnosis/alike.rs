//! Which endpoints do as all do while requests wait, and what that tells.
//!
//! The robust fit of a bin has few requests, whose times are skewed. Over a whole stretch it shows who does as
//! all do: an endpoint whose times, with wait and common slowness taken off, are the usual ones within chance.
//! What these take beyond is their wait, as exactly as their usual time is known, and its mean in each bin is
//! the wait of those that do not: of culprits, whose own time is not the usual one.

use std::collections::BTreeMap;

use super::common_mode::{Bin, Entry, Usual};
use super::fit::{Excess, Fit, additive, excess, most_first, with_slope};

/// Who is off by more standard errors does not do as all do, and a common slowness of fewer is none. Chosen.
const SURE: f64 = 3.0;
/// The same of who takes longer than the others: work grows more often than it shrinks, and growth that is
/// taken for wait is added to that of all. Simulated.
const LONGER: f64 = 2.0;
/// Endpoints that do as all do at least: of two nobody knows which of them does. Chosen.
const LEAST_ALIKE: usize = 3;
/// How often those that do are told anew; the set stands after two or three.
const ROUNDS: usize = 6;

/// A time over which requests of an upstream wait.
#[derive(Debug)]
pub struct Stretch {
    /// Its bins, one behind the other.
    pub bins: Vec<Bin>,
    /// A first fit of each.
    pub fits: Vec<Fit>,
}

/// The wait in a stretch.
#[derive(Debug, Default)]
pub struct Settled {
    /// Of a request in each bin, in µs; by chance it may be below 0.
    pub waits: Vec<f64>,
    /// Of each endpoint that waits, by place in the summary.
    pub shares: BTreeMap<usize, Share>,
    /// Whether it was settled, and all endpoints queue: then all that are in hand beyond the workers wait.
    pub is_whole: bool,
}

/// The wait of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Share {
    /// The sum over its requests, in µs.
    pub wait: f64,
    /// The variance of that, in µs².
    pub variance: f64,
}

impl Share {
    /// Adds another that is independent of it.
    pub fn add(&mut self, other: &Share) {
        self.wait += other.wait;
        self.variance += other.variance;
    }
}

impl Stretch {
    /// What all endpoints have alike in each bin, settled by those that do as all do; that of the first fits
    /// where they are too few.
    pub fn settle(&self, usual: &[Usual]) -> Settled {
        let mut waits: Vec<f64> = self.fits.iter().map(|fit| fit.wait).collect();
        let mut alike: Vec<usize> = Vec::new();
        let mut slowness = 0.0;
        let beside = self.beside(&waits, usual);
        // That of all endpoints: those that were chosen because they agree would agree too well.
        let extra = line(&self.left(&waits, &beside, usual), &[]).extra;
        for _ in 0..ROUNDS {
            let left = self.left(&waits, &beside, usual);
            let fit = line(&left, &alike);
            let off = |excess: &Excess| {
                let off = excess.mean - fit.slope * excess.usual - fit.wait;
                off / ((excess.variance + extra) / excess.served).sqrt()
            };
            let those = |within: &dyn Fn(f64) -> bool| -> Vec<usize> {
                let of_them = left.iter().filter(|(_, excess)| within(off(excess)));
                of_them.map(|(endpoint, _)| *endpoint).collect()
            };
            let now = those(&|off| (-SURE..=LONGER).contains(&off));
            // Nobody in a queue takes less than what all wait: many that do are those who do as all do, and the
            // others are slow alike.
            let below = those(&|off| off < -SURE).len();
            if now.len() < LEAST_ALIKE.max(below + 1) || now == alike && fit.slope == slowness {
                break;
            }
            (alike, slowness) = (now, fit.slope);
            for (bin, wait) in self.bins.iter().zip(&mut waits) {
                *wait = beyond(bin, &alike, slowness, usual).unwrap_or(*wait);
            }
        }
        let mut shares = self.by_bins(&waits);
        shares.retain(|endpoint, _| !beside.contains(endpoint));
        let left = self.sum(&waits);
        let served = |endpoint: &usize| left.get(endpoint).map_or(0.0, |entry| entry.served);
        let all: f64 = alike.iter().map(served).sum();
        for (endpoint, share) in shares.iter_mut().filter(|_| !alike.is_empty()) {
            let usual = usual.get(*endpoint).copied().unwrap_or_default();
            let entry = left.get(endpoint).copied().unwrap_or_default();
            if alike.contains(endpoint) {
                share.wait += entry.time - entry.served * (1.0 + slowness) * usual.mean;
                let known = 1.0 + entry.served / usual.served.max(1.0);
                share.variance = entry.served * usual.variance * known;
            } else {
                share.variance = entry.served * extra * (1.0 + entry.served / all);
            }
        }
        Settled {
            waits,
            shares,
            is_whole: beside.is_empty() && !alike.is_empty(),
        }
    }

    /// The endpoints that queue over the stretch, with the wait taken off.
    fn left(&self, waits: &[f64], beside: &[usize], usual: &[Usual]) -> Vec<(usize, Excess)> {
        let mut left = self.sum(waits);
        left.retain(|endpoint, _| !beside.contains(endpoint));
        let of = |(endpoint, entry): (&usize, &Entry)| {
            Some((*endpoint, excess(entry, usual.get(*endpoint)?)?))
        };
        left.iter().filter_map(of).collect()
    }

    /// All bins as one, with the wait taken off.
    fn sum(&self, waits: &[f64]) -> BTreeMap<usize, Entry> {
        without_wait(self.bins.iter().zip(waits.iter().copied()))
    }

    /// The wait of each endpoint if each request has that of its bin.
    fn by_bins(&self, waits: &[f64]) -> BTreeMap<usize, Share> {
        let mut shares: BTreeMap<usize, Share> = BTreeMap::new();
        for ((bin, wait), fit) in self.bins.iter().zip(waits).zip(&self.fits) {
            for (endpoint, entry) in &bin.entries {
                shares.entry(*endpoint).or_default().add(&Share {
                    wait: entry.served * wait,
                    variance: (entry.served * fit.error).powi(2),
                });
            }
        }
        shares
    }

    /// Endpoints that do not queue: while others wait, they take no longer than usual.
    pub fn beside(&self, waits: &[f64], usual: &[Usual]) -> Vec<usize> {
        let shares = self.by_bins(waits);
        let left = self.sum(waits);
        let does_not = |(endpoint, entry): &(&usize, &Entry)| {
            let usual = usual.get(**endpoint).copied().unwrap_or_default();
            let share = shares.get(*endpoint).copied().unwrap_or_default();
            let missing = entry.served * usual.mean - entry.time;
            // Beyond chance, and most of what the others wait.
            missing > 0.7 * share.wait && missing > 4.0 * (entry.served * usual.variance).sqrt()
        };
        let found = left.iter().filter(does_not);
        found.map(|(endpoint, _)| *endpoint).collect()
    }
}

/// Bins as one, with the wait of a request in each taken off.
pub fn without_wait<'b>(bins: impl Iterator<Item = (&'b Bin, f64)>) -> BTreeMap<usize, Entry> {
    let mut sum: BTreeMap<usize, Entry> = BTreeMap::new();
    for (bin, wait) in bins {
        for (endpoint, entry) in &bin.entries {
            sum.entry(*endpoint).or_default().add(&Entry {
                served: entry.served,
                time: entry.time - entry.served * wait,
            });
        }
    }
    sum
}

/// What endpoints have alike, those that do as all do if they are known; a slowness that chance may have made
/// is none.
fn line(left: &[(usize, Excess)], alike: &[usize]) -> Fit {
    let excesses = left
        .iter()
        .filter(|(endpoint, _)| alike.is_empty() || alike.contains(endpoint))
        .map(|(_, excess)| *excess);
    let excesses = most_first(excesses);
    let fit = additive(&excesses);
    if fit.slope > SURE * fit.slope_error {
        fit
    } else {
        with_slope(&excesses, 0.0)
    }
}

/// What a request of these endpoints takes beyond usual and slowness on average in a bin; `None` where it has
/// none of them.
fn beyond(bin: &Bin, alike: &[usize], slowness: f64, usual: &[Usual]) -> Option<f64> {
    let (mut served, mut time) = (0.0, 0.0);
    for endpoint in alike {
        if let (Some(entry), Some(usual)) = (bin.entries.get(endpoint), usual.get(*endpoint)) {
            served += entry.served;
            time += entry.time - entry.served * (1.0 + slowness) * usual.mean;
        }
    }
    (served > 0.0).then(|| time / served)
}

#[cfg(test)]
mod tests {
    use super::super::common_mode::{fits, stretches};
    use super::*;

    /// Eight endpoints of which the fourth does not queue and the last takes half a second more, over twelve
    /// bins; the others wait a second, more in some bins than in others.
    fn stretch(usual: &[Usual]) -> Stretch {
        let time = |at: usize, endpoint: usize| match endpoint {
            3 => 1e5,
            7 => 1.6e6,
            _ => {
                1.1e6
                    + if (at + endpoint).is_multiple_of(2) {
                        2e4
                    } else {
                        -2e4
                    }
            }
        };
        let entry = |time: f64| Entry {
            served: 20.0,
            time: 20.0 * time,
        };
        let bin = |at| Bin {
            from: at,
            until: at + 1,
            entries: (0..8).map(|e| (e, entry(time(at, e)))).collect(),
        };
        let bins: Vec<Bin> = (0..12).map(bin).collect();
        let fits = fits(&bins, usual);
        assert_eq!(stretches(&fits), std::slice::from_ref(&(0..12)));
        let fits = fits.into_iter().map(Option::unwrap_or_default).collect();
        Stretch { bins, fits }
    }

    #[test]
    fn wait_is_what_those_take_longer_that_do_as_all_do() {
        let usual = vec![
            Usual {
                served: 1e4,
                mean: 1e5,
                variance: 1e9
            };
            8
        ];
        let settled = stretch(&usual).settle(&usual);
        for wait in &settled.waits {
            assert!((wait - 1e6).abs() < 1e4, "{settled:?}");
        }
        let wait = |endpoint| {
            settled
                .shares
                .get(&endpoint)
                .map(|share| share.wait / 240.0)
        };
        // That of the last is the others', and who takes no longer than usual does not queue.
        assert!((wait(7).unwrap() - 1e6).abs() < 1e4, "{settled:?}");
        assert!((wait(0).unwrap() - 1e6).abs() < 1.0, "{settled:?}");
        assert_eq!(wait(3), None);
        assert!(!settled.is_whole);
    }

    #[test]
    fn where_too_few_do_alike_the_first_fits_stay() {
        let stretch = Stretch {
            bins: Vec::new(),
            fits: Vec::new(),
        };
        let settled = stretch.settle(&[]);
        assert!(settled.shares.is_empty() && !settled.is_whole);
    }
}
