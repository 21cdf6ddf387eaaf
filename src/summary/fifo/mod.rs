//! Wait told from own time without a clock of the application: the FIFO reconstruction.
//!
//! Where requests are taken up in the order in which they come, the times at which they come and leave
//! say when each of them was taken up ([`mod@trial`]). So every request gets a wait and an own time of its own,
//! and they are tallied as if the log had said them. Of each pool it is tested whether that order is there;
//! where it is not in one, nothing is told of any, and the log is left to the common-mode model.
//!
//! This looks at all requests at once, in the order of their content: a question has to ask for it. Nothing
//! here knows of findings or prints.

mod overtaking;
mod trial;
mod visits;

pub use trial::Doubt;
pub(super) use visits::{Room, Visits};

use std::collections::{BTreeMap, HashMap};

use trial::{Trial, trial};
use visits::{Visit, endpoint_hash, upstream_hash};

use super::cells::{Cell, NOWHERE, TIMED};
use super::histogram::Growth;
use super::sparse::Sparse;
use super::tallies::{Tallies, folded};
use super::tally::Tally;
use crate::endpoint::Naming;
use crate::endpoint::fold::Folds;
use crate::phases::Phase;
use crate::stamp::Stamp;
use crate::unit::{self, Micros};

/// How wait is told from own time where the log does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitModel {
    /// By what all endpoints have alike at a time: from sums, by the diagnosis.
    #[default]
    CommonMode,
    /// By the order in which requests come and leave, where it passes its test.
    Fifo,
}

/// What became of the reconstruction.
#[derive(Debug, Clone, PartialEq)]
pub struct Fifo {
    /// The pools, those with the most time first.
    pub pools: Vec<FifoPool>,
    /// Why nothing is told; `None` where it is.
    pub refusal: Option<Refusal>,
}

/// A pool of workers as its queue shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct FifoPool {
    /// The address of the upstream; empty where the log names none.
    pub upstream: Vec<u8>,
    /// Requests that were looked at.
    pub requests: u64,
    /// Its workers; `None` where it was never full, so that nobody waited.
    pub workers: Option<u64>,
    /// Own time in a crowd over own time in quiet moments, by the median endpoint: 1 where the queue is
    /// rebuilt well. `None` where too few requests can be compared.
    pub own_ratio: Option<f64>,
    /// What speaks against it.
    pub doubt: Option<Doubt>,
}

/// Why nothing is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The log itself tells wait from own time.
    Measured,
    /// No request has a time of day and a time at an upstream.
    Nothing,
    /// More requests than there is room for.
    TooMany {
        /// Requests.
        requests: usize,
        /// How many there is room for.
        room: usize,
    },
    /// More endpoints than there is room for.
    Endpoints,
    /// Times of day in whole seconds.
    WholeSeconds,
    /// No pool was ever full.
    NeverFull,
    /// A pool's requests cannot have queued in order.
    Doubted {
        /// Its upstream; empty where the log names none.
        upstream: Vec<u8>,
        /// Why not.
        doubt: Doubt,
    },
}

impl Refusal {
    /// Why, and what would help, as the end of a sentence; `pool` is how a doubted pool is shown.
    #[must_use]
    pub fn words(&self, pool: impl Fn(&[u8]) -> String) -> String {
        let whose = |upstream: &[u8]| match upstream {
            b"" => "the requests".to_owned(),
            address => format!("the requests of {}", pool(address)),
        };
        match self {
            Refusal::Measured => "the log itself tells wait: nothing is to be inferred".to_owned(),
            Refusal::Nothing => "no request has a time of day and a time at an upstream".to_owned(),
            Refusal::TooMany { requests, room } => format!(
                "there is room for {} requests, and these are {}: take a part of the log with --since and --until or --where, or give more --memory",
                unit::count(*room as u64),
                unit::count(*requests as u64)
            ),
            Refusal::Endpoints => {
                "there are more endpoints than there is room for: give more --memory".to_owned()
            }
            Refusal::WholeSeconds => "the times of day are whole seconds, which do not say in which order requests came: add ts=$msec to log_format".to_owned(),
            Refusal::NeverFull => {
                "no pool of workers was full long enough to show how many there are".to_owned()
            }
            Refusal::Doubted { upstream, doubt } => {
                let whose = whose(upstream);
                match doubt {
                    Doubt::NoEdge => format!("{whose} wait, and overtake each other as in no single queue (replicas behind one address, workers that take any of those that wait, shared cores)"),
                    Doubt::OwnTime(ratio) => format!("{whose} would take {ratio:.2} times their usual own time while others wait: everything slowed down at once, or the workers have other work that is not in this log"),
                    Doubt::Workers(one, other) => format!("{whose} had {one} workers at one time and {other} at another: take a part of the log with --since and --until"),
                    Doubt::TooFew => format!("{whose} are too few to compare busy times with quiet ones"),
                }
            }
        }
    }
}

