//! The queue of one pool, rebuilt, and whether it can have been like that.
//!
//! With `c` workers and requests taken up in order, a request begins when it comes, or when all but
//! `c - 1` of those before it have left: `start = max(came, c-th latest leaving of the earlier ones)`. What
//! is before is wait, what follows is own time. The number of workers is where overtaking ends, see
//! [`super::overtaking`]. It is believed if that edge is sharp and, as nobody's work knows how long the
//! queue is, own times are the same whether many or few are there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Range;

use super::overtaking::{Edge, in_flight, overtaking};
use super::visits::Visit;
use crate::median::weighted_median;

/// A pool whose queue was rebuilt.
#[derive(Debug)]
pub struct Trial {
    /// Its workers, if it was ever full.
    pub workers: Option<u32>,
    /// By how much own times in a crowd are those of quiet moments; `None` where too few are known.
    pub own_ratio: Option<f64>,
    /// Of each visit its wait in µs.
    pub waits: Vec<u32>,
    /// Of each visit whether it came to a crowd, so that its wait is as uncertain as `own_ratio` says.
    pub is_crowded: Vec<bool>,
    /// Why it is not believed.
    pub doubt: Option<Doubt>,
}

/// What speaks against a queue in the order of coming.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Doubt {
    /// Requests wait, and overtaking has no end.
    NoEdge,
    /// The own times of a crowd are so many times those of quiet moments.
    OwnTime(f64),
    /// At one time there were so many workers, at another so many.
    Workers(u32, u32),
    /// Too few requests of any endpoint to compare.
    TooFew,
}

/// How far own times of a crowd may be from those of quiet moments, as a factor: diagnosis of five kinds of
/// queues that are none; those in order are within 1.05 in simulation, and 1.2 with 5 % of the lines lost.
const LIKE: f64 = 1.3;
/// How much longer requests may take in a crowd where no queue shows: more, and they wait in some other
/// order. Simulated: 1.03 at most where nobody waits, 1.25 and more where a tenth of the time is waiting.
const NO_WAIT: f64 = 1.1;
/// How far the number of workers may be another in a part of the log, as a factor.
const STABLE: f64 = 1.15;
/// Parts of the log, in the order of time, whose numbers of workers are compared.
const PARTS: usize = 4;
/// Requests of an endpoint in a crowd and in quiet moments from which they are compared. Chosen.
const LEAST: usize = 10;
/// The part of the typical rise in a crowd below which an endpoint does not seem to queue. Chosen.
const BESIDE: f64 = 0.2;
/// The part of an endpoint's requests to a full pool that overtake more than are at work, from which it
/// passes the queue by: of those that queue none does, but for clocks of whole milliseconds. Chosen.
const PASSING: f64 = 0.1;

/// Rebuilds the queue of a pool. Its visits are in the order of coming.
pub fn trial(visits: &[Visit]) -> Trial {
    let mut queue = Queue::of(visits, vec![true; visits.len()]);
    let crowd = Crowd::of(&queue.in_flight);
    if !queue.edge.is_sharp() {
        // Those that pass the queue by overtake all of it. Who seems to, by its times, is left out first;
        // then the queue of the others shows who does.
        let without = Queue::without(visits, &crowd.beside(visits));
        let passing = without.passing(visits);
        let without = Queue::without(visits, &passing);
        if without.edge.is_sharp() {
            queue = without;
        }
    }
    let is_full = queue.edge.is_sharp();
    let waits = if is_full {
        queue.waits(visits)
    } else {
        vec![0; visits.len()]
    };
    let own_ratio = crowd.own_ratio(visits, &waits);
    let doubt = match own_ratio {
        None => Some(Doubt::TooFew),
        Some(ratio) if is_full => (ratio.max(1.0 / ratio) > LIKE).then_some(Doubt::OwnTime(ratio)),
        Some(ratio) => (ratio > NO_WAIT).then_some(Doubt::NoEdge),
    };
    let changed = if is_full { queue.other_workers() } else { None };
    Trial {
        workers: is_full.then_some(queue.edge.workers),
        own_ratio,
        waits,
        is_crowded: crowd
            .0
            .iter()
            .map(|moment| *moment != Moment::Quiet)
            .collect(),
        doubt: changed
            .map(|other| Doubt::Workers(queue.edge.workers, other))
            .or(doubt),
    }
}

