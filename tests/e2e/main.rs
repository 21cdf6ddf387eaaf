//! slowpath over the logs of a real nginx, in front of applications that say how long they ran.
//!
//! One run serves all tests. Nothing is compared with a duration that was expected beforehand: the
//! truth is what the applications said, what the clients did, and what nginx wrote of each attempt.
//! With `SLOWPATH_RECORD=FILE` a longer run also leaves its access log there.

mod app;
mod app_clock;
mod client;
mod gate;
mod incident;
mod log;
mod logrotate;
mod report;
mod server;
mod servers;
mod stories;
mod traffic;
mod visitor;

use std::collections::BTreeMap;
use std::time::Duration;

use client::Key;
use log::Line;
use report::{Report, number, recommended_format};
use traffic::{Run, run};

/// nginx writes times in whole milliseconds, cut off.
const TICK_US: u64 = 1_000;

impl Run {
    /// The two reports that must say the same: the format from the configuration, and found out.
    fn reports(&self) -> [(&str, &Report); 2] {
        [
            ("given the configuration", &self.with_conf),
            ("given nothing", &self.detected),
        ]
    }

    /// The lines of an endpoint.
    fn lines_of(&self, key: Key) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.endpoint == key)
    }

    /// The lines of an endpoint that count for latency: not the tunnels.
    fn timed_lines_of(&self, key: Key) -> impl Iterator<Item = &Line> {
        self.lines_of(key).filter(|line| line.status != 101)
    }

    fn sum_us(&self, key: Key, time: impl Fn(&Line) -> u64) -> u64 {
        self.timed_lines_of(key).map(time).sum()
    }
}

#[test]
fn every_case_occurs_in_the_run() {
    let statuses = |line: &Line| -> String {
        let each = line.attempts.iter().map(|attempt| attempt.status.as_str());
        each.collect::<Vec<_>>().join(" ")
    };
    let mut cases: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &run().lines {
        let handed_over = line.attempts.iter().any(|attempt| attempt.handed_over);
        let case = match (line.status, statuses(line).as_str(), line.cache.as_str()) {
            (101, "101", _) => "websocket",
            (200, "200 502 200", _) if handed_over => "handed over and retried",
            (200, "502 200", _) => "retried after a failure",
            (200, "504 200", _) => "retried after a timeout",
            (499, "-", _) => "client left",
            (502, "502 502", _) => "nobody there",
            (504, "504", _) => "timed out",
            (200, "", "HIT") => "from the cache",
            (200, _, "STALE") => "from the cache in need",
            (200, "200 200", _) if handed_over => "handed over",
            (400, "", _) => "malformed",
            (200, "", "-") => "static",
            _ => "answered",
        };
        *cases.entry(case).or_default() += 1;
    }
    assert_eq!(cases.len(), 13, "{cases:?}");
}

#[test]
fn the_format_of_the_run_is_the_recommended_one() {
    let definition = |log_format: &str| {
        log_format
            .split('\'')
            .skip(1)
            .step_by(2)
            .collect::<String>()
    };
    assert_eq!(
        definition(&recommended_format()),
        definition(server::SLOWPATH_FORMAT)
    );
    assert_eq!(run().with_conf.format(), "slowpath");
    assert_eq!(run().detected.format(), "slowpath");
}

#[test]
fn every_line_is_a_record() {
    let run = run();
    for (how, report) in run
        .reports()
        .into_iter()
        .chain([("the other log", &run.timed)])
    {
        let input = &report.json["input"];
        assert_eq!(number(input, "lines"), run.lines.len() as u64, "{how}");
        assert_eq!(number(input, "records"), run.lines.len() as u64, "{how}");
        assert_eq!(number(input, "rejects"), 0, "{how}");
    }
}

#[test]
fn endpoints_have_the_requests_and_errors_that_the_clients_saw() {
    let run = run();
    for (how, report) in run
        .reports()
        .into_iter()
        .chain([("the other log", &run.timed)])
    {
        assert_eq!(report.endpoints().len(), run.sent.len(), "{how}");
        for (key, sent) in &run.sent {
            assert_eq!(
                report.count(*key, "requests"),
                sent.requests,
                "{how}: {key:?}"
            );
            let errors = |class: u16| -> u64 {
                let of_class = sent
                    .statuses
                    .iter()
                    .filter(|(status, _)| **status / 100 == class);
                of_class.map(|(_, count)| count).sum()
            };
            // A client that left saw no status; nginx writes 499 for it.
            let left = sent.requests - sent.statuses.values().sum::<u64>();
            assert_eq!(
                report.count(*key, "errors_4xx"),
                errors(4) + left,
                "{how}: {key:?}"
            );
            assert_eq!(
                report.count(*key, "errors_5xx"),
                errors(5),
                "{how}: {key:?}"
            );
        }
    }
}

