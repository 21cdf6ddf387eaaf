//! The gate: whether a candidate is slower than a baseline, from runs of the same traffic against both.
//!
//! ```text
//! summary ─ traffic ─ pooled ─ score ─ panel ─ error of shift ─ comparison ─ verdict
//! ```
//!
//! It says FAIL where a slowdown lies beyond chance, beyond the noise that runs of one program have,
//! and beyond what anybody minds; PASS only where such a slowdown would have been seen; else
//! INCONCLUSIVE.

pub mod budget;
pub mod comparison;
pub mod error_of_shift;
pub mod errors;
pub mod judgement;
mod large_shift;
pub mod load;
pub mod multiple;
mod panel;
mod pooled;
pub mod report;
pub mod rules;
pub mod score;
pub mod student;
pub mod traffic;
pub mod verdict;
