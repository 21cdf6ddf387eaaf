//! `slowpath [report] FILES`: from flags to a printed report.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum as _;
use rayon::ThreadPoolBuilder;
use slowpath::detection::{Candidates, Format as LogFormat, read_field, why_none_fits};
use slowpath::diagnosis::{Baseline, Context, Diagnosis, Mark, diagnose_with};
use slowpath::endpoint::Dimension;
use slowpath::grammar::{Fields, builtin, nginx_conf, role_of};
use slowpath::input::{self, BLOCK, Feed, FeedOptions, Interrupt, Open, Progress, Source};
use slowpath::record::Plans;
use slowpath::report::{
    Choice, Column, View, csv, hgrm, hlog, html, json, markdown, openmetrics, show, table,
};
use slowpath::snapshot::{Settings, Snapshot, frame};
use slowpath::stamp::{Stamp, StampForm};
use slowpath::summary::{
    Ends, FileSummary, Question, Refusal, RejectSink, Shown, Summary, Tallies, WaitModel, freeze,
    latest, reduce,
};
use slowpath::unit::{Micros, Quantile};
use slowpath::untrusted::Untrusted;

use super::flags::{self, Color, Format, ReportFlags, Window};
use super::output::{self, OutputFile};
use super::{Exit, config, progress, say, signals, snapshot, sources};

/// Endpoints in a table where nothing is said: a screen full.
const TABLE_ROWS: usize = 30;

/// Slowest requests of each endpoint in JSON, and of the one that is shown in full.
const EXAMPLES: usize = 3;
const SHOWN_EXAMPLES: usize = 10;

/// Runs the report.
pub fn run(flags: ReportFlags) -> Result<Exit, String> {
    let flags = config::apply(flags)?;
    start_threads(&flags)?;
    let form = output::form(
        flags.format,
        flags.output.as_deref(),
        Format::value_variants(),
    )?;
    let choice = choice(&flags, form)?;
    let log_format = log_format(&flags)?;
    let (mut sources, snapshots) = given(&flags)?;
    let settings = snapshot::agreed(settings(&flags)?, &Vec::from_iter(&snapshots))?;
    let mut question = question(&flags, &settings, form)?;
    let outputs: Vec<&Path> = [&flags.output, &flags.rejects]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    output::check(&outputs, &sources)?;
    let output = flags
        .output
        .as_deref()
        .map(OutputFile::create)
        .transpose()?;
    let rejects = flags
        .rejects
        .as_deref()
        .map(OutputFile::create)
        .transpose()?;
    let mut run = Run::start(&flags, log_format)?;
    // The run may go on without it, see `time_range`; its signal still says how the program ends.
    let interrupt = Arc::clone(&run.interrupt);
    let marks = marks(&flags)?;
    run.time_range(&mut question, &mut sources)?;
    let baseline = match flags.baseline.as_deref() {
        None => Usual::Quiet,
        Some(text) => run.baseline(text, &settings)?,
    };
    let summary = run.summary(sources, snapshots, &question, rejects)?;
    let context = Context {
        baseline: match &baseline {
            Usual::Quiet => Baseline::Quiet,
            Usual::Range(from, until) => Baseline::Range(*from, *until),
            Usual::Log(summary) => Baseline::Log(summary),
        },
        marks,
    };
    if let (Some(why), false) = (not_rebuilt(&summary), flags.reading.quiet) {
        say(&why);
    }
    let diagnosis = diagnose_with(&summary, &context);
    let exit = accounting(&summary)
        .and(trouble(&summary))
        .and(signals::exit(&interrupt));
    let complete = !interrupt.is_set();
    let nothing_read =
        summary.lines.lines == 0 && summary.files.iter().any(|file| file.error.is_some());
    let (text, shown_exit) = render(&summary, &diagnosis, &choice, &flags, form, complete);
    let printed = match output {
        Some(output) if complete && !nothing_read => output.finish_with(text.as_bytes())?,
        // What is partial or empty must not take the place of what is whole.
        Some(_) => {
            let why = if complete {
                "nothing was read"
            } else {
                "interrupted"
            };
            let path = flags.output.as_deref().map(shown).unwrap_or_default();
            say(&format!("{why}: {path} is left as it was"));
            output::to_stdout(text.as_bytes())?
        }
        // The error says it all.
        None if nothing_read && form == Format::Table => Exit::Fine,
        None => output::to_stdout(text.as_bytes())?,
    };
    Ok(printed.and(shown_exit).and(exit))
}

