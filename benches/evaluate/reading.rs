//! One run of slowpath over a log, and what its report says. Knows the report's JSON, and nothing of the
//! program's inside.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::nginx::{Clock, Flaws, WHOLE_SECONDS};

/// What a log says of the application, and how slowpath is asked to read it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reading {
    Timing,
    Runtime,
    Neither,
    /// Neither, with `--wait-model fifo`.
    Fifo,
}

impl Reading {
    pub const ALL: [Reading; 4] = [
        Reading::Timing,
        Reading::Runtime,
        Reading::Neither,
        Reading::Fifo,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Timing => "timing",
            Self::Runtime => "runtime",
            Self::Neither => "neither",
            Self::Fifo => "fifo",
        }
    }

    pub fn clock(self) -> Clock {
        match self {
            Self::Timing => Clock::Timing,
            Self::Runtime => Clock::Runtime,
            Self::Neither | Self::Fifo => Clock::Neither,
        }
    }
}

/// What a report says.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub split_by: String,
    pub wait_us: Option<u64>,
    pub endpoints: Vec<Row>,
    /// Addresses and pool sizes.
    pub pools: Vec<(String, u64)>,
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub method: String,
    pub route: String,
    pub own_us: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub struct Finding {
    pub kind: String,
    pub severity: String,
    pub basis: String,
    /// Method, route, role.
    pub endpoints: Vec<(String, String, String)>,
    pub subject: String,
    pub title: String,
}

impl Finding {
    /// Whether it asks for anything to be done.
    pub fn is_loud(&self) -> bool {
        self.severity != "info"
    }
}

/// Runs the program over a log.
pub fn read(program: &Path, log: &[u8], reading: Reading, flaws: Flaws) -> Result<Report, String> {
    let text = |e: std::io::Error| e.to_string();
    let mut file = tempfile::NamedTempFile::new().map_err(text)?;
    file.write_all(log).map_err(text)?;
    let mut command = Command::new(program);
    command.args(["-f", "json", "-n", "0", "-j", "1"]);
    if flaws.whole_seconds {
        command.args(["--log-format", WHOLE_SECONDS]);
    }
    if reading == Reading::Fifo {
        command.args(["--wait-model", "fifo"]);
    }
    // Where no settings lie.
    let folder = file.path().parent().unwrap_or(Path::new("/"));
    let output = command
        .arg(file.path())
        .current_dir(folder)
        .output()
        .map_err(text)?;
    if !output.status.success() {
        return Err(format!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let json: Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    if json["input"]["rejects"] != 0 {
        return Err(format!("{} lines rejected", json["input"]["rejects"]));
    }
    Ok(report(&json))
}

fn report(json: &Value) -> Report {
    let text = |value: &Value| value.as_str().unwrap_or("").to_string();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let row = |row: &Value| Row {
        method: text(&row["method"]),
        route: text(&row["route"]),
        own_us: row["phases"]["app"]["sum_us"].as_u64(),
    };
    let finding = |finding: &Value| Finding {
        kind: text(&finding["kind"]),
        severity: text(&finding["severity"]),
        basis: text(&finding["basis"]),
        endpoints: list(&finding["endpoints"])
            .iter()
            .map(|e| (text(&e["method"]), text(&e["route"]), text(&e["role"])))
            .collect(),
        subject: text(&finding["subject"]["value"]),
        title: text(&finding["title"]),
    };
    // The size of a pool is told of the upstream, or of the time in which it was full.
    let of_finding = |finding: &Value| list(&finding["evidence"]["pools"]);
    let full: Vec<Value> = list(&json["findings"])
        .iter()
        .flat_map(of_finding)
        .collect();
    let told = list(&json["upstreams"]).into_iter().chain(full);
    let pools = told
        .filter_map(|u| Some((text(&u["upstream"]), u["pool"].as_u64()?)))
        .collect();
    Report {
        split_by: text(&json["split"]["by"]),
        wait_us: json["totals"]["phases"]["wait"]["sum_us"].as_u64(),
        endpoints: list(&json["endpoints"]).iter().map(row).collect(),
        pools,
        findings: list(&json["findings"]).iter().map(finding).collect(),
    }
}
