//! Whole lines out of bytes that come when they come: what is behind the last line end is kept until
//! its line is whole.
//!
//! The other way into a block, for input that does not end: [`super::blocks`] reads ahead until a block
//! is full, and nobody who looks at a live log wants to wait for that.

use memchr::{memchr, memrchr};

use super::blocks::{Block, LONGEST_LINE};

/// Holds half a line.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    /// The line of which no end was seen yet.
    half: Vec<u8>,
    /// Inside a line whose rest is dropped.
    skipping: bool,
    /// At the beginning of a file, where a hole may stand: see [`LineCutter::after_truncation`].
    at_hole: bool,
}

impl LineCutter {
    /// Begins inside a line, which is not handed on.
    pub(super) fn inside_a_line() -> Self {
        LineCutter {
            skipping: true,
            ..LineCutter::default()
        }
    }

    /// Begins in a file that was truncated. A server that did not open its log for appending writes on
    /// where it was, and the file begins with a hole of NUL bytes, which belong to no line.
    pub(super) fn after_truncation() -> Self {
        LineCutter {
            at_hole: true,
            ..LineCutter::default()
        }
    }

    /// Adds the lines that are whole with these bytes to a block.
    pub(super) fn push(&mut self, mut bytes: &[u8], block: &mut Block) {
        if self.at_hole {
            let hole = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes = &bytes[hole..];
            self.at_hole = bytes.is_empty();
        }
        if self.skipping {
            let Some(end) = memchr(b'\n', bytes) else {
                return;
            };
            bytes = &bytes[end + 1..];
            self.skipping = false;
        }
        let whole = memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        let (whole, half) = bytes.split_at(whole);
        if !whole.is_empty() {
            block.extend(&self.half);
            block.extend(whole);
            self.half.clear();
        }
        self.half.extend_from_slice(half);
        // The CR of its end included.
        if self.half.len() > LONGEST_LINE + 1 {
            block.cut_off(&self.half);
            self.half = Vec::new();
            self.skipping = true;
        }
    }

    /// Hands on what is held, because nothing will come behind it.
    pub(super) fn finish(&mut self, block: &mut Block) {
        if !self.half.is_empty() {
            block.extend(&self.half);
            block.extend(b"\n");
            self.half.clear();
        }
    }

    /// Whether half a line is held.
    pub(super) fn holds_half(&self) -> bool {
        !self.half.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::lines;

    fn cut(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let (mut cutter, mut block) = (LineCutter::default(), Block::default());
        for piece in pieces {
            cutter.push(piece, &mut block);
        }
        cutter.finish(&mut block);
        let lines = lines(block.bytes()).map(<[u8]>::to_vec).collect();
        (lines, block.too_long.len())
    }

    #[test]
    fn any_pieces_give_the_same_lines() {
        let text = b"one\r\n\ntwo\nlast";
        let want = cut(&[text]);
        assert_eq!(want.0, [&b"one"[..], b"", b"two", b"last"]);
        for at in 0..text.len() {
            for then in at..text.len() {
                assert_eq!(cut(&[&text[..at], &text[at..then], &text[then..]]), want);
            }
        }
    }

    #[test]
    fn a_line_without_an_end_is_bounded_and_counted_once() {
        let long = vec![b'x'; LONGEST_LINE / 2];
        let (lines, cut_off) = cut(&[b"a\n", &long, &long, &long, &long, &long, b"x\nb\n"]);
        assert_eq!((lines, cut_off), (vec![b"a".to_vec(), b"b".to_vec()], 1));
    }

    #[test]
    fn a_hole_is_no_line() {
        let (mut cutter, mut block) = (LineCutter::after_truncation(), Block::default());
        cutter.push(b"\0\0\0", &mut block);
        cutter.push(b"\0one\n\0\n", &mut block);
        assert_eq!(block.bytes(), b"one\n\0\n");
    }
}