/// The logs that are given, and the snapshots among them, merged.
fn given(flags: &ReportFlags) -> Result<(Vec<Source>, Vec<Snapshot>), String> {
    let mut logs = flags.files.clone();
    let Some(snapshot) = snapshot::take_from(&mut logs)? else {
        return Ok((sources::sources(&logs)?, Vec::new()));
    };
    if flags.since.is_some() || flags.until.is_some() || flags.rejects.is_some() {
        return Err(
            "--since, --until and --rejects need the log itself: a snapshot holds no lines"
                .to_owned(),
        );
    }
    if flags.wait_model == Some(flags::WaitModel::Fifo) {
        return Err("--wait-model fifo needs the log itself: it looks at every request, and a snapshot holds only sums".to_owned());
    }
    if flags.show.is_some() {
        say("a snapshot has no timeline of a single endpoint: --show of the log itself has");
    }
    let sources = if logs.is_empty() {
        Vec::new()
    } else {
        sources::sources(&logs)?
    };
    Ok((sources, vec![snapshot]))
}

/// What a run reads with.
pub(super) struct Run<'f> {
    pub(super) flags: &'f ReportFlags,
    pub(super) log_format: LogFormat,
    pub(super) interrupt: Arc<Interrupt>,
}

impl<'f> Run<'f> {
    /// Watches for signals from here on.
    ///
    /// # Errors
    /// Signals cannot be watched for.
    pub(super) fn start(flags: &'f ReportFlags, log_format: LogFormat) -> Result<Run<'f>, String> {
        let interrupt = signals::install().map_err(|e| format!("cannot watch for signals: {e}"))?;
        Ok(Run {
            flags,
            log_format,
            interrupt: Arc::new(interrupt),
        })
    }
}

/// Tallies and the sources that they are of, in their order.
pub(super) struct Tallied {
    pub(super) tallies: Tallies,
    pub(super) files: Vec<FileSummary>,
    /// How each began; `None` where it was not opened.
    pub(super) heads: Vec<Option<Vec<u8>>>,
    /// Bytes that were read of each, after decompression.
    pub(super) bytes: Vec<u64>,
}

/// Bytes of a head by which a snapshot knows a source.
const IDENTITY: usize = 4 << 10;

/// The flags on which tallies depend.
pub(super) fn settings(flags: &ReportFlags) -> Result<Settings, String> {
    Ok(Settings {
        matches: flags.reading.matches.clone(),
        streams: flags.reading.stream.clone(),
        group_by: dimensions(flags)?
            .into_iter()
            .map(|dimension| dimension.name().to_owned())
            .collect(),
        app_metric: flags.reading.format.app_metric.clone(),
        filter: flags.reading.filter.clone(),
        window_seconds: match flags.window {
            Some(Window::Seconds(seconds)) => Some(seconds),
            Some(Window::Auto) | None => None,
        },
    })
}

/// What was found out when a source was opened.
type Found = Mutex<Vec<Option<Arc<Plans>>>>;

impl Run<'_> {
    /// The sources and, behind them, those of the snapshots in numbers.
    pub(super) fn summary(
        &self,
        sources: Vec<Source>,
        snapshots: Vec<Snapshot>,
        question: &Question,
        rejects: Option<OutputFile>,
    ) -> Result<Summary, String> {
        let mut known = sources.len();
        let stored: usize = snapshots.iter().map(|of| of.coverage.len()).sum();
        let count = known + stored;
        let tallied = self.tallies(sources, stored, question, rejects)?;
        let (mut tallies, mut files) = (tallied.tallies, tallied.files);
        for snapshot in snapshots {
            if tallied
                .heads
                .iter()
                .flatten()
                .any(|head| snapshot.coverage.began(head))
            {
                return Err(
                    "a log is in a snapshot that is given beside it: leave one out".to_owned(),
                );
            }
            files.extend(snapshot.files());
            let places: Vec<usize> = (known..known + snapshot.coverage.len()).collect();
            known += places.len();
            let stored = snapshot
                .tallies(question, &places, count)
                .map_err(|e| e.to_string())?;
            tallies = tallies.merge(stored, &question.naming);
        }
        Ok(freeze(tallies, question, files))
    }

