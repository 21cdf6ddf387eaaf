//! What an endpoint is, and by which format and clock it is read: routes, dimensions, streams,
//! metrics and configurations.

use crate::program::{columns, slowpath};
use crate::scratch::{Request, Scratch, THREE};

#[test]
fn patterns_name_routes_and_the_first_match_counts() {
    let log =
        "GET /users/alice 1 1\nGET /users/bob/posts 1 1\nGET /files/a/b/c.png 1 1\nGET /v2/x 1 1\n";
    let patterns = [
        "-m",
        "/users/:name",
        "-m",
        "/users/:name/posts",
        "--match",
        "/files/*",
        "-m",
        "/v[0-9]+/x",
    ];
    let rows = columns(["-f", "csv", "--sort", "endpoint"])
        .args(patterns)
        .stdin(log)
        .run()
        .exits(0)
        .csv();
    assert_eq!(
        rows.endpoints(),
        [
            "GET /files/*",
            "GET /users/:name",
            "GET /users/:name/posts",
            "GET /v[0-9]+/x"
        ]
    );
    let rows = columns(["-f", "csv", "-m", "/users/alice", "-m", "/users/:name"])
        .stdin(log)
        .run()
        .exits(0)
        .csv();
    assert!(
        rows.endpoints().contains(&"GET /users/alice".to_owned()),
        "{:?}",
        rows.endpoints()
    );
}

#[test]
fn dimensions_are_columns_of_their_own() {
    let log: String = [("a.example", 200), ("b.example", 200), ("b.example", 500)]
        .map(|(host, status)| {
            Request {
                host,
                status,
                ..Request::default()
            }
            .line()
        })
        .concat();
    let by = |dimensions: &str| {
        let report = slowpath(["-f", "csv", "--group-by", dimensions])
            .stdin(&log)
            .run()
            .exits(0);
        report.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let hosts = by("host");
    assert!(
        hosts[0].starts_with("method,route,host,requests"),
        "{hosts:?}"
    );
    assert_eq!(hosts.len(), 3);
    assert!(
        hosts
            .iter()
            .any(|row| row.starts_with("GET,/,b.example,2,")),
        "{hosts:?}"
    );
    let both = by("host,status");
    assert!(
        both[0].starts_with("method,route,host,status,requests"),
        "{both:?}"
    );
    assert_eq!(both.len(), 4);
}

#[test]
fn an_unknown_dimension_is_answered_with_those_there_are() {
    columns(["--group-by", "hsot"])
        .stdin(THREE)
        .run()
        .exits(2)
        .prints_nothing()
        .says("unknown dimension \"hsot\": there are host, upstream");
}

#[test]
fn streams_are_counted_and_kept_out_of_all_durations() {
    let report = columns(["--stream", "/c", "-f", "csv"])
        .stdin(THREE)
        .run()
        .exits(0);
    let rows = report.csv();
    assert_eq!(rows.number("POST /c", "requests"), 1);
    assert_eq!(rows.cell("POST /c", "app_p50_us"), "");
    columns(["--stream", "/c"])
        .stdin(THREE)
        .run()
        .exits(0)
        .prints("1 tunnel or stream is counted");
}

#[test]
fn a_metric_of_server_timing_can_be_the_clock() {
    let log = Request {
        runtime: "-",
        server_timing: "db;dur=2.5, render;dur=1.5, total;dur=8",
        ..Request::default()
    }
    .line();
    let app = |args: &[&str]| {
        let rows = slowpath(args)
            .args(["-f", "csv"])
            .stdin(&log)
            .run()
            .exits(0)
            .csv();
        (
            rows.number("GET /", "wait_p50_us"),
            rows.number("GET /", "app_p50_us"),
        )
    };
    assert_eq!(app(&[]), (2_000, 8_000));
    assert_eq!(app(&["--app-metric", "db"]), (7_500, 2_500));
    assert_eq!(app(&["--app-metric", "render"]), (8_500, 1_500));
}

/// The configuration of two sites with formats of their own.
const CONF: &str = r#"http {
    log_format shop '$remote_addr $request_method $uri $status $request_time';
    log_format api '$remote_addr "$request" $status '
                   'rt=$request_time urt="$upstream_response_time"';
    server { access_log /var/log/nginx/shop.log shop; }
    server { access_log /var/log/nginx/api.log api buffer=32k; }
}
"#;

const SHOP: &str = "192.0.2.7 GET /basket 200 0.120\n";
const API: &str = "192.0.2.7 \"GET /users HTTP/1.1\" 200 rt=0.250 urt=\"0.249\"\n";

