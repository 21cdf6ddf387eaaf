//! uWSGI: what it prints of each request, among all that it prints besides, and two of its formats.

use std::path::Path;

use super::daemon::{Program, answers};
use super::visit::{Expected, Told, from_the_end, quoted_request, visit};

/// How a log comes about, and what it tells.
struct Form {
    name: &'static str,
    arguments: &'static [&'static str],
    /// The format, where it is given because lines alone do not tell it.
    given: Option<&'static str>,
    told: fn(&str) -> Option<Told>,
}

const FORMS: [Form; 3] = [
    Form {
        name: "as it prints",
        arguments: &[],
        given: None,
        told: |line| printed(line, "msecs", 1_000),
    },
    Form {
        name: "with micros and memory",
        arguments: &["--log-micros", "--memory-report"],
        given: None,
        told: |line| printed(line, "micros", 1),
    },
    Form {
        name: "with a format",
        arguments: &["--log-format", WITH_MICROS],
        given: Some(WITH_MICROS),
        told: |line| {
            let us = from_the_end(line, 0).strip_prefix("us=")?.parse().ok()?;
            Some(Told {
                request: quoted_request(line)?,
                phases: vec![("total", us), ("app", us)],
            })
        },
    },
];

const WITH_MICROS: &str = r#"%(addr) - %(user) [%(ltime)] "%(method) %(uri) %(proto)" %(status) %(size) "%(referer)" "%(uagent)" us=%(micros)"#;

/// `… [DATE] METHOD TARGET => generated 900 bytes in 8 msecs (HTTP/1.1 200) …`
fn printed(line: &str, unit: &str, us: u64) -> Option<Told> {
    let (before, after) = line.split_once(" => generated ")?;
    let (time, _) = after.split_once(&format!(" {unit} "))?;
    let time: u64 = from_the_end(time, 0).parse().ok()?;
    Some(Told {
        request: format!("{} {}", from_the_end(before, 1), from_the_end(before, 0)),
        phases: vec![("total", time * us), ("app", time * us)],
    })
}

#[test]
fn uwsgis_request_lines_among_what_else_it_prints() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let uwsgi = Program::of_package("uWSGI", "uwsgi", "uwsgi-core uwsgi-plugin-python3");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/servers");
    for form in &FORMS {
        // It logs to what it prints, as it does under a supervisor.
        let log = directory.join("output.log");
        let (daemon, [address]) = uwsgi.start(
            &log,
            |command, [address]| {
                command.args(["--plugin", "python3", "--master", "--processes", "2"]);
                command.args(["--need-app", "--die-on-term"]);
                command.args(["--http-socket", &address.to_string()]);
                command
                    .arg("--chdir")
                    .arg(&source)
                    .args(["--module", "app"]);
                command.args(form.arguments);
                // Nothing is written into the sources.
                command.env("PYTHONDONTWRITEBYTECODE", "1");
            },
            |[address]| answers(address),
        );
        let client = visit(address);
        daemon.finish();
        let given = form.given.map(|format| ["--log-format", format]);
        Expected {
            what: &format!("uWSGI {}", form.name),
            log: &log,
            flags: given.as_ref().map_or(&[], |given| given),
            format: if form.given.is_some() {
                "custom"
            } else {
                "uwsgi"
            },
            told: &form.told,
            // It does not know how long a connection waited for it.
            unknown: &["upstream", "server", "wait"],
        }
        .compare(&client);
    }
}
