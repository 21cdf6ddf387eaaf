//! The snippets of docs/app-clock.md, taken from the page, behind a real nginx with the format that it
//! recommends: slowpath then reports wait that is measured.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::TICK_US;
use crate::client::Client;
use crate::log::{micros, value};
use crate::report::{Report, number, recommended_format};
use crate::server::Nginx;
use crate::servers::daemon::{Daemon, Program, answers};

const PAGE: &str = include_str!("../../docs/app-clock.md");

/// The endpoint of every application here: it works for so many µs, and one request at a time.
const WORK_US: u64 = 40_000;
const ROUTE: &str = "/api/reports/:id";

/// Clients that come at once.
const CROWD: usize = 4;

/// The snippet below a heading whose first comment names `file`.
fn snippet(heading: &str, file: &str) -> String {
    let section = PAGE
        .lines()
        .skip_while(|line| line.trim_start_matches('#').trim_start() != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## ") && !line.starts_with("### "));
    let section: Vec<&str> = section.collect();
    let blocks = section.split(|line| line.starts_with("```"));
    // Text and snippets take turns.
    let found = blocks.skip(1).step_by(2).find(|block| {
        let first = block.iter().find(|line| **line != "<?php");
        first.is_some_and(|line| line.ends_with(file))
    });
    let found = found.unwrap_or_else(|| panic!("the page has no {file} below {heading}"));
    found.join("\n") + "\n"
}

/// Writes a snippet, and what the test has to add to it.
fn write(directory: &Path, heading: &str, file: &str, more: &str) {
    let text = snippet(heading, file) + more;
    fs::write(directory.join(file), text).expect("a file of the application");
}

/// nginx in front of what `pass` names, as the page says.
fn nginx(directory: &Path, pass: &str) -> Nginx {
    let log_format = snippet("nginx", "log_format.conf");
    let definition = |text: &str| -> String { text.split('\'').skip(1).step_by(2).collect() };
    assert_eq!(definition(&log_format), definition(&recommended_format()));
    fs::write(directory.join("log_format.conf"), log_format).expect("an included file");
    Nginx::start_with(directory, |address| {
        let directory = directory.display();
        format!(
            r#"
include process.conf;
http {{
  include log_format.conf;
  access_log {directory}/access.log slowpath;
  include temporary.conf;
  server {{
    listen {address};
    location / {{ {pass} }}
    location = /ready {{ access_log off; return 204; }}
  }}
}}
"#
        )
    })
}

/// Visits the application through nginx, stops both, and looks at the report.
fn wait_is_measured(directory: &Path, pass: &str, application: Daemon) {
    let nginx = nginx(directory, pass);
    let client = Client::new(nginx.address);
    for id in 0..2 {
        assert_eq!(client.get(ROUTE, &format!("/api/reports/{id}")), 200);
    }
    thread::scope(|scope| {
        for id in 0..CROWD {
            let client = &client;
            scope.spawn(move || {
                assert_eq!(client.get(ROUTE, &format!("/api/reports/1{id}")), 200);
            });
        }
    });
    nginx.finish();
    application.finish();

    let log = directory.join("access.log");
    let report = Report::of([&log], directory);
    assert_eq!(report.format(), "slowpath");
    assert_eq!(report.json["split"]["wait"], "measured");
    assert_eq!(report.json["split"]["by"], "x-runtime");
    let key = ("GET", ROUTE);
    let sent = &client.sent()[&key];
    let app = report.phase(key, "app").expect("app time");
    assert_eq!(number(app, "count"), sent.requests);
    assert_eq!(number(app, "sum_us"), sent.said_us);
    assert!(number(app, "min_us") >= WORK_US, "{app}");
    // nginx takes both ends of a request from a clock of whole milliseconds, which it sets once a turn
    // of its event loop: the beginning may be up to a millisecond early.
    let total = report.sum_us(key, "total");
    assert!(
        total <= sent.took.as_micros() as u64 + TICK_US * sent.requests,
        "{total} µs of {:?}",
        sent.took
    );

    // A second reading: what nginx waited for each answer, less what the application said.
    let text = fs::read_to_string(&log).expect("the access log");
    let waits = text.lines().map(|line| {
        let server = micros(value(line, "uht=")) - micros(value(line, "uct="));
        server.saturating_sub(seconds_us(value(line, "app=")))
    });
    let waited: u64 = waits.sum();
    let wait = report.phase(key, "wait").expect("a wait");
    assert_eq!(number(wait, "count"), sent.requests);
    assert_eq!(number(wait, "sum_us"), waited);
    // One request at a time: the crowd queues, and nginx saw it.
    assert!(
        waited > WORK_US,
        "of {CROWD} at once, nobody waited: {waited} µs"
    );
}

/// `0.012345` as 12,345 µs.
fn seconds_us(seconds: &str) -> u64 {
    let digits = seconds.replace('.', "");
    digits.parse().expect("seconds with six decimals")
}

#[test]
fn flask_under_gunicorn() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    write(directory, "Any WSGI application", "app_clock.py", "");
    let route = format!(
        r#"
import time
@app.get("/api/reports/<id>")
def report(id):
    time.sleep({WORK_US} / 1e6)
    return "done"
@app.get("/ready")
def ready():
    return "ready"
"#
    );
    write(directory, "Flask", "app.py", &route);
    let gunicorn = Program::of_venv("gunicorn", "gunicorn", "gunicorn flask");
    let (daemon, [address]) = gunicorn.start(
        &directory.join("output"),
        |command: &mut Command, [address]: [SocketAddr; 1]| {
            command.args(["--workers", "1", "--bind", &address.to_string()]);
            command.arg("--chdir").arg(directory).arg("app:app");
        },
        |[address]| answers(address),
    );
    wait_is_measured(directory, &format!("proxy_pass http://{address};"), daemon);
}

