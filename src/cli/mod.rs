//! The command line: its definitions, and one file for each subcommand.

mod config;
mod diff;
mod exit;
mod flags;
mod formats;
mod gate;
mod output;
mod progress;
mod report;
mod signals;
mod snapshot;
mod sources;
mod watch;

use std::io::Write as _;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use exit::Exit;
use flags::{FormatFlags, ReportFlags, WatchFlags};

/// Reads access logs and says where the time of requests goes: waiting for a worker, or running
/// application code.
#[derive(Debug, Parser)]
#[command(
    name = "slowpath",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit codes: 0 fine, 1 the gate found a regression, 2 trouble (usage, a file that could not be\nread whole, no line that fits), 3 the gate cannot decide, 70 a broken invariant of slowpath itself,\n130 and 143 interrupted after printing what was read.\n\nExamples:\n  slowpath access.log                              where the time goes, endpoint by endpoint\n  slowpath /var/log/nginx/access.log* --since 1h   the last hour of the log, over rotated files\n  zcat access.log.gz | slowpath --where 'status >= 500'\n  slowpath watch access.log                        the same while it is written\n  slowpath access.log --show 'GET /api/users/:id'  one endpoint in full\n  slowpath formats access.log                      which format fits, and what is missing to measure wait"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    report: ReportFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tables of endpoints (the default command)
    Report(Box<ReportFlags>),
    /// A log while it is written, on the whole screen; without a terminal, a report every so often
    Watch(Box<WatchFlags>),
    /// What two logs differ in, endpoint by endpoint
    Diff(Box<diff::DiffFlags>),
    /// Whether a candidate is slower than a baseline, from runs of the same traffic against both
    Gate(Box<gate::GateFlags>),
    /// Tallies of logs, or of a piece of one, on disk: every command that takes a log takes them
    Snapshot(Box<snapshot::SnapshotFlags>),
    /// Put snapshots together
    Merge(snapshot::MergeFlags),
    /// What a snapshot holds, and what is missing
    Inspect(snapshot::InspectFlags),
    /// The built-in log formats; with a file: which one fits, and what is missing to measure wait
    Formats {
        /// A log, or the name of a built-in format
        what: Option<PathBuf>,
        /// Explain the log by this grammar's file
        #[arg(long, value_name = "FILE")]
        grammar: Option<PathBuf>,
    },
    /// Print a script that completes slowpath's commands and flags in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Runs the program.
pub fn run() -> Exit {
    let parsed = without_empty_variables(Cli::command())
        .try_get_matches()
        .and_then(|matches| {
            let cli = Cli::from_arg_matches(&matches)?;
            Ok((cli, matches))
        });
    let (mut cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors, and go to stdout.
            let exit = if error.use_stderr() {
                Exit::Trouble
            } else {
                Exit::Fine
            };
            return match error.print() {
                Ok(()) => exit,
                Err(_) => Exit::Trouble,
            };
        }
    };
    let given = matches.subcommand().map_or(&matches, |(_, given)| given);
    let format = match &mut cli.command {
        None => Some(&mut cli.report.reading.format),
        Some(Command::Report(flags)) => Some(&mut flags.reading.format),
        Some(Command::Watch(flags)) => Some(&mut flags.input),
        Some(Command::Diff(flags)) => Some(&mut flags.reading.format),
        Some(Command::Gate(flags)) => Some(&mut flags.reading.format),
        Some(Command::Snapshot(flags)) => Some(&mut flags.reading.format),
        Some(_) => None,
    };
    if let Some(Err(error)) = format.map(|format| one_format(format, given)) {
        say(&error);
        return Exit::Trouble;
    }
    let result = match cli.command {
        None => report::run(cli.report),
        Some(Command::Report(flags)) => report::run(*flags),
        Some(Command::Watch(flags)) => watch::run(*flags),
        Some(Command::Diff(flags)) => diff::run(*flags),
        Some(Command::Gate(flags)) => gate::run(*flags),
        Some(Command::Snapshot(flags)) => snapshot::run(*flags),
        Some(Command::Merge(flags)) => snapshot::merge(flags),
        Some(Command::Inspect(flags)) => snapshot::inspect(flags),
        Some(Command::Formats { what, grammar }) => {
            formats::run(what.as_deref(), grammar.as_deref())
        }
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::Man) => man(),
    };
    result.unwrap_or_else(|error| {
        say(&error);
        Exit::Trouble
    })
}

/// A variable that is set to nothing says nothing, as in `SLOWPATH_LIMIT=` of a unit file.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| {
        arg.get_env()
            .and_then(std::env::var_os)
            .is_some_and(|value| value.is_empty())
    };
    let unset = |arg: clap::Arg| {
        if is_empty(&arg) {
            arg.env(None::<&str>)
        } else {
            arg
        }
    };
    command
        .mut_args(unset)
        .mut_subcommands(|subcommand| subcommand.mut_args(unset))
}

/// The format is said once: a flag counts before the environment.
fn one_format(flags: &mut FormatFlags, given: &ArgMatches) -> Result<(), String> {
    let from_environment = |flag| given.value_source(flag) == Some(ValueSource::EnvVariable);
    if flags.log_format.is_none() || flags.nginx_conf.is_none() {
        return Ok(());
    }
    match (
        from_environment("log_format"),
        from_environment("nginx_conf"),
    ) {
        (true, false) => flags.log_format = None,
        (false, true) => flags.nginx_conf = None,
        _ => {
            return Err(
                "--nginx-conf cannot be used with --log-format: both say the format".to_owned(),
            );
        }
    }
    Ok(())
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "slowpath", &mut script);
    output::to_stdout(&script)
}

fn man() -> Result<Exit, String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|e| e.to_string())?;
    output::to_stdout(&page)
}

/// Says something to the person on stderr. That stderr is closed is no reason to stop.
pub fn say(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "slowpath: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
