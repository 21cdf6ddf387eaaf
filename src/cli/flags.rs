//! The flags of a report. They are only declared here: what they mean together is decided in
//! [`super::report`], after the file of settings was read.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use slowpath::live::Range;
use slowpath::unit::{Micros, Quantile, read_bytes};

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A table for people
    Table,
    /// slowpath.report/1, see schema/
    Json,
    /// One row an endpoint, durations in µs
    Csv,
    /// A table for pull requests and chats
    Markdown,
    /// One page to look at and to send around; it asks for nothing from anywhere
    Html,
    /// OpenMetrics text, for the textfile collector of Prometheus' node_exporter
    Openmetrics,
    /// An interval log for the tools of HdrHistogram
    Hlog,
    /// A percentile distribution for HdrHistogram's plotter; with --show of one endpoint
    Hgrm,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set; everywhere if CLICOLOR_FORCE is
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// How wait is told from own time without a clock of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitModel {
    /// What all endpoints of a pool have alike at a time is wait; says sums of each endpoint
    CommonMode,
    /// Workers take requests up in order: says the wait of each request, if the log passes the test of it
    Fifo,
}

/// Which format the logs are in.
#[derive(Debug, Default, Args)]
pub struct FormatFlags {
    /// An nginx log_format, Apache LogFormat or other server's string, or the name of a built-in format
    ///
    /// HAProxy's log-format, Envoy's, gunicorn's, uWSGI's, varnishncsa's and Squid's are read too. The
    /// string may be given bare, in the quotes of its configuration, or as the whole directive.
    /// Fields that nginx has no variable for are named by role and unit: $method $path $status
    /// $total_ms $wait_s $app_us. Without this flag the format is found out from the first lines.
    #[arg(
        long,
        value_name = "STR",
        help_heading = "Input",
        env = "SLOWPATH_LOG_FORMAT",
        hide_env_values = true
    )]
    pub log_format: Option<String>,

    /// Take the log_format from this nginx configuration, by the access_log that names the file
    #[arg(long, value_name = "FILE", help_heading = "Input", env = "SLOWPATH_NGINX_CONF", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub nginx_conf: Option<PathBuf>,

    /// Take the format from a grammar's file, see docs/grammars.md
    #[arg(long, value_name = "FILE", help_heading = "Input", conflicts_with_all = ["log_format", "nginx_conf"], value_hint = ValueHint::FilePath)]
    pub grammar: Option<PathBuf>,

    /// What a key means, in JSON, LTSV, logfmt or a definition: app=x_runtime:s, path=endpoint
    #[arg(long, value_name = "ROLE=KEY[:UNIT]", help_heading = "Input")]
    pub field: Vec<String>,

    /// The Server-Timing metric that is the application's time [default: X-Runtime, then `total`]
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Input",
        env = "SLOWPATH_APP_METRIC",
        hide_env_values = true
    )]
    pub app_metric: Option<String>,
}

/// How logs are read.
#[derive(Debug, Default, Args)]
pub struct ReadingFlags {
    #[command(flatten)]
    pub format: FormatFlags,

    /// A route: /users/:id, /static/*, or a regular expression over the whole path; the first match counts
    #[arg(
        short = 'm',
        long = "match",
        value_name = "PATTERN",
        help_heading = "Endpoints"
    )]
    pub matches: Vec<String>,

    /// More dimensions of an endpoint: host, upstream, status, status_class, cache_status, user_agent, remote_addr
    #[arg(
        long,
        value_name = "DIMENSIONS",
        value_delimiter = ',',
        help_heading = "Endpoints",
        env = "SLOWPATH_GROUP_BY",
        hide_env_values = true
    )]
    pub group_by: Vec<String>,

    /// A route that is an event stream: counted, but kept out of all durations
    #[arg(long, value_name = "PATTERN", help_heading = "Endpoints")]
    pub stream: Vec<String>,

    /// Only records for which this holds: 'status >= 500 and total > 1s', "route ~ '^/api/'"
    #[arg(long = "where", value_name = "EXPR", help_heading = "Filter")]
    pub filter: Option<String>,

    /// Only what was asked for: no head, no notes, no progress
    #[arg(short = 'q', long, help_heading = "Output")]
    pub quiet: bool,

    /// Memory for tallies over all threads [default: 96MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Resources", env = "SLOWPATH_MEMORY", hide_env_values = true, value_parser = read_bytes)]
    pub memory: Option<u64>,

    /// Threads [default: as many as there are cores]
    #[arg(
        short = 'j',
        long,
        value_name = "N",
        help_heading = "Resources",
        env = "SLOWPATH_THREADS",
        hide_env_values = true
    )]
    pub threads: Option<usize>,

    /// Settings [default: slowpath.toml here, where there is one]
    #[arg(long, value_name = "FILE", help_heading = "Resources", env = "SLOWPATH_CONFIG", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// A report's files and flags.