    /// Tallies the sources, with room for so many that are behind them.
    pub(super) fn tallies(
        &self,
        sources: Vec<Source>,
        more: usize,
        question: &Question,
        rejects: Option<OutputFile>,
    ) -> Result<Tallied, String> {
        let heads: Mutex<Vec<Option<Vec<u8>>>> = Mutex::new(vec![None; sources.len()]);
        let plans: Found = Mutex::new(vec![None; sources.len()]);
        let ends = Ends::of(sources.len());
        let open = |at: usize, head: &[u8]| {
            let begin = head.get(..IDENTITY).unwrap_or(head);
            if let Some(slot) = heads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(at)
            {
                *slot = Some(begin.to_vec());
            }
            let plans = self.open(&sources, at, head, question.needs(), &plans)?;
            if question.runs
                && let Some(source) = sources.get(at)
                && let Some(lines) = input::last_lines(source)
            {
                ends.look(at, &plans, question, &lines);
            }
            Ok(plans)
        };
        let progress = Arc::new(Progress::default());
        let bar = if self.flags.reading.quiet {
            None
        } else {
            progress::Shown::begin(&progress, input::size(&sources))
        };
        let feed = self.feed(&sources, &progress, &open);
        let sink = rejects.map(RejectSink::new);
        let tallies = reduce(
            &feed,
            sources.len() + more,
            question,
            &ends,
            &progress,
            sink.as_ref(),
        );
        drop(bar);
        if let Some(sink) = sink {
            let path = self.flags.rejects.as_deref().map(shown).unwrap_or_default();
            let file = sink
                .finish()
                .map_err(|e| format!("cannot write {path}: {e}"))?;
            if self.interrupt.is_set() {
                say(&format!("interrupted: {path} is left as it was"));
            } else {
                file.finish()?;
            }
        }
        let ends = feed.ends();
        let bytes = ends.iter().map(|end| end.bytes).collect();
        let plans = plans.into_inner().unwrap_or_else(PoisonError::into_inner);
        let files = sources
            .iter()
            .zip(ends)
            .zip(plans)
            .map(|((source, end), plans)| {
                let grammar = plans.as_ref().map(|plans| &plans.first.grammar);
                let names = plans.iter().flat_map(|plans| plans.iter());
                let names = names.map(|plan| (plan.grammar.name.clone(), 0)).collect();
                FileSummary {
                    name: source.name().to_vec(),
                    format: grammar.map(|grammar| grammar.name.clone()),
                    definition: grammar.map(|grammar| grammar.definition.clone()),
                    formats: names,
                    error: end.error,
                    ..FileSummary::default()
                }
            })
            .collect();
        Ok(Tallied {
            tallies,
            files,
            heads: heads.into_inner().unwrap_or_else(PoisonError::into_inner),
            bytes,
        })
    }