/// The queue of a pool.
struct Queue {
    /// Of each visit, whether it queues.
    queues: Vec<bool>,
    counts: Vec<u32>,
    in_flight: Vec<u32>,
    edge: Edge,
}

impl Queue {
    fn of(visits: &[Visit], queues: Vec<bool>) -> Queue {
        let came: Vec<i64> = visits.iter().map(Visit::came).collect();
        let left: Vec<i64> = visits.iter().map(Visit::left).collect();
        let mut counts = overtaking(&left, &queues);
        let in_flight = in_flight(&came, &left, &queues);
        for (count, visit) in counts.iter_mut().zip(visits) {
            // Who gives up waiting leaves before all of the queue.
            if visit.is_cut() {
                *count = 0;
            }
        }
        let mut queue = Queue {
            queues,
            counts,
            in_flight,
            edge: Edge::default(),
        };
        queue.edge = queue.edge_of(0..visits.len());
        queue
    }

    /// That of all endpoints but these.
    fn without(visits: &[Visit], endpoints: &BTreeSet<u64>) -> Queue {
        let queues = |visit: &Visit| !endpoints.contains(&visit.endpoint);
        Queue::of(visits, visits.iter().map(queues).collect())
    }

    /// The edge of a part of the visits.
    fn edge_of(&self, part: Range<usize>) -> Edge {
        let places = part.filter(|at| self.queues[*at]);
        Edge::of(places.map(|at| (self.counts[at], self.in_flight[at])))
    }

    /// The endpoints that overtake more than queue at work, where they find so many there.
    fn passing(&self, visits: &[Visit]) -> BTreeSet<u64> {
        let mut found: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
        for (at, visit) in visits.iter().enumerate() {
            if self.in_flight[at] >= self.edge.workers && !visit.is_cut() {
                let (overtake, all) = found.entry(visit.endpoint).or_default();
                *overtake += u32::from(self.counts[at] > self.edge.workers);
                *all += 1;
            }
        }
        let passes =
            |(overtake, all): &(u32, u32)| f64::from(*overtake) >= PASSING * f64::from(*all);
        let passing = found.into_iter().filter(|(_, counts)| passes(counts));
        passing.map(|(endpoint, _)| endpoint).collect()
    }

    /// The wait of every visit; none of those that do not queue.
    fn waits(&self, visits: &[Visit]) -> Vec<u32> {
        let workers = self.edge.workers as usize;
        let mut waits = vec![0; visits.len()];
        // When the workers are free: the latest leavings of the earlier visits.
        let mut free: BinaryHeap<Reverse<i64>> = BinaryHeap::with_capacity(workers + 1);
        for (at, visit) in visits.iter().enumerate().filter(|(at, _)| self.queues[*at]) {
            if let Some(Reverse(first)) = free.peek().filter(|_| free.len() == workers) {
                let wait = first.saturating_sub(visit.came());
                // OK because it lies within 32 bits.
                waits[at] = wait.clamp(0, i64::from(visit.server)) as u32;
            }
            free.push(Reverse(visit.left()));
            if free.len() > workers {
                free.pop();
            }
        }
        waits
    }

    /// The number of workers of a part of the log that has an edge of its own elsewhere.
    fn other_workers(&self) -> Option<u32> {
        let length = self.queues.len();
        let parts = (0..PARTS).map(|part| part * length / PARTS..(part + 1) * length / PARTS);
        let edges = parts.map(|part| self.edge_of(part));
        let whole = f64::from(self.edge.workers);
        let is_other = |workers: &u32| {
            let factor = f64::from(*workers) / whole;
            factor.max(1.0 / factor) > STABLE && workers.abs_diff(self.edge.workers) > 1
        };
        edges
            .filter(Edge::is_sharp)
            .map(|edge| edge.workers)
            .find(is_other)
    }
}

