//! gunicorn behind nginx: their configuration, and their lives as child processes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{HOT, INTERFACES, WORKERS};
use crate::server::{Nginx, SLOWPATH_FORMAT};

/// What the application tells of its own time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    Timing,
    Runtime,
    Nothing,
}

impl Says {
    pub const ALL: [Says; 3] = [Says::Timing, Says::Runtime, Says::Nothing];

    pub fn name(self) -> &'static str {
        match self {
            Says::Timing => "timing",
            Says::Runtime => "runtime",
            Says::Nothing => "nothing",
        }
    }
}

/// A running application with nginx in front of it.
pub struct Site {
    pub nginx: Nginx,
    _gunicorn: Gunicorn,
}

impl Site {
    /// Starts both with their files below `directory`, and waits until both answer.
    pub fn start(directory: &Path, says: Says) -> Site {
        let gunicorn = Gunicorn::start(directory, says);
        let socket = gunicorn.socket.display().to_string();
        fs::write(directory.join("formats.conf"), SLOWPATH_FORMAT).expect("an included file");
        let nginx = Nginx::start_with(directory, |address| {
            let directory = directory.display();
            format!(
                r#"
include process.conf;

http {{
  include formats.conf;
  access_log {directory}/access.log slowpath;

  include temporary.conf;

  upstream api {{ server unix:{socket}; }}

  server {{
    listen {address} backlog=4096;
    server_name api.example;
    location / {{ proxy_pass http://api; }}
    location = /ready {{ access_log off; return 204; }}
  }}
}}
"#
            )
        });
        Site {
            nginx,
            _gunicorn: gunicorn,
        }
    }
}

/// A running gunicorn; it is stopped when dropped.
struct Gunicorn {
    child: Child,
    socket: PathBuf,
}

impl Gunicorn {
    fn start(directory: &Path, says: Says) -> Gunicorn {
        let socket = directory.join("app.sock");
        let bind = format!("unix:{}", socket.display());
        let workers = WORKERS.to_string();
        let log = fs::File::create(directory.join("gunicorn.log")).expect("a log of gunicorn");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/incident");
        let child = Command::new(executable())
            .args(["--worker-class", "sync", "--workers", &workers])
            .args(["--backlog", "4096", "--timeout", "120", "--bind", &bind])
            .arg("--chdir")
            .arg(source)
            .arg("app:app")
            .env("SAYS", says.name())
            .env("HOT", HOT.to_string())
            .env("INTERFACES", INTERFACES.to_string())
            // Nothing is written into the sources.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("gunicorn starts");
        let mut gunicorn = Gunicorn { child, socket };
        let patience = Instant::now() + Duration::from_secs(30);
        while !gunicorn.is_ready() {
            let ended = gunicorn.child.try_wait().expect("the state of gunicorn");
            let log = || fs::read_to_string(directory.join("gunicorn.log")).unwrap_or_default();
            assert!(
                ended.is_none() && Instant::now() < patience,
                "gunicorn does not start; it says:\n{}",
                log()
            );
            thread::sleep(Duration::from_millis(50));
        }
        gunicorn
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = UnixStream::connect(&self.socket) else {
            return false;
        };
        let mut answer = String::new();
        stream
            .write_all(b"GET /ready HTTP/1.0\r\n\r\n")
            .is_ok_and(|()| stream.read_to_string(&mut answer).is_ok())
            && answer.contains(" 204 ")
    }
}

impl Drop for Gunicorn {
    fn drop(&mut self) {
        // SIGTERM lets it end its workers; killing it would leave them behind.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.child.wait();
    }
}

/// Where `.ci/run` installs it.
fn executable() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/gunicorn/bin/gunicorn");
    assert!(
        path.exists(),
        "this test needs gunicorn, which is not installed: \
         `python3 -m venv target/gunicorn && target/gunicorn/bin/pip install gunicorn`"
    );
    path
}
