//! What is said of traffic that comes and goes: logs that are made here, one trait each.

use serde_json::Value;

use crate::chance::chance;
use crate::program::slowpath;

const FORMAT: &str = r#"$remote_addr $msec "$request" $status rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time urt=$upstream_response_time app=$upstream_http_x_runtime cs=$upstream_cache_status"#;

/// 2026-03-10T06:00:00Z.
const BEGIN: u64 = 1_773_122_400;

/// A log that grows request by request.
struct Log {
    text: String,
    chance: Box<dyn FnMut(u64) -> u64>,
}

impl Log {
    fn new() -> Log {
        Log {
            text: String::new(),
            chance: Box::new(chance(7)),
        }
    }

    /// Requests in a second for one path by many clients, or by the one that is given.
    fn ask(&mut self, second: u64, times: u64, path: &str, client: Option<&str>) {
        for _ in 0..times {
            let own = 15 + (self.chance)(10);
            let line =
                format!("0.0{own} uct=0.000 uht=0.0{own} urt=0.0{own} app=0.0{own}000 cs=MISS");
            self.push(second, path, client, &line);
        }
    }

    /// Answers from cache.
    fn hit(&mut self, second: u64, times: u64, path: &str) {
        for _ in 0..times {
            self.push(second, path, None, "0.000 uct=- uht=- urt=- app=- cs=HIT");
        }
    }

    fn push(&mut self, second: u64, path: &str, client: Option<&str>, times: &str) {
        let many = format!("192.0.2.{}", (self.chance)(250));
        let (client, ms) = (client.unwrap_or(&many), (self.chance)(1_000));
        self.text += &format!(
            "{client} {}.{ms:03} \"GET {path} HTTP/1.1\" 200 rt={times}\n",
            BEGIN + second
        );
    }

    /// Of so many in a second on average, as many as come by chance.
    fn usual(&mut self, second: u64, rate: f64) {
        const TRIES: u64 = 20;
        for path in ["/a", "/cart", "/search"] {
            let chances = (rate / 3.0 / TRIES as f64 * 1e6) as u64;
            let times = (0..TRIES)
                .filter(|_| (self.chance)(1_000_000) < chances)
                .count();
            self.ask(second, times as u64, path, None);
        }
    }

    fn findings(&self) -> Vec<Value> {
        let args = ["-", "--log-format", FORMAT, "-f", "json"];
        let report = slowpath(args).stdin(&self.text).run().exits(0).json();
        report["findings"].as_array().cloned().unwrap_or_default()
    }
}

fn of<'f>(findings: &'f [Value], kind: &str) -> Option<&'f Value> {
    findings.iter().find(|finding| finding["kind"] == kind)
}

#[test]
fn who_sends_a_surge_and_what_he_asks_for_is_told() {
    let mut log = Log::new();
    for second in 0..3_600 {
        log.usual(second, 3.0);
        if (1_800..2_400).contains(&second) {
            log.ask(second, 6, "/search", Some("198.51.100.9"));
        }
    }
    let findings = log.findings();
    let surge = of(&findings, "traffic_surge").unwrap();
    assert_eq!(surge["subject"]["value"], "198.51.100.9");
    assert_eq!(surge["evidence"]["asked_of"], "GET /search");
    let client_part = surge["evidence"]["client_part"].as_f64().unwrap();
    // Two in three, by some sixty sampled lines: within three standard errors.
    assert!((0.48..0.85).contains(&client_part), "{surge}");
}

#[test]
fn how_a_day_goes_is_no_surge() {
    let mut log = Log::new();
    for second in (0..3 * 86_400).step_by(10) {
        let day = second as f64 / 86_400.0 * std::f64::consts::TAU;
        log.usual(second, 2.0 * (1.0 + 0.6 * day.sin()));
    }
    assert_eq!(of(&log.findings(), "traffic_surge"), None);
}

#[test]
fn a_cache_that_ceases_to_answer_is_told_as_that_and_not_as_a_surge() {
    let mut log = Log::new();
    for second in 0..3_600 {
        log.usual(second, 3.0);
        if (1_500..2_400).contains(&second) {
            log.ask(second, 5, "/catalog", None);
        } else {
            log.ask(second, u64::from(second % 4 == 0), "/catalog", None);
            log.hit(second, 5 - u64::from(second % 4 == 0), "/catalog");
        }
    }
    let findings = log.findings();
    assert_eq!(of(&findings, "traffic_surge"), None);
    let collapse = of(&findings, "cache_collapse").unwrap();
    assert_eq!(collapse["endpoints"][0]["route"], "/catalog");
}

#[test]
fn what_a_filter_leaves_out_is_not_the_fault_of_the_log() {
    let mut log = Log::new();
    log.ask(0, 20, "/a", None);
    slowpath(["-", "--log-format", FORMAT, "--since", "2027-01-01"])
        .stdin(&log.text)
        .run()
        .prints("Not looked for: anything (the filter and the time range leave no request).")
        .never_prints("log $");
}
