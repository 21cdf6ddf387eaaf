//! Blocks of whole lines out of a stream of bytes.
//!
//! A line ends at LF; one CR before it belongs to the end. A line over [`LONGEST_LINE`] is cut off:
//! it is counted once, its rest is dropped, and the next line is read.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

/// The longest line, in bytes without its end.
pub const LONGEST_LINE: usize = 1 << 20;

/// Bytes that are kept of a line that was cut off, to show it.
const KEPT_OF_LONG: usize = 4 << 10;

/// Bytes that are read at once at least.
const MIN_READ: usize = 64 << 10;

/// Bytes with room behind them that stays as it is: a vector would be zeroed again for each read.
#[derive(Debug, Default)]
struct Buffer {
    room: Vec<u8>,
    /// Bytes of `room` that are filled; `<= room.len()`.
    filled: usize,
}

impl Buffer {
    fn bytes(&self) -> &[u8] {
        &self.room[..self.filled]
    }

    fn clear(&mut self) {
        self.filled = 0;
    }

    fn extend(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        self.room[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
    }

    /// Drops the first `n` bytes.
    fn consume(&mut self, n: usize) {
        self.room.copy_within(n..self.filled, 0);
        self.filled -= n;
    }

    /// Reads until `wanted` bytes are filled or the stream ends; whether it ended.
    fn fill(&mut self, reader: &mut impl Read, wanted: usize) -> io::Result<bool> {
        if self.room.len() < wanted {
            self.room.resize(wanted, 0);
        }
        while self.filled < wanted {
            match reader.read(&mut self.room[self.filled..wanted]) {
                Ok(0) => return Ok(true),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// Whole lines of one source.
#[derive(Debug, Default)]
pub struct Block {
    /// The index of the source.
    pub source: usize,
    /// The number of the block in the order of handing out, from 0. Where one source is read at a time,
    /// that is the order of the input.
    pub number: u64,
    /// The beginnings of lines that were cut off.
    pub too_long: Vec<Vec<u8>>,
    /// The last directive before the block, see [`super::Feed::with_directives`]; empty where there is
    /// none.
    pub before: Vec<u8>,
    buffer: Buffer,
}

impl Block {
    /// The lines, each with its end but for the last of a source.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// Empties the block, whose memory is used again.
    pub(super) fn clear(&mut self) {
        self.too_long.clear();
        self.buffer.clear();
    }

    /// Adds bytes of whole lines.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// Adds the beginning of a line that was cut off.
    pub(super) fn cut_off(&mut self, line: &[u8]) {
        self.too_long.push(line[..KEPT_OF_LONG].to_vec());
    }

    /// The last line that begins with `mark`.
    pub(super) fn last_line_with(&self, mark: &[u8]) -> Option<&[u8]> {
        let bytes = self.bytes();
        let begins_line = |at: &usize| *at == 0 || bytes.get(at - 1) == Some(&b'\n');
        let at = memchr::memmem::rfind_iter(bytes, mark).find(begins_line)?;
        lines(bytes.get(at..)?).next()
    }

    /// Drops a last line without an end: an interrupt has cut it.
    pub(super) fn drop_unfinished_line(&mut self) {
        self.buffer.filled = memrchr(b'\n', self.bytes()).map_or(0, |at| at + 1);
    }
}

/// The lines of a block without their ends.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, left) = rest.split_at(end);
        rest = left.get(1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// What iconv calls the UTF-16 that a text begins in, with or without a byte order mark: every other
/// byte of ASCII is a zero then. `None` where it is none.
fn utf16(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Some("UTF-16");
    }
    let (pairs, _) = head.get(..64).unwrap_or(head).as_chunks::<2>();
    let all = |is: fn(&[u8; 2]) -> bool| pairs.len() >= 4 && pairs.iter().all(is);
    if all(|[high, low]| *high == 0 && *low != 0) {
        Some("UTF-16BE")
    } else if all(|[low, high]| *high == 0 && *low != 0) {
        Some("UTF-16LE")
    } else {
        None
    }
}

/// Cuts a stream into blocks.
pub(super) struct BlockReader<R> {
    reader: R,
    /// What was read and belongs to no block yet.
    carry: Buffer,
    /// Inside a line that was cut off.
    skipping: bool,
    /// Nothing more will come.
    ended: bool,
    /// Why it ended before its end; told after what was read before it.
    error: Option<String>,
}

impl<R: Read> BlockReader<R> {
    /// Reads the head of a stream: up to `head` bytes. A byte order mark of UTF-8 is dropped.
    ///
    /// # Errors
    /// The stream is UTF-16, or cannot be read at all.
    pub(super) fn new(reader: R, head: usize) -> Result<Self, String> {
        let mut new = BlockReader {
            reader,
            carry: Buffer::default(),
            skipping: false,
            ended: false,
            error: None,
        };
        new.fill(head);
        if new.head().is_empty()
            && let Some(error) = new.error.take()
        {
            return Err(error);
        }
        if let Some(name) = utf16(new.head()) {
            return Err(format!(
                "is UTF-16: convert it to UTF-8 first, as with iconv -f {name} -t UTF-8"
            ));
        }
        if new.head().starts_with(&[0xef, 0xbb, 0xbf]) {
            new.carry.consume(3);
        }
        Ok(new)
    }

    /// The bytes at the beginning, not handed on yet.
    pub(super) fn head(&self) -> &[u8] {
        self.carry.bytes()
    }

    /// Puts the next whole lines into `block`, about `size` bytes of them and at least one line.
    /// `false` at the end of the stream.
    ///
    /// # Errors
    /// The stream could not be read on; everything before was handed on.
    pub(super) fn next(&mut self, size: usize, block: &mut Block) -> Result<bool, String> {
        block.clear();
        let size = size.max(1);
        loop {
            self.skip();
            if let Some(end) = self.end_of_lines(size) {
                std::mem::swap(&mut self.carry, &mut block.buffer);
                self.carry.clear();
                self.carry.extend(&block.buffer.bytes()[end..]);
                block.buffer.filled = end;
                return Ok(true);
            }
            if self.ended {
                return match self.error.take() {
                    _ if !block.too_long.is_empty() => Ok(true),
                    Some(error) => Err(error),
                    None => Ok(false),
                };
            }
            let held = self.carry.bytes().len();
            if held > LONGEST_LINE + 1 {
                // Longer than a line may be, its CR included, and no end in sight.
                block.cut_off(self.carry.bytes());
                self.skipping = true;
            } else {
                self.fill(size.max(held * 2).max(MIN_READ));
            }
        }
    }

    /// Where the first lines end, about `size` bytes of them; `None` where more must be read first.
    fn end_of_lines(&self, size: usize) -> Option<usize> {
        let bytes = self.carry.bytes();
        if bytes.len() < size && !self.ended {
            return None;
        }
        let (within, beyond) = bytes.split_at(size.min(bytes.len()));
        memrchr(b'\n', within)
            .or_else(|| memchr(b'\n', beyond).map(|at| within.len() + at))
            .map(|at| at + 1)
            // The last line of a stream may have no end.
            .or_else(|| (self.ended && !bytes.is_empty()).then_some(bytes.len()))
    }

    /// Drops the rest of a line that was cut off.
    fn skip(&mut self) {
        if !self.skipping {
            return;
        }
        match memchr(b'\n', self.carry.bytes()) {
            Some(at) => {
                self.carry.consume(at + 1);
                self.skipping = false;
            }
            None => self.carry.clear(),
        }
    }

    /// Reads until `wanted` bytes are held. An error ends the stream.
    fn fill(&mut self, wanted: usize) {
        match self.carry.fill(&mut self.reader, wanted) {
            Ok(ended) => self.ended = ended,
            Err(error) => {
                self.error = Some(super::words(&error));
                self.ended = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_told_with_and_without_a_mark() {
        let encode = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "192.0.2.7 - -".encode_utf16().flat_map(bytes).collect()
        };
        assert_eq!(utf16(&encode(u16::to_be_bytes)), Some("UTF-16BE"));
        assert_eq!(utf16(&encode(u16::to_le_bytes)), Some("UTF-16LE"));
        assert_eq!(utf16(b"\xff\xfe1\0"), Some("UTF-16"));
        for text in [&b""[..], b"192.0.2.7", &[0; 64], b"a\0b", b"a\0b\0c\0d\0  "] {
            assert_eq!(utf16(text), None);
        }
    }

    /// Hands out its bytes in pieces, and then an error where there is one.
    struct Pieces<'b>(&'b [u8], usize, Option<io::ErrorKind>);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            if n == 0
                && let Some(kind) = self.2
            {
                return Err(kind.into());
            }
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    /// Lines, lines that were cut off, and the error at the end.
    fn read(
        bytes: &[u8],
        size: usize,
        piece: usize,
        error: Option<io::ErrorKind>,
    ) -> (Vec<Vec<u8>>, usize, bool) {
        let mut reader = BlockReader::new(Pieces(bytes, piece, error), 100).unwrap();
        let (mut block, mut all, mut long) = (Block::default(), Vec::new(), 0);
        loop {
            match reader.next(size, &mut block) {
                Ok(true) => {
                    all.extend(lines(block.bytes()).map(<[u8]>::to_vec));
                    long += block.too_long.len();
                }
                Ok(false) => return (all, long, false),
                Err(_) => return (all, long, true),
            }
        }
    }

    #[test]
    fn any_cut_gives_the_same_lines() {
        let text = b"one\r\n\ntwo\rtwo\n\0\0\nthree\n\r\nlast";
        let want: Vec<Vec<u8>> = [
            &b"one"[..],
            b"",
            b"two\rtwo",
            b"\0\0",
            b"three",
            b"",
            b"last",
        ]
        .map(<[u8]>::to_vec)
        .to_vec();
        for size in 1..40 {
            for piece in 1..40 {
                assert_eq!(
                    read(text, size, piece, None),
                    (want.clone(), 0, false),
                    "{size} {piece}"
                );
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_off_and_the_next_is_read() {
        for (length, cut) in [
            (LONGEST_LINE, 0),
            (LONGEST_LINE + 2, 1),
            (3 * LONGEST_LINE, 1),
        ] {
            for size in [100, BIG] {
                let mut text = b"first\n".to_vec();
                text.extend(std::iter::repeat_n(b'x', length));
                text.extend_from_slice(b"\nnext\n");
                let (got, long, _) = read(&text, size, 70_000, None);
                // In a large block it is whole, and its length tells.
                let too_long = got.iter().filter(|line| line.len() > LONGEST_LINE).count();
                assert_eq!(long + too_long, cut, "{length} {size}");
                assert_eq!(got.first().unwrap(), b"first");
                assert_eq!(got.last().unwrap(), b"next");
            }
        }
    }

    const BIG: usize = 8 << 20;

    #[test]
    fn an_endless_last_line_is_counted_once() {
        let text = vec![0; 3 * LONGEST_LINE];
        assert_eq!(read(&text, 100, 70_000, None), (vec![], 1, false));
    }

    #[test]
    fn what_comes_before_an_error_is_kept() {
        let (got, _, failed) = read(b"one\ntwo", 100, 2, Some(io::ErrorKind::Other));
        assert_eq!(got, [b"one", b"two"]);
        assert!(failed);
    }

    #[test]
    fn marks_of_byte_order_are_understood() {
        assert_eq!(read(b"\xef\xbb\xbfone", 9, 9, None).0, [b"one"]);
        assert!(BlockReader::new(&b"\xff\xfeo\0"[..], 100).is_err());
    }
}
