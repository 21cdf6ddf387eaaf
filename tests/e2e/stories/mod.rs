//! What lies between clients and an application, played with a real nginx: errors that a cache keeps,
//! health checks, one slow upstream of three, slow clients, attempts that are repeated; and a site on
//! which nothing happens. On each its own story must be told, and nothing else above info.
//!
//! With `SLOWPATH_RECORD_STORIES=FOLDER` their logs stay there.

mod site;

use std::path::{Path, PathBuf};
use std::thread;
use std::{env, fs};

use serde_json::Value;

use crate::log::value;
use crate::report::{Report, number};
use crate::visitor::visit;
use site::{Site, Story};

/// What a story left behind.
struct Played {
    story: Story,
    requests: usize,
    log: String,
    report: Report,
    /// The address of each of its applications.
    apps: Vec<String>,
}

fn play(story: Story) -> Played {
    let directory = tempfile::tempdir().expect("a directory for the site");
    let directory = directory.path();
    let site = Site::start(directory, &story);
    let apps = site.apps();
    let statuses = visit(site.nginx.address, &story.plan);
    site.nginx.finish();
    let unanswered = statuses.iter().filter(|status| **status == 0).count();
    assert_eq!(unanswered, 0, "{}: requests without an answer", story.name);
    let log = directory.join("access.log");
    if let Some(folder) = env::var_os("SLOWPATH_RECORD_STORIES") {
        let file = PathBuf::from(folder).join(format!("{}.log", story.name));
        fs::copy(&log, file).expect("a copy of the log where SLOWPATH_RECORD_STORIES says");
    }
    Played {
        requests: statuses.len(),
        report: Report::of([Path::new("--window"), Path::new("1s"), &log], directory),
        log: fs::read_to_string(&log).expect("the access log"),
        apps,
        story,
    }
}

impl Played {
    /// The findings that ask for anything to be done.
    fn findings(&self) -> Vec<&Value> {
        let all = self.report.json["findings"].as_array().expect("findings");
        all.iter()
            .filter(|finding| finding["severity"] != "info")
            .collect()
    }

    fn lines(&self, of: impl Fn(&str) -> bool) -> u64 {
        self.log.lines().filter(|line| of(line)).count() as u64
    }

    /// Whether what the finding says is what the lines say.
    fn holds(&self, finding: &Value) -> bool {
        let evidence = &finding["evidence"];
        let decimal = |name: &str| evidence[name].as_f64().expect("a number in the evidence");
        let subject = finding["subject"]["value"].as_str().unwrap_or_default();
        match self.story.name {
            "cached-errors" => {
                let kept = |line: &str| value(line, "cs=") == "HIT" && line.contains("\" 500 ");
                number(evidence, "requests") == self.lines(kept)
            }
            "health-checks" => {
                let checks = |line: &str| line.contains("\"GET /health ");
                subject == site::PROBE && number(evidence, "requests") == self.lines(checks)
            }
            "slow-upstream" => {
                // Where the machine is busy all are slower, and it is so by less.
                let near = (0.6 * site::SLOWER..1.2 * site::SLOWER).contains(&decimal("factor"));
                subject == self.apps[2] && near
            }
            "slow-clients" => {
                let ask = self.lines(|line| line.contains(site::MOBILE)) as f64;
                let share = ask / self.requests as f64;
                let is_theirs = subject == "203.0.113.0/24" || site::MOBILE.starts_with(subject);
                is_theirs && (decimal("share_of_requests") - share).abs() < 0.05
            }
            "upstream-retries" => {
                let repeated = |line: &str| value(line, "us=").starts_with("504, ");
                // It says when most of them were, which need not be from the first to the last.
                let (said, all) = (number(evidence, "retried"), self.lines(repeated));
                subject == self.apps[2] && said <= all && 2 * said > all
            }
            name => panic!("nothing is to be found in {name}"),
        }
    }
}

#[test]
fn each_story_is_told_and_nothing_else_is() {
    let played: Vec<Played> = thread::scope(|scope| {
        let playing: Vec<_> = Story::all()
            .into_iter()
            .map(|story| scope.spawn(|| play(story)))
            .collect();
        let played = playing.into_iter().map(|story| story.join());
        played
            .map(|story| story.expect("a story that was played"))
            .collect()
    });
    for story in &played {
        let name = story.story.name;
        let input = &story.report.json["input"];
        assert_eq!(number(input, "records"), story.requests as u64, "{name}");
        assert_eq!(number(input, "rejects"), 0, "{name}");
        let findings = story.findings();
        let kinds: Vec<&str> = findings
            .iter()
            .filter_map(|finding| finding["kind"].as_str())
            .collect();
        let told: Vec<&str> = story.story.tells.into_iter().collect();
        assert_eq!(kinds, told, "{name}: {findings:#?}");
        for finding in findings {
            assert!(story.holds(finding), "{name}: {finding:#?}");
        }
    }
}
