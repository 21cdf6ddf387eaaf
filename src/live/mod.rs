//! The live view: a log that is still being written, over a sliding range of time.
//!
//! ```text
//! file or pipe ─ listen ─ Heard ─ Intake ─ Ranges (rings of tallies) ─ Picture ─ draw ─ frame
//!                                                     keys ─ Screen ──────┘
//! ```
//!
//! Everything that is counted goes through the same tallies, summary and diagnosis as in a report; new
//! here are only time that moves on and the screen. Nothing here owns a terminal: that is the program's.

pub mod draw;
mod heat;
mod intake;
mod listen;
mod picture;
mod ranges;
mod screen;
mod upstreams;

pub use heat::Heat;
pub use intake::Intake;
pub use listen::{Heard, listen};
pub use picture::{Condition, Detail, Picture};
pub use ranges::{Range, Ranges};
pub use screen::{Order, Screen, Then, View};
pub use upstreams::Upstreams;
