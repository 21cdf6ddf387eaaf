//! Where the values of a line are: scratch space that one reader uses for all its lines.

use crate::grammar::{Field, Fields};

/// Room for every field; a power of two, so that an index needs no check.
const ROOM: usize = 32;
const _: () = assert!(Field::COUNT <= ROOM);

/// The place of each field's text in the line, and the column that gave it.
///
/// Offsets instead of slices, so that the space outlives the line and is not written anew for each.
#[derive(Debug, Default)]
pub struct Values {
    /// Bit `n` is set where field `n` is there; `places` holds stale data elsewhere.
    present: u32,
    places: [Place; ROOM],
}

/// Lines are at most a mebibyte long, so offsets fit.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: u32,
    end: u32,
    column: u8,
}

impl Values {
    /// Forgets the line before.
    #[inline]
    pub fn clear(&mut self) {
        self.present = 0;
    }

    /// Notes that the field's text is `start..end`.
    #[inline]
    pub fn set(&mut self, (field, column): (Field, u8), start: usize, end: usize) {
        self.put((field, column), start, end);
        self.present |= 1 << field as usize;
    }

    /// As [`Values::set`], of a field that [`Values::set_present`] is told of afterwards.
    #[inline(always)]
    pub fn put(&mut self, (field, column): (Field, u8), start: usize, end: usize) {
        self.places[field as usize % ROOM] = Place {
            start: start as u32,
            end: end as u32,
            column,
        };
    }

    /// Says at once which fields are there.
    #[inline]
    pub fn set_present(&mut self, fields: Fields) {
        self.present = fields.bits();
    }

    /// As [`Values::set`], unless a column of a lower index, which is the preferred one, gave the
    /// field already.
    #[inline]
    pub fn set_preferred(&mut self, (field, column): (Field, u8), start: usize, end: usize) {
        if self
            .column(field)
            .is_none_or(|old| usize::from(column) <= old)
        {
            self.set((field, column), start, end);
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
        (self.present & (1 << at) != 0).then(|| usize::from(self.places[at].column))
    }

    /// Forgets the value of a column that holds this text: what a server writes for nothing.
    pub fn forget(&mut self, (field, column): (Field, u8), null: &[u8], line: &[u8]) {
        if self.column(field) == Some(usize::from(column)) && self.text(field, line) == Some(null) {
            self.present &= !(1 << field as usize);
        }
    }

    /// Makes the value of one field that of another.
    pub fn rename(&mut self, from: Field, to: Field) {
        let Place { start, end, column } = self.places[from as usize % ROOM];
        self.set((to, column), start as usize, end as usize);
        self.present &= !(1 << from as usize);
    }
}
