//! `slowpath watch [FILE|-]`: on a terminal the whole screen, otherwise a report every so often.

mod terminal;

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use slowpath::diagnosis::diagnose;
use slowpath::input::{self, Interrupt, Source};
use slowpath::live::{Condition, Heard, Intake, listen};
use slowpath::report::{Choice, View, json, table};
use slowpath::stamp::Stamp;
use slowpath::summary::{FileSummary, Question, Summary, freeze};

use super::flags::{Format, ReadingFlags, ReportFlags, WatchFlags};
use super::{Exit, config, output, report, say, signals, snapshot};

/// Blocks that wait to be taken in.
const WAITING: usize = 8;

/// Slowest requests that are kept of each endpoint.
const EXAMPLES: usize = 5;

/// Runs the live view.
pub fn run(mut flags: WatchFlags) -> Result<Exit, String> {
    let source = source(flags.file.take().as_deref())?;
    let form = match flags.format {
        None | Some(Format::Table) => Format::Table,
        Some(Format::Json) => Format::Json,
        Some(_) => return Err("watch prints tables or, with -f json, JSON".to_owned()),
    };
    // -f asks for text, on a terminal too.
    let screen = flags.format.is_none() && std::io::stdout().is_terminal();
    let report_flags = config::apply(ReportFlags {
        reading: ReadingFlags {
            format: std::mem::take(&mut flags.input),
            matches: std::mem::take(&mut flags.matches),
            stream: std::mem::take(&mut flags.stream),
            filter: flags.filter.take(),
            memory: flags.memory,
            config: flags.config.take(),
            ..ReadingFlags::default()
        },
        limit: flags.limit,
        color: flags.color,
        ..ReportFlags::default()
    })?;
    let format = report::log_format(&report_flags)?;
    let settings = report::settings(&report_flags)?;
    let mut question = report::question(&report_flags, &settings, form)?;
    question.examples = EXAMPLES;
    let (interrupt, stop) =
        signals::install_for_screen().map_err(|e| format!("cannot watch for signals: {e}"))?;
    let interrupt = Arc::new(interrupt);
    let (to, heard) = sync_channel(WAITING);
    listen(source.clone(), flags.backlog, Arc::clone(&interrupt), to)
        .map_err(|e| format!("cannot start a thread: {e}"))?;
    let watch = Watch {
        flags: &flags,
        question: &question,
        source: &source,
        heard,
        intake: Intake::new(&question, &format, Some(&source)),
        condition: Condition::default(),
        error: None,
    };
    if screen {
        let paint = report::style(&report_flags).color;
        terminal::run(watch, &interrupt, &stop, paint)
    } else {
        watch.print(&report_flags, form, &interrupt)
    }
}

fn source(file: Option<&Path>) -> Result<Source, String> {
    let source = file.map_or(Source::Stdin, Source::from_argument);
    if source == Source::Stdin && input::stdin_is_terminal() {
        return Err(
            "no log given: name a file, or pipe one in, as in `slowpath watch access.log`"
                .to_owned(),
        );
    }
    if let Source::File(path) = &source
        && path.is_dir()
    {
        return Err(format!(
            "{}: is a directory: name a file in it",
            source.shown()
        ));
    }
    if source.path().is_some_and(snapshot::is_snapshot) {
        return Err(format!(
            "{}: is a snapshot, which does not grow: name the log",
            source.shown()
        ));
    }
    Ok(source)
}

/// A log that is watched.
struct Watch<'q> {
    flags: &'q WatchFlags,
    question: &'q Question,
    source: &'q Source,
    heard: Receiver<Heard>,
    intake: Intake<'q>,
    condition: Condition,
    /// Why the log ended before its end.
    error: Option<String>,
}

impl Watch<'_> {
    /// Takes in one message.
    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Lines(block) => self.intake.block(&block, Instant::now(), wall()),
            Heard::Followed(followed, trouble) => {
                self.condition.followed = followed;
                self.condition.trouble = trouble;
            }
            Heard::Ended(error) => {
                self.intake.ranges.stop();
                self.condition.ended = true;
                self.condition.trouble.clone_from(&error);
                self.error = error;
            }
        }
    }

    /// Takes in what is there, until a moment; whether there may be more.
    fn take_until(&mut self, moment: Instant) -> bool {
        while !self.condition.ended && Instant::now() < moment {
            match self.heard.try_recv() {
                Ok(heard) => self.take(heard),
                Err(TryRecvError::Empty) => return false,
                // The listener always says that it ended.
                Err(TryRecvError::Disconnected) => unreachable!("the listener is gone"),
            }
        }
        !self.condition.ended
    }

    /// Prints a report every so often, and one at the end.
    fn print(
        mut self,
        report_flags: &ReportFlags,
        form: Format,
        interrupt: &Interrupt,
    ) -> Result<Exit, String> {
        let choice = report::choice(report_flags, form)?;
        let style = report::style(report_flags);
        let every = Duration::from_micros(self.flags.every.0);
        let mut next = Instant::now() + every;
        let mut trouble = None;
        let mut exit = Exit::Fine;
        while !self.condition.ended {
            let wait = next.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(wait) {
                Ok(heard) => self.take(heard),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the listener is gone"),
            }
            if trouble != self.condition.trouble {
                trouble.clone_from(&self.condition.trouble);
                if let Some(trouble) = &trouble {
                    say(&format!("{}: {trouble}", self.source.shown()));
                }
            }
            if Instant::now() >= next && !self.condition.ended {
                // Where the reader is slow, reports are left out rather than piled up.
                next = Instant::now() + every;
                match self.report(&choice, style, form)? {
                    Some(new) => exit = exit.and(new),
                    None => return Ok(exit),
                }
            }
        }
        let last = self.report(&choice, style, form)?;
        let misfit = self.intake.misfit().map(str::to_owned);
        if let Some(misfit) = &misfit {
            say(&format!("{}: {misfit}", self.source.shown()));
        }
        let whole = if misfit.is_some() || self.error.is_some() {
            Exit::Trouble
        } else {
            Exit::Fine
        };
        Ok(exit
            .and(last.unwrap_or(Exit::Fine))
            .and(whole)
            .and(signals::exit(interrupt)))
    }

    /// Prints a report of the range; `None` where nobody reads it any more.
    fn report(
        &mut self,
        choice: &Choice,
        style: table::Style,
        form: Format,
    ) -> Result<Option<Exit>, String> {
        let summary = self.summary();
        let exit = report::accounting(&summary);
        let diagnosis = diagnose(&summary);
        let view = View::new(&summary, &diagnosis, choice, true);
        let text = match form {
            Format::Json => json::line(&view),
            _ => table::render(&view, style) + "\n",
        };
        Ok(output::is_taken(text.as_bytes())?.then_some(exit))
    }

    fn summary(&mut self) -> Summary {
        let (tallies, _) = self.intake.ranges.tallies(self.flags.range, Instant::now());
        let file = FileSummary {
            error: self.error.clone(),
            ..self.intake.file(self.source.name())
        };
        freeze(tallies, self.question, vec![file])
    }
}

/// The time on the wall.
fn wall() -> Stamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
