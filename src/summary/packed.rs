//! The large parts of tallies on disk: each has bytes of its own, so that all threads of the caller's pool encode
//! and decode them, and that the windows of runs are made only where a question asks for them. What the bytes
//! say is said by the types of the parts.
//!
//! With what a snapshot holds besides stands how many bytes there are; the bytes themselves stand behind it,
//! so that nobody copies them.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::Question;
use super::runs::RunTallies;
use super::tally::Tally;

/// The bytes of a part, in a buffer that it may share with others.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct Packed {
    buffer: Arc<Vec<u8>>,
    range: Range<usize>,
}

/// Where the part would stand, stands how many bytes it has.
impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.range.len() as u64)
    }
}

/// So many bytes, before it is known where they are.
impl TryFrom<u64> for Packed {
    type Error = std::num::TryFromIntError;

    fn try_from(length: u64) -> Result<Packed, Self::Error> {
        let range = 0..usize::try_from(length)?;
        Ok(Packed {
            buffer: Arc::default(),
            range,
        })
    }
}

impl Packed {
    /// Packs a tally that is settled.
    #[must_use]
    pub fn of_tally(tally: &Tally) -> Packed {
        Packed::of(&(tally, &tally.runs))
    }

    /// Packs a part.
    #[must_use]
    pub fn of(part: &impl Serialize) -> Packed {
        // OK because every part of tallies can be encoded.
        let bytes = postcard::to_allocvec(part).unwrap_or_else(|e| unreachable!("{e}"));
        let range = 0..bytes.len();
        Packed {
            buffer: Arc::new(bytes),
            range,
        }
    }

    /// The bytes; none where they are not in their buffer.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }

    /// Has its bytes in this buffer, from there on; returns where they end. `None` where that is beyond it.
    pub fn set(&mut self, buffer: &Arc<Vec<u8>>, from: usize) -> Option<usize> {
        let end = from.checked_add(self.range.len())?;
        buffer.get(from..end)?;
        self.buffer = Arc::clone(buffer);
        self.range = from..end;
        Some(end)
    }

    /// The part again.
    ///
    /// # Errors
    /// The bytes are those of none.
    pub fn unpack<'p, T: Deserialize<'p>>(&'p self) -> Result<T, &'static str> {
        match postcard::take_from_bytes(self.bytes()) {
            Ok((part, [])) => Ok(part),
            _ => Err("holds a part that is none"),
        }
    }

    /// The tally again, with what the question asks for. `places` says which source each of the sources of its
    /// runs is.
    ///
    /// # Errors
    /// The bytes are those of no tally, or it holds values that no log has.
    pub fn unpack_tally(
        &self,
        question: &Question,
        places: &[usize],
    ) -> Result<Box<Tally>, &'static str> {
        let (mut tally, runs): (Box<Tally>, Option<RunTallies<&[u8]>>) = self.unpack()?;
        if let Some(runs) = runs {
            if !runs.is_sound(places.len()) {
                return Err("holds runs that no log has");
            }
            if question.runs {
                let mut runs = runs.read()?;
                runs.place(places);
                tally.runs = Some(Box::new(runs));
            } else {
                runs.add_to(&mut tally.phases)?;
            }
        }
        if !tally.is_sound() {
            return Err("holds values that no log has");
        }
        tally.slowest.keep(question.examples);
        Ok(tally)
    }
}