#[derive(Debug, Default, Args)]
pub struct ReportFlags {
    /// Logs, plain or compressed (gz, zst, bz2, xz); `-` or none: standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub reading: ReadingFlags,

    /// Write the lines that do not fit the format to this file
    #[arg(long, value_name = "FILE", help_heading = "Input", value_hint = ValueHint::FilePath)]
    pub rejects: Option<PathBuf>,

    /// Only records from this time on: RFC 3339, a date, or 1h back from the last record
    #[arg(long, value_name = "TIME", help_heading = "Filter")]
    pub since: Option<String>,

    /// Only records before this time
    #[arg(long, value_name = "TIME", help_heading = "Filter")]
    pub until: Option<String>,

    /// One endpoint in full: 'GET /api/users/:id', or a route for all its methods
    #[arg(long, value_name = "ENDPOINT", help_heading = "Output")]
    pub show: Option<String>,

    /// The slowest requests themselves
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub slowest: Option<usize>,

    /// The column to sort by, such as requests, busy, errors_5xx, wait.p95 [default: busy]
    #[arg(
        long,
        value_name = "COLUMN",
        help_heading = "Output",
        env = "SLOWPATH_SORT",
        hide_env_values = true
    )]
    pub sort: Option<String>,

    /// How many endpoints, 0 for all [default: 30 in a table, all elsewhere]
    #[arg(
        allow_negative_numbers = true,
        short = 'n',
        long,
        value_name = "N",
        help_heading = "Output",
        env = "SLOWPATH_LIMIT",
        hide_env_values = true
    )]
    pub limit: Option<usize>,

    /// The columns, such as endpoint,requests,wait.p95,app.mean
    #[arg(
        long,
        value_name = "COLUMNS",
        value_delimiter = ',',
        help_heading = "Output",
        env = "SLOWPATH_COLUMNS",
        hide_env_values = true
    )]
    pub columns: Vec<String>,

    /// The percentiles [default: 50,95,99]
    #[arg(
        long,
        value_name = "P",
        value_delimiter = ',',
        help_heading = "Output",
        env = "SLOWPATH_PERCENTILES",
        hide_env_values = true
    )]
    pub percentiles: Vec<Quantile>,

    /// The form of the output [default: by the extension of -o, else table]
    #[arg(
        short = 'f',
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        env = "SLOWPATH_FORMAT",
        hide_env_values = true
    )]
    pub format: Option<Format>,

    /// Write to this file, which is complete or untouched
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// The width of a window of the timeline, from 1s on [default: auto]
    #[arg(long, value_name = "WIDTH", help_heading = "Output", env = "SLOWPATH_WINDOW", hide_env_values = true, value_parser = read_window)]
    pub window: Option<Window>,

    /// What is usual: a log, or a time range of this log, FROM..UNTIL [default: its quiet times]
    #[arg(long, value_name = "LOG|RANGE", help_heading = "Diagnosis")]
    pub baseline: Option<String>,

    /// How wait is told from own time where the log does not: by what all endpoints have alike at a time, or request by request from the order in which they come and leave [default: common-mode]
    #[arg(
        long,
        value_name = "MODEL",
        help_heading = "Diagnosis",
        env = "SLOWPATH_WAIT_MODEL",
        hide_env_values = true
    )]
    pub wait_model: Option<WaitModel>,

    /// Something that was done, as in 2026-01-31T12:00:00Z=deploy: told of where findings begin near it
    #[arg(long, value_name = "TIME=LABEL", help_heading = "Diagnosis")]
    pub mark: Vec<String>,

    /// When to use colours [default: auto]
    #[arg(
        long,
        value_name = "WHEN",
        help_heading = "Output",
        env = "SLOWPATH_COLOR",
        hide_env_values = true
    )]
    pub color: Option<Color>,
}

