//! Runs slowpath and finds numbers in its JSON.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::client::Key;

/// What one run of slowpath said.
pub struct Report {
    pub json: Value,
}

impl Report {
    /// The report of `slowpath -f json ARGUMENTS`, run in `directory`, where no settings lie.
    pub fn of<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, directory: &Path) -> Report {
        let output = Command::new(env!("CARGO_BIN_EXE_slowpath"))
            .args(["-f", "json"])
            .args(arguments)
            .current_dir(directory)
            .output()
            .expect("slowpath starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "slowpath ended with {}: {errors}",
            output.status
        );
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("the report is no JSON: {error}; on stderr: {errors}"));
        Report { json }
    }

    /// The name of the format that the one log was read with.
    pub fn format(&self) -> &str {
        self.json["input"]["files"][0]["format"]
            .as_str()
            .expect("a format")
    }

    /// The endpoints of the report.
    pub fn endpoints(&self) -> &[Value] {
        self.json["endpoints"]
            .as_array()
            .expect("a list of endpoints")
    }

    /// An endpoint, which must be there.
    pub fn endpoint(&self, key: Key) -> &Value {
        let (method, route) = key;
        let found = self.endpoints().iter().find(|endpoint| {
            endpoint["route"] == route && endpoint["method"].as_str().unwrap_or("") == method
        });
        found.unwrap_or_else(|| {
            let names: Vec<String> = self
                .endpoints()
                .iter()
                .map(|endpoint| format!("{} {}", endpoint["method"], endpoint["route"]))
                .collect();
            panic!("the report has no {method} {route}, but {names:?}")
        })
    }

    /// A number of an endpoint.
    pub fn count(&self, key: Key, name: &str) -> u64 {
        let value = &self.endpoint(key)[name];
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{key:?} has no number {name}, but {value}"))
    }

    /// A phase of an endpoint; `None` where no record had it.
    pub fn phase(&self, key: Key, name: &str) -> Option<&Value> {
        self.endpoint(key)["phases"].get(name)
    }

    /// The sum of a phase in µs, 0 where no record had it.
    pub fn sum_us(&self, key: Key, phase: &str) -> u64 {
        self.phase(key, phase)
            .map_or(0, |phase| number(phase, "sum_us"))
    }
}

/// What slowpath tells people to put into their configuration.
pub fn recommended_format() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_slowpath"))
        .args(["formats", "slowpath"])
        .output()
        .expect("slowpath starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let start = text.find("log_format slowpath").expect("a log_format");
    let length = text[start..].find(';').expect("its end");
    text[start..=start + length].to_owned()
}

/// A number in an object, which must be there.
pub fn number(object: &Value, name: &str) -> u64 {
    let value = &object[name];
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no number {name} in {object}"))
}
