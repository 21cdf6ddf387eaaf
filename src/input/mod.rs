//! Logs as blocks of whole lines: files and stdin, compressed or not, several at a time.
//!
//! A [`Feed`] hands blocks to workers. What a line means is not known here: whoever opens the feed
//! says, from the first bytes of each source, what its blocks are to be read with.

mod blocks;
mod cutter;
mod decode;
mod follow;
mod handover;
mod interrupt;
mod pipe;
mod range;
mod tail;

pub use blocks::{Block, LONGEST_LINE, lines};
pub use decode::Compression;
pub use follow::{Follow, FollowOptions, Followed};
pub use interrupt::{Interrupt, Interruptible};
pub use pipe::Pipe;
pub use range::LinesWithin;
pub use tail::last_lines;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use blocks::BlockReader;
use handover::{Handover, Turn};

use crate::untrusted::Untrusted;

/// Bytes of a block: small enough that a worker's block stays in its core's own cache, large
/// enough that handing it over costs nothing.
pub const BLOCK: usize = 256 << 10;

/// Bytes from the beginning of a source by which its format is told.
pub const HEAD: usize = 64 << 10;

/// Where lines come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, FIFO or device.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Standard input, kept in a file without a name to be read more than once.
    Kept(Arc<File>),
    /// The lines of a file that begin in this range of its bytes, after decompression.
    Piece(PathBuf, Range<u64>),
    /// The lines that begin in this range of a log of which standard input gives the bytes from the one
    /// before the range on.
    StdinPiece(Range<u64>),
}

impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::File(one), Source::File(another)) => one == another,
            (Source::Stdin, Source::Stdin) => true,
            (Source::Kept(one), Source::Kept(another)) => Arc::ptr_eq(one, another),
            (Source::Piece(one, range), Source::Piece(another, other)) => {
                one == another && range == other
            }
            (Source::StdinPiece(range), Source::StdinPiece(other)) => range == other,
            _ => false,
        }
    }
}

impl Source {
    /// `-` is standard input.
    #[must_use]
    pub fn from_argument(path: &Path) -> Source {
        if path.as_os_str() == "-" {
            Source::Stdin
        } else {
            Source::File(path.to_owned())
        }
    }

    /// The name in messages, as bytes that a stranger may have chosen.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self {
            Source::File(path) | Source::Piece(path, _) => path.as_os_str().as_encoded_bytes(),
            Source::Stdin | Source::Kept(_) | Source::StdinPiece(_) => b"-",
        }
    }

    /// The file that it is, or is a piece of.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Source::File(path) | Source::Piece(path, _) => Some(path),
            _ => None,
        }
    }

    /// The name as it is shown to a person.
    #[must_use]
    pub fn shown(&self) -> String {
        shown_name(self.name())
    }
}

/// The name of a source as it is shown to a person.
#[must_use]
pub fn shown_name(name: &[u8]) -> String {
    if name == b"-" {
        "stdin".to_owned()
    } else {
        Untrusted::new(name).for_terminal()
    }
}

/// Reads standard input into a file without a name, until its end or an interrupt.
///
/// # Errors
/// It cannot be read, or there is no room for it.
pub fn keep_stdin(interrupt: &Arc<Interrupt>) -> io::Result<Source> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut stdin(interrupt)?, &mut file)?;
    Ok(Source::Kept(Arc::new(file)))
}

/// Standard input without the buffer of the standard library, which would hold back what a wait for
/// more does not see.
fn stdin(interrupt: &Arc<Interrupt>) -> io::Result<Interruptible<File>> {
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(Interruptible::new(file, Arc::clone(interrupt)))
}

/// Bytes that were read so far and bytes that there are, for a progress bar.
#[derive(Debug, Default)]
pub struct Progress {
    /// Read from files and stdin, before decompression.
    pub bytes: AtomicU64,
    /// Lines handed on.
    pub lines: AtomicU64,
}

/// How a feed reads.
#[derive(Debug, Clone, Copy)]
pub struct FeedOptions {
    /// Bytes of a block, at least one; a block is longer where its first line is.
    pub block: usize,
    /// How many sources are read at the same time, at least one.
    pub at_once: usize,
}

/// What a source is read with, or why it cannot be read.
pub type Opened<T> = Result<T, String>;

