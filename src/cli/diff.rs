//! `slowpath diff A B`: two logs or snapshots, endpoint by endpoint.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use slowpath::diagnosis::diagnose;
use slowpath::diff::report::{Told, json, markdown, table};
use slowpath::diff::{Difference, Side};
use slowpath::input::{self, Source};
use slowpath::snapshot::Snapshot;
use slowpath::summary::{Question, Summary};

use super::flags::{Format, ReadingFlags};
use super::output::{self, OutputFile};
use super::report::{self, Run};
use super::{Exit, config, signals, snapshot};

/// Endpoints in a table where nothing is said.
const TABLE_ROWS: usize = 30;

/// The flags of `diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Endpoints are sorted by the seconds that their requests take longer or shorter. An interval says how\nsure a ratio is; it is told from how the mean scatters over time. Exit codes: 0 whatever differs, 2 trouble.\n\nExample:\n  slowpath diff access.log.1 access.log"
)]
pub struct DiffFlags {
    /// The log or snapshot before
    #[arg(value_name = "BEFORE", value_hint = ValueHint::FilePath)]
    before: PathBuf,

    /// The log or snapshot after
    #[arg(value_name = "AFTER", value_hint = ValueHint::FilePath)]
    after: PathBuf,

    /// So many endpoints; 0 is all [default: 30 in a table, else all]
    #[arg(short = 'n', long, value_name = "N", help_heading = "Output")]
    limit: Option<usize>,

    /// The form of the output: table, json (slowpath.diff/1) or markdown [default: by the extension of -o, else table]
    #[arg(short = 'f', long, value_name = "FORMAT", help_heading = "Output")]
    format: Option<Format>,

    /// Write to this file, which is complete or untouched
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) reading: ReadingFlags,
}

/// Runs the comparison.
pub fn run(flags: DiffFlags) -> Result<Exit, String> {
    let DiffFlags {
        before,
        after,
        limit,
        format,
        output,
        reading,
    } = flags;
    let form = output::form(format, output.as_deref(), &FORMS)?;
    let reading = config::apply(reading.of_report())?;
    report::start_threads(&reading)?;
    let given = [given(before)?, given(after)?];
    let sources: Vec<Source> = given.iter().flat_map(|of| of.0.clone()).collect();
    if sources.iter().filter(|of| **of == Source::Stdin).count() > 1 {
        return Err("standard input is one log: name a file for the other".to_owned());
    }
    if sources.contains(&Source::Stdin) && input::stdin_is_terminal() {
        return Err("standard input is a terminal: name a log, or pipe one in".to_owned());
    }
    output::check(&Vec::from_iter(output.as_deref()), &sources)?;
    let file = output.as_deref().map(OutputFile::create).transpose()?;
    let snapshots: Vec<&Snapshot> = given.iter().flat_map(|of| &of.1).collect();
    let settings = snapshot::agreed(report::settings(&reading)?, &snapshots)?;
    let question = Question {
        runs: true,
        ..report::question(&reading, &settings, Format::Table)?
    };
    let run = Run::start(&reading, report::log_format(&reading)?)?;
    let mut exit = Exit::Fine;
    let mut summaries = Vec::new();
    for (sources, snapshots) in given {
        let summary = run.summary(sources, snapshots, &question, None)?;
        exit = exit
            .and(report::accounting(&summary))
            .and(report::trouble(&summary));
        summaries.push(summary);
    }
    exit = exit.and(signals::exit(&run.interrupt));
    let diagnoses: Vec<_> = summaries.iter().map(diagnose).collect();
    let side = |at: usize| Side {
        summary: &summaries[at],
        diagnosis: &diagnoses[at],
    };
    let (before, after) = (side(0), side(1));
    let complete = !run.interrupt.is_set();
    let told = Told {
        difference: &Difference::between(&before, &after),
        before: &before,
        after: &after,
        limit: match (limit, form) {
            (Some(0), _) => None,
            (None, Format::Table) => Some(TABLE_ROWS),
            (limit, _) => limit,
        },
        complete,
    };
    let text = match form {
        Format::Json => json::render(&told),
        Format::Markdown => markdown::render(&told),
        _ => table::render(&told),
    };
    let nothing_read = |summary: &Summary| summary.lines.lines == 0;
    match file {
        Some(file) if complete && !summaries.iter().any(nothing_read) => {
            Ok(exit.and(file.finish_with(text.as_bytes())?))
        }
        _ => Ok(exit.and(output::to_stdout(text.as_bytes())?)),
    }
}

/// What the difference is printed as.
const FORMS: [Format; 3] = [Format::Table, Format::Json, Format::Markdown];

/// A log, or the snapshot that it is.
fn given(path: PathBuf) -> Result<(Vec<Source>, Vec<Snapshot>), String> {
    let mut logs = vec![path];
    let snapshot = snapshot::take_from(&mut logs)?;
    let source = |path: PathBuf| Source::from_argument(Path::new(&path));
    Ok((
        logs.into_iter().map(source).collect(),
        snapshot.into_iter().collect(),
    ))
}
