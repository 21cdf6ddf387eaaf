//! slowpath
pub mod grammar;
pub mod phases;
pub mod record;
pub mod stamp;
pub mod unit;
pub mod untrusted;