/// Decides what a source is read with, from its index and up to [`HEAD`] of its first bytes.
pub type Open<'o, T> = &'o (dyn Fn(usize, &[u8]) -> Opened<T> + Sync);

/// Blocks of all sources, for any number of workers.
pub struct Feed<'o, T> {
    sources: Vec<Slot<T>>,
    open: Open<'o, T>,
    options: FeedOptions,
    interrupt: Arc<Interrupt>,
    progress: Arc<Progress>,
    /// Sources below this index are done.
    first_unfinished: AtomicUsize,
    /// Sources from this index on were not opened yet.
    next_unopened: AtomicUsize,
    /// Blocks handed out.
    blocks: AtomicU64,
    directives: Directives<T>,
}

/// How a line begins that says something of the lines after it, for a source that is read with this;
/// `None` where none does.
pub type Directives<T> = fn(&T) -> Option<&'static [u8]>;

struct Slot<T> {
    source: Source,
    done: AtomicBool,
    state: Mutex<State<T>>,
    handover: Handover<T>,
}

enum State<T> {
    Unopened,
    Reading(Box<Reading<T>>),
    Done(SourceEnd),
}

struct Reading<T> {
    /// Bytes that its decoder has given.
    read: Arc<AtomicU64>,
    reader: BlockReader<Box<dyn Read + Send>>,
    /// Whether reading is decoding.
    is_compressed: bool,
    with: T,
    /// The last directive of the blocks so far.
    directive: Vec<u8>,
}

/// How reading a source ended.
#[derive(Debug, Clone, Default)]
pub struct SourceEnd {
    /// Bytes that were read of it, after decompression.
    pub bytes: u64,
    /// Why it could not be read, or not to its end; what came before was read.
    pub error: Option<String>,
}

/// Where a worker stands: it keeps to one source while it can, so that a decoder's window stays in
/// its core's cache.
#[derive(Debug, Default)]
pub struct Seat {
    source: Option<usize>,
}

/// The index of a source, and the source.
type Claimed<'f, T> = (usize, MutexGuard<'f, State<T>>);

impl<T> Slot<T> {
    /// The source, unless another worker has it.
    fn claim(&self) -> Option<MutexGuard<'_, State<T>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<'o, T: Clone> Feed<'o, T> {
    /// A feed over sources; nothing is opened before a worker asks.
    pub fn new(
        sources: Vec<Source>,
        options: FeedOptions,
        interrupt: Arc<Interrupt>,
        progress: Arc<Progress>,
        open: Open<'o, T>,
    ) -> Self {
        let slot = |source| Slot {
            source,
            done: AtomicBool::new(false),
            state: Mutex::new(State::Unopened),
            handover: Handover::default(),
        };
        Feed {
            sources: sources.into_iter().map(slot).collect(),
            open,
            options,
            interrupt,
            progress,
            first_unfinished: AtomicUsize::new(0),
            next_unopened: AtomicUsize::new(0),
            blocks: AtomicU64::new(0),
            directives: |_| None,
        }
    }

    /// The same feed, whose blocks also say the last directive before them.
    #[must_use]
    pub fn with_directives(self, directives: Directives<T>) -> Self {
        Feed { directives, ..self }
    }

    /// Reads the next block of some source into `block`, whose memory is used again. `None` when
    /// every source is done, or the run was interrupted.
    pub fn next(&self, seat: &mut Seat, block: &mut Block) -> Option<T> {
        loop {
            if self.interrupt.is_set() {
                // What was decoded ahead was read.
                let mut sources = self.sources.iter();
                return sources.find_map(|slot| slot.handover.take(block));
            }
            let (at, mut state) = match self.claim(seat, block)? {
                Turn::Block(with) => return Some(with),
                Turn::Source(source) => source,
            };
            let handover = &self.sources.get(at)?.handover;
            let mut read = self.read(at, &mut state, block);
            while let (Some(with), State::Reading(reading)) = (&read, &*state)
                && reading.is_compressed
                && handover.give(block, with)
            {
                read = self.read(at, &mut state, block);
            }
            drop(state);
            handover.let_go();
            if let Some(with) = read.or_else(|| handover.take(block)) {
                seat.source = Some(at);
                return Some(with);
            }
            self.finish(at);
        }
    }

