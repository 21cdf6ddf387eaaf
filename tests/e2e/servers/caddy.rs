//! Caddy as a reverse proxy: its JSON, which carries the response headers, so X-Runtime too.

use std::fs;

use serde_json::Value;

use super::daemon::{Program, answers};
use super::visit::{Expected, Told, app, micros, visit};

#[test]
fn caddys_json_has_the_applications_own_clock() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let app = app();
    let conf = directory.join("Caddyfile");
    let log = directory.join("access.log");
    let caddy = Program::of_package("Caddy", "caddy", "caddy");
    let (daemon, [address]) = caddy.start(
        &directory.join("output"),
        |command, [address]| {
            let text = format!(
                "{{
  admin off
  auto_https off
}}
http://{address} {{
  log {{
    output file {}
  }}
  reverse_proxy {}
}}
",
                log.display(),
                app.address
            );
            // The site answers by any name of the host.
            let text = text.replace(
                &format!("http://{address}"),
                &format!("http://:{}", address.port()),
            );
            fs::write(&conf, text).expect("a configuration");
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&conf);
            // What it keeps for itself stays here.
            command
                .env("HOME", directory)
                .env("XDG_DATA_HOME", directory);
            command.env("XDG_CONFIG_HOME", directory);
        },
        |[address]| answers(address),
    );
    let client = visit(address);
    daemon.finish();
    let report = Expected {
        what: "Caddy",
        log: &log,
        flags: &[],
        format: "caddy",
        told: &|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let request = &line["request"];
            let runtime = line["resp_headers"]["X-Runtime"][0].as_str()?;
            // As it is written, in more digits than microseconds.
            let total = micros(&format!("{:.9}", line["duration"].as_f64()?))?;
            Some(Told {
                request: format!(
                    "{} {}",
                    request["method"].as_str()?,
                    request["uri"].as_str()?
                ),
                phases: vec![("total", total), ("app", micros(runtime)?)],
            })
        },
        unknown: &["upstream", "server"],
    }
    .compare(&client);
    assert_eq!(report.json["split"]["busy"], "app");
}
