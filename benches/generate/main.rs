//! The seeded generator of big access logs for the benchmarks.
//!
//! `cargo run --release --example generate -- --lines 4000000 --form timed > big.log`
//!
//! One model of requests (`request`), drawn from numbers that depend only on
//! the seed and the line's number (`random`), over a table of endpoints
//! (`routes`), written in one of four forms (`form`). So the same seed gives
//! the same bytes on every machine, every form tells of the same requests, and
//! a shorter log is the beginning of a longer one.
//!
//! It makes load, not stories: traffic is even, nothing breaks, every line is
//! well formed and lines come in the order in which requests ended. Logs with a
//! story are the simulator's job. It uses nothing of slowpath itself: what a
//! program is measured on must not be made by that program.

mod form;
mod random;
mod request;
mod routes;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use form::{Form, Layout};
use request::Traffic;
use routes::Routes;

/// How much is gathered before it is handed to the system: larger than a pipe,
/// small enough to stay in a core's cache.
const BUFFER: usize = 256 * 1024;

/// Writes a made-up access log to the standard output.
#[derive(Parser)]
#[command(name = "generate")]
struct Arguments {
    /// How many lines to write.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    lines: u64,

    /// The form of the lines. All forms tell of the same requests.
    #[arg(long, value_enum, default_value = "timed")]
    form: Form,

    /// How many endpoints: up to 60 from a web shop, beyond that invented words.
    #[arg(long, value_name = "N", default_value_t = routes::SHOP.len(),
          value_parser = parse_routes)]
    routes: usize,

    /// Adds a scan: nine lines of ten ask for a path that no other line has.
    #[arg(long)]
    distinct: bool,

    /// How many requests end in a second: 101 spreads four million over eleven hours.
    #[arg(long, value_name = "N", default_value_t = 101,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,

    /// The same seed gives the same bytes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Prints the form as an nginx log_format string, and no log.
    #[arg(long)]
    definition: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads had enough (`| head`): that is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do where even this cannot be said.
            let _ = writeln!(io::stderr(), "generate: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let layout = Layout::of(arguments.form);
    if arguments.definition {
        writeln!(out, "{}", layout.definition())?;
        return out.flush();
    }
    let routes = Routes::new(arguments.routes);
    let mut traffic = Traffic::new(&routes, arguments.seed, arguments.rate, arguments.distinct);
    let mut buffer = Vec::with_capacity(BUFFER + 64 * 1024);
    for number in 0..arguments.lines {
        layout.write(&mut buffer, &traffic.request(number));
        if buffer.len() >= BUFFER {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)?;
    out.flush()
}

/// Accepts as many endpoints as there are different words for.
fn parse_routes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=routes::MOST).contains(&count) => Ok(count),
        _ => Err(format!("a number from 1 to {}", routes::MOST)),
    }
}
