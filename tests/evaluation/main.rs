//! The evaluation program's simulator against its own laws, and a fast subset of the evaluation itself.
//! The whole is `cargo bench --bench evaluate`.

// A test that panics says where and why.
#![allow(clippy::unwrap_used)]

// The program has a main, which no test runs.
#[allow(dead_code)]
#[path = "../../benches/evaluate/main.rs"]
mod evaluate;
mod queue;
mod stories;
mod subset;
