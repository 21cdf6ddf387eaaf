//! Which key follows which: one program writes its keys in one order, so the next one need mostly
//! not be looked up.
//!
//! What stands between two values (in JSON `,"status":`) is a *gap*. A gap that was read once is known
//! by its bytes, with the column of its key, and remembers the gap that came behind it. A line in any
//! other order is read all the same, gap by gap, without this.

use hashbrown::HashMap;

use crate::grammar::{Key, KeyedPlan};
use crate::scan::Prefix;

/// What the value of the key is, where the run needs it.
pub(super) type Kept = Option<Key>;

/// As many gaps as are remembered: clients can put keys into some logs.
const MOST: usize = 128;

/// A longer gap is not remembered.
const LONGEST: usize = 128;

/// The gaps that were seen.
#[derive(Debug, Default)]
pub(super) struct KeyOrder {
    /// The first one stands for the beginning of a line.
    gaps: Vec<Gap>,
    index: HashMap<Box<[u8]>, usize>,
    /// Those of the objects inside.
    pub(super) inner: Vec<KeyOrder>,
}

#[derive(Debug, Default)]
struct Gap {
    text: Prefix,
    kept: Kept,
    /// The gap that came behind it last.
    next: usize,
}

/// A place among the gaps of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

impl KeyOrder {
    /// Before the first gap of a line.
    pub(super) const START: Place = Place(0);

    /// Behind a gap that is not remembered.
    const NOWHERE: Place = Place(usize::MAX);

    /// An order for keys and those of the objects inside.
    pub(super) fn new(plan: &KeyedPlan) -> Self {
        KeyOrder {
            inner: plan.inner.iter().map(KeyOrder::new).collect(),
            ..KeyOrder::default()
        }
    }

    /// What follows the gap that is expected at this place, where it is the one that is there.
    #[inline(always)]
    pub(super) fn expected<'a>(
        &self,
        place: Place,
        input: &'a [u8],
    ) -> Option<(&'a [u8], Kept, Place)> {
        let next = self.gaps.get(place.0)?.next;
        let gap = self.gaps.get(next)?;
        // Nothing is expected where the start itself, an empty gap, is.
        if next == 0 {
            return None;
        }
        let left = gap.text.strip(input)?;
        Some((left, gap.kept, Place(next)))
    }

    /// Notes the gap that was there.
    #[cold]
    pub(super) fn learn(&mut self, place: Place, gap: &[u8], kept: Kept) -> Place {
        if self.gaps.is_empty() {
            self.gaps.push(Gap::default());
        }
        let next = match self.index.get(gap) {
            Some(next) => *next,
            None if self.gaps.len() >= MOST || gap.len() > LONGEST => return Self::NOWHERE,
            None => {
                self.gaps.push(Gap {
                    text: gap.into(),
                    kept,
                    next: 0,
                });
                self.index.insert(gap.into(), self.gaps.len() - 1);
                self.gaps.len() - 1
            }
        };
        if let Some(before) = self.gaps.get_mut(place.0) {
            before.next = next;
        }
        Place(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Field;

    #[test]
    fn what_came_last_is_expected() {
        let mut order = KeyOrder::default();
        assert_eq!(order.expected(KeyOrder::START, b"a:1"), None);
        let kept = Some(Key::Column(Field::Status, 3));
        let a = order.learn(KeyOrder::START, b"a:", None);
        let b = order.learn(a, b" b:", kept);
        assert_eq!(
            order.expected(KeyOrder::START, b"a:1 b:2"),
            Some((&b"1 b:2"[..], None, a))
        );
        assert_eq!(order.expected(a, b" b:2"), Some((&b"2"[..], kept, b)));
        assert_eq!(order.expected(a, b" c:2"), None);
        assert_eq!(order.expected(b, b""), None);
        assert_eq!(order.learn(a, b" b:", kept), b);
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let mut order = KeyOrder::default();
        let mut place = KeyOrder::START;
        for number in 0..10_000 {
            place = order.learn(place, format!("{number}:").as_bytes(), None);
        }
        assert!(order.gaps.len() <= MOST);
        assert_eq!(order.expected(place, b"0:"), None);
    }
}