    /// How each source ended, in their order.
    pub fn ends(self) -> Vec<SourceEnd> {
        let end = |slot: Slot<T>| match slot
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            State::Done(end) => end,
            _ => SourceEnd::default(),
        };
        self.sources.into_iter().map(end).collect()
    }

    /// A block that is ready, or a source that no other worker reads; where every one is being read, waits for
    /// the first or for a block of it.
    fn claim(&self, seat: &Seat, block: &mut Block) -> Option<Turn<T, Claimed<'_, T>>> {
        loop {
            let first = self.first_unfinished.load(Ordering::Acquire);
            let opened = self
                .next_unopened
                .load(Ordering::Acquire)
                .min(self.sources.len());
            let active = || (first..opened).filter(|at| !self.is_done(*at));
            let own = seat.source.filter(|at| !self.is_done(*at));
            for at in own.into_iter().chain(active()) {
                let slot = self.sources.get(at)?;
                if let Some(with) = slot.handover.take(block) {
                    return Some(Turn::Block(with));
                }
                if let Some(state) = slot.claim() {
                    return Some(Turn::Source((at, state)));
                }
            }
            let waiting = active().next();
            if opened < self.sources.len()
                && (waiting.is_none() || active().count() < self.options.at_once)
            {
                // Another worker may be faster; then this one looks again.
                let _ = self.next_unopened.compare_exchange(
                    opened,
                    opened + 1,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                continue;
            }
            let at = waiting?;
            let slot = self.sources.get(at)?;
            return Some(match slot.handover.wait(block, || slot.claim()) {
                Turn::Block(with) => Turn::Block(with),
                Turn::Source(state) => Turn::Source((at, state)),
            });
        }
    }

    fn is_done(&self, at: usize) -> bool {
        self.sources
            .get(at)
            .is_none_or(|slot| slot.done.load(Ordering::Acquire))
    }

    /// Notes that a source is done, and every source before the first that is not.
    fn finish(&self, at: usize) {
        if let Some(slot) = self.sources.get(at) {
            slot.done.store(true, Ordering::Release);
        }
        let done = self
            .sources
            .iter()
            .take_while(|slot| slot.done.load(Ordering::Acquire))
            .count();
        self.first_unfinished.fetch_max(done, Ordering::AcqRel);
    }

    /// The next block of a source, which is opened if need be; `None` at its end.
    fn read(&self, at: usize, state: &mut State<T>, block: &mut Block) -> Option<T> {
        let end = |error, bytes| {
            // What an interrupt cuts off is no damage.
            let error = if self.interrupt.is_set() { None } else { error };
            State::Done(SourceEnd { bytes, error })
        };
        if matches!(state, State::Unopened) {
            *state = match self.begin(at) {
                Ok(reading) => State::Reading(Box::new(reading)),
                Err(error) => end(Some(error), 0),
            };
        }
        let State::Reading(reading) = state else {
            return None;
        };
        block.source = at;
        let bytes = || reading.read.load(Ordering::Relaxed);
        match reading.reader.next(self.options.block, block) {
            Ok(true) => {
                if self.interrupt.is_set() {
                    block.drop_unfinished_line();
                }
                block.before.clear();
                if let Some(mark) = (self.directives)(&reading.with) {
                    block.before.clone_from(&reading.directive);
                    if let Some(line) = block.last_line_with(mark) {
                        line.clone_into(&mut reading.directive);
                    }
                }
                // Taken while the source is held: with one source at a time this is their order.
                block.number = self.blocks.fetch_add(1, Ordering::Relaxed);
                Some(reading.with.clone())
            }
            Ok(false) => {
                let bytes = bytes();
                *state = end(None, bytes);
                None
            }
            Err(error) => {
                let bytes = bytes();
                *state = end(Some(error), bytes);
                None
            }
        }
    }

    fn begin(&self, at: usize) -> Result<Reading<T>, String> {
        let source = &self.sources.get(at).ok_or_else(String::new)?.source;
        let (lines, compression) =
            decoded(source, &self.interrupt, &self.progress).map_err(|e| words(&e))?;
        let read = Arc::new(AtomicU64::new(0));
        let measured = Measured {
            reader: lines,
            read: Arc::clone(&read),
        };
        let reader = BlockReader::new(Box::new(measured) as Box<dyn Read + Send>, HEAD)?;
        let with = match source {
            // What a piece is read with is decided by the beginning of the whole, as for all its pieces.
            Source::Piece(path, _) => (self.open)(at, &head(&Source::File(path.clone()))?)?,
            _ => (self.open)(at, reader.head())?,
        };
        Ok(Reading {
            read,
            reader,
            is_compressed: compression != Compression::None,
            with,
            directive: Vec::new(),
        })
    }
}

