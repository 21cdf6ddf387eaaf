//! HAProxy with a backend that is full, so that requests queue: the wait that slowpath reports is Tw.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::daemon::{Program, answers, until};
use super::visit::{Expected, Told, app, quoted_request, visit};

/// What the server lets through to the application at once; the others of the crowd queue.
const MAXCONN: usize = 2;

/// A syslog server: it keeps what is sent to it.
struct Syslog {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Syslog {
    fn listen() -> Syslog {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port for syslog");
        let address = socket.local_addr().expect("its address");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&lines);
        thread::spawn(move || {
            let mut datagram = vec![0; 65_536];
            while let Ok(length) = socket.recv(&mut datagram) {
                let line = String::from_utf8_lossy(&datagram[..length]);
                let mut lines = heard.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(line.trim_end_matches(['\n', '\0']).to_owned());
            }
        });
        Syslog { address, lines }
    }

    /// What came so far, each line as `form` writes it into a file.
    fn text(&self, form: fn(&str) -> &str) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .map(|line| form(line).to_owned() + "\n")
            .collect()
    }

    fn has(&self, what: &str) -> bool {
        self.text(|line| line).contains(what)
    }
}

#[test]
fn wait_is_the_queue_timer_of_haproxy() {
    let directory = tempfile::tempdir().expect("a directory for the run");
    let directory = directory.path();
    let app = app();
    let [old, new] = [Syslog::listen(), Syslog::listen()];
    let conf = directory.join("haproxy.cfg");
    let haproxy = Program::of_package("HAProxy", "haproxy", "haproxy").ended_by("USR1");
    let raw = directory.join("stdout.log");
    let (daemon, [web, clf, https]) = haproxy.start(
        &raw,
        |command, [web, clf, https]| {
            fs::write(
                &conf,
                format!(
                    "
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  default_backend app
frontend web
  bind {web}
  log stdout format raw local0
  log {} format rfc3164 local0
  log {} format rfc5424 local0
  option httplog
  capture request header User-Agent len 40
frontend clf
  bind {clf}
  log {} format rfc3164 local0
  option httplog clf
frontend https
  bind {https}
  log {} format rfc3164 local0
  option httpslog
backend app
  server one {} maxconn {MAXCONN}
",
                    old.address, new.address, old.address, old.address, app.address
                ),
            )
            .expect("a configuration");
            command.arg("-db").arg("-f").arg(&conf);
        },
        |addresses| addresses.into_iter().all(answers),
    );
    let clients = [web, clf, https].map(visit);
    daemon.finish();
    for syslog in [&old, &new] {
        until("HAProxy has told that it stopped", || {
            syslog.has("Proxy web stopped")
        });
    }
    until("all frontends stopped", || old.has("Proxy https stopped"));

    let of_frontend = |text: &str, name: &str| -> String {
        let lines = text.lines().filter(|line| line.contains(name));
        lines.map(|line| line.to_owned() + "\n").collect()
    };
    // A syslog server leaves out the priority of the old form.
    let old = old.text(|line| line.split_once('>').map_or(line, |(_, rest)| rest));
    let new = new.text(|line| line);
    let file = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text).expect("a log");
        path
    };
    let web_3164 = file("3164.log", of_frontend(&old, " web"));
    let web_5424 = file("5424.log", new);
    let clf_log = file("clf.log", of_frontend(&old, " \"clf\" "));
    let https_log = file("https.log", of_frontend(&old, " https"));

    let [web, clf, https] = &clients;
    let compare = |what, log: &Path, client, told: fn(&str) -> Option<Told>| {
        let expected = Expected {
            what,
            log,
            flags: &[],
            format: "haproxy",
            told: &told,
            unknown: &["app"],
        };
        let report = expected.compare(client);
        assert_eq!(report.json["split"]["wait"], "measured", "{what}");
        // Two of the crowd are let through and four wait.
        let wait = report.sum_us(("POST", "/tickets"), "wait");
        assert!(
            wait > 0,
            "{what}: nobody queued, so there is nothing to see"
        );
    };
    compare("HAProxy httplog", &raw, web, httplog);
    compare("HAProxy httplog by syslog", &web_3164, web, httplog);
    compare(
        "HAProxy httplog by syslog of RFC 5424",
        &web_5424,
        web,
        httplog,
    );
    compare("HAProxy httplog clf", &clf_log, clf, httplog_clf);
    compare("HAProxy httpslog", &https_log, https, httplog);
}

/// `… backend/server TR/Tw/Tc/Tr/Ta status … "METHOD TARGET HTTP/1.1"…`
fn httplog(line: &str) -> Option<Told> {
    let timers = line.split(' ').find(|word| word.split('/').count() == 5)?;
    let request = quoted_request(line)?;
    told(request, timers.split('/'))
}

/// `… "frontend" "backend" "server" TR Tw Tc Tr Ta …`
fn httplog_clf(line: &str) -> Option<Told> {
    let request = quoted_request(line)?;
    let (_, timers) = line.split_once("\"app\" \"one\" ")?;
    told(request, timers.split(' ').take(5))
}

fn told<'t>(request: String, timers: impl Iterator<Item = &'t str>) -> Option<Told> {
    let ms: Vec<u64> = timers.map(str::parse).collect::<Result<_, _>>().ok()?;
    let [_tr, tw, tc, tr, ta] = ms.try_into().ok()?;
    let phases = [("total", ta), ("wait", tw), ("connect", tc), ("server", tr)];
    Some(Told {
        request,
        phases: phases.map(|(phase, ms)| (phase, ms * 1_000)).into(),
    })
}
