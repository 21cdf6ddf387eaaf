//! Which key follows which: one program writes its keys in one order, so the next one need mostly
//! not be looked up.
//!
//! What stands between two values (in JSON `","status":`) is a *gap*. A gap that was read once is
//! known by its bytes, with what comes behind it, and remembers the gap that followed it last. A line
//! in any other order is read all the same, gap by gap, without this.
//!
//! That only works where reading a gap does not look beyond its end: then the same bytes in the same
//! object are the same gap.

use hashbrown::HashMap;

use crate::grammar::{Field, Key, KeyedPlan};
use crate::scan::Needle;

/// As many gaps as are remembered: clients can put keys into some logs.
const MOST: usize = 256;

/// A longer gap is not remembered.
const LONGEST: usize = 128;

/// What comes behind a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) kind: Kind,
    /// Field and column of the value, where the run needs it.
    pub(super) kept: Option<(Field, u8)>,
    /// Where it is.
    pub(super) inside: Inside,
}

impl Behind {
    /// The value of a key of the line itself.
    pub(super) fn in_line(kind: Kind, key: Key) -> Behind {
        Behind {
            kind,
            kept: key.column,
            inside: Inside::LINE,
        }
    }
}

/// How what comes behind a gap ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// At a quote; the one before it is in the gap.
    Quoted,
    /// Where a number or word ends.
    Bare,
    /// At the bracket of an object or list that the run does not need; the one before is in the gap.
    Nested,
    /// It is the end of the line.
    End,
}

/// In which object of a JSON line something is. The other syntaxes know only the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Inside {
    pub(super) object: u8,
    /// Whether it is a list in truth, in the lowest bit, and the objects around it, in the others.
    lists: u64,
}

impl Inside {
    /// The line itself.
    pub(super) const LINE: Inside = Inside {
        object: KeyedPlan::LINE,
        lists: 0,
    };

    /// Into an object of the plan.
    pub(super) fn enter(self, object: u8, is_list: bool) -> Inside {
        Inside {
            object,
            lists: self.lists << 1 | u64::from(is_list),
        }
    }

    /// Out into the object around; `None` out of the line.
    pub(super) fn leave(self, plan: &KeyedPlan) -> Option<Inside> {
        Some(Inside {
            object: plan.around(self.object)?,
            lists: self.lists >> 1,
        })
    }

    pub(super) fn is_list(self) -> bool {
        self.lists & 1 == 1
    }
}

/// The gaps that were seen.
#[derive(Debug)]
pub(super) struct KeyOrder {
    /// The first one stands for the beginning of a line, the second for any that is not remembered.
    gaps: Vec<Gap>,
    /// The gaps of a text, one for each object that it was seen in.
    index: HashMap<Box<[u8]>, Vec<usize>>,
}

#[derive(Debug)]
struct Gap {
    text: Needle,
    /// Where it begins.
    from: Inside,
    behind: Behind,
    /// The gap that came behind it last.
    next: usize,
}

impl Gap {
    fn new(text: &[u8], from: Inside, behind: Behind) -> Gap {
        Gap {
            text: text.into(),
            from,
            behind,
            next: NONE,
        }
    }
}

/// No gap.
const NONE: usize = usize::MAX;

/// A place among the gaps of a line: behind one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    gap: usize,
    /// The gap that is expected next.
    next: usize,
}

/// Where the two special gaps are.
const START: usize = 0;
const STRANGER: usize = 1;

impl Default for KeyOrder {
    fn default() -> Self {
        let nothing = Behind {
            kind: Kind::End,
            kept: None,
            inside: Inside::LINE,
        };
        KeyOrder {
            gaps: vec![
                Gap::new(b"", Inside::LINE, nothing),
                Gap::new(b"", Inside::LINE, nothing),
            ],
            index: HashMap::new(),
        }
    }
}

impl KeyOrder {
    /// The place before the first gap of a line.
    #[inline(always)]
    pub(super) fn start(&self) -> Place {
        self.place(START)
    }

