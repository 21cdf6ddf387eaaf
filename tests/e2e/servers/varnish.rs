//! Varnish, whose lines come from varnishncsa: a format with the duration and the first byte, and its
//! own, which has no time.

use std::fs;

use super::daemon::{Daemon, Program, answers, until};
use super::visit::{Expected, Told, app, from_the_end, micros, quoted_request, visit};

/// The format of its manual with the two times and whether it was a hit.
const TIMED: &str = r#"%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i" %D %{Varnish:time_firstbyte}x %{Varnish:hitmiss}x"#;

#[test]
fn varnish_with_and_without_times() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let app = app();
    let vcl = directory.join("shop.vcl");
    // Everything is asked of the application, but for what a cache is for.
    fs::write(
        &vcl,
        format!(
            r#"vcl 4.1;
backend default {{ .host = "{}"; .port = "{}"; }}
sub vcl_recv {{ if (req.url !~ "^/search") {{ return (pass); }} }}
# What the application said once is not said again.
sub vcl_deliver {{ if (obj.hits > 0) {{ unset resp.http.X-Runtime; }} }}
"#,
            app.address.ip(),
            app.address.port()
        ),
    )
    .expect("a configuration");
    let work = directory.join("work");
    let varnish = Program::of_package("Varnish", "varnishd", "varnish");
    let (daemon, [address]) = varnish.start(
        &directory.join("output"),
        |command, [address]| {
            command.arg("-F").arg("-n").arg(&work).arg("-f").arg(&vcl);
            command.args(["-j", "none", "-s", "malloc,16m"]);
            command.args(["-a", &address.to_string()]);
        },
        |[address]| answers(address),
    );
    let writer = Program::of_package("Varnish", "varnishncsa", "varnish");
    let logs = ["timed", "default"].map(|name| directory.join(name).with_extension("log"));
    let writers = [Some(TIMED), None]
        .into_iter()
        .zip(&logs)
        .map(|(format, log)| {
            let output = log.with_extension("out");
            let (writer, []) = writer.start(
                &output,
                |command, []| {
                    command.arg("-n").arg(&work).arg("-w").arg(log);
                    if let Some(format) = format {
                        command.args(["-F", format]);
                    }
                },
                // It is there when it has written something.
                |[]| answers(address) && fs::metadata(log).is_ok_and(|file| file.len() > 0),
            );
            writer
        });
    let writers: Vec<Daemon> = writers.collect();
    let client = visit(address);
    let again = client.get("/search", "/search?q=blue%20shoes&page=0");
    assert_eq!(again, 200);
    let sent: u64 = client.sent().values().map(|sent| sent.requests).sum();
    for log in &logs {
        until("all lines are written", || {
            let text = fs::read_to_string(log).unwrap_or_default();
            let visited = text.lines().filter(|line| !line.contains("/ready"));
            visited.count() as u64 == sent
        });
    }
    writers.into_iter().for_each(Daemon::finish);
    daemon.finish();

    let report = Expected {
        what: "Varnish with times",
        log: &logs[0],
        flags: &[],
        format: "varnish",
        told: &|line| {
            let first_byte = micros(from_the_end(line, 1))?;
            let total = from_the_end(line, 2).parse().ok()?;
            let mut phases = vec![("total", total)];
            // A hit was served from the cache: no server took part.
            if from_the_end(line, 0) == "miss" {
                phases.push(("server", first_byte));
            }
            Some(Told {
                request: quoted_request(line)?,
                phases,
            })
        },
        unknown: &["wait", "app"],
    }
    .compare(&client);
    let asked = report
        .phase(("GET", "/search"), "server")
        .expect("three misses");
    assert_eq!(asked["count"], 3, "the fourth was a hit");

    Expected {
        what: "Varnish by default",
        log: &logs[1],
        flags: &[],
        format: "combined",
        told: &|line| {
            Some(Told {
                request: quoted_request(line)?,
                phases: Vec::new(),
            })
        },
        unknown: &["total", "upstream", "server", "wait", "app"],
    }
    .compare(&client);
}
