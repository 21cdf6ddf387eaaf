//! `slowpath gate --baseline A --candidate B`: a verdict for CI.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use slowpath::endpoint::Pattern;
use slowpath::gate::budget::Budget;
use slowpath::gate::judgement::{Demands, Judgement, Outcome, judge};
use slowpath::gate::report::{Told, annotations, json, junit, markdown, table};
use slowpath::gate::rules::Rules;
use slowpath::gate::traffic::{Arm, Traffic};
use slowpath::input::{self, Source};
use slowpath::snapshot::Snapshot;
use slowpath::unit::Micros;

use super::config::{self, GateSettings};
use super::flags::{Format, ReadingFlags};
use super::output::{self, OutputFile};
use super::report::{self, Run};
use super::{Exit, say, signals, snapshot};

/// The flags of the gate.
#[derive(Debug, Args)]
#[command(
    after_help = "Each log is one run. Exit codes: 0 pass, 1 a regression, 2 trouble, 3 inconclusive: too little was\nmeasured, or under different load. With no data the exit code is never 0.\n\nExample: three runs of each version, interleaved, 12 requests and more a second for each endpoint:\n  slowpath gate --baseline a1.log --candidate b1.log --baseline a2.log --candidate b2.log \\\n                --baseline a3.log --candidate b3.log --budget 'p99(total) < 300ms where route = /api/:x'"
)]
pub struct GateFlags {
    /// Logs of the candidate, as with --candidate
    #[arg(value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,

    /// The log of a run of the version to compare with; repeat it for several runs
    #[arg(long, value_name = "LOG", required = true, value_hint = ValueHint::FilePath, help_heading = "Input")]
    baseline: Vec<PathBuf>,

    /// The log of a run of the version that is judged; repeat it for several runs
    #[arg(long, value_name = "LOG", value_hint = ValueHint::FilePath, help_heading = "Input")]
    candidate: Vec<PathBuf>,

    /// A limit for the candidate alone: 'p99(total) < 300ms where route = /api/:x', 'errors_5xx < 1%'
    #[arg(long, value_name = "LIMIT", help_heading = "Verdict")]
    budget: Vec<String>,

    /// Endpoints with this route must be seen to be well [default: those with 90 % of the busy time]
    #[arg(long, value_name = "PATTERN", help_heading = "Verdict")]
    require: Vec<String>,

    /// A slowdown in percent that nobody minds [default: 1 with three runs of each and more, else 5]
    #[arg(long, value_name = "PERCENT", help_heading = "Verdict", value_parser = read_percent)]
    margin: Option<f64>,

    /// Inconclusive where a slowdown by this many percent could have been missed [default: 20]
    #[arg(long, value_name = "PERCENT", help_heading = "Verdict", value_parser = read_percent)]
    limit: Option<f64>,

    /// A slowdown in time below which nothing is a regression [default: 2ms]
    #[arg(long, value_name = "DURATION", help_heading = "Verdict")]
    floor: Option<Micros>,

    /// By how many percent runs of one program differ, where runs are not repeated [default: 1.5]
    #[arg(long, value_name = "PERCENT", help_heading = "Verdict", value_parser = read_percent)]
    noise: Option<f64>,

    /// What an inconclusive gate exits as; without any data it is 3 all the same
    #[arg(long, value_name = "VERDICT", help_heading = "Verdict")]
    inconclusive: Option<Inconclusive>,

    /// The form of the output: table, json (slowpath.gate/1) or markdown [default: by the extension of -o, else table]
    #[arg(short = 'f', long, value_name = "FORMAT", help_heading = "Output")]
    format: Option<Format>,

    /// Write to this file, which is complete or untouched
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Write JUnit XML to this file as well
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    junit: Option<PathBuf>,

    #[command(flatten)]
    pub(super) reading: ReadingFlags,
}

/// What the verdict is printed as.
const FORMS: [Format; 3] = [Format::Table, Format::Json, Format::Markdown];

/// As what an inconclusive gate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Inconclusive {
    /// Exit code 0
    Pass,
    /// Exit code 1
    Fail,
}

fn read_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse() {
        Ok(percent) if (0.0..=1_000.0).contains(&percent) => Ok(percent),
        _ => Err("give percent from 0 to 1000, as in 5".to_owned()),
    }
}

