//! Which upstream servers answered an endpoint, since the beginning: for the view of one endpoint.
//!
//! Bounded: so many endpoints, so many upstreams each. The busy endpoints of a log come early.

use hashbrown::HashMap;

use crate::endpoint::last_upstream;
use crate::phases::Phases;
use crate::record::Record;
use crate::summary::UpstreamTally;

/// Endpoints that are told apart.
const ENDPOINTS: usize = 512;
/// Upstreams of each that are told apart.
const EACH: usize = 16;

/// Upstreams by endpoint.
#[derive(Debug, Default)]
pub struct Upstreams(HashMap<Box<[u8]>, Addresses>);

/// The addresses of an endpoint's upstreams, in the order in which they came.
type Addresses = Vec<(Box<[u8]>, UpstreamTally)>;

impl Upstreams {
    /// Counts a record of the endpoint with this key.
    pub fn record(&mut self, record: &Record<'_>, phases: &Phases, key: &[u8]) {
        let Some(address) = last_upstream(record) else {
            return;
        };
        if !self.0.contains_key(key) {
            if self.0.len() >= ENDPOINTS {
                return;
            }
            self.0.insert(key.into(), Vec::new());
        }
        let Some(upstreams) = self.0.get_mut(key) else {
            return;
        };
        let known = upstreams
            .iter()
            .position(|(known, _)| **known == *address)
            .or_else(|| {
                (upstreams.len() < EACH).then(|| {
                    upstreams.push((address.into(), UpstreamTally::default()));
                    upstreams.len() - 1
                })
            });
        if let Some((_, tally)) = known.and_then(|at| upstreams.get_mut(at)) {
            tally.record(record, phases);
        }
    }

    /// Those of all keys for which `is` holds, the busiest first.
    pub fn of(&self, is: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, UpstreamTally)> {
        let mut sum: Vec<(Vec<u8>, UpstreamTally)> = Vec::new();
        for (address, tally) in self
            .0
            .iter()
            .filter(|(key, _)| is(key))
            .flat_map(|(_, upstreams)| upstreams)
        {
            match sum.iter_mut().find(|(known, _)| **known == **address) {
                Some((_, mine)) => mine.merge(tally),
                None => sum.push((address.to_vec(), tally.clone())),
            }
        }
        sum.sort_by(|a, b| b.1.busy.cmp(&a.1.busy).then_with(|| a.0.cmp(&b.0)));
        sum
    }
}