#[test]
fn app_time_is_what_the_application_said_it_spent() {
    let run = run();
    for (how, report) in run.reports() {
        for key in run.sent.keys() {
            let said = run.said.app_us(*key);
            let Some(app) = report.phase(*key, "app") else {
                assert!(
                    said.is_empty(),
                    "{how}: no app time of {key:?}, which said {said:?}"
                );
                continue;
            };
            assert_eq!(number(app, "count"), said.len() as u64, "{how}: {key:?}");
            // X-Runtime has microseconds, so this is more than the log's own millisecond.
            assert_eq!(
                number(app, "sum_us"),
                said.iter().sum::<u64>(),
                "{how}: {key:?}"
            );
            assert_eq!(
                Some(number(app, "min_us")),
                said.iter().min().copied(),
                "{how}: {key:?}"
            );
            assert_eq!(
                Some(number(app, "max_us")),
                said.iter().max().copied(),
                "{how}: {key:?}"
            );
        }
    }
}

#[test]
fn the_split_is_measured_by_the_applications_own_clock() {
    for (how, report) in run().reports() {
        assert_eq!(report.json["split"]["wait"], "measured", "{how}");
        assert_eq!(report.json["split"]["by"], "x-runtime", "{how}");
        assert_eq!(report.json["split"]["busy"], "app", "{how}");
    }
}

#[test]
fn attempts_that_failed_are_time_lost_to_retries() {
    let run = run();
    let lost_ones = [
        ("/reports/daily", &run.said.failing),
        ("/invoices/latest", &run.said.stalled),
        ("/slides", &run.said.failing),
    ];
    for (route, gave_up_on) in lost_ones {
        let key = ("GET", route);
        for (how, report) in run.reports() {
            let lost = report.sum_us(key, "retry");
            assert_eq!(lost, run.sum_us(key, Line::retry_us), "{how}: {route}");
            let requests = report.count(key, "requests");
            let retry = report.phase(key, "retry").expect("a retry phase");
            assert_eq!(number(retry, "count"), requests, "{how}: {route}");
            // The application that failed ran in that time; the one that was too slow ran longer.
            let ran: u64 = gave_up_on
                .iter()
                .filter(|said| said.route == route)
                .map(|said| said.ran_us.min(server::READ_TIMEOUT.as_micros() as u64))
                .sum();
            assert!(
                lost + TICK_US * requests >= ran,
                "{how}: {route} lost {lost}, ran {ran}"
            );
        }
    }
}

#[test]
fn handing_over_to_another_upstream_is_no_failure() {
    let run = run();
    for (how, report) in run.reports() {
        for route in ["/download", "/slides"] {
            let key = ("GET", route);
            let redirect = report.phase(key, "redirect").expect("a redirect phase");
            let requests = report.count(key, "requests");
            assert_eq!(number(redirect, "count"), requests, "{how}: {route}");
            let handed_over = run.sum_us(key, Line::redirect_us);
            assert_eq!(number(redirect, "sum_us"), handed_over, "{how}: {route}");
        }
        let retry = report.phase(("GET", "/download"), "retry");
        assert!(retry.is_none(), "{how}: {retry:?}");
        // To a file there is nobody else to wait for.
        assert!(
            report.phase(("GET", "/manual"), "redirect").is_none(),
            "{how}"
        );
    }
}

#[test]
fn requests_without_an_end_are_censored_and_say_nothing_of_the_app() {
    let run = run();
    for (how, report) in run.reports() {
        for (key, sent) in &run.sent {
            let cut = run
                .lines_of(*key)
                .filter(|line| matches!(line.status, 499 | 504))
                .count();
            assert_eq!(report.count(*key, "censored"), cut as u64, "{how}: {key:?}");
            if cut as u64 == sent.requests {
                assert!(report.phase(*key, "app").is_none(), "{how}: {key:?}");
                assert!(report.phase(*key, "wait").is_none(), "{how}: {key:?}");
            }
            // They stay in the total at their duration.
            assert_eq!(
                report.sum_us(*key, "total"),
                run.sum_us(*key, |line| line.total_us),
                "{how}: {key:?}"
            );
        }
        // One of three was answered.
        let archive = report.phase(("GET", "/archive"), "wait").expect("a wait");
        assert_eq!(number(archive, "count"), 1, "{how}");
    }
}

#[test]
fn where_nobody_is_there_nobody_ran() {
    for (how, report) in run().reports() {
        for phase in ["server", "wait", "app", "transfer"] {
            let there = report.phase(("GET", "/payments"), phase);
            assert!(there.is_none(), "{how}: {phase} is {there:?}");
        }
    }
}

#[test]
fn what_comes_from_the_cache_or_a_file_has_no_app() {
    let run = run();
    for (how, report) in run.reports() {
        for route in ["/pages/terms", "/news"] {
            let key = ("GET", route);
            // Each line carries the X-Runtime of the answer that was cached: once it was true.
            let app = report
                .phase(key, "app")
                .expect("the answer that was cached");
            assert_eq!(number(app, "count"), 1, "{how}: {route}");
            let asked = run
                .lines_of(key)
                .filter(|line| !line.attempts.is_empty())
                .count();
            let upstream = report
                .phase(key, "upstream")
                .expect("the requests that passed the cache");
            assert_eq!(number(upstream, "count"), asked as u64, "{how}: {route}");
        }
        for key in [("GET", "/static/site.css"), ("", "(malformed)")] {
            for phase in ["upstream", "server", "wait", "app"] {
                assert!(
                    report.phase(key, phase).is_none(),
                    "{how}: {phase} of {key:?}"
                );
            }
        }
    }
}