    fn feed<'o>(
        &self,
        sources: &[Source],
        progress: &Arc<Progress>,
        open: Open<'o, Arc<Plans>>,
    ) -> Feed<'o, Arc<Plans>> {
        let options = FeedOptions {
            block: block_size(),
            // Rejects are written in the order of the input.
            at_once: if self.flags.rejects.is_some() {
                1
            } else {
                rayon::current_num_threads()
            },
        };
        Feed::new(
            sources.to_vec(),
            options,
            Arc::clone(&self.interrupt),
            Arc::clone(progress),
            open,
        )
        .with_directives(Plans::directive)
    }

    /// Decides on the grammars of a source by its first bytes, and says so where they fit none of
    /// them.
    fn open(
        &self,
        sources: &[Source],
        at: usize,
        head: &[u8],
        needs: Fields,
        found: &Found,
    ) -> Result<Arc<Plans>, String> {
        if head.starts_with(&frame::MAGIC) {
            return Err(snapshot::NOT_HERE.to_owned());
        }
        let candidates = self.candidates(sources, at, head)?;
        if let Some(why) = candidates
            .as_ref()
            .and_then(|candidates| why_none_fits(candidates, head))
        {
            let name = sources.get(at).map(Source::shown).unwrap_or_default();
            say(&format!("{name}: {why}"));
        }
        if let Some(guesses) = candidates.as_ref().and_then(guesses) {
            let name = sources.get(at).map(Source::shown).unwrap_or_default();
            say(&format!("{name}: {guesses}"));
        }
        let plans = Arc::new(plans(candidates.as_ref(), needs)?);
        if candidates.is_some()
            && let Some(slot) = found
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(at)
        {
            *slot = Some(Arc::clone(&plans));
        }
        Ok(plans)
    }

    /// The grammars of a source by its first bytes.
    fn candidates(
        &self,
        sources: &[Source],
        at: usize,
        head: &[u8],
    ) -> Result<Option<Candidates>, String> {
        let path = sources.get(at).and_then(Source::path);
        self.log_format.candidates(path, head)
    }

    /// Fills in the time range of the question. A range that counts back from the last record takes
    /// a pass of its own, for which standard input is kept in a file without a name.
    pub(super) fn time_range(
        &mut self,
        question: &mut Question,
        sources: &mut [Source],
    ) -> Result<(), String> {
        let moment = |flag: &str, text: &Option<String>| {
            let moment = text.as_deref().map(Moment::read).transpose();
            moment.map_err(|e| format!("{flag}: {e}"))
        };
        let since = moment("--since", &self.flags.since)?;
        let until = moment("--until", &self.flags.until)?;
        let relative = [since, until]
            .into_iter()
            .any(|moment| matches!(moment, Some(Moment::Back(_))));
        let mut last = None;
        if relative {
            for source in sources
                .iter_mut()
                .filter(|source| **source == Source::Stdin)
            {
                *source = input::keep_stdin(&self.interrupt)
                    .map_err(|e| format!("cannot keep standard input for a second pass: {e}"))?;
            }
            if self.interrupt.is_set() {
                // What was kept until then is still to be read.
                self.interrupt = Arc::new(Interrupt::never());
            }
            let needs = Question::default()
                .naming
                .needs()
                .with(slowpath::grammar::Field::Stamp);
            let sources: &[Source] = sources;
            let open = |at: usize, head: &[u8]| {
                let candidates = self.candidates(sources, at, head)?;
                plans(candidates.as_ref(), needs).map(Arc::new)
            };
            let feed = self.feed(sources, &Arc::default(), &open);
            last = latest(&feed);
            if last.is_none() {
                say("the records have no time, so --since and --until leave out all of them");
            }
        }
        let resolve = |moment: Option<Moment>| match (moment, last) {
            (Some(Moment::At(stamp)), _) => Some(stamp),
            (Some(Moment::Back(duration)), Some(last)) => Some(last.before(duration)),
            (Some(Moment::Back(_)), None) => Some(Stamp(i64::MAX)),
            (None, _) => None,
        };
        question.since = resolve(since);
        question.until = resolve(until);
        Ok(())
    }
}

