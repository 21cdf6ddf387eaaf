//! Blocks that the worker which decodes a source gives to those that wait for it, so that it goes on
//! decoding: a decoder that changed hands with each block would stand still for as long as it takes to
//! wake the next worker.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Block;

/// The handing over of one source's blocks, each with what it is read with.
pub struct Handover<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// For workers that wait; never more than these.
    ready: VecDeque<(Block, T)>,
    /// What the waiting workers have no use for.
    spare: Vec<Block>,
    waiting: usize,
}

/// What a worker waited for.
pub enum Turn<T, S> {
    /// A block.
    Block(T),
    /// The source itself.
    Source(S),
}

impl<T> Default for Handover<T> {
    fn default() -> Self {
        Handover {
            state: Mutex::new(State {
                ready: VecDeque::new(),
                spare: Vec::new(),
                waiting: 0,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Handover<T> {
    /// Gives a block to a worker that waits without one, and takes its empty one in place; says whether
    /// there is such a worker.
    pub fn give(&self, block: &mut Block, with: &T) -> bool
    where
        T: Clone,
    {
        let mut state = self.state();
        if state.waiting <= state.ready.len() {
            return false;
        }
        let full = std::mem::replace(block, state.spare.pop().unwrap_or_default());
        state.ready.push_back((full, with.clone()));
        self.changed.notify_one();
        true
    }

    /// Wakes a worker that waits: the source was let go. Whoever has it next does the same, so that all
    /// come to know that a source is at its end.
    pub fn let_go(&self) {
        if self.state().waiting > 0 {
            self.changed.notify_one();
        }
    }

    /// Waits for a block, or until the source can be claimed.
    pub fn wait<S>(&self, block: &mut Block, claim: impl Fn() -> Option<S>) -> Turn<T, S> {
        let mut state = self.state();
        state.waiting += 1;
        state.spare.push(std::mem::take(block));
        // Asked for while nobody can say that it was let go, so that this is not missed.
        let turn = loop {
            if let Some((ready, with)) = state.ready.pop_front() {
                *block = ready;
                break Turn::Block(with);
            }
            if let Some(source) = claim() {
                *block = state.spare.pop().unwrap_or_default();
                break Turn::Source(source);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        state.waiting -= 1;
        turn
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_waits_is_given_the_next_block() {
        let handover = Handover::default();
        let mut block = Block::default();
        assert!(!handover.give(&mut block, &7));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let nothing = || None::<()>;
                match handover.wait(&mut Block::default(), nothing) {
                    Turn::Block(with) => with,
                    Turn::Source(()) => 0,
                }
            });
            while !handover.give(&mut block, &7) {
                thread::yield_now();
            }
            assert_eq!(waiting.join().unwrap(), 7);
        });
        assert!(!handover.give(&mut block, &7));
    }

    #[test]
    fn nobody_waits_in_vain() {
        // A source of so many blocks, and workers of which each takes its time.
        const BLOCKS: usize = 2_000;
        for workers in [1, 2, 3, 8] {
            let (handover, source) = (Handover::default(), Mutex::new(0));
            let seen = AtomicUsize::new(0);
            thread::scope(|scope| {
                for worker in 0..workers {
                    let (handover, source, seen) = (&handover, &source, &seen);
                    scope.spawn(move || {
                        let mut block = Block::default();
                        loop {
                            let mut left =
                                match handover.wait(&mut block, || source.try_lock().ok()) {
                                    Turn::Block(number) => {
                                        seen.fetch_add(number, Ordering::Relaxed);
                                        continue;
                                    }
                                    Turn::Source(left) => left,
                                };
                            let mut next = || (*left < BLOCKS).then(|| *left += 1);
                            let mut read = next();
                            while read.is_some() && handover.give(&mut block, &1) {
                                read = next();
                            }
                            drop(left);
                            handover.let_go();
                            if read.is_none() {
                                return;
                            }
                            seen.fetch_add(1, Ordering::Relaxed);
                            if worker % 2 == 1 {
                                thread::sleep(Duration::from_micros(50));
                            }
                        }
                    });
                }
            });
            assert_eq!(seen.into_inner(), BLOCKS, "{workers}");
        }
    }
}