/// Part of all time at upstreams from which a pool that is doubted counts. Chosen: what the others tell is
/// not lost for a pool that next to nothing goes to.
const MATTERS: f64 = 0.01;

/// What was told of one request.
struct Told {
    arrival: Stamp,
    wait: Micros,
    own: Micros,
    /// How far both may be off, in µs.
    error: f64,
}

/// The rebuilt queues of a log.
pub(super) struct Reconstruction {
    /// What became of it.
    pub fifo: Fifo,
    /// How far the sums of an endpoint may be off, by its key; empty where nothing is told.
    pub errors: BTreeMap<Box<[u8]>, Micros>,
}

/// The keys of the endpoints, by the hashes that stand for them in visits.
pub(super) struct Keys(HashMap<u64, Box<[u8]>>);

impl Keys {
    /// Those of tallies whose routes are not folded yet.
    pub fn of(tallies: &Tallies) -> Keys {
        let keys = tallies.endpoints.keys();
        Keys(keys.map(|key| (endpoint_hash(key), key.clone())).collect())
    }

    /// The keys that they have after folding.
    pub fn folded(mut self, naming: &Naming, folds: &Folds) -> Keys {
        for key in self.0.values_mut() {
            if let Some(folded) = folded(naming, folds, key) {
                *key = folded;
            }
        }
        self
    }
}

/// Rebuilds the queues and tallies what they tell; the endpoints must have been folded before.
pub(super) fn reconstruct(
    visits: Visits,
    tallies: &mut Tallies,
    keys: &Keys,
    memory: usize,
) -> Reconstruction {
    let refused = |refusal, pools| Reconstruction {
        fifo: Fifo {
            pools,
            refusal: Some(refusal),
        },
        errors: BTreeMap::new(),
    };
    let mut visits = match visits.kept(memory) {
        Ok(_) if tallies.cap.reached => return refused(Refusal::Endpoints, Vec::new()),
        Ok(visits) => visits,
        Err(refusal) => return refused(refusal, Vec::new()),
    };
    for visit in &mut visits {
        if let Some(key) = keys.0.get(&visit.endpoint) {
            visit.endpoint = endpoint_hash(key);
        }
    }
    visits.sort_unstable_by_key(|visit| (visit.upstream, visit.came(), visit.left(), *visit));
    let names: HashMap<u32, &[u8]> = tallies
        .upstreams
        .keys()
        .map(|address| (upstream_hash(address), &**address))
        .collect();
    let time = |pool: &[Visit]| {
        pool.iter()
            .map(|visit| u64::from(visit.server))
            .sum::<u64>()
    };
    let all = time(&visits);
    let mut pools: Vec<(u64, FifoPool)> = Vec::new();
    let mut trials: Vec<Trial> = Vec::new();
    for pool in visits.chunk_by(|a, b| a.upstream == b.upstream) {
        let trial = trial(pool);
        let name = pool.first().and_then(|visit| names.get(&visit.upstream));
        let seen = FifoPool {
            upstream: name.map(|name| name.to_vec()).unwrap_or_default(),
            requests: pool.len() as u64,
            workers: trial.workers.map(u64::from),
            own_ratio: trial.own_ratio,
            doubt: trial.doubt,
        };
        pools.push((time(pool), seen));
        trials.push(trial);
    }
    let order = |a: &(u64, FifoPool), b: &(u64, FifoPool)| {
        b.0.cmp(&a.0).then_with(|| a.1.upstream.cmp(&b.1.upstream))
    };
    pools.sort_by(order);
    let doubted = pools.iter().find_map(|(time, pool)| {
        let matters = *time as f64 >= MATTERS * all as f64;
        let doubt = pool.doubt.filter(|_| matters)?;
        Some(Refusal::Doubted {
            upstream: pool.upstream.clone(),
            doubt,
        })
    });
    let pools: Vec<FifoPool> = pools.into_iter().map(|(_, pool)| pool).collect();
    let is_full = pools.iter().any(|pool| pool.workers.is_some());
    match doubted {
        Some(refusal) => return refused(refusal, pools),
        None if !is_full => return refused(Refusal::NeverFull, pools),
        None => {}
    }
    drop(names);
    Reconstruction {
        fifo: Fifo {
            pools,
            refusal: None,
        },
        errors: tell(&visits, &trials, tallies),
    }
}