/// What was guessed of a log's keys, and how to say it; `None` where nothing was.
pub fn guesses(candidates: &Candidates) -> Option<String> {
    let columns = candidates.first.columns();
    let guesses: Vec<String> = columns
        .iter()
        .filter(|column| column.is_guess)
        .map(|column| {
            let key = Untrusted::new(column.name.as_bytes()).for_terminal();
            match role_of(column.field, column.reading) {
                (role, Some(unit)) => format!("{role}={key}:{unit}"),
                (role, None) => format!("{role}={key}"),
            }
        })
        .collect();
    let are_many = !guesses.is_empty();
    are_many.then(|| {
        format!(
            "guessed from names and values: {} (--field says otherwise)",
            guesses.join(", ")
        )
    })
}

/// The plans of a source. One without a line needs some all the same; it reads nothing with them.
fn plans(candidates: Option<&Candidates>, needs: Fields) -> Result<Plans, String> {
    if let Some(candidates) = candidates {
        return Ok(candidates.plans(needs));
    }
    builtin::all()
        .first()
        .and_then(|builtin| builtin.grammars.first())
        .map(|grammar| Plans::only(grammar.plan(needs)))
        .ok_or_else(|| "no built-in formats".to_owned())
}

/// What a person says is usual.
enum Usual {
    Quiet,
    Range(Stamp, Stamp),
    Log(Box<Summary>),
}

impl Run<'_> {
    /// Reads what is usual: a time range of the log, or another log, whole.
    fn baseline(&self, text: &str, settings: &Settings) -> Result<Usual, String> {
        let shown = Untrusted::new(text.as_bytes()).for_terminal();
        if let Some((from, until)) = text.split_once("..")
            && !Path::new(text).exists()
        {
            let at = |text: &str| match Moment::read(text) {
                Ok(Moment::At(stamp)) => Ok(stamp),
                Ok(Moment::Back(_)) => {
                    Err(format!("--baseline: {shown}: give times, not durations"))
                }
                Err(e) => Err(format!("--baseline: {e}")),
            };
            let (from, until) = (at(from)?, at(until)?);
            if from >= until {
                return Err(format!("--baseline: {shown}: the range is empty"));
            }
            return Ok(Usual::Range(from, until));
        }
        if self.flags.wait_model == Some(flags::WaitModel::Fifo) {
            return Err(format!(
                "--baseline: {shown}: --wait-model fifo rebuilds one log at a time: give a time range of it, FROM..UNTIL"
            ));
        }
        let mut logs = vec![PathBuf::from(text)];
        let snapshots = Vec::from_iter(snapshot::take_from(&mut logs)?);
        snapshot::agreed(settings.clone(), &Vec::from_iter(&snapshots))?;
        let question = Question {
            memory: memory(self.flags),
            slowest: 0,
            examples: 0,
            runs: false,
            ..settings.question()?
        };
        let sources = logs.into_iter().map(Source::File).collect();
        let summary = self.summary(sources, snapshots, &question, None)?;
        match summary.files.first().and_then(|file| file.error.as_ref()) {
            Some(error) => Err(format!("--baseline: {shown}: {error}")),
            None if summary.lines.records == 0 => {
                Err(format!("--baseline: {shown}: no line fits the format"))
            }
            None => Ok(Usual::Log(Box::new(summary))),
        }
    }
}

/// Why `--wait-model fifo` told nothing, where it was asked for in vain.
fn not_rebuilt(summary: &Summary) -> Option<String> {
    let refusal = summary.fifo.as_ref()?.refusal.as_ref()?;
    let why = refusal.words(|address| Untrusted::new(address).for_terminal());
    Some(match refusal {
        Refusal::Measured => format!("--wait-model fifo: {why}"),
        _ => format!(
            "--wait-model fifo does not hold here, so that wait is told by the common mode: {why}"
        ),
    })
}

