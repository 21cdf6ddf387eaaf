//! How far a run reaches in time, and so how wide the windows are in which it is kept: a power of two in
//! seconds, the finest of which [`MOST_WINDOWS`] are enough. It follows from the first and the last
//! arrival alone, so the order of records makes no difference.

use std::ops::Range;
use std::sync::OnceLock;

use super::Question;
use super::lens::Lens;
use super::tallies::arrival;
use crate::grammar::Layout;
use crate::phases::Phase;
use crate::record::{Plans, Reader};
use crate::stamp::Stamp;

/// Windows of a run. When they are too few for a run, their width is doubled.
pub const MOST_WINDOWS: i64 = 32;

/// The widest window is 2 to this power in seconds; the range of a time stamp fits [`MOST_WINDOWS`] of it.
pub const WIDEST: u32 = 48;

/// In µs.
pub const SECOND: i64 = 1_000_000;

/// The windows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The width of a window is two to this power, in seconds.
    pub step: u32,
    /// The number of the first window: the seconds since 1970 over the width.
    pub first: i64,
    /// The number of the last.
    pub last: i64,
}

/// The extent of a run.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "Reach", from = "Reach")]
pub struct Extent {
    reach: Reach,
    /// The last arrival, where it was looked up.
    end: Option<Stamp>,
    /// The width of a window is two to this power, in seconds.
    step: u32,
    /// In µs: with an arrival in these bounds the width stays. Empty where that was not looked at.
    bounds: Range<i64>,
}

/// The first arrival and the last; and whether there is a record without one, which counts as of the
/// beginning of time, so that a run without a clock has one window.
type Reach = (Option<(Stamp, Stamp)>, bool);

impl From<Reach> for Extent {
    fn from(reach: Reach) -> Self {
        let mut extent = Extent {
            reach,
            ..Extent::default()
        };
        extent.widen();
        extent
    }
}

impl From<Extent> for Reach {
    fn from(extent: Extent) -> Self {
        extent.reach
    }
}

impl Extent {
    /// When a record counts as having arrived.
    #[inline]
    pub fn moment(arrival: Option<Stamp>) -> Stamp {
        arrival.unwrap_or(Stamp(0))
    }

    /// Reaches to an arrival.
    #[inline]
    pub fn reach(&mut self, arrival: Option<Stamp>) {
        match (arrival, &mut self.reach.0) {
            (Some(at), Some((first, last))) => {
                *first = at.min(*first);
                *last = at.max(*last);
            }
            (Some(at), reach) => *reach = Some((at, at)),
            (None, _) => self.reach.1 = true,
        }
    }

    /// The width of windows from here on, see [`Span::step`], with an arrival to which it reaches.
    pub fn step_at(&mut self, moment: Stamp) -> u32 {
        if !self.bounds.contains(&moment.0) {
            self.widen();
        }
        self.step
    }

    /// Has windows that are wide enough for a last arrival which is to come.
    pub fn expect(&mut self, end: Stamp) {
        if self.end != Some(end) {
            self.end = Some(end);
            self.widen();
        }
    }

    /// Adds the extent of another part of the run.
    pub fn merge(&mut self, other: &Extent) {
        self.reach.0 = both(self.reach.0, other.reach.0);
        self.reach.1 |= other.reach.1;
        self.end = self.end.max(other.end);
        self.widen();
    }

    /// The first arrival and the last; `None` where no record has a time stamp.
    pub fn arrivals(&self) -> Option<(Stamp, Stamp)> {
        self.reach.0
    }

    /// The width of windows, see [`Span::step`].
    pub fn step(&self) -> u32 {
        self.step
    }

    /// The windows; `None` where there is no record.
    pub fn span(&self) -> Option<Span> {
        self.windows(self.reach.0)
    }

    /// The windows between these arrivals, and of records without one.
    fn windows(&self, arrivals: Option<(Stamp, Stamp)>) -> Option<Span> {
        let timeless = self.reach.1.then_some((Stamp(0), Stamp(0)));
        let (first, last) = both(arrivals, timeless)?;
        Some(Span {
            step: self.step,
            first: second_of(first) >> self.step,
            last: second_of(last) >> self.step,
        })
    }

    #[cold]
    fn widen(&mut self) {
        let end = self.end.map(|end| (end, end));
        let Some(mut span) = self.windows(both(self.reach.0, end)) else {
            return;
        };
        while span.last - span.first >= MOST_WINDOWS && span.step < WIDEST {
            span = Span {
                step: span.step + 1,
                first: span.first >> 1,
                last: span.last >> 1,
            };
        }
        self.step = span.step;
        let width = SECOND.saturating_mul(1 << span.step);
        let from = span.first.saturating_mul(width);
        self.bounds = from..from.saturating_add(width.saturating_mul(MOST_WINDOWS));
    }
}

