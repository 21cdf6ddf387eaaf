//! Windows of time that are added up: the occupied ones only, in one row.
//!
//! A record finds its window through a few remembered places; where that fails, a new entry is
//! appended, which may repeat an older one. [`Sparse::settle`] sorts and adds up the repetitions, and
//! is due only when the row has doubled, so that a log in any order costs no more than its sorting.
//! What a row says depends on what was added, never on the order.

use std::ops::Range;

use crate::stamp::Stamp;
use crate::unit::Micros;

/// The widths of windows: a number of seconds, doubled until the occupied windows are few enough.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Grid {
    seconds: u32,
    doubled: u32,
}

impl Grid {
    /// Whether doubling that grid gives this one, and no overflow.
    #[must_use]
    pub fn is_of(self, finest: Grid) -> bool {
        self.seconds == finest.seconds
            && self.doubled < 32
            && u64::from(self.seconds) << self.doubled <= 1 << 26
    }

    /// Windows of so many seconds at least.
    pub fn new(seconds: Option<u32>) -> Grid {
        Grid {
            seconds: seconds.unwrap_or(1).max(1),
            doubled: 0,
        }
    }

    /// The width in µs.
    #[inline]
    pub fn width(self) -> i64 {
        (i64::from(self.seconds) * 1_000_000) << self.doubled
    }

    /// Whether there is a coarser grid: a window of 2^20 seconds and more has room for any log.
    pub fn can_double(self) -> bool {
        self.width() < 1_000_000 << 20
    }

    /// The window of a point in time.
    pub fn window(self, stamp: Stamp) -> i64 {
        stamp.0.div_euclid(self.width())
    }

    /// The bounds of a window in µs since 1970; `None` at the ends of time.
    fn bounds(self, window: i64) -> Option<Range<i64>> {
        let from = window.checked_mul(self.width())?;
        Some(from..from.checked_add(self.width())?)
    }

    /// The next coarser grid.
    pub fn coarser(self) -> Grid {
        Grid {
            doubled: self.doubled + 1,
            ..self
        }
    }

    /// The width as a duration.
    pub fn width_micros(self) -> Micros {
        Micros(self.width().unsigned_abs())
    }
}

/// The windows of a grid. Logs are nearly sorted, so most times fall into the window that was found
/// last, and take no division.
#[derive(Debug, Clone)]
pub struct Windows {
    grid: Grid,
    last: i64,
    /// Of the last one; [`Windows::NO_BOUNDS`] where there is none, or where its ends cannot be told.
    bounds: Range<i64>,
}

impl Windows {
    /// No time is in them, and none is before their end.
    const NO_BOUNDS: Range<i64> = i64::MIN..i64::MIN;

    /// Those of a grid.
    pub fn new(grid: Grid) -> Windows {
        Windows {
            grid,
            last: 0,
            bounds: Windows::NO_BOUNDS,
        }
    }

    /// The grid.
    #[inline]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Takes the next coarser grid.
    pub fn coarsen(&mut self) {
        *self = Windows::new(self.grid.coarser());
    }

    /// The window of a point in time.
    #[inline]
    pub fn find(&mut self, stamp: Stamp) -> i64 {
        if !self.has(stamp) {
            self.last = self.grid.window(stamp);
            self.bounds = self.grid.bounds(self.last).unwrap_or(Windows::NO_BOUNDS);
        }
        self.last
    }

    /// The window of a point in time that is mostly in the window that was found last, or in the next.
    #[inline]
    pub fn near(&self, stamp: Stamp) -> i64 {
        if self.has(stamp) {
            return self.last;
        }
        let end = self.bounds.end;
        let next = end..end.saturating_add(self.grid.width());
        if !self.bounds.is_empty() && next.contains(&stamp.0) {
            self.last + 1
        } else {
            self.grid.window(stamp)
        }
    }

    /// Whether a point in time is in the window that was found last.
    #[inline]
    fn has(&self, stamp: Stamp) -> bool {
        self.bounds.contains(&stamp.0)
    }

    /// Whether what begins in the window that was found last, or later, and ends here ends in that window;
    /// the end of both may be one.
    #[inline]
    pub fn covers_until(&self, end: Stamp) -> bool {
        end.0 <= self.bounds.end
    }
}

