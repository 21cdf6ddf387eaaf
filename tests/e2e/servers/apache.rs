//! Apache as a reverse proxy: the LogFormats of its manual and of many a tutorial, all of one visit.

use std::fs;

use super::daemon::{Program, answers};
use super::visit::{Expected, Told, app, from_the_end, micros, quoted_request, visit};

/// A LogFormat, and what slowpath must make of it.
struct Form {
    name: &'static str,
    log_format: &'static str,
    /// Whether the format is given, where lines alone do not tell it.
    given: bool,
    told: fn(&str) -> Option<Told>,
    unknown: &'static [&'static str],
}

const NO_TIME: &[&str] = &["total", "upstream", "server", "wait", "app"];
const ONLY_TOTAL: &[&str] = &["upstream", "server", "wait", "app"];

const FORMS: [Form; 8] = [
    Form {
        name: "combined",
        log_format: r#"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\""#,
        given: false,
        told: |line| times(line, []),
        unknown: NO_TIME,
    },
    Form {
        name: "vhost_combined",
        log_format: r#"%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\""#,
        given: false,
        told: |line| times(line, []),
        unknown: NO_TIME,
    },
    Form {
        name: "combined %D",
        log_format: r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D"#,
        given: false,
        told: |line| times(line, [("total", us(from_the_end(line, 0)))]),
        unknown: ONLY_TOTAL,
    },
    Form {
        name: "combined %T/%D",
        log_format: r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %T/%D"#,
        given: false,
        told: |line| {
            let (_, micros) = from_the_end(line, 0).split_once('/')?;
            times(line, [("total", us(micros))])
        },
        unknown: ONLY_TOTAL,
    },
    Form {
        name: "combined %{ms}T",
        log_format: r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %{ms}T"#,
        given: true,
        told: |line| {
            let ms: u64 = from_the_end(line, 0).parse().ok()?;
            times(line, [("total", Some(ms * 1_000))])
        },
        unknown: ONLY_TOTAL,
    },
    Form {
        name: "combined %D X-Runtime",
        log_format: r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D %{X-Runtime}o"#,
        given: false,
        told: |line| {
            let total = us(from_the_end(line, 1));
            times(
                line,
                [("total", total), ("app", micros(from_the_end(line, 0)))],
            )
        },
        unknown: &["upstream", "server"],
    },
    Form {
        name: "combined %D %^FB X-Runtime",
        log_format: r#"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D %^FB %{X-Runtime}o"#,
        given: false,
        told: |line| {
            let app = micros(from_the_end(line, 0));
            let server = us(from_the_end(line, 1));
            let total = us(from_the_end(line, 2));
            let wait = server.zip(app).map(|(server, app)| server - app);
            times(
                line,
                [
                    ("total", total),
                    ("server", server),
                    ("app", app),
                    ("wait", wait),
                ],
            )
        },
        unknown: &[],
    },
    Form {
        name: "labelled",
        log_format: r#"%a [%{%Y-%m-%dT%H:%M:%S}t.%{msec_frac}t] \"%m %U%q\" status=%>s us=%{us}T ms=%{ms}T s=%T runtime=%{X-Runtime}o"#,
        given: true,
        told: |line| {
            let total = us(from_the_end(line, 3).strip_prefix("us=")?);
            let app = micros(from_the_end(line, 0).strip_prefix("runtime=")?);
            times(line, [("total", total), ("app", app)])
        },
        unknown: &["upstream", "server"],
    },
];

fn us(digits: &str) -> Option<u64> {
    digits.parse().ok()
}

/// The phases that have a value.
fn times<const N: usize>(line: &str, phases: [(&'static str, Option<u64>); N]) -> Option<Told> {
    let known = phases.into_iter();
    Some(Told {
        request: quoted_request(line)?,
        phases: known.filter_map(|(phase, us)| Some((phase, us?))).collect(),
    })
}

#[test]
fn apaches_log_formats() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let app = app();
    let conf = directory.join("httpd.conf");
    let apache = Program::of_package("Apache", "apache2", "apache2-bin").ended_by("WINCH");
    let log = |form: &Form| directory.join(form.name.replace([' ', '/'], "_") + ".log");
    let (daemon, [address]) = apache.start(
        &directory.join("output"),
        |command, [address]| {
            let place = directory.display();
            let modules = ["mpm_event", "authz_core", "proxy", "proxy_http"].map(|name| {
                format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
            });
            let logs: String = FORMS
                .iter()
                .map(|form| {
                    let file = log(form).display().to_string();
                    format!("CustomLog \"{file}\" \"{}\"\n", form.log_format)
                })
                .collect();
            let text = format!(
                "{}
ServerRoot {place}
DefaultRuntimeDir {place}
PidFile {place}/pid
Mutex posixsem
User nobody
Group nogroup
ServerName shop.example
Listen {address}
ErrorLog {place}/error.log
LogIOTrackTTFB On
ProxyPass / http://{}/
{logs}",
                modules.concat(),
                app.address
            );
            fs::write(&conf, text).expect("a configuration");
            command.arg("-f").arg(&conf).arg("-DFOREGROUND");
        },
        |[address]| answers(address),
    );
    let client = visit(address);
    daemon.finish();
    for form in &FORMS {
        let given = ["--log-format", form.log_format];
        Expected {
            what: &format!("Apache {}", form.name),
            log: &log(form),
            flags: if form.given { &given } else { &[] },
            format: match form.name {
                // The same text as nginx's.
                "combined" => "combined",
                _ if form.given => "custom",
                _ => "apache",
            },
            told: &form.told,
            unknown: form.unknown,
        }
        .compare(&client);
    }
}
