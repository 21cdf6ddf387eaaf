//! Where the values of a line are: scratch space that one reader uses for all its lines.

use crate::grammar::{Field, Fields, Layout, Plan, Reading};
use crate::unit::{Micros, Unit, usual_seconds};

/// Room for every field; a power of two, so that an index needs no check.
const ROOM: usize = 32;
const _: () = assert!(Field::COUNT <= ROOM);

/// The place of each field's text in the line, and the column that gave it.
///
/// Offsets instead of slices, so that the space outlives the line and is not written anew for each.
#[derive(Debug)]
pub struct Values {
    /// Bit `n` is set where field `n` is there; `places` and `columns` hold stale data elsewhere.
    present: u32,
    places: [Place; ROOM],
    columns: [u8; ROOM],
    /// The µs of a field that is one plain number of seconds; [`NOT_PLAIN`] of others.
    times: [u64; ROOM],
    /// Which columns are durations in seconds.
    is_seconds: [bool; 256],
}

/// No duration is that long.
const NOT_PLAIN: u64 = u64::MAX;

/// Lines are at most a mebibyte long, so offsets fit.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: u32,
    end: u32,
}

impl Values {
    /// Space for lines of a plan. In a text each field is always given by the same column.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut new = Values {
            present: 0,
            places: [Place::default(); ROOM],
            columns: [0; ROOM],
            times: [NOT_PLAIN; ROOM],
            is_seconds: [false; 256],
        };
        for (is_seconds, column) in new.is_seconds.iter_mut().zip(&plan.columns) {
            *is_seconds = column.reading == Reading::Duration(Unit::Seconds);
        }
        if let Layout::Text(text) = &plan.layout {
            for (field, column) in text.steps.iter().filter_map(|step| step.keep) {
                new.columns[field as usize % ROOM] = column;
            }
        }
        new
    }

    /// Forgets the line before.
    #[inline]
    pub fn clear(&mut self) {
        self.present = 0;
    }

    /// Notes that the field's text is `start..end` of the line, and which column gave it.
    #[inline(always)]
    pub fn set(&mut self, (field, column): (Field, u8), line: &[u8], start: usize, end: usize) {
        let at = field as usize % ROOM;
        self.places[at] = Place {
            start: start as u32,
            end: end as u32,
        };
        self.columns[at] = column;
        self.present |= 1 << at;
        // Another column may have given the field in the line before: what is no duration is noted, too.
        self.times[at] = if self.is_seconds[usize::from(column)] {
            let time = line.get(start..end).and_then(usual_seconds);
            time.unwrap_or(NOT_PLAIN)
        } else {
            NOT_PLAIN
        };
    }

    /// As [`Values::set`], of a field whose column is known and that [`Values::set_present`] is told
    /// of afterwards. The text is the first `length` bytes of what begins at `start`.
    #[inline(always)]
    pub fn put(&mut self, (field, column): (Field, u8), start: usize, text: &[u8], length: usize) {
        let at = field as usize % ROOM;
        self.places[at] = Place {
            start: start as u32,
            end: (start + length) as u32,
        };
        if self.is_seconds[usize::from(column)] {
            let time = text.get(..length).and_then(usual_seconds);
            self.times[at] = time.unwrap_or(NOT_PLAIN);
        }
    }

    /// Says at once which fields are there.
    #[inline]
    pub fn set_present(&mut self, fields: Fields) {
        self.present = fields.bits();
    }

    /// The duration of a field that is one plain number of seconds.
    #[inline(always)]
    pub fn time(&self, field: Field) -> Option<Micros> {
        let at = field as usize % ROOM;
        let time = self.times[at];
        (time != NOT_PLAIN && self.present & (1 << at) != 0).then_some(Micros(time))
    }

    /// Whether a field is in seconds, or not there.
    #[inline(always)]
    pub fn is_in_seconds(&self, field: Field) -> bool {
        self.column(field)
            .is_none_or(|column| self.is_seconds[column % self.is_seconds.len()])
    }

    /// As [`Values::set`], unless a column of a lower index, which is the preferred one, gave the
    /// field already.
    #[inline(always)]
    pub fn set_preferred(
        &mut self,
        (field, column): (Field, u8),
        line: &[u8],
        start: usize,
        end: usize,
    ) {
        if self
            .column(field)
            .is_none_or(|old| usize::from(column) <= old)
        {
            self.set((field, column), line, start, end);
        }
    }

    /// The text of a field in its line.
    #[inline]
    pub fn text<'l>(&self, field: Field, line: &'l [u8]) -> Option<&'l [u8]> {
        let at = field as usize % ROOM;
        if self.present & (1 << at) == 0 {
            return None;
        }
        let place = &self.places[at];
        line.get(place.start as usize..place.end as usize)
    }

    /// Whether any of the fields is there.
    #[inline]
    pub fn has_any(&self, fields: Fields) -> bool {
        self.present & fields.bits() != 0
    }

    /// Whether all of the fields are there.
    #[inline]
    pub fn has_all(&self, fields: Fields) -> bool {
        self.present & fields.bits() == fields.bits()
    }

    /// The index of the column that gave a field.
    #[inline]
    pub fn column(&self, field: Field) -> Option<usize> {
        let at = field as usize % ROOM;
        (self.present & (1 << at) != 0).then(|| usize::from(self.columns[at]))
    }

    /// Forgets the value of a column that holds this text: what a server writes for nothing.
    #[inline]
    pub fn forget(&mut self, (field, column): (Field, u8), null: &[u8], line: &[u8]) {
        if self.column(field) == Some(usize::from(column)) && self.text(field, line) == Some(null) {
            self.present &= !(1 << field as usize);
        }
    }

    /// Makes the value of one field that of another.
    pub fn rename(&mut self, from: Field, to: Field) {
        let (from, to) = (from as usize % ROOM, to as usize % ROOM);
        self.places[to] = self.places[from];
        self.columns[to] = self.columns[from];
        self.times[to] = self.times[from];
        self.present = self.present & !(1 << from) | 1 << to;
    }
}
