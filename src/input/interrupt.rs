//! Stopping early: a flag that ends the reading of blocks, and that wakes a reader that waits for a
//! pipe.
//!
//! Signals are turned into the flag by the program; this file knows none.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, poll};

/// Set once, when the run is to stop and to report what it has.
#[derive(Debug)]
pub struct Interrupt {
    /// The number of the signal, or 0.
    signal: std::sync::Arc<AtomicUsize>,
    /// Becomes readable with the flag; never read from, so that it wakes every reader.
    wake: Option<OwnedFd>,
}

impl Interrupt {
    /// An interrupt that never comes.
    #[must_use]
    pub fn never() -> Self {
        Interrupt {
            signal: std::sync::Arc::default(),
            wake: None,
        }
    }

    /// An interrupt that comes when `signal` is not 0; `wake` becomes readable at the same time.
    #[must_use]
    pub fn new(signal: std::sync::Arc<AtomicUsize>, wake: OwnedFd) -> Self {
        Interrupt {
            signal,
            wake: Some(wake),
        }
    }

    /// Whether it has come.
    #[must_use]
    #[inline]
    pub fn is_set(&self) -> bool {
        self.signal().is_some()
    }

    /// The signal that made it come.
    #[must_use]
    pub fn signal(&self) -> Option<usize> {
        Some(self.signal.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
    }
}

/// A pipe, socket or terminal, which ends when the interrupt comes.
#[derive(Debug)]
pub struct Interruptible<R> {
    reader: R,
    interrupt: std::sync::Arc<Interrupt>,
}

/// What Linux gives a pipe at most without privileges; fewer, larger reads.
const PIPE: usize = 1 << 20;

impl<R: Read + AsFd> Interruptible<R> {
    /// Wraps a reader; a pipe is widened where the system allows it.
    #[must_use]
    pub fn new(reader: R, interrupt: std::sync::Arc<Interrupt>) -> Self {
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&reader, PIPE);
        Interruptible { reader, interrupt }
    }
}

impl<R: Read + AsFd> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.interrupt.is_set() {
                return Ok(0);
            }
            let mut ready = vec![PollFd::new(&self.reader, PollFlags::IN)];
            if let Some(wake) = &self.interrupt.wake {
                ready.push(PollFd::new(wake, PollFlags::IN));
            }
            match poll(&mut ready, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) if ready.first().is_some_and(|fd| fd.revents().is_empty()) => continue,
                Ok(_) => {}
            }
            match self.reader.read(buffer) {
                // Another process may have made the pipe non-blocking and emptied it.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                result => return result,
            }
        }
    }
}
