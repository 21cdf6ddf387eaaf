//! Logs of other servers, several formats in one log, wrappers, guesses, and a grammar of one's own.

use serde_json::Value;

use crate::program::slowpath;
use crate::scratch::Scratch;

const HAPROXY: &str = r#"10.0.1.2:33317 [06/Feb/2024:12:14:14.655] in app/srv1 1/WAIT/2/30/40000 200 2750 - - ---- 1/1/1/1/0 0/0 "GET /users/7 HTTP/1.1""#;
const NGINX: &str = r#"192.0.2.7 - - [06/Feb/2024:12:14:14 +0000] "GET /users/7 HTTP/1.1" 200 1 "-" "-" rt=0.100 uct="0.001" uht="0.090" urt="0.095""#;
const JSON: &str = r#"{"time":"2024-02-06T12:14:14Z","method":"GET","uri":"/users/7","status":200,"request_time":0.100}"#;

/// The report of a log as JSON.
fn report(log: &str, flags: &[&str]) -> Value {
    let scratch = Scratch::new();
    scratch.write("access.log", log);
    slowpath(["access.log", "-f", "json"])
        .args(flags)
        .within(&scratch)
        .run()
        .exits(0)
        .json()
}

fn sum(report: &Value, phase: &str) -> Option<u64> {
    report["totals"]["phases"][phase]["sum_us"].as_u64()
}

#[test]
fn haproxy_s_queue_timer_is_the_wait() {
    let waits = [0_u64, 5, 12_345, 7];
    let log: String = waits
        .iter()
        .map(|wait| HAPROXY.replace("WAIT", &wait.to_string()) + "\n")
        .collect();
    for log in [
        log.clone(),
        log.lines()
            .map(|line| format!("Feb  6 12:14:14 lb1 haproxy[12]: {line}\n"))
            .collect(),
    ] {
        let report = report(&log, &[]);
        assert_eq!(report["input"]["files"][0]["format"], "haproxy");
        assert_eq!(
            sum(&report, "wait"),
            Some(waits.iter().sum::<u64>() * 1_000)
        );
        assert_eq!(sum(&report, "server"), Some(4 * 30_000));
        assert_eq!(report["split"]["by"], "queue-timer");
    }
}

