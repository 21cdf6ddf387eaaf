//! A file that is followed by its name, as `tail -F` does it: through rotation by renaming, through
//! copytruncate, and while there is no such file.
//!
//! Looking is polling. At each look the file that has the name is compared with the one that is open,
//! by device and inode; an open file keeps its inode, so that none is mistaken for another. A file that
//! lost its name stays open for a while, because servers write on to it until they are told to reopen.
//! A truncated file is known by the bytes before the place where reading stopped: each read begins a
//! little before that place, and what it finds there must be what was there. Size alone says nothing
//! where the file has grown again.
//!
//! What copytruncate makes unknowable is counted in [`Followed`] and not guessed: lines written between
//! the last look and the truncation were never seen, and a line that was cut in half has lost its rest.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::blocks::Block;
use super::cutter::LineCutter;

/// A file without a name is let go when nothing was written to it for so long. nginx reopens its log
/// within moments of being told; five minutes forgive a slow script after the rotation.
const GRACE: Duration = Duration::from_secs(300);

/// So many files without a name are kept open at most.
const MOST_EARLIER: usize = 4;

/// Bytes before the end of what was read by which a truncated file is known: some lines, of which
/// each has a time stamp or an id that no other has.
const WITNESS: usize = 1_024;

/// How a file is followed.
#[derive(Debug, Clone, Copy)]
pub struct FollowOptions {
    /// Bytes before its end from which a file is read that is there at the beginning. A file that comes
    /// later is read whole.
    pub backlog: u64,
    /// Bytes that are read at once, at least one.
    pub block: usize,
}

/// What happened to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    /// How often another file took the name.
    pub rotations: u64,
    /// How often the file was truncated. What was written to it after the last look before is not known.
    pub truncations: u64,
    /// Lines of which the beginning was read and the rest was truncated away; they are not handed on.
    pub cut: u64,
}

/// A file that is followed.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    options: FollowOptions,
    /// The file that has the name.
    current: Option<Opened>,
    /// Files that had it before, in that order.
    earlier: Vec<Opened>,
    /// Whether this is the first look, at which a file is not read whole.
    first: bool,
    followed: Followed,
    trouble: Option<String>,
    buffer: Vec<u8>,
}

/// An open file and how far it was read.
#[derive(Debug)]
struct Opened {
    file: File,
    identity: (u64, u64),
    offset: u64,
    /// The bytes before `offset`, at most [`WITNESS`] of them.
    witness: Vec<u8>,
    cutter: LineCutter,
    /// When something was last read, or when it lost its name.
    stirred: Instant,
}

/// What a read found.
enum Found {
    Bytes,
    Nothing,
    /// Reading begins again at the beginning of the file.
    Truncated {
        half: bool,
    },
}

impl Follow {
    /// Follows a path. Nothing is opened before the first look.
    #[must_use]
    pub fn new(path: &Path, options: FollowOptions) -> Self {
        Follow {
            path: path.to_owned(),
            options,
            current: None,
            earlier: Vec::new(),
            first: true,
            followed: Followed::default(),
            trouble: None,
            buffer: Vec::new(),
        }
    }

    /// Looks at the file, and reads what is new into `block`, which is emptied first. `true` where there
    /// may be more at once; `false` where everything was read, and the next look is for later.
    pub fn read(&mut self, now: Instant, block: &mut Block) -> bool {
        block.clear();
        self.trouble = None;
        if let Err(error) = self.look(now) {
            self.trouble = Some(super::words(&error));
        }
        self.first = false;
        let size = self.options.block.max(1);
        self.buffer.resize(WITNESS + size, 0);
        for opened in self.earlier.iter_mut().chain(&mut self.current) {
            match opened.read(&mut self.buffer, now, block) {
                Ok(Found::Nothing) => {}
                Ok(Found::Bytes) => return true,
                Ok(Found::Truncated { half }) => {
                    self.followed.truncations += 1;
                    self.followed.cut += u64::from(half);
                    return true;
                }
                Err(error) => self.trouble = Some(super::words(&error)),
            }
        }
        self.let_go(now, block);
        false
    }

    /// What happened to the file so far.
    #[must_use]
    pub fn followed(&self) -> Followed {
        self.followed
    }