/// How many are there when a visit comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// As few as in two of five moments.
    Quiet,
    Between,
    /// As many as in one of ten.
    Crowded,
}

/// The moment of each visit.
struct Crowd(Vec<Moment>);

impl Crowd {
    fn of(there: &[u32]) -> Crowd {
        let mut sorted = there.to_vec();
        sorted.sort_unstable();
        let at = |of_ten: usize| sorted.get(sorted.len() * of_ten / 10).copied().unwrap_or(0);
        let quiet = at(4);
        let crowded = at(9).max(quiet + 1);
        let moment = |there: &u32| match *there {
            there if there <= quiet => Moment::Quiet,
            there if there >= crowded => Moment::Crowded,
            _ => Moment::Between,
        };
        Crowd(there.iter().map(moment).collect())
    }

    /// The times of each endpoint in quiet moments and in a crowd, sorted, where there are enough of both.
    fn times(&self, visits: &[Visit], waits: &[u32]) -> Vec<(u64, [Vec<u32>; 2])> {
        let mut times: BTreeMap<u64, [Vec<u32>; 2]> = BTreeMap::new();
        for ((visit, wait), moment) in visits.iter().zip(waits).zip(&self.0) {
            let which = match moment {
                Moment::Quiet => 0,
                Moment::Crowded => 1,
                Moment::Between => continue,
            };
            if visit.is_cut() {
                continue;
            }
            let own = visit.server.saturating_sub(*wait);
            times.entry(visit.endpoint).or_default()[which].push(own);
        }
        times.retain(|_, both| both.iter().all(|times| times.len() >= LEAST));
        times
            .values_mut()
            .flatten()
            .for_each(|times| times.sort_unstable());
        times.into_iter().collect()
    }

    /// The own time in a crowd over that in quiet moments: the ratio of medians that half of the endpoints
    /// exceed, each weighted by its requests; `None` where no endpoint has enough of them.
    fn own_ratio(&self, visits: &[Visit], waits: &[u32]) -> Option<f64> {
        let ratio = |(_, [quiet, crowded]): &(u64, [Vec<u32>; 2])| {
            let quiet_time = f64::from(quiet[quiet.len() / 2]).max(1.0);
            let time = f64::from(crowded[crowded.len() / 2]).max(1.0);
            (time / quiet_time, (crowded.len() as f64).sqrt())
        };
        weighted_median(self.times(visits, waits).iter().map(ratio).collect())
    }

