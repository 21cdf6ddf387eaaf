//! Blocks that the worker which decodes a source gives to those that wait for it, so that it goes on
//! decoding: a decoder that changed hands with each block would stand still for as long as it takes to
//! wake the next worker. Where workers share a source, it also decodes a little ahead: who is not done yet
//! with his last block finds the next.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Block;

/// Blocks that are decoded ahead. Two bridge the usual differences between blocks (one gz on two cores took 1.13
/// times its decoder without, 1.12 with one, 1.11 with two); more would leave the processor's caches before they are
/// read.
const AHEAD: usize = 2;

/// Looks for a block or the source before a worker goes to sleep: to be woken takes longer than most waits, above all
/// on a virtual machine. Whoever else wants the processor gets it between two looks. About a tenth of a millisecond.
const PATIENCE: usize = 200;

/// The handing over of one source's blocks, each with what it is read with.
pub struct Handover<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// For workers that wait, and up to [`AHEAD`] more where the source is shared.
    ready: VecDeque<(Block, T)>,
    /// What nobody has a use for now.
    spare: Vec<Block>,
    waiting: usize,
    /// Whether a worker has ever waited for this source.
    is_shared: bool,
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
                is_shared: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Handover<T> {
    /// Gives a block to a worker that waits without one, or will want one soon, and takes an empty one in
    /// place; says whether there is such a worker.
    pub fn give(&self, block: &mut Block, with: &T) -> bool
    where
        T: Clone,
    {
        let mut state = self.state();
        let ahead = if state.is_shared { AHEAD } else { 0 };
        if state.waiting + ahead <= state.ready.len() {
            return false;
        }
        let full = std::mem::replace(block, state.spare.pop().unwrap_or_default());
        state.ready.push_back((full, with.clone()));
        if state.waiting > 0 {
            self.changed.notify_one();
        }
        true
    }

    /// Takes a block that is ready, in place of an empty one. Every worker asks before it turns to the source,
    /// and once more where that is at its end, so that none is left.
    pub fn take(&self, block: &mut Block) -> Option<T> {
        let mut state = self.state();
        let (ready, with) = state.ready.pop_front()?;
        state.spare.push(std::mem::replace(block, ready));
        Some(with)
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
        self.state().is_shared = true;
        for _ in 0..PATIENCE {
            if let Some(with) = self.take(block) {
                return Turn::Block(with);
            }
            if let Some(source) = claim() {
                return Turn::Source(source);
            }
            thread::yield_now();
        }
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
        // Nobody waits now, but two share the source.
        for _ in 0..AHEAD {
            assert!(handover.give(&mut block, &8));
        }
        assert!(!handover.give(&mut block, &8));
        for _ in 0..AHEAD {
            assert_eq!(handover.take(&mut block), Some(8));
        }
        assert_eq!(handover.take(&mut block), None);
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
                            if let Some(number) = handover.take(&mut block) {
                                seen.fetch_add(number, Ordering::Relaxed);
                                continue;
                            }
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
                                match handover.take(&mut block) {
                                    Some(number) => seen.fetch_add(number, Ordering::Relaxed),
                                    None => return,
                                };
                                continue;
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