    /// Whether nothing of the line was read yet.
    pub(super) fn is_start(place: Place) -> bool {
        place.gap == START
    }

    #[inline(always)]
    fn place(&self, gap: usize) -> Place {
        let next = self.gaps.get(gap).map_or(NONE, |gap| gap.next);
        Place { gap, next }
    }

    /// The place behind the gap that is expected, where it is the one that is there; what comes behind
    /// it; and where it ends.
    #[inline(always)]
    pub(super) fn expected(
        &self,
        place: Place,
        line: &[u8],
        at: usize,
    ) -> Option<(Place, &Behind, usize)> {
        let gap = self.gaps.get(place.next)?;
        let end = gap.text.end_at(line, at)?;
        let place = Place {
            gap: place.next,
            next: gap.next,
        };
        Some((place, &gap.behind, end))
    }

    /// What comes behind the gap of this place.
    pub(super) fn behind(&self, place: Place) -> Option<&Behind> {
        self.gaps.get(place.gap).map(|gap| &gap.behind)
    }

    /// Notes the gap that was there.
    pub(super) fn learn(
        &mut self,
        place: Place,
        text: &[u8],
        from: Inside,
        behind: Behind,
    ) -> Place {
        let gaps = &mut self.gaps;
        let known = self.index.get(text).and_then(|same| {
            let mut same = same.iter().copied();
            same.find(|at| gaps.get(*at).is_some_and(|gap| gap.from == from))
        });
        let next = match known {
            Some(next) => next,
            None if gaps.len() >= MOST || text.len() > LONGEST => {
                if let Some(stranger) = gaps.get_mut(STRANGER) {
                    stranger.behind = behind;
                }
                return self.place(STRANGER);
            }
            None => {
                let next = gaps.len();
                gaps.push(Gap::new(text, from, behind));
                self.index.entry(text.into()).or_default().push(next);
                next
            }
        };
        // What follows a stranger says nothing of what follows the next.
        if place.gap != STRANGER
            && let Some(before) = gaps.get_mut(place.gap)
        {
            before.next = next;
        }
        self.place(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Inside = Inside::LINE;

    fn value(column: u8) -> Behind {
        Behind {
            kind: Kind::Bare,
            kept: Some((Field::Status, column)),
            inside: LINE,
        }
    }

    #[test]
    fn what_came_last_is_expected() {
        let mut order = KeyOrder::default();
        let line = b"a:1 b:2";
        assert_eq!(order.expected(order.start(), line, 0), None);
        let a = order.learn(order.start(), b"a:", LINE, value(1));
        let b = order.learn(a, b" b:", LINE, value(2));
        let (place, behind, end) = order.expected(order.start(), line, 0).unwrap();
        assert_eq!((*behind, end), (value(1), 2));
        assert_eq!(order.expected(place, line, 2), None);
        assert_eq!(order.expected(place, line, 3), Some((b, &value(2), 6)));
        assert_eq!(order.expected(b, line, 7), None);
        assert_eq!(order.learn(place, b" b:", LINE, value(2)), b);
    }

    #[test]
    fn one_text_in_two_objects_is_two_gaps() {
        let mut order = KeyOrder::default();
        let inside = LINE.enter(1, false);
        let one = order.learn(order.start(), b",x:", LINE, value(1));
        let other = order.learn(one, b",x:", inside, value(2));
        assert_ne!(one, other);
        assert_eq!(order.behind(other), Some(&value(2)));
        assert_ne!(LINE.enter(1, true), inside);
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let mut order = KeyOrder::default();
        let mut place = order.start();
        for number in 0..10_000_u32 {
            let behind = value(number as u8);
            place = order.learn(place, format!("{number}:").as_bytes(), LINE, behind);
            assert_eq!(order.behind(place), Some(&behind));
        }
        assert!(order.gaps.len() <= MOST);
        assert_eq!(order.expected(place, b"9999:", 0), None);
    }
}
