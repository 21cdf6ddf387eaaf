//! gunicorn: its default format, which has no time, and the ways to log how long the application ran.

use std::path::Path;
use std::process::Command;

use super::daemon::{Daemon, Program, answers};
use super::visit::{Expected, Told, from_the_end, micros, quoted_request, visit};

/// The format of its documentation, with a time behind it.
const DEFAULT: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;

/// What stands behind the default, and what it tells.
struct Form {
    name: &'static str,
    behind: &'static str,
    given: bool,
    us: fn(&str) -> Option<u64>,
}

const FORMS: [Form; 4] = [
    Form {
        name: "by default",
        behind: "",
        given: false,
        us: |_| None,
    },
    Form {
        name: "%(L)s",
        behind: " %(L)s",
        given: false,
        us: |line| micros(from_the_end(line, 0)),
    },
    Form {
        name: "%(D)s",
        behind: " %(D)s",
        given: true,
        us: |line| from_the_end(line, 0).parse().ok(),
    },
    Form {
        name: "%(M)s labelled",
        behind: " took=%(M)sms pid=%(p)s",
        given: true,
        us: |line| {
            let ms = from_the_end(line, 1).strip_prefix("took=")?;
            let ms: u64 = ms.strip_suffix("ms")?.parse().ok()?;
            Some(ms * 1_000)
        },
    },
];

#[test]
fn gunicorns_access_log_formats() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    for form in &FORMS {
        compare(form, directory.path());
    }
}

fn compare(form: &Form, directory: &Path) {
    let log = directory.join("access.log");
    let format = format!("{DEFAULT}{}", form.behind);
    let (daemon, [address]) = start(directory, &log, &format);
    let client = visit(address);
    daemon.finish();
    let given = ["--log-format", &format];
    let told = |line: &str, us: fn(&str) -> Option<u64>| {
        let us = us(line);
        Some(Told {
            request: quoted_request(line)?,
            phases: us.map_or_else(Vec::new, |us| vec![("total", us), ("app", us)]),
        })
    };
    Expected {
        what: &format!("gunicorn {}", form.name),
        log: &log,
        flags: if form.given { &given } else { &[] },
        format: match form.name {
            // The same text as nginx's.
            "by default" => "combined",
            _ if form.given => "custom",
            _ => "gunicorn",
        },
        told: &|line| told(line, form.us),
        unknown: match form.name {
            "by default" => &["total", "upstream", "server", "wait", "app"],
            // It does not know how long a connection waited for it.
            _ => &["upstream", "server", "wait"],
        },
    }
    .compare(&client);
    std::fs::remove_file(&log).expect("the log of the next run is a new one");
}

fn start(directory: &Path, log: &Path, format: &str) -> (Daemon, [std::net::SocketAddr; 1]) {
    let gunicorn = Program::of_venv("gunicorn", "gunicorn", "gunicorn flask");
    gunicorn.start(
        &directory.join("output"),
        |command: &mut Command, [address]| {
            command.args(["--workers", "2", "--bind", &address.to_string()]);
            command.arg("--access-logfile").arg(log);
            command.args(["--access-logformat", format]);
            command
                .arg("--chdir")
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/servers"));
            command.arg("app:application");
            // Nothing is written into the sources.
            command.env("PYTHONDONTWRITEBYTECODE", "1");
        },
        |[address]| answers(address),
    )
}