    /// The endpoints whose faster requests take no longer in a crowd, while those of others do.
    fn beside(&self, visits: &[Visit]) -> BTreeSet<u64> {
        let rise = |(endpoint, [quiet, crowded]): &(u64, [Vec<u32>; 2])| {
            let quarter = |times: &[u32]| i64::from(times[times.len() / 4]);
            (*endpoint, quarter(crowded) - quarter(quiet))
        };
        let times = self.times(visits, &vec![0; visits.len()]);
        let rises: Vec<(u64, i64)> = times.iter().map(rise).collect();
        let mut sorted: Vec<i64> = rises.iter().map(|(_, rise)| *rise).collect();
        sorted.sort_unstable();
        let typical = sorted
            .get(sorted.len() * 3 / 4)
            .copied()
            .unwrap_or(0)
            .max(0);
        let is_beside = |rise: i64| (rise as f64) < BESIDE * typical as f64;
        let beside = rises.into_iter().filter(|(_, rise)| is_beside(*rise));
        beside.map(|(endpoint, _)| endpoint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests of ten endpoints, one every 8 ms on average, that take 20 to 110 ms and ten times as long
    /// for a while; served by so many workers, any of those that wait next where there is no order.
    fn served(workers: usize, in_order: bool) -> (Vec<Visit>, Vec<u32>) {
        let mut seed = 7_u64;
        let mut chance = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let mut requests: Vec<(i64, u64, i64)> = Vec::new();
        let mut now = 0;
        for n in 0..20_000 {
            now += 1 + chance(16_000) as i64;
            let endpoint = chance(10);
            let slow = endpoint < 2 && (8_000..11_000).contains(&n);
            let own = (10_000 + 10_000 * endpoint + chance(20_000)) * if slow { 30 } else { 1 };
            requests.push((now, endpoint, own as i64));
        }
        let mut free: BinaryHeap<Reverse<i64>> = (0..workers).map(|_| Reverse(0)).collect();
        let (mut waiting, mut next) = (Vec::new(), 0);
        let mut visits = Vec::new();
        while visits.len() < requests.len() {
            let Reverse(first) = free.pop().unwrap();
            let idle = waiting.is_empty();
            while next < requests.len() && (requests[next].0 <= first || idle && waiting.is_empty())
            {
                waiting.push(requests[next]);
                next += 1;
            }
            let taken = if in_order {
                0
            } else {
                chance(waiting.len() as u64) as usize
            };
            let (came, endpoint, own) = waiting.remove(taken);
            let start = came.max(first);
            free.push(Reverse(start + own));
            let visit = Visit {
                upstream: 0,
                arrival: came,
                before: 0,
                server: (start + own - came) as u32,
                transfer: 0,
                endpoint,
            };
            visits.push((visit, (start - came) as u32));
        }
        visits.sort_unstable_by_key(|(visit, _)| (visit.came(), visit.left()));
        visits.into_iter().unzip()
    }

    #[test]
    fn a_queue_in_order_is_rebuilt_to_the_microsecond() {
        for workers in [8, 12] {
            let (visits, waits) = served(workers, true);
            let trial = trial(&visits);
            assert_eq!(trial.workers, Some(workers as u32));
            assert_eq!(trial.doubt, None);
            assert!(waits.iter().any(|wait| *wait > 100_000));
            assert_eq!(trial.waits, waits);
        }
    }

    #[test]
    fn a_queue_in_no_order_is_doubted() {
        let (visits, _) = served(12, false);
        assert_eq!(trial(&visits).doubt, Some(Doubt::NoEdge));
    }

    #[test]
    fn two_queues_behind_one_address_are_doubted() {
        let (one, _) = served(12, true);
        let (mut both, _) = served(8, true);
        both.extend(one);
        both.sort_unstable_by_key(|visit| (visit.came(), visit.left()));
        assert!(trial(&both).doubt.is_some());
    }

    #[test]
    fn who_passes_the_queue_by_is_left_out_of_it() {
        let (mut visits, mut waits) = served(12, true);
        // Every 30 ms one that takes 5 ms and asks no worker.
        for n in 0..5_000 {
            let arrival = 30_000 * n;
            visits.push(Visit {
                arrival,
                server: 5_000,
                endpoint: 99,
                ..visits[0]
            });
            waits.push(0);
        }
        let mut both: Vec<(Visit, u32)> = visits.into_iter().zip(waits).collect();
        both.sort_unstable_by_key(|(visit, _)| (visit.came(), visit.left()));
        let (visits, waits): (Vec<Visit>, Vec<u32>) = both.into_iter().unzip();
        let trial = trial(&visits);
        assert_eq!((trial.workers, trial.doubt), (Some(12), None));
        assert_eq!(trial.waits, waits);
    }

    #[test]
    fn a_pool_that_was_never_full_has_no_wait() {
        let (visits, _) = served(400, true);
        let trial = trial(&visits);
        assert_eq!((trial.workers, trial.doubt), (None, None));
        assert!(trial.waits.iter().all(|wait| *wait == 0));
    }

    #[test]
    fn workers_that_come_and_go_are_doubted() {
        let (mut visits, _) = served(8, true);
        let (more, _) = served(12, true);
        let end = visits.iter().map(Visit::left).max().unwrap();
        visits.extend(more.into_iter().map(|visit| Visit {
            arrival: visit.arrival + end,
            ..visit
        }));
        assert!(matches!(trial(&visits).doubt, Some(Doubt::Workers(..))));
    }

    #[test]
    fn of_nothing_nothing_is_told() {
        let trial = trial(&[]);
        assert_eq!((trial.workers, trial.doubt), (None, Some(Doubt::TooFew)));
    }
}
