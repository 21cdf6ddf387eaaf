//! `slowpath.toml`: settings for those who would give the same flags each time. A flag counts before
//! the environment, the environment before the file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use slowpath::unit::{Quantile, read_bytes};

use super::flags::{Color, Format, FormatFlags, ReadingFlags, ReportFlags, WaitModel, read_window};

/// The name that is looked for in the current folder.
const NAME: &str = "slowpath.toml";

/// The file: each key is the flag of its name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    log_format: Option<String>,
    nginx_conf: Option<PathBuf>,
    app_metric: Option<String>,
    #[serde(default, rename = "match")]
    matches: Vec<String>,
    #[serde(default)]
    group_by: Vec<String>,
    #[serde(default)]
    stream: Vec<String>,
    sort: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    percentiles: Vec<f64>,
    format: Option<Format>,
    window: Option<String>,
    wait_model: Option<WaitModel>,
    color: Option<Color>,
    memory: Option<String>,
    threads: Option<usize>,
    #[serde(default)]
    gate: GateSettings,
}

/// The table `[gate]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateSettings {
    /// Limits for the candidate.
    #[serde(default)]
    pub budget: Vec<String>,
    /// Routes that must be judged.
    #[serde(default)]
    pub require: Vec<String>,
    /// Percent.
    pub margin: Option<f64>,
    /// Percent.
    pub limit: Option<f64>,
    /// A duration.
    pub floor: Option<String>,
    /// Percent.
    pub noise: Option<f64>,
}

/// Fills in what neither a flag nor the environment gave.
pub fn apply(flags: ReportFlags) -> Result<ReportFlags, String> {
    apply_with_gate(flags).map(|(flags, _)| flags)
}

/// The same, and the settings of the gate.
pub fn apply_with_gate(flags: ReportFlags) -> Result<(ReportFlags, GateSettings), String> {
    let path = match &flags.reading.config {
        Some(path) => path.clone(),
        None if Path::new(NAME).is_file() => PathBuf::from(NAME),
        None => return Ok((flags, GateSettings::default())),
    };
    let shown =
        slowpath::untrusted::Untrusted::new(path.as_os_str().as_encoded_bytes()).for_terminal();
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{shown}: {e}"))?;
    let mut settings: Settings = toml::from_str(&text).map_err(|e| format!("{shown}: {e}"))?;
    let gate = std::mem::take(&mut settings.gate);
    let flags = merge(flags, settings, path.parent()).map_err(|e| format!("{shown}: {e}"))?;
    Ok((flags, gate))
}

fn merge(
    flags: ReportFlags,
    settings: Settings,
    folder: Option<&Path>,
) -> Result<ReportFlags, String> {
    let or = |flag: Vec<String>, setting: Vec<String>| if flag.is_empty() { setting } else { flag };
    let percentiles = match flags.percentiles.as_slice() {
        [] => settings
            .percentiles
            .iter()
            .map(|p| p.to_string().parse())
            .collect::<Result<Vec<Quantile>, String>>()?,
        _ => flags.percentiles,
    };
    // They say the same thing, so a flag for one overrides all.
    let given = flags.reading.format;
    let (log_format, nginx_conf) = match (given.log_format, given.nginx_conf) {
        (None, None) if given.grammar.is_none() => (
            settings.log_format,
            settings
                .nginx_conf
                .map(|conf| folder.map_or_else(|| conf.clone(), |folder| folder.join(&conf))),
        ),
        given => given,
    };
    let format = FormatFlags {
        log_format,
        nginx_conf,
        grammar: given.grammar,
        field: given.field,
        app_metric: given.app_metric.or(settings.app_metric),
    };
    let reading = ReadingFlags {
        format,
        matches: or(flags.reading.matches, settings.matches),
        group_by: or(flags.reading.group_by, settings.group_by),
        stream: or(flags.reading.stream, settings.stream),
        memory: match flags.reading.memory {
            None => settings.memory.as_deref().map(read_bytes).transpose()?,
            given => given,
        },
        threads: flags.reading.threads.or(settings.threads),
        filter: flags.reading.filter,
        quiet: flags.reading.quiet,
        config: flags.reading.config,
    };
    Ok(ReportFlags {
        reading,
        sort: flags.sort.or(settings.sort),
        limit: flags.limit.or(settings.limit),
        columns: or(flags.columns, settings.columns),
        percentiles,
        format: flags.format.or(settings.format),
        window: match flags.window {
            None => settings.window.as_deref().map(read_window).transpose()?,
            given => given,
        },
        wait_model: flags.wait_model.or(settings.wait_model),
        color: flags.color.or(settings.color),
        ..flags
    })
}