/// What was done when.
fn marks(flags: &ReportFlags) -> Result<Vec<Mark>, String> {
    let mark = |text: &String| {
        let (time, label) = text.split_once('=').ok_or_else(|| {
            format!("--mark: {text:?} is no TIME=LABEL, as in 2026-01-31T12:00:00Z=deploy")
        })?;
        match Moment::read(time) {
            Ok(Moment::At(at)) => Ok(Mark {
                at,
                label: label.to_owned(),
            }),
            Ok(Moment::Back(_)) => Err(format!("--mark: {time:?}: give a time, not a duration")),
            Err(e) => Err(format!("--mark: {e}")),
        }
    };
    let mut marks = flags
        .mark
        .iter()
        .map(mark)
        .collect::<Result<Vec<_>, String>>()?;
    marks.sort();
    Ok(marks)
}

/// A time on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    At(Stamp),
    /// So long before the last record.
    Back(Micros),
}

impl Moment {
    fn read(text: &str) -> Result<Moment, String> {
        let text = text.trim();
        if let Ok(back) = text.parse() {
            return Ok(Moment::Back(back));
        }
        if let Some(stamp) = StampForm::Any.read(text.as_bytes()) {
            return Ok(Moment::At(stamp));
        }
        // Without an offset UTC is meant, as in all output.
        let forms = [
            format!("{text}Z"),
            format!("{text}:00Z"),
            format!("{text}T00:00:00Z"),
        ];
        let stamp = forms
            .iter()
            .find_map(|form| StampForm::Iso8601.read(form.as_bytes()));
        stamp.map(Moment::At).ok_or_else(|| {
            format!("{text:?} is no time: give RFC 3339 (2026-01-31T12:00:00Z), a date (2026-01-31, UTC), or a duration back from the last record (1h)")
        })
    }
}

pub(super) fn choice(flags: &ReportFlags, form: Format) -> Result<Choice, String> {
    let column = |name: &String| Column::named(name.trim()).map_err(|e| e.to_string());
    let dimensions = dimensions(flags)?;
    // A dimension that was asked for is a column of its name.
    let named = |name: &String| match dimensions
        .iter()
        .position(|dimension| dimension.name() == name.trim())
    {
        Some(at) => Ok(Column::Dimension(at, dimensions[at])),
        None if Dimension::named(name.trim()).is_some() => {
            Err(format!("the column {name} needs --group-by {name}"))
        }
        None => column(name),
    };
    let columns = if flags.columns.is_empty() {
        None
    } else {
        Some(
            flags
                .columns
                .iter()
                .map(named)
                .collect::<Result<_, String>>()?,
        )
    };
    let quantiles = match flags.percentiles.as_slice() {
        [] => vec![
            Quantile::percent(50),
            Quantile::percent(95),
            Quantile::percent(99),
        ],
        given => given.to_vec(),
    };
    let limit = match (flags.limit, form) {
        (Some(0), _) => None,
        (None, Format::Table) => Some(TABLE_ROWS),
        (limit, _) => limit,
    };
    let sort = flags.sort.as_ref().map(named).transpose()?;
    Ok(Choice {
        columns,
        quantiles,
        sort,
        limit,
    })
}

/// Bytes of a block: a variable rather than a flag, because only tests of the same answer ask for it.
fn block_size() -> usize {
    std::env::var("SLOWPATH_BLOCK_SIZE")
        .ok()
        .and_then(|size| size.parse().ok())
        .unwrap_or(BLOCK)
}

fn dimensions(flags: &ReportFlags) -> Result<Vec<Dimension>, String> {
    let dimension = |name: &String| {
        Dimension::named(name.trim()).ok_or_else(|| {
            let names = Dimension::ALL.map(Dimension::name).join(", ");
            format!("unknown dimension {name:?}: there are {names}")
        })
    };
    flags.reading.group_by.iter().map(dimension).collect()
}

fn memory(flags: &ReportFlags) -> usize {
    flags.reading.memory.map_or(Question::MEMORY, |bytes| {
        usize::try_from(bytes).unwrap_or(usize::MAX)
    })
}

