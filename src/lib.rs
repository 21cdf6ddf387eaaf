//! slowpath
pub mod endpoint;
pub mod grammar;
pub mod input;
pub mod phases;
pub mod record;
pub mod stamp;
pub mod unit;
pub mod untrusted;