#[test]
fn wsgi_under_uwsgi() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    write(directory, "Any WSGI application", "app_clock.py", "");
    let application = format!(
        r#"
import time
def application(environ, start_response):
    time.sleep({WORK_US} / 1e6)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"#
    );
    fs::write(directory.join("my_application.py"), application).expect("an application");
    write(directory, "uWSGI", "wsgi.py", "");
    let uwsgi = Program::of_package("uWSGI", "uwsgi", "uwsgi-core uwsgi-plugin-python3");
    let (daemon, [address, _]) = uwsgi.start(
        &directory.join("output"),
        |command, [address, http]: [SocketAddr; 2]| {
            command.args([
                "--plugin",
                "python3",
                "--master",
                "--need-app",
                "--die-on-term",
            ]);
            command.args(["--socket", &address.to_string()]);
            command.args(["--http-socket", &http.to_string()]);
            command
                .arg("--chdir")
                .arg(directory)
                .args(["--module", "wsgi"]);
        },
        |[_, http]| answers(http),
    );
    let pass = format!("include /etc/nginx/uwsgi_params; uwsgi_pass {address};");
    wait_is_measured(directory, &pass, daemon);
}

#[test]
fn express() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/express/node_modules");
    assert!(
        modules.join("express").exists(),
        "this test needs Express, which is not installed: `npm install --prefix target/express express`"
    );
    // The event loop is busy while a request computes.
    let route = format!(
        r#"
app.get('/api/reports/:id', (req, res) => {{
  const until = process.hrtime.bigint() + {WORK_US}000n;
  while (process.hrtime.bigint() < until) {{}}
  res.send('done');
}});
app.get('/ready', (req, res) => res.send('ready'));
app.listen(Number(process.env.PORT), '127.0.0.1');
"#
    );
    write(directory, "Express", "app.js", &route);
    let node = Program::of_package("Node.js", "node", "nodejs npm");
    let (daemon, [address]) = node.start(
        &directory.join("output"),
        |command, [address]: [SocketAddr; 1]| {
            command.arg(directory.join("app.js"));
            command
                .env("NODE_PATH", &modules)
                .env("PORT", address.port().to_string());
        },
        |[address]| answers(address),
    );
    wait_is_measured(directory, &format!("proxy_pass http://{address};"), daemon);
}