/// What the report asks of the logs, by these settings.
pub(super) fn question(
    flags: &ReportFlags,
    settings: &Settings,
    form: Format,
) -> Result<Question, String> {
    let shown = flags.show.as_deref().map(Shown::new);
    Ok(Question {
        memory: memory(flags),
        slowest: flags.slowest.unwrap_or(0),
        examples: match (&shown, form) {
            (Some(_), _) => SHOWN_EXAMPLES,
            (None, Format::Json | Format::Html) => EXAMPLES,
            (None, _) => 0,
        },
        runs: false,
        shown,
        wait_model: match flags.wait_model {
            Some(flags::WaitModel::Fifo) => WaitModel::Fifo,
            Some(flags::WaitModel::CommonMode) | None => WaitModel::CommonMode,
        },
        ..settings.question()?
    })
}

pub(super) fn log_format(flags: &ReportFlags) -> Result<LogFormat, String> {
    let flags = &flags.reading.format;
    let said = flags
        .field
        .iter()
        .map(|text| read_field(text).map_err(|e| format!("--field {e}")))
        .collect::<Result<Vec<_>, String>>()?;
    let format = match (&flags.log_format, &flags.grammar, &flags.nginx_conf) {
        (Some(text), ..) => LogFormat::named(text).map_err(|e| format!("--log-format: {e}"))?,
        (None, Some(path), _) => grammar_file(path)?,
        (None, None, Some(path)) => nginx_conf::read(path)
            .map(|conf| LogFormat::Conf(conf, path.clone()))
            .map_err(|e| e.to_string())?,
        (None, None, None) => LogFormat::Detect(Vec::new()),
    };
    Ok(format.with_fields(said))
}

/// Reads `--grammar`.
pub fn grammar_file(path: &Path) -> Result<LogFormat, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", shown(path)))?;
    LogFormat::of_file(&text).map_err(|e| format!("{}:{e}", shown(path)))
}

/// Starts the threads of the run, once.
pub(super) fn start_threads(flags: &ReportFlags) -> Result<(), String> {
    if flags.reading.threads == Some(0) {
        return Err("--threads takes one and more".to_owned());
    }
    ThreadPoolBuilder::new()
        .num_threads(flags.reading.threads.unwrap_or(0))
        .build_global()
        .map_err(|e| format!("cannot start threads: {e}"))
}

fn render(
    summary: &Summary,
    diagnosis: &Diagnosis,
    choice: &Choice,
    flags: &ReportFlags,
    form: Format,
    complete: bool,
) -> (String, Exit) {
    let mut view = View::new(summary, diagnosis, choice, complete);
    let style = style(flags);
    if let Some(shown) = flags.show.as_deref().map(Shown::new) {
        view.rows = summary
            .endpoints
            .iter()
            .filter(|endpoint| shown.is(&endpoint.method, &endpoint.route))
            .collect();
        view.other = None;
        if view.rows.is_empty() {
            say(&not_there(
                summary,
                flags.show.as_deref().unwrap_or_default(),
            ));
            return (String::new(), Exit::Trouble);
        }
        if form == Format::Table {
            return (show::render(summary, &view.rows, style.width), Exit::Fine);
        }
    }
    let text = match form {
        Format::Table => {
            let mut text = table::render(&view, style);
            if flags.slowest.is_some_and(|n| n > 0) && summary.slowest.is_empty() {
                text.push_str("\nno request has a duration, so none is the slowest\n");
            }
            if !summary.slowest.is_empty() {
                let slowest: Vec<_> = summary.slowest.iter().collect();
                text.push_str(&format!(
                    "\nslowest requests\n{}",
                    show::requests(&slowest, style.width)
                ));
            }
            text
        }
        Format::Json => json::render(&view),
        Format::Csv => csv::render(&view),
        Format::Markdown => markdown::render(&view),
        Format::Html => html::render(&view),
        Format::Openmetrics => openmetrics::render(&view),
        Format::Hlog => hlog::render(&view),
        Format::Hgrm => hgrm::render(&view, flags.show.is_some()),
    };
    (text, Exit::Fine)
}

