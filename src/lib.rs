//! slowpath
pub mod detection;
pub mod endpoint;
pub mod filter;
pub mod grammar;
pub mod input;
pub mod phases;
pub mod record;
pub mod report;
pub mod stamp;
pub mod summary;
pub mod unit;
pub mod untrusted;
