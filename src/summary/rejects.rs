//! Where the lines go that are no record, if somebody wants them: in the order of the input, while
//! blocks are read by several workers.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Writes the rejected lines of blocks in the order of the blocks.
pub struct RejectSink<W>(Mutex<Inner<W>>);

struct Inner<W> {
    out: W,
    /// The number of the block that is written next.
    next: u64,
    /// Blocks that came too early; at most as many as there are workers.
    early: BTreeMap<u64, Vec<u8>>,
    error: Option<io::Error>,
}

impl<W: Write> RejectSink<W> {
    /// A sink that writes to `out`.
    pub fn new(out: W) -> Self {
        RejectSink(Mutex::new(Inner {
            out,
            next: 0,
            early: BTreeMap::new(),
            error: None,
        }))
    }

    /// Takes the rejected lines of a block, each with its end; every block must be given once, one
    /// without rejects too.
    pub fn block(&self, number: u64, lines: Vec<u8>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.early.insert(number, lines);
        loop {
            let next = inner.next;
            let Some(lines) = inner.early.remove(&next) else {
                return;
            };
            inner.next += 1;
            if inner.error.is_none()
                && let Err(error) = inner.out.write_all(&lines)
            {
                inner.error = Some(error);
            }
        }
    }

    /// What was written to.
    ///
    /// # Errors
    /// The first error that writing met.
    pub fn finish(self) -> io::Result<W> {
        let inner = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        match inner.error {
            Some(error) => Err(error),
            None => Ok(inner.out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_written_in_their_order() {
        let sink = RejectSink::new(Vec::new());
        for (number, lines) in [(2, "c\n"), (0, "a\n"), (1, ""), (3, "d\n")] {
            sink.block(number, lines.as_bytes().to_vec());
        }
        assert_eq!(sink.finish().unwrap(), b"a\nc\nd\n");
    }
}
