//! The recipe of docs/gate.md from end to end: the scripts as they are, a real nginx, wrk, and an
//! application in two versions, the second of which takes longer in two of its twelve endpoints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// By how much the second version is slower there: far beyond what a busy machine does to it.
const SLOWER: &str = "1.6";

const SLOWED: [&str; 2] = ["/api/orders", "/api/prices"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The gunicorn of `.ci/run`, else one of the system.
fn gunicorn() -> PathBuf {
    let own = repository().join("target/gunicorn/bin/gunicorn");
    if own.exists() {
        own
    } else {
        PathBuf::from("gunicorn")
    }
}

#[test]
fn the_recipe_finds_the_slower_endpoints() {
    let folder = tempfile::tempdir().expect("a folder");
    let logs = folder.path().join("logs");
    let application = format!(
        "{} --log-level error -k gthread -w 2 --threads 8 -b 127.0.0.1:$PORT --chdir {} app:application",
        gunicorn().display(),
        repository().join("benches/gate-real").display()
    );
    let load = format!(
        "wrk -t 1 -c 8 -d 10s -s {} \"$URL\"",
        repository().join("benches/gate-real/traffic.lua").display()
    );
    let measured = Command::new(repository().join("integrations/replay/replay.sh"))
        .arg(&logs)
        .env("BASELINE", format!("env SLOWER=1 {application}"))
        .env("CANDIDATE", format!("env SLOWER={SLOWER} {application}"))
        .env("LOAD", load)
        .env("FIRST_PORT", "18580")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("bash is installed");
    assert!(
        measured.status.success(),
        "{}{}",
        String::from_utf8_lossy(&measured.stdout),
        String::from_utf8_lossy(&measured.stderr)
    );
    let list = |arm: &str| {
        let names = (1..=3).map(|run| logs.join(format!("{arm}-{run}.log")).display().to_string());
        names.collect::<Vec<_>>().join("\n")
    };
    let verdict = folder.path().join("verdict");
    let output = folder.path().join("output");
    let summary = folder.path().join("summary.md");
    let gate = Command::new(repository().join("integrations/github-action/gate.sh"))
        .env("SLOWPATH", env!("CARGO_BIN_EXE_slowpath"))
        .env("BASELINE", list("baseline"))
        .env("CANDIDATE", list("candidate"))
        .env("BUDGET", "p50(total) < 10s\n")
        .env("INCONCLUSIVE", "fail")
        .env("FOLDER", &verdict)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", &output)
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .expect("bash is installed");
    let said = String::from_utf8_lossy(&gate.stderr).into_owned();
    assert_eq!(gate.status.code(), Some(1), "{said}");
    assert_eq!(
        fs::read_to_string(output).expect("outputs"),
        "outcome=fail\n"
    );
    assert!(said.contains("::error"), "no annotation in {said}");
    let summary = fs::read_to_string(summary).expect("a summary");
    assert!(summary.contains("slowpath gate: FAIL"), "{summary}");
    let junit = fs::read_to_string(verdict.join("gate.xml")).expect("JUnit");
    assert!(junit.contains("<failure"), "{junit}");
    let text = fs::read_to_string(verdict.join("gate.json")).expect("JSON");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let endpoints = json["endpoints"].as_array().expect("endpoints");
    assert_eq!(endpoints.len(), 12);
    for route in SLOWED {
        let of = endpoints.iter().find(|of| of["route"] == route);
        let verdict = of.map(|of| of["verdict"].clone());
        assert_eq!(verdict, Some("fail".into()), "{route}: {text}");
    }
}