/// The second in which an arrival is.
pub fn second_of(arrival: Stamp) -> i64 {
    arrival.0.div_euclid(SECOND)
}

/// Both ranges in one.
pub fn both(
    one: Option<(Stamp, Stamp)>,
    another: Option<(Stamp, Stamp)>,
) -> Option<(Stamp, Stamp)> {
    match (one, another) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, another) => one.or(another),
    }
}

/// Where runs end, of those of which it was looked up before they are read. With it their windows have
/// their width from the start; what is counted is the same without.
#[derive(Debug, Default)]
pub struct Ends(Vec<OnceLock<Stamp>>);

impl Ends {
    /// Nothing is known of so many sources.
    #[must_use]
    pub fn of(sources: usize) -> Ends {
        Ends(
            std::iter::repeat_with(OnceLock::new)
                .take(sources)
                .collect(),
        )
    }

    /// Looks at whole lines near the end of a source, all of which will be read.
    pub fn look(&self, source: usize, plans: &Plans, question: &Question, lines: &[u8]) {
        // Such lines are not understood without the `#Fields` before them.
        let is_w3c = matches!(plans.first.layout, Layout::W3c(..));
        let Some(end) = self.0.get(source).filter(|_| question.runs && !is_w3c) else {
            return;
        };
        let (mut reader, mut lens) = (Reader::new(plans), Lens::new(question));
        let mut last = None;
        for line in crate::input::lines(lines) {
            if let Ok(record) = reader.read(line)
                && lens.look(&record) == Ok(true)
            {
                let total = record.total.or_else(|| lens.phases().get(Phase::Total));
                last = last.max(arrival(&record, total));
            }
        }
        if let Some(last) = last {
            // Another worker cannot have looked: a source is opened once.
            let _ = end.set(last);
        }
    }

    /// The last arrival of a source, where it was looked up.
    pub fn get(&self, source: usize) -> Option<Stamp> {
        self.0.get(source)?.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn include(extent: &mut Extent, arrival: Option<i64>) -> u32 {
        let arrival = arrival.map(Stamp);
        extent.reach(arrival);
        extent.step_at(Extent::moment(arrival))
    }

    fn reaching(seconds: impl Iterator<Item = i64>) -> Extent {
        let mut extent = Extent::default();
        for second in seconds {
            include(&mut extent, Some(second.saturating_mul(SECOND)));
        }
        extent
    }

    #[test]
    fn it_depends_on_the_whole_only() {
        let want = Some(Span {
            step: 2,
            first: 250,
            last: 274,
        });
        assert_eq!(reaching(1_000..1_100).span(), want);
        assert_eq!(reaching((1_000..1_100).rev()).span(), want);
        let mut parts = reaching(1_050..1_100);
        parts.merge(&reaching(1_000..1_020));
        parts.merge(&reaching(1_020..1_050));
        assert_eq!(parts.span(), want);
        let back: Extent = postcard::from_bytes(&postcard::to_allocvec(&parts).unwrap()).unwrap();
        assert_eq!(back.span(), want);
    }

    #[test]
    fn what_was_in_the_bounds_counts_when_it_widens() {
        // 31 is in the bounds of 0, and 32 windows do not reach from -1 to it.
        assert_eq!(reaching([0, 31].into_iter()).step(), 0);
        assert_eq!(reaching([0, 31, -1].into_iter()).step(), 1);
        let mut timeless = reaching([31].into_iter());
        include(&mut timeless, None);
        assert_eq!(
            (timeless.step(), timeless.arrivals()),
            (0, Some((Stamp(31 * SECOND), Stamp(31 * SECOND))))
        );
        include(&mut timeless, Some(32 * SECOND));
        assert_eq!(timeless.step(), 1);
    }

    #[test]
    fn an_end_that_is_known_says_the_width_at_once() {
        let mut extent = Extent::default();
        extent.expect(Stamp(1_099 * SECOND));
        assert_eq!(extent.span(), None);
        assert_eq!(include(&mut extent, Some(1_000 * SECOND)), 2);
        assert_eq!(extent.arrivals().unwrap().1, Stamp(1_000 * SECOND));
    }

    #[test]
    fn any_two_times_fit() {
        for seconds in [[i64::MIN, 0, i64::MAX], [i64::MAX, 0, i64::MIN]] {
            let span = reaching(seconds.into_iter()).span().unwrap();
            assert!(span.last - span.first < MOST_WINDOWS && span.step < WIDEST);
        }
    }
}