/// What is counted of a window: adding is associative and commutative, the default changes nothing.
pub trait Additive: Copy + Default {
    /// Adds another.
    fn add(&mut self, other: &Self);

    /// What this is in a window of twice the width, of which it was the first half or the second.
    fn widen(self, _second_half: bool, _width: i64) -> Self {
        self
    }
}

/// Tells apart what falls into one window: an upstream, a metric. 0 where nothing is told apart.
pub type Slot = u16;

const SLOT_BITS: u32 = Slot::BITS;
const PLACES: usize = 8;

/// A window and slot in one number that sorts by window first.
#[inline]
fn key(window: i64, slot: Slot) -> i64 {
    // Windows outside 48 bits would be eight million years away.
    (window << SLOT_BITS) | i64::from(slot)
}

/// A row of windows.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(into = "Vec<(i64, T)>", from = "Vec<(i64, T)>")]
#[serde(bound(
    serialize = "T: Clone + serde::Serialize",
    deserialize = "T: serde::Deserialize<'de>"
))]
pub struct Sparse<T> {
    /// Where the windows of the last records are.
    recent: [u32; PLACES],
    entries: Vec<(i64, T)>,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Sparse {
            recent: [u32::MAX; PLACES],
            entries: Vec::new(),
        }
    }
}

impl<T> From<Vec<(i64, T)>> for Sparse<T> {
    fn from(entries: Vec<(i64, T)>) -> Self {
        Sparse {
            entries,
            ..Sparse::default()
        }
    }
}

impl<T> From<Sparse<T>> for Vec<(i64, T)> {
    fn from(sparse: Sparse<T>) -> Self {
        sparse.entries
    }
}

impl<T: Additive> Sparse<T> {
    /// What is counted of a window, and whether an entry was appended for it.
    #[inline]
    pub fn at(&mut self, window: i64, slot: Slot) -> (&mut T, bool) {
        let key = key(window, slot);
        // OK because of the modulus.
        let place = ((window as usize).wrapping_add(usize::from(slot))) % PLACES;
        let mut at = self.recent[place] as usize;
        let found = self.entries.get(at).is_some_and(|entry| entry.0 == key);
        if !found {
            at = self.entries.len();
            self.entries.push((key, T::default()));
            self.recent[place] = u32::try_from(at).unwrap_or(u32::MAX);
        }
        (&mut self.entries[at].1, !found)
    }

    /// What is counted of a window that has an entry; settled before.
    pub fn find(&mut self, window: i64, slot: Slot) -> Option<&mut T> {
        let key = key(window, slot);
        let at = self
            .entries
            .binary_search_by_key(&key, |entry| entry.0)
            .ok()?;
        self.entries.get_mut(at).map(|entry| &mut entry.1)
    }

    /// Whether its entries are in order.
    pub(super) fn is_sound(&self) -> bool {
        self.entries.is_sorted_by(|a, b| a.0 < b.0)
    }

    /// Entries, repetitions included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sorts the windows and adds up repetitions.
    pub fn settle(&mut self) {
        self.recent = [u32::MAX; PLACES];
        let sorted = 1 + self
            .entries
            .windows(2)
            .take_while(|pair| pair[0].0 < pair[1].0)
            .count();
        let Some((before, behind)) = self.entries.split_at_checked(sorted) else {
            return;
        };
        // What was in order at the last time mostly comes before all that was added since.
        let Some(least) = behind.iter().map(|entry| entry.0).min() else {
            return;
        };
        let mut kept = before.partition_point(|entry| entry.0 < least);
        sort(&mut self.entries[kept..]);
        for at in kept + 1..self.entries.len() {
            let next = self.entries[at];
            if next.0 == self.entries[kept].0 {
                self.entries[kept].1.add(&next.1);
            } else {
                kept += 1;
                self.entries[kept] = next;
            }
        }
        self.entries.truncate(kept + 1);
    }

