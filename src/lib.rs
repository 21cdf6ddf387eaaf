//! slowpath reads access logs and says where the time of requests goes: waiting for a worker, or
//! running application code.
//!
//! The way of the data, each word a module, each importing only from its left:
//!
//! ```text
//! definition ─ grammar ─ Plan
//! bytes ─ input ─ Block ─ record ─ Record ─ phases ─ Phases ─ endpoint ─ key ─ summary ─ Summary ─ diagnosis ─ Finding ─ report ─ text
//! ```
//!
//! | word | meaning |
//! |---|---|
//! | line | what the input holds between newlines; it becomes a *record* or a *reject* |
//! | grammar | a compiled log format; a *plan* is a grammar compiled for one run |
//! | record | a line's fields, borrowed from the input |
//! | attempt | one try at an upstream; nginx logs one list element for each |
//! | phase | a part of the request's time, see [`phases::Phase`] |
//! | route | a path with its variable parts replaced; an *endpoint* is a method and a route |
//! | tally | a mutable, mergeable accumulator |
//! | summary | the frozen result; everything to the right of it sees only this |
//! | window | an epoch-aligned slice of time |
//!
//! The leaves [`mod@unit`], [`stamp`], [`scan`], [`median`] and [`untrusted`] may be used anywhere. [`detection`]
//! finds the grammar that fits a log, [`filter`] decides which records count.
//!
//! ```
//! use slowpath::grammar::{Escape, Fields, Names, compile};
//! use slowpath::phases::{AppClock, Phase, Phases};
//! use slowpath::record::LineReader;
//!
//! let definition = r#""$request" $status rt=$request_time uht="$upstream_header_time" app="$upstream_http_x_runtime""#;
//! let plan = compile("example", definition, Escape::Default, Names::Checked).unwrap().plan(Fields::ALL);
//! let mut reader = LineReader::new(&plan);
//! let record = reader.read(br#""GET /users/42 HTTP/1.1" 200 rt=0.210 uht="0.200" app="0.0125""#).unwrap();
//! let phases = Phases::of(&record, &AppClock::default()).unwrap();
//! assert_eq!(phases.get(Phase::Wait).map(|wait| wait.to_string()).as_deref(), Some("188 ms"));
//! ```

pub mod detection;
pub mod diagnosis;
pub mod diff;
pub mod endpoint;
pub mod filter;
pub mod gate;
pub mod grammar;
pub mod input;
pub mod live;
pub mod median;
pub mod phases;
pub mod record;
pub mod report;
pub mod scan;
pub mod snapshot;
pub mod stamp;
pub mod summary;
pub mod unit;
pub mod untrusted;