#[test]
fn a_queue_that_is_measured_is_not_inferred_as_well() {
    // Eight endpoints over two minutes; in the second one all of them queue.
    let log: String = (0..2_400)
        .map(|n| {
            let (endpoint, second) = (n % 8, n / 20);
            let wait = if second < 60 { 0 } else { 400 };
            let server = 20 + 10 * endpoint + n % 5;
            let total = 2 + wait + server;
            format!("10.0.1.2:33317 [06/Feb/2024:12:{:02}:{:02}.{:03}] in app/srv1 0/{wait}/1/{server}/{total} 200 2750 - - ---- 1/1/1/1/0 0/0 \"GET /e{} HTTP/1.1\"\n",
                14 + second / 60, second % 60, n % 20 * 50, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'][endpoint])
        })
        .collect();
    let report = report(&log, &[]);
    assert_eq!(report["split"]["wait"], "measured");
    assert_eq!(report["split"]["by"], "queue-timer");
    assert_eq!(sum(&report, "wait"), Some(1_200 * 400_000));
    assert_eq!(sum(&report, "app"), None);
}

#[test]
fn lines_of_several_formats_are_counted_by_format() {
    let haproxy = HAPROXY.replace("WAIT", "5");
    let log = format!("{NGINX}\n").repeat(300)
        + &format!("{JSON}\n").repeat(200)
        + &format!("{haproxy}\n").repeat(100)
        + "no line of any format\n";
    let one = report(&log, &["--threads", "1"]);
    let file = &one["input"]["files"][0];
    assert_eq!(file["format"], "timed");
    assert_eq!(
        file["formats"],
        serde_json::json!([
            {"format": "timed", "records": 300},
            {"format": "haproxy", "records": 100},
            {"format": "json", "records": 200},
        ])
    );
    assert_eq!(file["rejects"], serde_json::json!({"shape": 1}));
    assert_eq!(sum(&one, "total"), Some(500 * 100_000 + 100 * 40_000_000));
    assert_eq!(sum(&one, "wait"), Some(100 * 5_000));
    // What becomes of a line depends on no other line, block or thread.
    let scratch = Scratch::new();
    scratch.write("access.log", &log);
    for (threads, block) in [("1", "100"), ("7", "1000"), ("3", "65536")] {
        let other = slowpath(["access.log", "-f", "json", "--threads", threads])
            .env("SLOWPATH_BLOCK_SIZE", block)
            .within(&scratch)
            .run()
            .exits(0)
            .json();
        assert_eq!(other, one, "{threads} threads, blocks of {block}");
    }
}

#[test]
fn a_given_format_takes_no_other_lines() {
    let log = format!("{NGINX}\n{JSON}\n");
    let report = report(&log, &["--log-format", "json"]);
    assert_eq!(report["input"]["records"], 1);
}

#[test]
fn lines_come_out_of_their_wrappers_with_the_time_they_lack() {
    let line = "method=GET path=/users/7 format=html status=200 duration=58.33";
    for wrapped in [
        format!("2024-02-06T12:14:14.5Z stdout F {line}"),
        format!("<134>1 2024-02-06T12:14:14.5Z web1 rails 12 - - {line}"),
        format!(r#"{{"log":"{line}\n","stream":"stdout","time":"2024-02-06T12:14:14.5Z"}}"#),
        format!(r#"{{"MESSAGE":"{line}","__REALTIME_TIMESTAMP":"1707221654500000"}}"#),
    ] {
        let report = report(&(wrapped.clone() + "\n"), &[]);
        assert_eq!(
            report["input"]["files"][0]["format"], "lograge",
            "{wrapped}"
        );
        assert_eq!(sum(&report, "app"), Some(58_330), "{wrapped}");
        assert_eq!(
            report["input"]["last"], "2024-02-06T12:14:14.5Z",
            "{wrapped}"
        );
    }
}

#[test]
fn a_new_order_of_fields_counts_from_its_line_on() {
    let log = "#Software: Microsoft Internet Information Services 10.0\n\
        #Fields: date time cs-method cs-uri-stem sc-status time-taken\n"
        .to_owned()
        + &"2023-11-14 00:04:26 GET /a 200 79\n".repeat(50)
        + "#Fields: date time sc-status time-taken cs-method cs-uri-stem\n"
        + &"2023-11-14 00:04:27 404 11 POST /b\n".repeat(50);
    let one = report(&log, &[]);
    assert_eq!(one["input"]["records"], 100);
    assert_eq!(one["input"]["rejects"], 3);
    assert_eq!(sum(&one, "total"), Some(50 * 79_000 + 50 * 11_000));
    let scratch = Scratch::new();
    scratch.write("access.log", &log);
    let other = slowpath(["access.log", "-f", "json", "--threads", "5"])
        .env("SLOWPATH_BLOCK_SIZE", "64")
        .within(&scratch)
        .run()
        .exits(0)
        .json();
    assert_eq!(other, one);
}

#[test]
fn a_guess_is_said_and_can_be_overruled() {
    let log = r#"{"at":"2024-02-06T12:14:14Z","verb":"GET","endpoint":"/users/7","code":200,"elapsed":0.0123,"x_time":0.005}"#;
    let scratch = Scratch::new();
    scratch.write("access.log", format!("{log}\n"));
    let guessed = slowpath(["access.log", "-f", "json"])
        .within(&scratch)
        .run()
        .exits(0)
        .says("guessed from names and values: path=endpoint, time=at, total=elapsed:s (--field says otherwise)");
    assert_eq!(sum(&guessed.json(), "total"), Some(12_300));
    assert_eq!(sum(&guessed.json(), "app"), None);
    let said = report(
        log,
        &["--field", "app=x_time:s", "--field", "total=elapsed:ms"],
    );
    assert_eq!(sum(&said, "app"), Some(5_000));
    assert_eq!(sum(&said, "total"), Some(12));
    slowpath(["--field", "app=x_time", "access.log"])
        .within(&scratch)
        .run()
        .exits(2)
        .says("--field \"app=x_time\": app is no role");
}

#[test]
fn a_queue_header_gives_the_wait_of_an_application_s_log() {
    let log = "%(tmicros) %(micros) %(status) %(method) %(uri) %(var.HTTP_X_REQUEST_START)";
    let line = "1707221654500000 20000 200 GET /a t=1707221654.488\n";
    let of_uwsgi = report(line, &["--log-format", log]);
    assert_eq!(sum(&of_uwsgi, "wait"), Some(12_000));
    assert_eq!(sum(&of_uwsgi, "app"), Some(20_000));
    assert_eq!(sum(&of_uwsgi, "total"), Some(32_000));
    // A stamp of whole seconds cannot tell a wait of milliseconds.
    let coarse = report(
        "[06/Feb/2024:12:14:14 +0000] \"GET /a HTTP/1.1\" 200 20 t=1707221654.100\n",
        &[
            "--log-format",
            r#"%(t)s "%(r)s" %(s)s %(M)s %({x-request-start}i)s"#,
        ],
    );
    assert_eq!(sum(&coarse, "wait"), None);
    assert_eq!(sum(&coarse, "app"), Some(20_000));
}

#[test]
fn a_definition_of_another_server_is_read_as_it_is_pasted() {
    let apache = report(
        "192.0.2.7 [06/Feb/2024:12:14:14 +0000] \"GET /a\\\"b HTTP/1.1\" 200 2860 2480\n",
        &[
            "--log-format",
            r#"LogFormat "%h %t \"%r\" %>s %D %^FB" timed"#,
        ],
    );
    assert_eq!(apache["input"]["files"][0]["format"], "timed");
    assert_eq!(sum(&apache, "server"), Some(2_480));
    assert_eq!(sum(&apache, "transfer"), Some(380));
}

const GRAMMAR: &str = r#"
name = "shop"
about = "the shop's own"
syntax = "json"
fields = [
  ["t", "time"],
  ["what.path", "path"],
  ["ms.app", "app_ms"],
  ["ms.all", "total_ms", "0"],
]

[[samples]]
line = '{"t":"2024-02-06T12:14:14Z","what":{"path":"/a"},"ms":{"app":1.5,"all":2}}'
endpoint = "/a"
"#;

#[test]
fn a_grammar_of_one_s_own_is_read() {
    let scratch = Scratch::new();
    scratch.write("shop.toml", GRAMMAR);
    scratch.write(
        "access.log",
        r#"{"t":"2024-02-06T12:14:14Z","ms":{"all":0,"app":2},"what":{"x":[1],"path":"/b"}}"#,
    );
    let report = slowpath(["access.log", "--grammar", "shop.toml", "-f", "json"])
        .within(&scratch)
        .run()
        .exits(0)
        .json();
    assert_eq!(report["input"]["files"][0]["format"], "shop");
    assert_eq!(
        (sum(&report, "app"), sum(&report, "total")),
        (Some(2_000), None)
    );
    slowpath(["formats", "access.log", "--grammar", "shop.toml"])
        .within(&scratch)
        .run()
        .exits(0)
        .prints("format shop, fits 1 of the first 1 lines")
        .prints("ms.app")
        .prints("app 100 %");
}

#[test]
fn a_mistake_in_a_grammar_is_told_with_its_place() {
    let scratch = Scratch::new();
    let refused = |grammar: String, says: &str| {
        scratch.write("shop.toml", grammar);
        slowpath(["--grammar", "shop.toml"])
            .stdin("x\n")
            .within(&scratch)
            .run()
            .exits(2)
            .says(says);
    };
    refused(
        GRAMMAR.replace("app_ms", "ap_ms"),
        "shop.toml:8:14: \"ap_ms\" is no role: did you mean app_ms?",
    );
    refused(
        GRAMMAR.replace("syntax", "syntx"),
        "shop.toml:4:1: unknown field `syntx`",
    );
    refused(
        GRAMMAR.replace(r#"'{"t""#, r#"'{"t"x"#),
        "shop.toml:sample 1 does not fit:",
    );
    refused(GRAMMAR.replace("\"json\"", "\"json"), "shop.toml:4:");
}

#[test]
fn what_is_missing_is_said_for_each_server() {
    let scratch = Scratch::new();
    let explained = |line: &str, says: &[&str]| {
        scratch.write("access.log", format!("{line}\n"));
        let explained = slowpath(["formats", "access.log"])
            .within(&scratch)
            .run()
            .exits(0);
        says.iter()
            .fold(explained, |explained, says| explained.prints(says));
    };
    explained(
        &HAPROXY.replace("WAIT", "5"),
        &[
            "format haproxy",
            "wait, ms",
            "wait 100 %",
            "wait is measured",
        ],
    );
    explained(
        r#"192.0.2.7 - - [10/Oct/2024:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326 "-" "curl/8.5.0" 41230"#,
        &[
            "format apache",
            "total, us",
            "add to LogFormat: %D %^FB %{X-Runtime}o",
        ],
    );
    explained(
        r#"127.0.0.1 - - [10/Oct/2024:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326 "-" "curl" 0.012345"#,
        &["format gunicorn", "app, s", "X-Request-Start"],
    );
    explained(
        &format!("{NGINX}\nodd\n{NGINX}"),
        &[
            "fits 2 of the first 3 lines",
            "lines that do not fit: 1",
            "^ expected",
            "app=\"$upstream_http_x_runtime\"",
        ],
    );
}