/// An endpoint that is told of.
struct Place<'t> {
    key: &'t [u8],
    tally: &'t mut Tally,
    /// Its cells of own time and wait.
    cells: Sparse<Cell>,
    error: f64,
}

impl<'t> Place<'t> {
    fn of(key: &'t [u8], tally: &'t mut Tally) -> Place<'t> {
        Place {
            key,
            tally,
            cells: Sparse::default(),
            error: 0.0,
        }
    }
}

/// Tallies what the trials tell; returns the error of each endpoint.
fn tell(visits: &[Visit], trials: &[Trial], tallies: &mut Tallies) -> BTreeMap<Box<[u8]>, Micros> {
    let mut endpoints: HashMap<u64, Place<'_>> = tallies
        .endpoints
        .iter_mut()
        .map(|(key, tally)| (endpoint_hash(key), Place::of(key, tally)))
        .collect();
    // The requests of which a line is kept, and their own times.
    let mut sampled: HashMap<(u64, Stamp, Micros), Option<Micros>> = HashMap::new();
    for (hash, place) in &endpoints {
        let lines = place.tally.sample.requests();
        sampled.extend(lines.map(|(arrival, whole)| ((*hash, arrival, whole), None)));
    }
    let loads = tallies.course.loads.grid();
    let pools = visits.chunk_by(|a, b| a.upstream == b.upstream);
    for (pool, trial) in pools.zip(trials) {
        let hash = pool.first().map(|visit| visit.upstream);
        let mut upstream = tallies
            .upstreams
            .iter_mut()
            .find(|(address, _)| Some(upstream_hash(address)) == hash)
            .map(|(_, upstream)| upstream);
        let slot = upstream.as_ref().map_or(NOWHERE, |upstream| upstream.slot);
        let answered = pool.iter().enumerate().filter(|(_, visit)| !visit.is_cut());
        for (at, visit) in answered {
            let told = told(visit, trial, at);
            let whole = Micros(u64::from(visit.server));
            if let Some(place) = endpoints.get_mut(&visit.endpoint) {
                place.tally.phases[Phase::Wait as usize].record(told.wait, Growth::Fast);
                place.tally.phases[Phase::App as usize].record(told.own, Growth::Fast);
                let window = tallies.course.cells.find(told.arrival);
                place.tally.history.take_out(window, slot, whole);
                place.cells.at(window, TIMED).0.serve(told.own, told.wait);
                place.error += told.error;
            }
            if let Some(upstream) = &mut upstream {
                let start = Stamp(visit.came()).after(told.wait);
                upstream.pool.work(loads, start, told.own);
            }
            tallies.timeline.tell(told.arrival, told.wait);
            if let Some(own) = sampled.get_mut(&(visit.endpoint, told.arrival, whole)) {
                own.get_or_insert(told.own);
            }
        }
    }
    let mut errors = BTreeMap::new();
    for (hash, place) in endpoints {
        place.tally.history.cells.merge(&place.cells);
        let own = |arrival, whole| *sampled.get(&(hash, arrival, whole))?;
        place.tally.sample.tell(own);
        // OK because a cast of a float saturates.
        errors.insert(place.key.into(), Micros(place.error as u64));
    }
    errors
}

fn told(visit: &Visit, trial: &Trial, at: usize) -> Told {
    let wait = trial.waits.get(at).copied().unwrap_or(0);
    let own = visit.server.saturating_sub(wait);
    let error = match trial.own_ratio {
        _ if !trial.is_crowded.get(at).copied().unwrap_or(false) => 0.0,
        Some(ratio) => (ratio - 1.0).abs() * f64::from(own),
        None => f64::from(visit.server),
    };
    Told {
        arrival: Stamp(visit.arrival),
        wait: Micros(u64::from(wait)),
        own: Micros(u64::from(own)),
        error,
    }
}
