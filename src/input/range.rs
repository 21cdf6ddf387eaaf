//! The lines of a piece of a stream: a line belongs to the piece in which its first byte lies, so that
//! pieces that touch hold every line once.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;

/// Bytes that are read at once while looking for the first line.
const STEP: usize = 64 << 10;

/// A reader that gives the lines of a piece only.
#[derive(Debug)]
pub struct LinesWithin<R> {
    reader: R,
    range: Range<u64>,
    /// The position in the stream of the next byte that the reader gives.
    at: u64,
    /// Bytes of the piece that were read while its first line was looked for.
    ahead: Vec<u8>,
    /// Whether the first line was found.
    found: bool,
    /// Whether the last line ended.
    done: bool,
}

impl<R: Read> LinesWithin<R> {
    /// The lines that begin in `range` of a stream of which the reader gives the bytes from `at` on. To
    /// know whether a line begins at the first byte of the range, the byte before it must be there.
    pub fn new(reader: R, at: u64, range: Range<u64>) -> Self {
        LinesWithin {
            reader,
            found: range.start == 0,
            range,
            at,
            ahead: Vec::new(),
            done: false,
        }
    }

    /// Reads on until the first line of the range begins.
    fn find(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; STEP];
        while !self.found {
            let read = self.reader.read(&mut buffer)?;
            if read == 0 {
                self.done = true;
                return Ok(());
            }
            let bytes = &buffer[..read];
            let begin = self.at;
            self.at += read as u64;
            // A line begins behind every end of line from the byte before the range on.
            let from = (self.range.start - 1)
                .saturating_sub(begin)
                .min(read as u64) as usize;
            let Some(end) = memchr(b'\n', &bytes[from..]) else {
                continue;
            };
            let line = from + end + 1;
            self.found = true;
            if begin + line as u64 >= self.range.end {
                self.done = true;
                return Ok(());
            }
            self.ahead = bytes[line..].to_vec();
            self.at = begin + line as u64;
        }
        Ok(())
    }
}

impl<R: Read> Read for LinesWithin<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.found {
            self.find()?;
        }
        if self.done || self.range.is_empty() {
            return Ok(0);
        }
        let read = if self.ahead.is_empty() {
            self.reader.read(out)?
        } else {
            let length = self.ahead.len().min(out.len());
            out[..length].copy_from_slice(&self.ahead[..length]);
            self.ahead.drain(..length);
            length
        };
        let begin = self.at;
        self.at += read as u64;
        if self.at < self.range.end {
            return Ok(read);
        }
        // The last line is that in which the last byte of the range lies; it may end far behind it.
        let from = (self.range.end - 1).saturating_sub(begin) as usize;
        match memchr(b'\n', &out[from.min(read)..read]) {
            Some(end) => {
                self.done = true;
                Ok(from + end + 1)
            }
            None => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(text: &[u8], range: Range<u64>, chunk: usize) -> Vec<u8> {
        /// Gives a few bytes at a time.
        struct Slow<'t>(&'t [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = self.1.min(out.len()).min(self.0.len());
                out[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let mut out = Vec::new();
        LinesWithin::new(Slow(text, chunk), 0, range)
            .read_to_end(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn pieces_that_touch_hold_every_line_once() {
        for text in [
            &b"one\ntwo\n\nfour and more\n5"[..],
            b"\n\n\n",
            b"no end",
            b"",
            b"a\nb\n",
        ] {
            let length = text.len() as u64;
            for chunk in [1, 3, 100] {
                for one in 0..=length {
                    for two in one..=length {
                        let mut all = Vec::new();
                        for range in [0..one, one..two, two..length + 5] {
                            let piece = within(text, range.clone(), chunk);
                            let first = all.len() as u64;
                            assert!(piece.is_empty() || range.contains(&first), "{range:?}");
                            all.extend(piece);
                        }
                        assert_eq!(all, text, "{one} {two} {chunk}");
                    }
                }
            }
        }
    }
}