/// That there is no such endpoint, and which one may have been meant.
fn not_there(summary: &Summary, name: &str) -> String {
    let wanted = name.rsplit(' ').next().unwrap_or(name);
    let routes: Vec<_> = summary
        .endpoints
        .iter()
        .map(|endpoint| String::from_utf8_lossy(&endpoint.route))
        .collect();
    let near = routes
        .iter()
        .min_by_key(|route| (strsim::damerau_levenshtein(wanted, route), route.len()));
    let hint = near.map_or_else(String::new, |near| {
        format!(
            ": the nearest is {}",
            Untrusted::new(near.as_bytes()).for_terminal()
        )
    });
    format!(
        "no endpoint {} in this log{hint}",
        Untrusted::new(name.as_bytes()).for_terminal()
    )
}

pub(super) fn style(flags: &ReportFlags) -> table::Style {
    let terminal = flags.output.is_none() && std::io::stdout().is_terminal();
    let set =
        |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let color = match flags.color.unwrap_or(Color::Auto) {
        Color::Always => true,
        Color::Never => false,
        // https://no-color.org and https://bixense.com/clicolors
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if set("CLICOLOR_FORCE") => true,
        Color::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    };
    let columns = || {
        std::env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok())
    };
    let width = if terminal {
        output::terminal_width().or_else(columns)
    } else {
        None
    };
    table::Style {
        width,
        color,
        quiet: flags.reading.quiet,
    }
}

/// Names what went wrong with the input.
pub(super) fn trouble(summary: &Summary) -> Exit {
    file_trouble(&summary.files)
}

/// The same for sources whose lines are perhaps not counted yet.
pub(super) fn file_trouble(files: &[FileSummary]) -> Exit {
    let mut exit = Exit::Fine;
    for file in files {
        let name = input::shown_name(&file.name);
        if let Some(error) = &file.error {
            say(&format!("{name}: {error}"));
            exit = Exit::Trouble;
        } else if file.lines.lines > 0 && file.lines.records == 0 {
            say(&format!("{name}: no line fits the format"));
            exit = Exit::Trouble;
        }
    }
    exit
}

/// Checks that every line is accounted for, and every request in the totals.
pub(super) fn accounting(summary: &Summary) -> Exit {
    let lines = &summary.lines;
    let rows: u64 = summary
        .endpoints
        .iter()
        .chain(&summary.other)
        .map(|endpoint| endpoint.requests)
        .sum();
    let whole = lines.records + lines.rejected() == lines.lines
        && rows == summary.totals.requests
        && rows + lines.filtered == lines.records;
    if whole {
        return Exit::Fine;
    }
    say(&format!(
        "internal error: {} lines, {} records and {} requests do not add up: please report this",
        lines.lines, lines.records, rows
    ));
    Exit::Broken
}

fn shown(path: &Path) -> String {
    Untrusted::new(path.as_os_str().as_encoded_bytes()).for_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_count_back() {
        let noon = Stamp(1_769_860_800_000_000);
        assert_eq!(Moment::read("2026-01-31T12:00:00Z"), Ok(Moment::At(noon)));
        assert_eq!(Moment::read("2026-01-31T12:00:00"), Ok(Moment::At(noon)));
        assert_eq!(Moment::read("2026-01-31 12:00"), Ok(Moment::At(noon)));
        assert_eq!(
            Moment::read("31/Jan/2026:13:00:00 +0100"),
            Ok(Moment::At(noon))
        );
        assert_eq!(
            Moment::read("2026-01-31"),
            Ok(Moment::At(Stamp(noon.0 - 43_200_000_000)))
        );
        assert_eq!(Moment::read("1h"), Ok(Moment::Back(Micros(3_600_000_000))));
        assert!(Moment::read("yesterday").unwrap_err().contains("RFC 3339"));
    }
}
