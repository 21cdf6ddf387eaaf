//! `evaluate`: how often slowpath is right, on simulated logs whose truth is known.
//!
//! ```text
//! cargo bench --bench evaluate -- [OPTIONS]
//!   --story A,B       only these stories            --reading A,B   only these: timing, runtime, neither, fifo
//!   --seeds N         seeds of each story [200]     --from N        the first seed [0]
//!   --held-out        seeds from 10,000 on: for reporting, once; all others are for tuning
//!   --failures        the seeds on which something went wrong, and what was said
//!   --program FILE    another slowpath than the one that is built with this
//! cargo bench --bench evaluate -- log STORY SEED READING > access.log      (the truth goes to stderr)
//! ```
//!
//! Table of contents: `world` is a site, `traffic` its requests, `stories` what happens there; `effect` makes
//! work longer, `queue` serves, `nginx` writes the log, `measure` counts what is true of it. `reading` runs
//! slowpath, `judge` compares, `table` counts up. The simulation never looks at slowpath's sources: the log
//! and the report are all that both share.

// The simulator of the samples draws from the same generator, and more of it.
#[allow(dead_code, unused_imports)]
#[path = "../simulate/draw.rs"]
mod draw;
pub(crate) mod effect;
pub(crate) mod judge;
pub(crate) mod measure;
pub(crate) mod nginx;
pub(crate) mod queue;
pub(crate) mod reading;
pub(crate) mod stories;
pub(crate) mod table;
pub(crate) mod traffic;
pub(crate) mod world;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use judge::{Verdict, judge};
use measure::Sums;
use rayon::prelude::*;
use reading::Reading;
use stories::{STORIES, Story};

/// Below, rules may be tuned on the seeds; from here on they are only reported.
const HELD_OUT: u64 = 10_000;

/// What is asked for.
struct Order {
    stories: Vec<&'static Story>,
    readings: Vec<Reading>,
    seeds: u64,
    from: u64,
    failures: bool,
    program: PathBuf,
}

fn main() -> ExitCode {
    // Cargo itself adds `--bench`.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("evaluate: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    if let [command, story, seed, reading] = args
        && command == "log"
    {
        return log(story, seed, reading);
    }
    let order = order(args)?;
    let verdicts = evaluate(&order)?;
    print!(
        "{}{}{}{}",
        table::rows(&verdicts),
        table::difficulty(&verdicts),
        table::waits(&verdicts),
        table::cross(&verdicts)
    );
    if order.failures {
        print!("\n## failures\n{}", table::failures(&verdicts));
    }
    Ok(())
}

fn order(args: &[String]) -> Result<Order, String> {
    let mut order = Order {
        stories: STORIES.iter().collect(),
        readings: vec![Reading::Timing, Reading::Runtime, Reading::Neither],
        seeds: 200,
        from: 0,
        failures: false,
        program: PathBuf::from(env!("CARGO_BIN_EXE_slowpath")),
    };
    let mut held_out = false;
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{flag} wants a value"));
        match flag.as_str() {
            "--held-out" => held_out = true,
            "--failures" => order.failures = true,
            "--program" => order.program = PathBuf::from(value()?),
            "--seeds" => order.seeds = number(value()?)?,
            "--from" => order.from = number(value()?)?,
            "--story" => {
                order.stories = value()?.split(',').map(story).collect::<Result<_, _>>()?
            }
            "--reading" => {
                order.readings = value()?.split(',').map(reading).collect::<Result<_, _>>()?
            }
            _ => return Err(format!("no option {flag}")),
        }
    }
    if held_out {
        order.from += HELD_OUT;
    } else if order.from + order.seeds > HELD_OUT {
        return Err(format!("seeds from {HELD_OUT} on are held out: --held-out"));
    }
    Ok(order)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn story(name: &str) -> Result<&'static Story, String> {
    let names = || {
        STORIES
            .iter()
            .map(|s| s.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    Story::named(name).ok_or_else(|| format!("no story {name}: there are {}", names()))
}

fn reading(name: &str) -> Result<Reading, String> {
    Reading::ALL
        .into_iter()
        .find(|r| r.name() == name)
        .ok_or_else(|| format!("no reading {name}"))
}

/// Judges every story, seed and reading, in that order.
fn evaluate(order: &Order) -> Result<Vec<Verdict>, String> {
    let program = &order.program;
    let cases: Vec<(&Story, u64)> = order
        .stories
        .iter()
        .flat_map(|story| (order.from..order.from + order.seeds).map(move |seed| (*story, seed)))
        .collect();
    let judged = cases
        .into_par_iter()
        .map(|(story, seed)| verdicts(program, story, seed, &order.readings));
    let judged: Vec<Vec<Verdict>> = judged.collect::<Result<_, _>>()?;
    Ok(judged.into_iter().flatten().collect())
}

pub(crate) fn verdicts(
    program: &Path,
    story: &'static Story,
    seed: u64,
    readings: &[Reading],
) -> Result<Vec<Verdict>, String> {
    let case = (story.case)(seed);
    let served = queue::serve(
        &case.world,
        case.discipline,
        &case.effects,
        &case.requests,
        seed,
    );
    let one = |reading: &Reading| {
        let log = nginx::write(
            &case.world,
            &case.requests,
            &served,
            reading.clock(),
            case.flaws,
            case.agent,
            seed,
        );
        let sums = Sums::of(&case, &served, &log);
        let report = reading::read(program, &log.text, *reading, case.flaws);
        let report =
            report.map_err(|e| format!("{} {seed} {}: {e}", story.name, reading.name()))?;
        Ok(judge(story.name, seed, *reading, &case, &sums, &report))
    };
    readings.iter().map(one).collect()
}

/// Writes one log, and what is true of it to stderr.
fn log(name: &str, seed: &str, how: &str) -> Result<(), String> {
    let (story, seed, how) = (story(name)?, number(seed)?, reading(how)?);
    let case = (story.case)(seed);
    let served = queue::serve(
        &case.world,
        case.discipline,
        &case.effects,
        &case.requests,
        seed,
    );
    let log = nginx::write(
        &case.world,
        &case.requests,
        &served,
        how.clock(),
        case.flaws,
        case.agent,
        seed,
    );
    let sums = Sums::of(&case, &served, &log);
    let name = |e: &usize| {
        format!(
            "{} {}",
            case.world.endpoints[*e].method,
            case.world.endpoints[*e].route()
        )
    };
    let names = |list: &[usize]| list.iter().map(name).collect::<Vec<_>>();
    let truth = &case.truth;
    eprintln!("culprits {:?}", names(&truth.culprits));
    eprintln!("triggers {:?}", names(&truth.triggers));
    eprintln!(
        "shared {:?} by {:?}, hot id {:?}",
        names(&truth.shared),
        truth.function,
        truth.hot.map(nginx::id)
    );
    for (from, until) in &truth.windows {
        eprintln!(
            "window from {:.1} s until {:.1} s",
            *from as f64 / 1e6,
            *until as f64 / 1e6
        );
    }
    eprintln!(
        "must {:?} may {:?} subject {:?}",
        truth.must, truth.may, truth.subject
    );
    eprintln!("{:?}", sums.facts);
    for host in &sums.hosts {
        eprintln!("{host:?}");
    }
    for service in &case.world.services {
        eprintln!("{service:?}");
    }
    std::io::stdout()
        .write_all(&log.text)
        .map_err(|e| e.to_string())
}
