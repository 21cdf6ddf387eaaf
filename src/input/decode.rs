//! Decompression, told by the first bytes and never by the name of a file.
//!
//! Archives of several members are read to the end: nginx itself writes one gzip member for each
//! flush of its buffer. All decoders stream and have bounded memory.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// How a source is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

/// Bytes that tell all of them.
pub(super) const MAGIC: usize = 6;

/// The largest window that a zstd frame may ask for: 128 MiB, the reference decoder's own limit.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The largest memory that an xz stream may ask for, in KiB: 128 MiB.
const XZ_MEMORY_KIB: u32 = 128 << 10;

/// Bytes read at once from a compressed source.
const COMPRESSED_BUFFER: usize = 128 << 10;

impl Compression {
    /// The compression that begins with these bytes.
    #[must_use]
    pub fn of(magic: &[u8]) -> Compression {
        match magic {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // A frame, or a skippable frame before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            _ => Compression::None,
        }
    }
}

/// A reader of the decompressed bytes, and how they were compressed.
///
/// # Errors
/// The first bytes cannot be read, or a decoder cannot begin.
pub(super) fn decode(
    mut raw: Box<dyn Read + Send>,
) -> io::Result<(Box<dyn Read + Send>, Compression)> {
    let mut magic = Vec::with_capacity(MAGIC);
    raw.by_ref().take(MAGIC as u64).read_to_end(&mut magic)?;
    let compression = Compression::of(&magic);
    let whole = io::Cursor::new(magic).chain(raw);
    let buffered = |whole| BufReader::with_capacity(COMPRESSED_BUFFER, whole);
    let decoded: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(Named {
            kind: "gzip",
            reader: GzipMembers {
                input: Some(buffered(whole)),
                member: None,
            },
        }),
        Compression::Bzip2 => Box::new(Named {
            kind: "bzip2",
            reader: bzip2::bufread::MultiBzDecoder::new(buffered(whole)),
        }),
        Compression::Zstd => {
            let mut reader = zstd::stream::read::Decoder::with_buffer(buffered(whole))?;
            reader.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(Named {
                kind: "zstd",
                reader,
            })
        }
        Compression::Xz => {
            let reader = lzma_rust2::XzReader::new_mem_limit(buffered(whole), true, XZ_MEMORY_KIB);
            Box::new(Named { kind: "xz", reader })
        }
    };
    Ok((decoded, compression))
}

/// All members of a gzip file. Zeros behind a member are padding, as for gzip itself.
struct GzipMembers<R> {
    /// The input between two members.
    input: Option<R>,
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    /// Begins the next member; `false` where there is none.
    fn next_member(&mut self) -> io::Result<bool> {
        let Some(mut input) = self.input.take() else {
            return Ok(false);
        };
        loop {
            let ahead = input.fill_buf()?;
            let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
            if ahead.is_empty() {
                return Ok(false);
            }
            if zeros < ahead.len() {
                input.consume(zeros);
                self.member = Some(GzDecoder::new(input));
                return Ok(true);
            }
            input.consume(zeros);
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.member.is_some() || self.next_member()? {
            let Some(member) = &mut self.member else {
                break;
            };
            match member.read(buffer)? {
                0 if !buffer.is_empty() => {
                    self.input = self.member.take().map(GzDecoder::into_inner)
                }
                read => return Ok(read),
            }
        }
        Ok(0)
    }
}

/// A decoder whose errors say what is damaged.
struct Named<R> {
    kind: &'static str,
    reader: R,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the data end too early".to_owned(),
                _ => error.to_string(),
            };
            io::Error::new(error.kind(), format!("damaged {} data: {what}", self.kind))
        })
    }
}
