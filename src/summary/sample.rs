//! A few lines of each endpoint, chosen by what they are: of every doubling of duration those with the
//! smallest hash of their content. So the choice is random with regard to everything else, does not
//! depend on the order of the lines, and merges exactly; and each line stands for a known number.

use super::fingerprint::Fingerprint;
use super::slowest::SlowRequest;
use crate::endpoint::{first_upstream, last_upstream};
use crate::grammar::Field;
use crate::phases::{Phase, Phases};
use crate::record::{Record, Request};
use crate::stamp::Stamp;
use crate::unit::Micros;

/// Lines that are kept of each endpoint and octave.
pub const MOST_OF_OCTAVE: usize = 20;

/// A longer line is kept only this far, other texts a quarter as far.
const LONGEST_LINE: usize = 1_024;

/// What is told of a sampled request besides its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// The line.
    Line,
    /// Path and query.
    Target,
    /// The client's address.
    Client,
    /// The host asked for.
    Host,
    /// The user agent.
    Agent,
    /// The upstream that answered.
    Upstream,
    /// The upstream that was asked first, where an attempt failed.
    First,
}

const TEXTS: usize = 7;

/// A request that was chosen; by default one of which nothing is known.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Sampled {
    rank: u64,
    /// When it arrived; `None` where the log has no time.
    pub arrival: Option<Stamp>,
    /// Its whole duration.
    pub total: Micros,
    /// App time where known.
    pub own: Option<Micros>,
    /// Server time, else upstream time, else the whole; `None` where no worker was busy.
    pub whole: Option<Micros>,
    /// Time towards the client, where known.
    pub client: Option<Micros>,
    /// Time that attempts took which failed; `None` where none did.
    pub retry: Option<Micros>,
    /// Bytes received, where known.
    pub received: Option<u64>,
    /// Its status.
    pub status: Option<u16>,
    ends: [u16; TEXTS],
    texts: Box<[u8]>,
}

impl Sampled {
    fn new(
        rank: u64,
        record: &Record<'_>,
        arrival: Option<Stamp>,
        total: Micros,
        phases: &Phases,
    ) -> Self {
        let target = match record.request {
            Request::Line { target, .. } => target,
            Request::Malformed => b"",
        };
        let value = |field| record.text(field).unwrap_or_default();
        let retry = phases.get(Phase::Retry);
        let mut values = [
            record.line,
            target,
            value(Field::RemoteAddr),
            value(Field::Host),
            value(Field::UserAgent),
            last_upstream(record).unwrap_or_default(),
            retry
                .and_then(|_| first_upstream(record))
                .unwrap_or_default(),
        ];
        let (mut ends, mut end) = ([0; TEXTS], 0);
        for (at, value) in values.iter_mut().enumerate() {
            let longest = match at {
                0 => LONGEST_LINE,
                _ => LONGEST_LINE / 4,
            };
            *value = value.get(..longest).unwrap_or(value);
            end += value.len();
            // OK because all together are shorter than 2.5 KiB.
            ends[at] = end as u16;
        }
        let server = phases
            .get(Phase::Server)
            .or_else(|| phases.get(Phase::Upstream));
        Sampled {
            rank,
            arrival,
            total,
            own: phases.get(Phase::App),
            whole: server.or_else(|| phases.busy.map(|(_, busy)| busy)),
            client: phases.get(Phase::Client),
            retry,
            received: record.request_length(),
            status: record.status,
            ends,
            texts: values.concat().into(),
        }
    }

    /// Its own time; where the log does not tell it, all that it took at the upstream or in the whole.
    #[must_use]
    pub fn own_or_whole(&self) -> Option<Micros> {
        self.own.or(self.whole)
    }

    /// The request as an example of a finding.
    #[must_use]
    pub fn example(&self) -> SlowRequest {
        SlowRequest {
            total: self.total,
            stamp: self.arrival,
            line: self.text(Text::Line).into(),
        }
    }

    /// One of its texts; empty where the log does not have it.
    #[must_use]
    pub fn text(&self, text: Text) -> &[u8] {
        let at = text as usize;
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.texts
            .get(usize::from(from)..usize::from(self.ends[at]))
            .unwrap_or_default()
    }
}

/// The lines of one octave.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Octave {
    /// `log2` of the duration in µs.
    octave: u32,
    /// All that were seen.
    count: u64,
    /// From this rank on a line has no chance.
    limit: u64,
    /// The chosen ones, in no order.
    kept: Vec<Sampled>,
}

/// How rare a line must be to be kept: where there are too many in all, the slow ones stay longest.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Scarcity(u32);

impl Scarcity {
    /// No line is that rare.
    pub const MOST: Scarcity = Scarcity(128);

    /// Half as many lines of each octave, but for those that are not touched yet.
    pub fn next(self) -> Scarcity {
        Scarcity(self.0 + 1)
    }

    /// Ranks from this one on are out; each octave is allowed twice as many as the one below.
    fn limit(self, octave: u32) -> u64 {
        u64::MAX
            .checked_shr(self.0.saturating_sub(octave))
            .unwrap_or(0)
    }
}

/// The sample of an endpoint.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Sample(Vec<Octave>);