/// Runs the gate.
pub fn run(flags: GateFlags) -> Result<Exit, String> {
    let GateFlags {
        files,
        baseline,
        candidate,
        budget,
        require,
        margin,
        limit,
        floor,
        noise,
        inconclusive,
        format,
        output,
        junit,
        reading,
    } = flags;
    let form = output::form(format, output.as_deref(), &FORMS)?;
    let (reading, settings) = config::apply_with_gate(reading.of_report())?;
    report::start_threads(&reading)?;
    let given = GateSettings {
        budget,
        require,
        margin,
        limit,
        floor: None,
        noise,
    };
    let (rules, demands) = rules_and_demands(given, floor, settings)?;
    let Given {
        arms,
        sources,
        snapshots,
    } = runs([
        (Arm::Baseline, baseline),
        (Arm::Candidate, candidate.into_iter().chain(files).collect()),
    ])?;
    let outputs: Vec<&Path> = [&output, &junit]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    output::check(&outputs, &sources)?;
    let create = |path: &Option<PathBuf>| path.as_deref().map(OutputFile::create).transpose();
    let (file, junit_file) = (create(&output)?, create(&junit)?);
    let settings = snapshot::agreed(report::settings(&reading)?, &Vec::from_iter(&snapshots))?;
    let mut question = report::question(&reading, &settings, Format::Table)?;
    question.runs = true;
    let run = Run::start(&reading, report::log_format(&reading)?)?;
    let summary = run.summary(sources, snapshots, &question, None)?;
    let trouble = report::accounting(&summary)
        .and(report::trouble(&summary))
        .and(signals::exit(&run.interrupt));
    let traffic = Traffic::of(&summary, &arms);
    let judgement = judge(&traffic, &rules, &demands);
    let told = Told {
        judgement: &judgement,
        traffic: &traffic,
        rules: &rules,
        dimensions: &summary.dimensions,
        complete: !run.interrupt.is_set(),
    };
    let text = match form {
        Format::Json => json::render(&told),
        Format::Markdown => markdown::render(&told),
        _ => table::render(&told),
    };
    let mut exit = trouble.and(exit(&judgement, inconclusive));
    exit = exit.and(match file {
        Some(file) => file.finish_with(text.as_bytes())?,
        None => output::to_stdout(text.as_bytes())?,
    });
    if let Some(file) = junit_file {
        exit = exit.and(file.finish_with(junit::render(&told).as_bytes())?);
    }
    tell_github(&told)?;
    Ok(exit)
}

/// How the judgement ends the program.
fn exit(judgement: &Judgement, inconclusive: Option<Inconclusive>) -> Exit {
    match (judgement.outcome, inconclusive) {
        (Outcome::Pass, _) => Exit::Fine,
        (Outcome::Fail, _) => Exit::Regression,
        (Outcome::Inconclusive, Some(Inconclusive::Pass)) if !judgement.no_data => Exit::Fine,
        (Outcome::Inconclusive, Some(Inconclusive::Fail)) => Exit::Regression,
        (Outcome::Inconclusive, _) => Exit::Undecided,
    }
}

/// A flag counts before the file of settings.
fn rules_and_demands(
    given: GateSettings,
    floor: Option<Micros>,
    settings: GateSettings,
) -> Result<(Rules, Demands), String> {
    let usual = Rules::default();
    let percent =
        |given: Option<f64>, setting: Option<f64>| given.or(setting).map(|percent| percent / 100.0);
    let floor = match (floor, settings.floor) {
        (Some(floor), _) => floor,
        (None, Some(text)) => text.parse().map_err(|e| format!("gate.floor: {e}"))?,
        (None, None) => usual.floor,
    };
    let either =
        |given: Vec<String>, setting: Vec<String>| if given.is_empty() { setting } else { given };
    let budgets = either(given.budget, settings.budget)
        .iter()
        .map(|text| Budget::new(text).map_err(|e| format!("--budget: {e}")))
        .collect::<Result<_, _>>()?;
    let required = either(given.require, settings.require)
        .iter()
        .map(|text| Pattern::new(text).map_err(|e| format!("--require: {e}")))
        .collect::<Result<_, _>>()?;
    let rules = Rules {
        margin: percent(given.margin, settings.margin),
        limit: percent(given.limit, settings.limit).unwrap_or(usual.limit),
        floor,
        noise: percent(given.noise, settings.noise),
        ..usual
    };
    Ok((rules, Demands { required, budgets }))
}

/// What is compared.
struct Given {
    /// The arm of each run: those of the logs, then those of the snapshots.
    arms: Vec<Arm>,
    sources: Vec<Source>,
    /// At most one for each arm.
    snapshots: Vec<Snapshot>,
}

/// The runs of both arms. A log is one run: given twice for the same arm it would count as two that
/// agree. A snapshot has as many runs as it has logs.
fn runs(files: [(Arm, Vec<PathBuf>); 2]) -> Result<Given, String> {
    let mut given = Given {
        arms: Vec::new(),
        sources: Vec::new(),
        snapshots: Vec::new(),
    };
    let mut seen: Vec<(Arm, PathBuf)> = Vec::new();
    let mut stored = Vec::new();
    for (arm, mut files) in files {
        if let Some(snapshot) = snapshot::take_from(&mut files)? {
            stored.extend(vec![arm; snapshot.coverage.len()]);
            given.snapshots.push(snapshot);
        }
        for path in files {
            let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
            let source = Source::from_argument(&path);
            let twice = seen.iter().any(|(other, seen)| {
                *seen == identity && (*other == arm || source == Source::Stdin)
            });
            if twice {
                return Err(format!(
                    "{} is given twice: each log is one run",
                    source.shown()
                ));
            }
            if source == Source::Stdin && input::stdin_is_terminal() {
                return Err("standard input is a terminal: name a log, or pipe one in".to_owned());
            }
            seen.push((arm, identity));
            given.arms.push(arm);
            given.sources.push(source);
        }
    }
    given.arms.extend(stored);
    Ok(given)
}

/// In GitHub Actions: annotations, and the step's summary.
fn tell_github(told: &Told<'_>) -> Result<(), String> {
    if std::env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return Ok(());
    }
    // The runner reads commands from either stream; stdout may be somebody's JSON.
    let _ = std::io::stderr()
        .lock()
        .write_all(annotations::render(told).as_bytes());
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(markdown::render(told).as_bytes()))
        .map_err(|e| {
            say("the verdict is printed all the same");
            format!("cannot write the step summary: {e}")
        })
}
