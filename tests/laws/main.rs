//! The laws of the design as properties, each over a thousand random cases and more. A law is a
//! statement about every log, so nothing here looks at the samples.
//!
//! | law | file |
//! |---|---|
//! | 1 accounting | `accounting.rs` |
//! | 2 same answer | `same_answer.rs`, `stdin.rs` |
//! | 3 oracle | `oracle.rs`, against the reader of `brute_force.rs`; `fifo.rs`, against simulated queues |
//! | 4 whole = parts | `whole_and_parts.rs` |
//! | 7 log content is hostile | `hostile/` |
//! | 8 nothing panics | `no_panic/` |
//!
//! `follow.rs` is the law of following: nothing lost, nothing repeated. `snapshot.rs` is the law of pieces:
//! put together they are the whole. Law 5 and 6 are measured by the benches, law 9 is about the program's
//! `-o` and so a test of the command line.

// A test that panics says where and why.
#![allow(clippy::unwrap_used)]

mod accounting;
mod brute_force;
mod entry;
mod fifo;
mod follow;
mod formats;
mod hostile;
mod incident;
mod no_panic;
mod oracle;
mod queue;
mod reading;
mod same_answer;
mod snapshot;
mod stdin;
mod whole_and_parts;

use proptest::test_runner::Config;

/// As many cases as a law is tried on.
const CASES: u32 = 1_000;

/// So many random cases; nothing is written to disk when one fails, because the shrunken case is in
/// the message and becomes a test of its own.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}
