//! What a report shows of a summary: columns, percentiles, order, limits, windows, one endpoint, the
//! slowest requests, and what happens when memory is short.

use crate::program::{columns, slowpath};
use crate::scratch::{Request, Scratch, THREE, at_minutes};

#[test]
fn columns_are_shown_in_their_order() {
    let report = columns([
        "-f",
        "csv",
        "--columns",
        "requests,endpoint,wait.p95,app.mean,app.max,wait.count",
    ])
    .stdin(THREE)
    .run()
    .exits(0);
    report
        .prints("requests,method,route,wait_p95_us,app_mean_us,app_max_us,wait_count\r\n")
        .prints("1,POST,/c,1000000,2000000,2000000,1\r\n");
}

#[test]
fn percentiles_are_those_that_were_asked_for() {
    let report = columns(["--percentiles", "10,99.9"])
        .stdin(THREE)
        .run()
        .exits(0);
    report
        .prints("wait p10")
        .prints("app p99.9")
        .never_prints("p95");
    let report = columns(["--percentiles", "10,99.9", "-f", "csv"])
        .stdin(THREE)
        .run()
        .exits(0);
    report.prints("wait_p10_us,wait_p99_9_us,app_p10_us,app_p99_9_us");
    let report = columns(["--percentiles", "12.5", "-f", "json"])
        .stdin(THREE)
        .run()
        .exits(0);
    assert!(
        report.json()["totals"]["phases"]["wait"]["p12_5_us"].is_u64(),
        "{report}"
    );
}

#[test]
fn rows_are_sorted_by_the_column_asked_for() {
    let by = |column: &str| {
        columns(["-f", "csv", "--sort", column])
            .stdin(THREE)
            .run()
            .exits(0)
            .csv()
            .endpoints()
    };
    assert_eq!(by("wait.p50"), ["POST /c", "GET /a", "GET /b"]);
    assert_eq!(by("busy"), ["POST /c", "GET /b", "GET /a"]);
    assert_eq!(by("endpoint"), ["GET /a", "GET /b", "POST /c"]);
}

#[test]
fn what_the_limit_leaves_out_is_added_up() {
    let report = columns([
        "-n",
        "1",
        "-f",
        "csv",
        "--columns",
        "endpoint,requests,app.sum",
    ])
    .stdin(THREE)
    .run()
    .exits(0);
    assert_eq!(report.csv().endpoints(), ["POST /c", " (other)"]);
    assert_eq!(report.csv().number(" (other)", "requests"), 2);
    assert_eq!(report.csv().number(" (other)", "app_sum_us"), 400_000);
    let table = columns(["-n", "1"]).stdin(THREE).run().exits(0);
    table
        .prints("(other: 2 endpoints)")
        .prints("-n 0 shows all endpoints");
    let all = columns(["-n", "0"]).stdin(THREE).run().exits(0);
    all.never_prints("(other").prints("GET /a");
    let json = columns(["-n", "1", "-f", "json"])
        .stdin(THREE)
        .run()
        .exits(0)
        .json();
    assert_eq!(
        (&json["other"]["requests"], &json["totals"]["requests"]),
        (&2.into(), &3.into())
    );
}

#[test]
fn a_table_has_thirty_rows_and_data_has_all() {
    let routes = [
        "/",
        "/shop",
        "/shop/cart",
        "/api",
        "/api/users",
        "/blog",
        "/login",
        "/help",
    ];
    let methods = ["GET", "PUT", "POST", "PATCH", "DELETE"];
    let lines = |method| {
        routes.map(|route| {
            format!(
                "{method} {route} 0.1 0.1
"
            )
        })
    };
    let log: String = methods.into_iter().flat_map(lines).collect();
    let rows = columns(["-f", "csv"]).stdin(&log).run().exits(0).csv();
    assert_eq!(rows.endpoints().len(), 40);
    columns(["-"])
        .stdin(&log)
        .run()
        .exits(0)
        .prints("(other: 10 endpoints)");
}

#[test]
fn one_endpoint_is_shown_in_full() {
    let log: String = (1..=20)
        .map(|n| format!("GET /users/{n} 0.{n:02} 0.5\n"))
        .collect();
    let report = columns(["--show", "GET /users/:id"])
        .stdin(format!("{log}{THREE}"))
        .run()
        .exits(0);
    report
        .prints("GET /users/:id\n20 requests")
        .prints("phase  count")
        .prints("\nwait\n")
        .prints("\napp\n")
        .never_prints("/c");
}

#[test]
fn a_route_without_a_method_shows_all_its_methods() {
    let report = columns(["--show", "/a"])
        .stdin("GET /a 1 1\nPOST /a 1 1\nGET /b 1 1\n")
        .run()
        .exits(0);
    report
        .prints("GET /a\n")
        .prints("POST /a\n")
        .never_prints("/b");
}