#[test]
fn a_websocket_is_counted_and_kept_out_of_the_latencies() {
    let key = ("GET", "/live");
    for (how, report) in run().reports() {
        assert_eq!(report.count(key, "requests"), 1, "{how}");
        assert_eq!(report.count(key, "upgraded"), 1, "{how}");
        for phase in ["total", "upstream", "server", "wait", "app"] {
            assert!(report.phase(key, phase).is_none(), "{how}: {phase}");
        }
        let totals = &report.json["totals"];
        let counted = number(&totals["phases"]["total"], "count");
        assert_eq!(counted, number(totals, "requests") - 1, "{how}");
    }
}

#[test]
fn the_phases_of_a_request_add_up_to_its_total() {
    let run = run();
    for (how, report) in run.reports() {
        for key in run.sent.keys() {
            let total = report.sum_us(*key, "total");
            let parts: u64 = ["client", "redirect", "retry", "upstream"]
                .into_iter()
                .map(|phase| report.sum_us(*key, phase))
                .sum();
            // nginx takes the total from one clock and the upstream's times from another: where the
            // parts are longer, client is set to 0, and that is counted.
            let clamped = report.count(*key, "clamped");
            assert!(total <= parts, "{how}: {key:?}: {parts} of {total}");
            assert!(
                parts - total <= 4 * TICK_US * clamped,
                "{how}: {key:?}: {parts} of {total}"
            );
            let attempts = |line: &Line| line.attempts.iter().map(|a| a.response_us).sum();
            let upstreams = parts - report.sum_us(*key, "client");
            assert_eq!(upstreams, run.sum_us(*key, attempts), "{how}: {key:?}");
        }
    }
}

#[test]
fn waiting_for_a_worker_is_wait() {
    let run = run();
    let key = ("POST", "/tickets");
    let queued = run.said.answering.iter().filter(|said| said.route == key.1);
    let waited: Duration = queued.map(|said| said.waited).sum();
    assert!(
        waited > Duration::ZERO,
        "nobody queued, so there is nothing to see"
    );
    for (how, report) in run.reports() {
        let wait = report.phase(key, "wait").expect("a wait");
        assert_eq!(
            number(wait, "count"),
            report.count(key, "requests"),
            "{how}"
        );
        let wait = number(wait, "sum_us") + TICK_US * number(wait, "count");
        let waited = waited.as_micros() as u64;
        assert!(
            wait >= waited,
            "{how}: {wait} µs of wait, the application knows of {waited} µs"
        );
        // And it is the rest of the server's time, but for what was cut off.
        let server = report.sum_us(key, "server");
        let rest = server.saturating_sub(report.sum_us(key, "app"));
        let clamped = TICK_US * report.count(key, "clamped");
        let sum = report.sum_us(key, "wait");
        assert!(
            sum >= rest && sum <= rest + clamped,
            "{how}: {sum} is not {rest}"
        );
    }
}

#[test]
fn a_slow_upload_is_the_clients_and_a_slow_body_is_transfer() {
    let run = run();
    let upload = ("PUT", "/api/avatars/:id");
    let body = ("GET", "/export");
    let uploading = run.sent[&upload].uploading.as_micros() as u64;
    let sending = run
        .said
        .answering
        .iter()
        .map(|said| said.sending)
        .sum::<Duration>();
    for (how, report) in run.reports() {
        // nginx may see the first byte late on a busy machine, so half is asked for, not all.
        let client = report.sum_us(upload, "client");
        assert!(client >= uploading / 2, "{how}: {client} µs of {uploading}");
        let transfer = report.sum_us(body, "transfer");
        assert!(
            transfer >= sending.as_micros() as u64 / 2,
            "{how}: {transfer} µs of {sending:?}"
        );
    }
}

#[test]
fn with_and_without_the_configuration_the_report_is_the_same() {
    let run = run();
    let but_input = |report: &Report| {
        let mut json = report.json.clone();
        json["input"] = serde_json::Value::Null;
        json
    };
    assert_eq!(but_input(&run.with_conf), but_input(&run.detected));
}

#[test]
fn the_configuration_tells_the_format_of_each_log() {
    let run = run();
    // The other log has the same requests without the app's clock: the same phases, but no split
    // that is measured.
    assert_eq!(run.timed.format(), "timed");
    assert_ne!(run.timed.json["split"]["wait"], "measured");
    let phases = [
        "total", "client", "redirect", "retry", "upstream", "connect", "server", "transfer",
    ];
    for key in run.sent.keys() {
        for phase in phases {
            assert_eq!(
                run.timed.sum_us(*key, phase),
                run.with_conf.sum_us(*key, phase),
                "{phase} of {key:?}"
            );
        }
        assert_eq!(
            run.timed.count(*key, "censored"),
            run.with_conf.count(*key, "censored"),
            "{key:?}"
        );
    }
}