    /// Why the file cannot be read just now, as in `no such file`.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Opens the file that has the name, where it is another than before.
    fn look(&mut self, now: Instant) -> io::Result<()> {
        let same = |meta: &Metadata, opened: &Opened| identity(meta) == opened.identity;
        let meta = self.path.metadata()?;
        if self
            .current
            .as_ref()
            .is_some_and(|opened| same(&meta, opened))
        {
            return Ok(());
        }
        // Opening a FIFO would wait for its writer.
        if !meta.is_file() {
            return Err(io::Error::other("is no regular file"));
        }
        let file = File::open(&self.path)?;
        // The name may have passed on in between: the open file tells who it is.
        let meta = file.metadata()?;
        let known = self.earlier.iter().position(|opened| same(&meta, opened));
        let new = match known {
            // It was renamed back.
            Some(at) => self.earlier.remove(at),
            None => Opened::new(file, &meta, self.first.then_some(self.options.backlog), now),
        };
        if let Some(mut old) = self.current.replace(new) {
            old.stirred = now;
            self.earlier.push(old);
            self.followed.rotations += 1;
        }
        Ok(())
    }

    /// Closes files without a name that nobody seems to write to. All were read to their end.
    fn let_go(&mut self, now: Instant, block: &mut Block) {
        let too_many = self.earlier.len().saturating_sub(MOST_EARLIER);
        let mut at = 0;
        self.earlier.retain_mut(|opened| {
            at += 1;
            let keeps = at > too_many && now.saturating_duration_since(opened.stirred) < GRACE;
            if !keeps {
                opened.cutter.finish(block);
            }
            keeps
        });
    }
}

impl Opened {
    fn new(file: File, meta: &Metadata, backlog: Option<u64>, now: Instant) -> Opened {
        let skipped = backlog.map_or(0, |backlog| meta.len().saturating_sub(backlog));
        Opened {
            file,
            identity: identity(meta),
            // One byte more, so that a line end just before the backlog is seen.
            offset: skipped.saturating_sub(1),
            witness: Vec::new(),
            cutter: if skipped > 0 {
                LineCutter::inside_a_line()
            } else {
                LineCutter::default()
            },
            stirred: now,
        }
    }

    /// Reads on. `buffer` holds the witness and what is new.
    fn read(&mut self, buffer: &mut [u8], now: Instant, block: &mut Block) -> io::Result<Found> {
        let from = self.offset - self.witness.len() as u64;
        let read = loop {
            match self.file.read_at(buffer, from) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let bytes = &buffer[..read];
        let Some(new) = bytes.strip_prefix(self.witness.as_slice()) else {
            let half = self.cutter.holds_half();
            self.offset = 0;
            self.witness.clear();
            self.cutter = LineCutter::after_truncation();
            return Ok(Found::Truncated { half });
        };
        if new.is_empty() {
            return Ok(Found::Nothing);
        }
        self.cutter.push(new, block);
        self.offset = from + read as u64;
        self.witness = bytes[read.saturating_sub(WITNESS)..].to_vec();
        self.stirred = now;
        Ok(Found::Bytes)
    }
}

/// What tells a file from every other that is open.
fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn all(follow: &mut Follow) -> String {
        let (mut block, mut text) = (Block::default(), Vec::new());
        while follow.read(Instant::now(), &mut block) {
            text.extend_from_slice(block.bytes());
        }
        text.extend_from_slice(block.bytes());
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_backlog_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "first\nsecond\nthird\nha").unwrap();
        for (backlog, want) in [
            (0, ""),
            (2, ""),
            (3, ""),
            (8, "third\n"),
            (9, "third\n"),
            (10, "third\n"),
            (99, "first\nsecond\nthird\n"),
        ] {
            let options = FollowOptions { backlog, block: 3 };
            let mut follow = Follow::new(&path, options);
            assert_eq!(all(&mut follow), want, "{backlog}");
        }
    }

    #[test]
    fn what_is_no_file_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let options = FollowOptions {
            backlog: 0,
            block: 100,
        };
        let mut follow = Follow::new(&path, options);
        assert_eq!(all(&mut follow), "");
        assert_eq!(follow.trouble(), Some("no such file"));
        std::fs::create_dir(&path).unwrap();
        assert_eq!(all(&mut follow), "");
        assert_eq!(follow.trouble(), Some("is no regular file"));
        std::fs::remove_dir(&path).unwrap();
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(all(&mut follow), "one\n");
        file.write_all(b"o\n").unwrap();
        assert_eq!(all(&mut follow), "two\n");
        assert_eq!(
            (follow.trouble(), follow.followed()),
            (None, Followed::default())
        );
    }
}
