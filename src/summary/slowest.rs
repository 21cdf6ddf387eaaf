//! The slowest requests: the k largest by duration, then by content, so that which of equals are
//! kept does not depend on when they came.

use crate::stamp::Stamp;
use crate::unit::Micros;

/// A longer line is kept only this far.
const LONGEST: usize = 2_048;

/// A request that was kept as an example.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SlowRequest {
    /// Its whole duration.
    pub total: Micros,
    /// The time stamp of its line.
    pub stamp: Option<Stamp>,
    /// Its line, of which at most 2 KiB are kept.
    pub line: Box<[u8]>,
}

impl SlowRequest {
    /// Slowest first; then by line.
    fn rank(&self) -> (std::cmp::Reverse<u64>, &[u8]) {
        (std::cmp::Reverse(self.total.0), &self.line)
    }
}

/// At most `k` requests, slowest first.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Slowest {
    k: usize,
    requests: Vec<SlowRequest>,
    /// What is faster is not among them; told here, so that most records need no look at the requests. On disk
    /// it is not: 0 until the next is kept.
    #[serde(skip)]
    least: Micros,
}

impl Slowest {
    /// Keeps up to `k`.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Slowest {
            k,
            requests: Vec::new(),
            least: least(k, &[]),
        }
    }

    /// Looks at a request; copies its line only where it is among the slowest.
    #[inline]
    pub fn record(&mut self, total: Micros, stamp: Option<Stamp>, line: &[u8]) {
        if total < self.least {
            return;
        }
        self.record_slow(total, stamp, line);
    }

    #[cold]
    fn record_slow(&mut self, total: Micros, stamp: Option<Stamp>, line: &[u8]) {
        let line = line.get(..LONGEST).unwrap_or(line).into();
        self.insert(SlowRequest { total, stamp, line });
    }

    fn insert(&mut self, request: SlowRequest) {
        let at = self
            .requests
            .partition_point(|kept| kept.rank() <= request.rank());
        if at < self.k {
            self.requests.insert(at, request);
            self.requests.truncate(self.k);
        }
        self.least = least(self.k, &self.requests);
    }

    /// Adds what another has kept.
    pub fn merge(&mut self, other: &Slowest) {
        self.k = self.k.max(other.k);
        self.least = least(self.k, &self.requests);
        for request in &other.requests {
            self.insert(request.clone());
        }
    }

    /// Keeps this many from here on.
    pub fn keep(&mut self, k: usize) {
        self.k = k;
        self.requests.truncate(k);
        self.least = least(k, &self.requests);
    }

    /// The requests, slowest first.
    #[must_use]
    pub fn requests(&self) -> &[SlowRequest] {
        &self.requests
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.requests
            .iter()
            .map(|request| request.line.len() + size_of::<SlowRequest>())
            .sum()
    }
}

/// The least duration of a request that may be among the `k` slowest, with these kept.
fn least(k: usize, requests: &[SlowRequest]) -> Micros {
    match requests.last() {
        _ if requests.len() < k => Micros(0),
        None => Micros(u64::MAX),
        Some(last) => last.total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_are_kept_in_any_order() {
        let lines: Vec<(u64, String)> =
            (0..50).map(|n| (n * 7 % 10, format!("line {n}"))).collect();
        let keep = |order: &mut dyn Iterator<Item = &(u64, String)>| {
            let mut slowest = Slowest::new(4);
            order.for_each(|(us, line)| slowest.record(Micros(*us), None, line.as_bytes()));
            slowest
        };
        let forward = keep(&mut lines.iter());
        let mut split = keep(&mut lines.iter().skip(20).rev());
        split.merge(&keep(&mut lines.iter().take(20)));
        assert_eq!(forward.requests(), split.requests());
        assert_eq!(forward.requests().len(), 4);
        assert!(
            forward
                .requests()
                .iter()
                .all(|request| request.total == Micros(9))
        );
    }

    #[test]
    fn none_asked_for_keeps_none() {
        let mut none = Slowest::new(0);
        none.record(Micros(1), None, b"x");
        assert!(none.requests().is_empty());
    }
}
