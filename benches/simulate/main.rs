//! `simulate`: a seeded queueing simulator that writes access logs with a known story.
//!
//! ```text
//! simulate list                                the stories
//! simulate STORY [--seed N] [--lines N] [--every K] [--format F] > access.log
//! simulate all samples/ [FILE]…                rewrites every sample, or those of these names
//! ```
//!
//! Table of contents: `stories` says what happens; `traffic` makes its requests; `queue` sends them through
//! nginx (`cache`) to the workers, where `functions` do the work that `conditions` slow; `log` writes what
//! nginx would (`clock`). `draw` is chance. Nothing here knows slowpath: the log is all that both share.

mod cache;
mod clock;
mod conditions;
mod draw;
mod functions;
mod log;
mod queue;
mod stories;
mod traffic;

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use clock::Clocks;
use flate2::{Compression, GzBuilder};
use log::{FORMATS, Format};
use stories::{STORIES, Story};

/// What to write of a story, and how.
struct Order {
    story: &'static Story,
    seed: u64,
    format: &'static Format,
    /// Stop after so many lines.
    lines: usize,
    /// Keep one line of so many: a shorter log of the same time.
    every: usize,
}

/// A file in samples/; a name that ends in `.gz` is compressed.
struct Sample {
    file: &'static str,
    story: &'static str,
    seed: u64,
    format: &'static str,
    every: usize,
}

const fn sample(file: &'static str, story: &'static str) -> Sample {
    Sample {
        file,
        story,
        seed: 1,
        format: "slowpath",
        every: 1,
    }
}

/// The post-mortem quotes one line, `POST /api/users/ 192.0 0.2`; in the log of this seed it happens.
const WITH_THE_LINE: u64 = 309;

static SAMPLES: [Sample; 15] = [
    sample("healthy-day.log.gz", "healthy-day"),
    Sample {
        seed: WITH_THE_LINE,
        ..sample("saturated-pool.log.gz", "saturated-pool")
    },
    Sample {
        seed: WITH_THE_LINE,
        format: "columns",
        every: 48,
        ..sample("saturated-pool-columns.log", "saturated-pool")
    },
    sample("rare-lockers.log.gz", "rare-lockers"),
    sample("cache-collapse.log.gz", "cache-collapse"),
    sample("leak.log.gz", "leak"),
    sample("bulk-patch.log.gz", "bulk-patch"),
    sample("retries.log.gz", "retries"),
    Sample {
        format: "combined-timed",
        ..sample("surge.log.gz", "surge")
    },
    sample("surge-clocked.log.gz", "surge"),
    Sample {
        every: 2,
        ..sample("outages-outside.log.gz", "outages-outside")
    },
    sample("common-load.log.gz", "common-load"),
    Sample {
        format: "combined-timed",
        every: 12,
        ..sample("healthy-no-app-clock.log", "healthy-day")
    },
    Sample {
        format: "ltsv",
        every: 12,
        ..sample("healthy-ltsv.log", "healthy-day")
    },
    Sample {
        format: "json",
        every: 12,
        ..sample("healthy-json.log.gz", "healthy-day")
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulate: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    match args {
        [command] if command == "list" => {
            for story in &STORIES {
                println!("{:<16} {}", story.name, story.about);
            }
            Ok(())
        }
        [command, folder, files @ ..] if command == "all" => {
            let chosen = |sample: &&Sample| files.is_empty() || files.iter().any(|f| f == sample.file);
            for sample in SAMPLES.iter().filter(chosen) {
                write_sample(sample, &Path::new(folder).join(sample.file))?;
            }
            Ok(())
        }
        [story, options @ ..] => {
            let order = parse(story, options)?;
            let mut out = BufWriter::new(io::stdout().lock());
            match write(&order, &mut out).and_then(|_| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => Ok(other?),
            }
        }
        [] => Err("usage: simulate list | STORY [--seed N] [--lines N] [--every K] [--format F] | all FOLDER [FILE]…".into()),
    }
}

fn parse(story: &str, options: &[String]) -> Result<Order, Box<dyn Error>> {
    let story =
        Story::named(story).ok_or_else(|| format!("no story `{story}`: see `simulate list`"))?;
    let mut order = Order {
        story,
        seed: 1,
        format: &FORMATS[0],
        lines: usize::MAX,
        every: 1,
    };
    for option in options.chunks(2) {
        let [flag, value] = option else {
            return Err(format!("{} wants a value", option[0]).into());
        };
        match flag.as_str() {
            "--seed" => order.seed = value.parse()?,
            "--lines" => order.lines = value.parse()?,
            "--every" => order.every = value.parse::<usize>()?.max(1),
            "--format" => {
                let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
                order.format = Format::named(value)
                    .ok_or_else(|| format!("no format `{value}`: one of {}", names.join(", ")))?;
            }
            _ => return Err(format!("no option `{flag}`").into()),
        }
    }
    Ok(order)
}

fn write(order: &Order, out: &mut impl Write) -> io::Result<usize> {
    let scenario = (order.story.scenario)(order.seed);
    let clocks = Clocks {
        epoch_us: scenario.epoch * 1_000_000,
    };
    let host = scenario.host;
    let served = queue::run(scenario, order.seed);
    let logged = served.iter().filter(|one| order.format.has_line_for(one));
    let mut count = 0;
    for one in logged.step_by(order.every).take(order.lines) {
        out.write_all(&order.format.line(one, host, clocks))?;
        count += 1;
    }
    Ok(count)
}

fn write_sample(sample: &Sample, path: &Path) -> Result<(), Box<dyn Error>> {
    let options = [
        "--seed".into(),
        sample.seed.to_string(),
        "--format".into(),
        sample.format.into(),
        "--every".into(),
        sample.every.to_string(),
    ];
    let order = parse(sample.story, &options)?;
    let file = File::create(path)?;
    let lines = if sample.file.ends_with(".gz") {
        // No name and no time in the header: the same log is the same file.
        let mut gz = GzBuilder::new()
            .mtime(0)
            .write(BufWriter::new(file), Compression::best());
        let lines = write(&order, &mut gz)?;
        gz.finish()?.flush()?;
        lines
    } else {
        let mut out = BufWriter::new(file);
        let lines = write(&order, &mut out)?;
        out.flush()?;
        lines
    };
    println!("{:<28} {lines:>6} lines", sample.file);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_writes_the_same_log_again_and_another_seed_another() {
        let log = |seed: &str| {
            let order = parse(
                "healthy-day",
                &["--seed".into(), seed.into(), "--lines".into(), "200".into()],
            )
            .unwrap();
            let mut out = Vec::new();
            write(&order, &mut out).unwrap();
            out
        };
        assert_eq!(log("4"), log("4"));
        assert_ne!(log("4"), log("5"));
    }

    #[test]
    fn every_sample_is_told_of_in_the_readme_and_no_longer_than_promised() {
        for sample in &SAMPLES {
            let readme = include_str!("../../samples/README.md");
            assert!(
                readme.contains(&format!("## {}", sample.file)),
                "{}",
                sample.file
            );
            let story = Story::named(sample.story).unwrap();
            assert!(Format::named(sample.format).is_some(), "{}", sample.file);
            let requests = (story.scenario)(sample.seed).requests.len() / sample.every;
            assert!(
                (200..=20_000).contains(&requests),
                "{}: {requests}",
                sample.file
            );
        }
    }
}