/// The first bytes of a source, decompressed: up to [`HEAD`].
///
/// # Errors
/// The source cannot be read, in words.
pub fn head(source: &Source) -> Result<Vec<u8>, String> {
    let (lines, _) =
        decoded(source, &Arc::new(Interrupt::never()), &Arc::default()).map_err(|e| words(&e))?;
    BlockReader::new(lines, HEAD).map(|reader| reader.head().to_vec())
}

/// Opens a source for reading.
fn open(
    source: &Source,
    interrupt: &Arc<Interrupt>,
    progress: &Arc<Progress>,
) -> io::Result<Box<dyn Read + Send>> {
    let counted = |reader: Box<dyn Read + Send>| {
        Box::new(Counted {
            reader,
            progress: Arc::clone(progress),
        })
    };
    match source {
        Source::Stdin | Source::StdinPiece(_) => Ok(counted(Box::new(stdin(interrupt)?))),
        Source::Kept(file) => {
            let mut file = file.try_clone()?;
            file.seek(io::SeekFrom::Start(0))?;
            Ok(counted(Box::new(file)))
        }
        Source::File(path) | Source::Piece(path, _) => {
            let file = File::open(path)?;
            let kind = file.metadata()?.file_type();
            if kind.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            // Reading a file comes to an end by itself; reading a pipe or device may not.
            Ok(counted(if kind.is_file() {
                Box::new(file)
            } else {
                Box::new(Interruptible::new(file, Arc::clone(interrupt)))
            }))
        }
    }
}

/// A regular file that is not compressed, and its bytes; `None` where it is no such file.
///
/// # Errors
/// It cannot be opened or read.
pub fn uncompressed(path: &Path) -> io::Result<Option<(File, u64)>> {
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(None);
    }
    let mut magic = Vec::new();
    file.by_ref()
        .take(decode::MAGIC as u64)
        .read_to_end(&mut magic)?;
    Ok((Compression::of(&magic) == Compression::None).then_some((file, meta.len())))
}

/// The decompressed bytes of a source, and how it was compressed; of a piece its lines only.
fn decoded(
    source: &Source,
    interrupt: &Arc<Interrupt>,
    progress: &Arc<Progress>,
) -> io::Result<(Box<dyn Read + Send>, Compression)> {
    let (range, at) = match source {
        Source::Piece(path, range) => {
            // What is not compressed need not be read up to the piece.
            let before = range.start.saturating_sub(1);
            if let Some((mut file, _)) = uncompressed(path)? {
                file.seek(io::SeekFrom::Start(before))?;
                let counted = Counted {
                    reader: Box::new(file),
                    progress: Arc::clone(progress),
                };
                let lines = LinesWithin::new(counted, before, range.clone());
                return Ok((Box::new(lines), Compression::None));
            }
            (range.clone(), 0)
        }
        Source::StdinPiece(range) => (range.clone(), range.start.saturating_sub(1)),
        _ => return decode::decode(open(source, interrupt, progress)?),
    };
    let (whole, compression) = decode::decode(open(source, interrupt, progress)?)?;
    Ok((Box::new(LinesWithin::new(whole, at, range)), compression))
}

/// Counts the bytes that a decoder gives.
struct Measured {
    reader: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Measured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Counts what is read, for the progress bar.
struct Counted {
    reader: Box<dyn Read + Send>,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.progress
            .bytes
            .fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// An I/O error as a person would say it.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory: name the files in it".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether standard input is a terminal, on which nobody types a log.
#[must_use]
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// The bytes of all regular files, before decompression; `None` where one is no regular file.
#[must_use]
pub fn size(sources: &[Source]) -> Option<u64> {
    let size = |source: &Source| match source {
        Source::Stdin | Source::Kept(_) | Source::StdinPiece(_) | Source::Piece(..) => None,
        Source::File(path) => path
            .metadata()
            .ok()
            .filter(std::fs::Metadata::is_file)
            .map(|meta| meta.len()),
    };
    sources.iter().map(size).sum()
}
