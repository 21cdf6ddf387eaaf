//! Servers that are run for their logs, or for what they run.

pub mod daemon;
