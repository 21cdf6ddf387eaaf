//! Frames: pieces of bytes that know their kind, version, length and checksum, so that files of them can
//! be put behind each other, and damage is found before anything is decoded.
//!
//! ```text
//! magic 8 bytes │ version u16 │ 0 u16 │ CRC-32 of what follows u32 │ length u64 │ payload
//! ```
//!
//! Numbers are little-endian. The magic begins with a byte that no text has, as PNG's does, and holds a
//! line's end, which a transfer as text would change.

use std::fmt;
use std::io::{self, BufWriter, Read, Write};

/// What a snapshot begins with.
pub const MAGIC: [u8; 8] = *b"\x89SLOWP\n\0";

/// The version of the payload. Another one is refused, never guessed at.
pub const VERSION: u16 = 3;

/// The bytes before the payload.
pub const HEADER: usize = 24;

/// A longer payload is not read: no run's tallies come near it.
const LONGEST: u64 = 1 << 30;

/// Bytes that are asked for at once: a header may lie about its length.
const CHUNK: usize = 1 << 20;

/// Why frames cannot be read.
#[derive(Debug)]
pub enum FrameError {
    /// The bytes are none of a snapshot; so many bytes of it were read before.
    NoFrame(u64),
    /// It is of another version.
    Version(u16),
    /// It ends in the middle of a frame.
    Truncated,
    /// The checksum is another one.
    Damaged,
    /// It says that it is longer than any is.
    TooLong(u64),
    /// It cannot be read.
    Io(io::Error),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::NoFrame(0) => f.write_str("is no snapshot of slowpath"),
            FrameError::NoFrame(at) => write!(
                f,
                "is no snapshot of slowpath from byte {at} on: something else was appended, or the length was changed"
            ),
            FrameError::Version(version) => write!(
                f,
                "is a snapshot of version {version}, and this program reads version {VERSION}: make it again from the log"
            ),
            FrameError::Truncated => f.write_str(
                "is a snapshot that was cut off: make it again from the log",
            ),
            FrameError::Damaged => f.write_str(
                "is a snapshot that was changed or damaged (its checksum does not fit): make it again from the log",
            ),
            FrameError::TooLong(length) => write!(
                f,
                "is a damaged snapshot: a frame says that it has {length} bytes"
            ),
            FrameError::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Writes a frame, whose payload comes in pieces.
///
/// # Errors
/// It cannot be written.
pub fn write(payload: &[&[u8]], to: &mut impl Write) -> io::Result<()> {
    // Pieces may be many and small.
    let mut to = BufWriter::with_capacity(CHUNK, to);
    let length: usize = payload.iter().map(|piece| piece.len()).sum();
    let length = (length as u64).to_le_bytes();
    to.write_all(&MAGIC)?;
    to.write_all(&VERSION.to_le_bytes())?;
    to.write_all(&[0; 2])?;
    to.write_all(&checksum(&length, payload).to_le_bytes())?;
    to.write_all(&length)?;
    for piece in payload {
        to.write_all(piece)?;
    }
    to.flush()
}

/// Reads the payloads of all frames, one after the other.
///
/// # Errors
/// See [`FrameError`]. The frames before the error were good.
pub fn read_all(mut from: impl Read, mut each: impl FnMut(Vec<u8>)) -> Result<usize, FrameError> {
    let (mut frames, mut at) = (0, 0);
    while let Some(payload) = read(&mut from, at)? {
        at += (HEADER + payload.len()) as u64;
        each(payload);
        frames += 1;
    }
    if frames == 0 {
        return Err(FrameError::NoFrame(0));
    }
    Ok(frames)
}

/// The payload of the next frame; `None` at the end.
fn read(from: &mut impl Read, at: u64) -> Result<Option<Vec<u8>>, FrameError> {
    let mut header = Vec::with_capacity(HEADER);
    let mut limited = from.by_ref().take(HEADER as u64);
    limited.read_to_end(&mut header).map_err(FrameError::Io)?;
    if header.is_empty() {
        return Ok(None);
    }
    if !header.starts_with(&MAGIC) {
        return Err(
            if header.len() < MAGIC.len() && MAGIC.starts_with(&header) {
                FrameError::Truncated
            } else {
                FrameError::NoFrame(at)
            },
        );
    }
    let number = |from: usize, length: usize| {
        let bytes = header.get(from..from + length)?;
        let mut number = [0; 8];
        number[..length].copy_from_slice(bytes);
        Some(u64::from_le_bytes(number))
    };
    let (Some(version), Some(check), Some(length)) = (number(8, 2), number(12, 4), number(16, 8))
    else {
        return Err(FrameError::Truncated);
    };
    // OK because two bytes fit.
    let version = version as u16;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    if number(10, 2) != Some(0) {
        return Err(FrameError::Damaged);
    }
    if length > LONGEST {
        return Err(FrameError::TooLong(length));
    }
    // Grown while it is read, so that a length that lies costs nothing.
    let mut payload = Vec::with_capacity(length.min(CHUNK as u64) as usize);
    from.take(length)
        .read_to_end(&mut payload)
        .map_err(FrameError::Io)?;
    if (payload.len() as u64) < length {
        return Err(FrameError::Truncated);
    }
    if u64::from(checksum(&length.to_le_bytes(), &[&payload])) != check {
        return Err(FrameError::Damaged);
    }
    Ok(Some(payload))
}

fn checksum(length: &[u8], payload: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(length);
    payload.iter().for_each(|piece| hasher.update(piece));
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(payloads: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for payload in payloads {
            write(&[payload], &mut out).unwrap();
        }
        out
    }

    fn all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut payloads = Vec::new();
        read_all(bytes, |payload| payloads.push(payload)).map(|_| payloads)
    }

    #[test]
    fn frames_behind_each_other_are_read_as_written() {
        let payloads: [&[u8]; 3] = [b"one", b"", b"\x89SLOWP\n\0"];
        assert_eq!(all(&frames(&payloads)).unwrap(), payloads);
    }

    #[test]
    fn every_cut_and_every_bit_is_noticed() {
        let good = frames(&[b"first payload", b"second"]);
        let first = HEADER + 13;
        for cut in 0..good.len() {
            // A cut between two frames leaves a snapshot: that a piece is missing shows in its coverage.
            if cut != first {
                assert!(all(&good[..cut]).is_err(), "{cut}");
            }
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(all(&bad).is_err(), "{bit}");
        }
    }

    #[test]
    fn a_length_that_lies_costs_nothing() {
        for length in [u64::MAX, LONGEST, LONGEST + 1] {
            let mut bad = frames(&[b"x"]);
            bad[16..24].copy_from_slice(&length.to_le_bytes());
            assert!(all(&bad).is_err());
        }
    }
}