#[test]
fn a_configuration_gives_each_log_its_format() {
    let scratch = Scratch::new();
    scratch.write("nginx.conf", CONF);
    scratch.write("shop.log", SHOP);
    scratch.write("api.log.1", API);
    let report = slowpath(["--nginx-conf", "nginx.conf", "shop.log", "api.log.1"])
        .within(&scratch)
        .run()
        .exits(0);
    report
        .prints("(format api, shop)")
        .prints("2 lines, 2 requests, 0 rejected")
        .prints("GET /basket")
        .prints("GET /users")
        .says_nothing();
}

#[test]
fn a_log_of_another_name_is_read_with_the_format_that_fits() {
    let scratch = Scratch::new();
    scratch.write("nginx.conf", CONF);
    scratch.write("copy.txt", API);
    slowpath(["--nginx-conf", "nginx.conf", "copy.txt"])
        .within(&scratch)
        .run()
        .exits(0)
        .prints("(format api)");
    slowpath(["--nginx-conf", "nginx.conf"])
        .within(&scratch)
        .stdin(SHOP)
        .run()
        .exits(0)
        .prints("stdin (format shop)");
}

#[test]
fn where_several_formats_fit_the_person_is_asked() {
    let scratch = Scratch::new();
    let conf = "log_format one '$request_method $uri $status $request_time';\n\
                log_format two '$request_method $uri $status $upstream_response_time';\n\
                access_log one.log one; access_log two.log two;\n";
    scratch.write("nginx.conf", format!("http {{\n{conf}}}\n"));
    scratch.write("copy.txt", "GET / 200 0.120\n");
    let asked = slowpath(["--nginx-conf", "nginx.conf", "copy.txt"])
        .within(&scratch)
        .run()
        .exits(2);
    asked
        .says("several of its formats fit")
        .says("one: $request_method $uri $status $request_time")
        .says("two: $request_method $uri $status $upstream_response_time");
}

#[test]
fn where_no_format_of_the_configuration_fits_the_line_is_shown() {
    let scratch = Scratch::new();
    scratch.write("nginx.conf", CONF);
    scratch.write("copy.txt", "this is no log\n");
    let refused = slowpath(["--nginx-conf", "nginx.conf", "copy.txt"])
        .within(&scratch)
        .run()
        .exits(2);
    refused
        .says("copy.txt: ")
        .says("this is no log")
        .says("nginx.conf");
}

#[test]
fn a_configuration_that_is_missing_or_broken_is_named_with_its_line() {
    let scratch = Scratch::with_three();
    slowpath(["--nginx-conf", "gone.conf", "three.log"])
        .within(&scratch)
        .run()
        .exits(2)
        .prints_nothing()
        .says("gone.conf");
    scratch.write("nginx.conf", "http {\n  log_format x '$remote_addr;\n}\n");
    slowpath(["--nginx-conf", "nginx.conf", "three.log"])
        .within(&scratch)
        .run()
        .exits(2)
        .prints_nothing()
        .says("nginx.conf:2");
}

#[test]
fn a_definition_may_be_given_bare_quoted_or_as_the_directive() {
    for definition in [
        "$method $path $wait_s $app_s",
        "'$method $path ' '$wait_s $app_s'",
        "log_format mine '$method $path '\n  '$wait_s $app_s';",
    ] {
        let rows = slowpath(["--log-format", definition, "-f", "csv"])
            .stdin(THREE)
            .run()
            .exits(0)
            .csv();
        assert_eq!(
            rows.number("POST /c", "app_p50_us"),
            2_000_000,
            "{definition}"
        );
    }
}

#[test]
fn a_role_has_the_unit_of_its_name() {
    for (unit, wait_us) in [("s", 2_000_000), ("ms", 2_000), ("us", 2)] {
        let definition = format!("$method $path $wait_{unit} $app_s");
        let rows = slowpath(["--log-format", &definition, "-f", "csv"])
            .stdin("GET /a 2 1\n")
            .run()
            .exits(0)
            .csv();
        assert_eq!(rows.number("GET /a", "wait_p50_us"), wait_us, "{unit}");
    }
}

#[test]
fn formats_tells_what_a_log_lacks_to_measure_wait() {
    let plain =
        r#"192.0.2.7 - - [17/Dec/2025:09:03:01 +0000] "GET / HTTP/1.1" 200 166 "-" "curl/8""#;
    let told = slowpath(["formats", "-"]).stdin(plain).run().exits(0);
    told.prints("format combined")
        .prints("X-Runtime")
        .prints("$upstream_header_time")
        .prints("stdin");
}

#[test]
fn formats_says_of_an_ltsv_log_only_what_it_holds() {
    // The labels of ltsv.org include a queue timer; this log has none.
    slowpath(["formats", "samples/healthy-ltsv.log"])
        .run()
        .exits(0)
        .never_prints("queue timer");
    slowpath(["formats", "samples/healthy-json.log.gz"])
        .run()
        .exits(0)
        .never_prints("queue timer");
}