/// The flags of the live view.
#[derive(Debug, Args)]
pub struct WatchFlags {
    /// The log, which is followed as `tail -F` does; `-` or none: a pipe on standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// The range of time at the beginning
    #[arg(long, value_name = "RANGE", default_value = "5m", value_parser = read_range)]
    pub range: Range,

    /// Bytes before the end of the file from which it is read
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = read_backlog)]
    pub backlog: u64,

    /// Without a terminal: the time between two reports
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = read_every)]
    pub every: Micros,

    /// Without a terminal: tables, or JSON, a report a line
    #[arg(short = 'f', long, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// Without a terminal: how many endpoints, 0 for all [default: 30 in a table, all elsewhere]
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    #[command(flatten)]
    pub input: FormatFlags,

    /// A route: /users/:id, /static/*, or a regular expression over the whole path
    #[arg(short = 'm', long = "match", value_name = "PATTERN")]
    pub matches: Vec<String>,

    /// A route that is an event stream: counted, but kept out of all durations
    #[arg(long, value_name = "PATTERN")]
    pub stream: Vec<String>,

    /// Only records for which this holds: 'status >= 500 and total > 1s'
    #[arg(long = "where", value_name = "EXPR")]
    pub filter: Option<String>,

    /// Only to say that it is not for a log that is still written
    #[arg(long, hide = true, value_parser = only_whole_logs)]
    pub wait_model: Option<WaitModel>,

    /// When to use colours [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub color: Option<Color>,

    /// Memory for tallies [default: 96MiB]
    #[arg(long, value_name = "SIZE", value_parser = read_bytes)]
    pub memory: Option<u64>,

    /// Settings [default: slowpath.toml here, where there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// The common mode is what a live view knows.
fn only_whole_logs(text: &str) -> Result<WaitModel, String> {
    match text {
        "common-mode" => Ok(WaitModel::CommonMode),
        _ => Err("it looks at all requests of a log in order, and this one is still written: give the log to `slowpath report`".to_owned()),
    }
}

fn read_range(text: &str) -> Result<Range, String> {
    Range::named(text).ok_or_else(|| {
        let names = Range::ALL.map(Range::name).join(", ");
        format!("the ranges are {names}")
    })
}

/// Bytes, or nothing at all.
fn read_backlog(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { read_bytes(text) }
}

fn read_every(text: &str) -> Result<Micros, String> {
    match text.parse()? {
        Micros(us @ 100_000..) => Ok(Micros(us)),
        _ => Err("a tenth of a second is the least".to_owned()),
    }
}

impl ReadingFlags {
    /// The same as the flags of a report.
    pub fn of_report(self) -> ReportFlags {
        ReportFlags {
            reading: self,
            ..ReportFlags::default()
        }
    }
}

/// The width of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// One that suits the log.
    Auto,
    /// So many seconds.
    Seconds(u32),
}

/// `auto`, or a duration of whole seconds up to a year.
pub fn read_window(text: &str) -> Result<Window, String> {
    if text == "auto" {
        return Ok(Window::Auto);
    }
    let width: Micros = text.parse()?;
    let seconds = u32::try_from(width.0 / 1_000_000).unwrap_or(u32::MAX);
    match (seconds, width.0 % 1_000_000) {
        (1..=31_536_000, 0) => Ok(Window::Seconds(seconds)),
        _ => Err(format!(
            "{text:?} is no width of a window: give whole seconds, as in 1s, 10s, 1m or 1h, or auto"
        )),
    }
}
