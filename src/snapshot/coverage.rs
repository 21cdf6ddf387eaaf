//! Of which sources a snapshot is, and of which of their bytes, so that a piece that is counted twice,
//! or missing, is found.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::input::shown_name;

/// A source of lines, known by how it begins: a log that was rotated has another name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The bytes that are looked at, all of a short source.
    pub length: u32,
    /// Their FNV-1a hash, 64 bits.
    pub hash: u64,
}

/// Bytes at the beginning of a source that tell it from others.
const TELLING: usize = 4 << 10;

impl Identity {
    /// The identity of a source that begins like this.
    #[must_use]
    pub fn of(head: &[u8]) -> Identity {
        let telling = &head[..head.len().min(TELLING)];
        let hash = telling
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Identity {
            // OK because TELLING fits.
            length: telling.len() as u32,
            hash,
        }
    }

    /// Whether a source that begins like this is the same, grown perhaps.
    #[must_use]
    pub fn began(&self, head: &[u8]) -> bool {
        head.get(..self.length as usize)
            .is_some_and(|begin| self.length > 0 && Identity::of(begin) == *self)
    }
}

/// What a snapshot holds of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The least of the names under which it was read.
    pub name: Vec<u8>,
    /// The names of its formats and the definition of the first; `None` where it holds no line.
    pub format: Option<(Vec<String>, String)>,
    /// Why it could not be read to its end.
    pub error: Option<String>,
    /// The bytes that were read, after decompression; sorted, apart from each other.
    pub ranges: Vec<Range<u64>>,
    /// How long it was, where that was seen.
    pub length: Option<u64>,
}

/// The sources of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage(BTreeMap<Identity, Covered>);

/// Why two pieces of a source cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// Both hold these bytes of it.
    Twice(Vec<u8>, Range<u64>),
    /// They were read by different definitions.
    Formats(Vec<u8>),
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clash::Twice(name, bytes) => write!(
                f,
                "bytes {} to {} of {} are in more than one of the snapshots: leave one out",
                bytes.start,
                bytes.end,
                shown_name(name)
            ),
            Clash::Formats(name) => write!(
                f,
                "the pieces of {} were read by different log formats: make them with the same",
                shown_name(name)
            ),
        }
    }
}

impl std::error::Error for Clash {}

impl Coverage {
    /// Notes a piece of a source.
    ///
    /// # Errors
    /// Some of it is there already, or was read by another definition.
    pub fn add(&mut self, identity: Identity, piece: Covered) -> Result<(), Clash> {
        let Some(mine) = self.0.get_mut(&identity) else {
            self.0.insert(identity, piece);
            return Ok(());
        };
        for range in &piece.ranges {
            let mut common = mine.ranges.iter().filter_map(|known| {
                let common = known.start.max(range.start)..known.end.min(range.end);
                (!common.is_empty()).then_some(common)
            });
            if let Some(bytes) = common.next() {
                return Err(Clash::Twice(mine.name.clone(), bytes));
            }
        }
        if let (Some(mine_is), Some(is)) = (&mine.format, &piece.format)
            && mine_is != is
        {
            return Err(Clash::Formats(mine.name.clone()));
        }
        mine.ranges.extend(piece.ranges);
        join(&mut mine.ranges);
        if piece.name < mine.name {
            mine.name = piece.name;
        }
        mine.format = mine.format.take().max(piece.format);
        mine.error = mine.error.take().max(piece.error);
        mine.length = mine.length.max(piece.length);
        Ok(())
    }

    /// The sources in their order, which depends on how they begin only.
    pub fn sources(&self) -> impl Iterator<Item = (&Identity, &Covered)> {
        self.0.iter()
    }

    /// Whether a source that begins like this is among them.
    #[must_use]
    pub fn began(&self, head: &[u8]) -> bool {
        self.0.keys().any(|identity| identity.began(head))
    }

    /// How many sources there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of a source in their order.
    #[must_use]
    pub fn place(&self, identity: &Identity) -> Option<usize> {
        self.0.keys().position(|known| known == identity)
    }

    /// What is covered of a source.
    #[must_use]
    pub fn of(&self, identity: &Identity) -> Option<&Covered> {
        self.0.get(identity)
    }
}

impl Covered {
    /// The bytes before the last that is known of, which are in no piece.
    #[must_use]
    pub fn gaps(&self) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for range in &self.ranges {
            if range.start > at {
                gaps.push(at..range.start);
            }
            at = range.end.max(at);
        }
        if let Some(length) = self.length.filter(|length| *length > at) {
            gaps.push(at..length);
        }
        gaps
    }

    /// That some of it is in no piece, in words; `None` where nothing is known to be missing.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let gaps = self.gaps();
        let first = gaps.first()?;
        let more = match gaps.len() {
            1 => String::new(),
            n => format!(" and {} more stretches", n - 1),
        };
        Some(format!(
            "bytes {} to {}{more} are in none of the pieces of the snapshot",
            first.start, first.end
        ))
    }
}

/// Sorts ranges and joins those that touch.
fn join(ranges: &mut Vec<Range<u64>>) {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    ranges.dedup_by(|next, kept| {
        let touch = next.start <= kept.end;
        if touch {
            kept.end = kept.end.max(next.end);
        }
        touch
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(range: Range<u64>) -> Covered {
        Covered {
            name: b"a.log".to_vec(),
            format: None,
            error: None,
            ranges: vec![range],
            length: None,
        }
    }

    #[test]
    fn pieces_join_and_are_not_counted_twice() {
        let identity = Identity::of(b"first line\n");
        assert!(identity.began(b"first line\nmore") && !identity.began(b"first"));
        let mut coverage = Coverage::default();
        coverage.add(identity.clone(), piece(10..20)).unwrap();
        coverage.add(identity.clone(), piece(40..50)).unwrap();
        coverage.add(identity.clone(), piece(20..30)).unwrap();
        let covered = coverage.of(&identity).unwrap();
        assert_eq!(covered.ranges, [10..30, 40..50]);
        assert_eq!(covered.gaps(), [0..10, 30..40]);
        let twice = coverage.add(identity.clone(), piece(49..60)).unwrap_err();
        assert_eq!(twice, Clash::Twice(b"a.log".to_vec(), 49..50));
        let read_by = |definition: &str, range| Covered {
            format: Some((vec!["own".to_owned()], definition.to_owned())),
            ..piece(range)
        };
        coverage
            .add(identity.clone(), read_by("$path", 60..70))
            .unwrap();
        let other = coverage.add(identity.clone(), read_by("$host", 70..80));
        assert_eq!(other, Err(Clash::Formats(b"a.log".to_vec())));
        coverage.add(Identity::of(b"x\n"), piece(0..9)).unwrap();
        assert_eq!(coverage.len(), 2);
    }
}