#[test]
fn an_endpoint_that_is_not_there_is_trouble_and_a_near_one_is_offered() {
    let report = columns(["--show", "GET /bb"]).stdin(THREE).run().exits(2);
    report
        .prints_nothing()
        .says("no endpoint GET /bb")
        .says("GET /b");
}

#[test]
fn one_endpoint_without_a_split_shows_no_wait() {
    // What is not known is not 0 s.
    let report = slowpath(["samples/healthy-no-app-clock.log", "--show", "GET /search"])
        .run()
        .exits(0);
    report.prints("over time").never_prints("wait (mean)");
}

#[test]
fn the_windows_of_one_endpoint_are_wide_enough_to_say_something() {
    // 15 requests in a day, each in a second of its own, are no timeline.
    let report = slowpath(["samples/healthy-no-app-clock.log", "--show", "GET /search"])
        .run()
        .exits(0);
    report.never_prints("windows of 1.00 s");
}

#[test]
fn the_slowest_requests_are_shown_as_they_were_logged() {
    let report = slowpath([
        "samples/healthy-no-app-clock.log",
        "-n",
        "1",
        "--slowest",
        "2",
    ])
    .run()
    .exits(0);
    let (_, slowest) = report.stdout.split_once("slowest requests\n").unwrap();
    assert_eq!(slowest.lines().count(), 2);
    assert!(
        slowest.contains(
            "   5.64 s  203.0.113.23 - - [02/Mar/2026:11:01:50 +0000] \"POST /api/uploads"
        ),
        "{slowest}"
    );
}

#[test]
fn the_slowest_of_a_log_without_totals_are_not_missed_in_silence() {
    let report = columns(["--slowest", "2"]).stdin(THREE).run().exits(0);
    let told = format!("{}{}", report.stdout, report.stderr);
    assert!(told.contains("slowest"), "{report}");
}

#[test]
fn windows_have_the_width_asked_for() {
    let window = |width: &str| {
        let args = ["-f", "json", "--window", width];
        let json = slowpath(args)
            .stdin(at_minutes([0, 1, 20, 59, 61]))
            .run()
            .exits(0)
            .json();
        (
            json["split"]["window_us"].as_u64().unwrap(),
            json["timeline"].as_array().unwrap().len(),
        )
    };
    assert_eq!(window("1h"), (3_600_000_000, 3));
    assert_eq!(window("1m"), (60_000_000, 5));
    assert_eq!(window("1s").0, 1_000_000);
}

#[test]
fn memory_that_is_too_small_is_named_and_the_totals_stay_exact() {
    let client = |n: u32| format!("10.{}.{}.{}", n / 62_500, n / 250 % 250, n % 250);
    let log: String = (0..20_000)
        .map(|n| {
            Request {
                client: &client(n),
                ..Request::default()
            }
            .line()
        })
        .collect();
    let scratch = Scratch::new();
    scratch.write("many.log", log);
    let args = [
        "many.log",
        "--group-by",
        "remote_addr",
        "--memory",
        "256KiB",
    ];
    let table = slowpath(args).within(&scratch).run().exits(0);
    table
        .prints("20,000 requests")
        .prints("(other")
        .prints("approximate: ")
        .prints("256 KiB");
    let json = slowpath(args)
        .args(["-f", "json"])
        .within(&scratch)
        .run()
        .exits(0)
        .json();
    assert_eq!(json["approximate"], true);
    assert_eq!(json["totals"]["requests"], 20_000);
    assert_eq!(
        json["totals"]["phases"]["app"]["sum_us"],
        20_000_u64 * 4_000
    );
    let csv = slowpath(args)
        .args(["-f", "csv"])
        .within(&scratch)
        .run()
        .exits(0)
        .csv();
    assert_eq!(
        csv.endpoints()
            .iter()
            .filter(|endpoint| *endpoint == " (other)")
            .count(),
        1
    );
}

#[test]
fn the_bar_is_labelled_by_what_it_shows() {
    // Without an app clock the filled part is server time, wait and app together.
    let report = slowpath(["samples/healthy-no-app-clock.log", "-n", "1"])
        .run()
        .exits(0);
    report.never_prints("app█");
}

#[test]
fn threads_and_blocks_change_nothing() {
    let report = |args: &[&str]| {
        slowpath(["samples/retries.log.gz", "-n", "5"])
            .args(args)
            .run()
            .exits(0)
            .stdout
    };
    let one = report(&["-j", "1"]);
    assert_eq!(report(&["-j", "2"]), one);
    let small_blocks = slowpath(["samples/retries.log.gz", "-n", "5", "--threads", "7"])
        .env("SLOWPATH_BLOCK_SIZE", "1000")
        .run()
        .exits(0)
        .stdout;
    assert_eq!(small_blocks, one);
}
