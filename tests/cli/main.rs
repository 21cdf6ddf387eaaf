//! The program as a person meets it: arguments, files, pipes, signals and terminals in; text, exit
//! codes and files out.
//!
//! [`program`] runs it, [`scratch`] makes the folders and logs that it reads, [`golden`] holds what it
//! printed before. Everything else is tests, by what they are about.

mod chance;
mod claims;
mod damage;
mod diff;
mod exports;
mod filters;
mod formats;
mod gate;
mod golden;
mod help;
mod incidents;
mod input;
mod mistakes;
mod naming;
mod output;
mod program;
#[path = "../laws/queue.rs"]
mod queue;
mod scratch;
mod settings;
mod signals;
mod snapshot;
mod terminal;
mod traffic;
mod view;
mod wait_model;
mod watch;