    /// Goes from this grid to the next coarser one.
    pub fn coarsen(&mut self, grid: Grid) {
        let width = grid.width();
        for (entry_key, value) in &mut self.entries {
            let window = *entry_key >> SLOT_BITS;
            let slot = *entry_key & ((1 << SLOT_BITS) - 1);
            *value = value.widen(window & 1 == 1, width);
            *entry_key = ((window >> 1) << SLOT_BITS) | slot;
        }
        self.settle();
    }

    /// Adds another row of the same grid.
    pub fn merge(&mut self, other: &Sparse<T>) {
        self.entries.extend_from_slice(&other.entries);
        self.settle();
    }

    /// The windows in order, each with its slot; settled before.
    pub fn iter(&self) -> impl Iterator<Item = (i64, Slot, &T)> {
        self.entries.iter().map(|(key, value)| {
            // OK because the slot is what the mask leaves.
            (
                key >> SLOT_BITS,
                (key & ((1 << SLOT_BITS) - 1)) as Slot,
                value,
            )
        })
    }
}

/// Steps for each entry that are taken to put it in its place, before all are sorted as if in no order.
const NEARLY: usize = 8;

/// Sorts entries by their key. Logs are nearly sorted, so most entries are in their place, or close to it.
fn sort<T: Copy>(entries: &mut [(i64, T)]) {
    let mut left = NEARLY * entries.len();
    for at in 1..entries.len() {
        let next = entries[at];
        let mut to = at;
        while to > 0 && entries[to - 1].0 > next.0 {
            entries[to] = entries[to - 1];
            to -= 1;
        }
        entries[to] = next;
        match left.checked_sub(at - to) {
            Some(steps) => left = steps,
            None => return entries.sort_unstable_by_key(|entry| entry.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Additive for u64 {
        fn add(&mut self, other: &Self) {
            *self += other;
        }
    }

    fn said(row: &mut Sparse<u64>) -> Vec<(i64, Slot, u64)> {
        row.settle();
        row.iter()
            .map(|(window, slot, n)| (window, slot, *n))
            .collect()
    }

    #[test]
    fn the_order_says_nothing() {
        let windows: Vec<i64> = (0..1_000).map(|n| (n * 37) % 91 - 20).collect();
        let mut one = Sparse::default();
        windows.iter().for_each(|w| *one.at(*w, 3).0 += 1);
        let mut two = Sparse::default();
        let mut rest = Sparse::default();
        windows[..400]
            .iter()
            .rev()
            .for_each(|w| *two.at(*w, 3).0 += 1);
        windows[400..].iter().for_each(|w| *rest.at(*w, 3).0 += 1);
        two.merge(&rest);
        assert_eq!(said(&mut one), said(&mut two));
        assert_eq!(said(&mut one).len(), 91);
        let grid = Grid::new(Some(2));
        one.coarsen(grid);
        assert_eq!(
            said(&mut one)[0],
            (-10, 3, said(&mut two)[0].2 + said(&mut two)[1].2)
        );
        assert_eq!(grid.coarser().width(), 4_000_000);
    }

    #[test]
    fn slots_are_told_apart() {
        let mut row = Sparse::default();
        for (window, slot) in [(5, 0), (5, u16::MAX), (-1, 7), (5, 0)] {
            *row.at(window, slot).0 += 1;
        }
        assert_eq!(said(&mut row), [(-1, 7, 1), (5, 0, 2), (5, u16::MAX, 1)]);
    }

    #[test]
    fn a_window_is_found_as_it_is_computed() {
        for grid in [Grid::new(None), Grid::new(Some(7)).coarser()] {
            let mut windows = Windows::new(grid);
            let near = |at: i64| (-3..=3).map(move |n| at.saturating_add(n * grid.width() / 2));
            let ends = [i64::MIN, -grid.width(), 0, grid.width(), i64::MAX];
            for at in ends.into_iter().flat_map(near).map(Stamp) {
                assert_eq!(windows.near(at), grid.window(at), "{at:?}");
                assert_eq!(windows.find(at), grid.window(at), "{at:?}");
                assert_eq!(windows.find(at), grid.window(at), "{at:?}");
                for at in near(at.0).map(Stamp) {
                    assert_eq!(windows.near(at), grid.window(at), "{at:?}");
                }
            }
        }
    }
}