impl Sample {
    /// Looks at a request; returns whether there is one line more.
    #[inline]
    pub fn record(
        &mut self,
        scarcity: Scarcity,
        record: &Record<'_>,
        arrival: Option<Stamp>,
        phases: &Phases,
    ) -> bool {
        let Some(total) = phases
            .get(Phase::Total)
            .or_else(|| phases.busy.map(|(_, busy)| busy))
        else {
            return false;
        };
        let octave = (total.0 | 1).ilog2();
        let at = match self.0.iter().position(|known| known.octave == octave) {
            Some(at) => at,
            None => self.add_octave(scarcity, octave),
        };
        let found = &mut self.0[at];
        found.count += 1;
        let rank = rank(record, total);
        rank < found.limit && found.keep(Sampled::new(rank, record, arrival, total, phases))
    }

    #[cold]
    fn add_octave(&mut self, scarcity: Scarcity, octave: u32) -> usize {
        self.0.push(Octave {
            octave,
            limit: scarcity.limit(octave),
            ..Octave::default()
        });
        self.0.len() - 1
    }

    /// When the requests of the lines arrived, and how long they took at the upstream or in the whole.
    pub fn requests(&self) -> impl Iterator<Item = (Stamp, Micros)> {
        let lines = self.0.iter().flat_map(|octave| &octave.kept);
        lines.filter_map(|line| line.arrival.zip(line.whole))
    }

    /// Notes the own times of requests, by when they arrived and how long they took.
    pub fn tell(&mut self, own: impl Fn(Stamp, Micros) -> Option<Micros>) {
        for line in self.0.iter_mut().flat_map(|octave| &mut octave.kept) {
            if let (Some(arrival), Some(whole)) = (line.arrival, line.whole) {
                line.own = own(arrival, whole);
            }
        }
    }

    /// Lets go of what is not rare enough.
    pub fn thin(&mut self, scarcity: Scarcity) {
        for octave in &mut self.0 {
            octave.limit = octave.limit.min(scarcity.limit(octave.octave));
            octave.kept.retain(|line| line.rank < octave.limit);
        }
    }

    /// Adds another sample.
    pub fn merge(&mut self, other: &Sample) {
        for theirs in &other.0 {
            match self.0.iter_mut().find(|mine| mine.octave == theirs.octave) {
                None => self.0.push(theirs.clone()),
                Some(mine) => {
                    mine.count += theirs.count;
                    mine.limit = mine.limit.min(theirs.limit);
                    let limit = mine.limit;
                    mine.kept.retain(|line| line.rank < limit);
                    for line in theirs.kept.iter().filter(|line| line.rank < limit) {
                        if line.rank < mine.limit {
                            mine.keep(line.clone());
                        }
                    }
                }
            }
        }
    }

    /// Lines that are kept.
    /// Puts it into the one form that it has whatever order it came in.
    pub(super) fn settle(&mut self) {
        self.0.sort_unstable_by_key(|octave| octave.octave);
        for octave in &mut self.0 {
            octave.kept.sort_unstable();
        }
    }

    /// Whether its octaves are some and its lines few.
    pub(super) fn is_sound(&self) -> bool {
        self.0.is_sorted_by(|a, b| a.octave < b.octave)
            && self.0.iter().all(|octave| {
                octave.octave < u64::BITS
                    && octave.count < super::stored::MOST_COUNTED
                    && octave.kept.len() <= MOST_OF_OCTAVE
            })
    }

    /// Lines that are kept.
    pub fn len(&self) -> usize {
        self.0.iter().map(|octave| octave.kept.len()).sum()
    }

    /// The lines, slowest octave first and then by rank, each with the number of requests that it
    /// stands for.
    #[must_use]
    pub fn lines(&self) -> Vec<(f64, Sampled)> {
        let mut octaves: Vec<&Octave> = self.0.iter().collect();
        octaves.sort_unstable_by_key(|octave| std::cmp::Reverse(octave.octave));
        let mut lines = Vec::new();
        for octave in octaves {
            let mut kept = octave.kept.clone();
            kept.sort_unstable();
            let weight = octave.count as f64 / kept.len().max(1) as f64;
            lines.extend(kept.into_iter().map(|line| (weight, line)));
        }
        lines
    }
}

impl Octave {
    /// Keeps a line that has a chance; returns whether there is one more.
    #[cold]
    fn keep(&mut self, line: Sampled) -> bool {
        self.kept.push(line);
        if self.kept.len() <= MOST_OF_OCTAVE {
            return true;
        }
        let largest = (0..self.kept.len()).max_by(|a, b| self.kept[*a].cmp(&self.kept[*b]));
        if let Some(largest) = largest {
            self.kept.swap_remove(largest);
        }
        // Equal ranks are told apart by the line, so the limit is just above the largest.
        let largest = self.kept.iter().map(|line| line.rank).max().unwrap_or(0);
        self.limit = self.limit.min(largest.saturating_add(1));
        false
    }
}

/// A hash of what tells a request from others: when, how long, how large, and what was asked. Two that
/// agree in all of it are told apart by their lines.
#[inline]
fn rank(record: &Record<'_>, total: Micros) -> u64 {
    let stamp = record.stamp.map_or(0, |stamp| stamp.0 as u64);
    let hash = Fingerprint::new()
        .number(stamp)
        .number(total.0 ^ (record.bytes.unwrap_or(0) << 32));
    match record.request {
        // The end of a path holds its ids.
        Request::Line { target, .. } => {
            let tail = target.len().saturating_sub(48);
            hash.bytes(target.get(tail..).unwrap_or_default()).finish()
        }
        Request::Malformed => hash.finish(),
    }
}
