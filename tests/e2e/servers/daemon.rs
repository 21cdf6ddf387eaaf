//! A server as a child process in the foreground: found, started on free ports, waited for, stopped.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any server takes to start or to stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(20);

/// A running server. It is stopped when dropped, too.
pub struct Daemon {
    name: &'static str,
    child: Child,
    /// What tells it to end when it has finished what it began.
    signal: &'static str,
}

/// A server that is to be started.
pub struct Program {
    /// As a reader knows it.
    pub name: &'static str,
    /// The command.
    pub executable: PathBuf,
    /// The signal that lets it end in order.
    pub signal: &'static str,
}

impl Program {
    /// A server of a Debian package.
    ///
    /// # Panics
    /// Where it is not installed, with what to install.
    pub fn of_package(name: &'static str, executable: &str, package: &str) -> Program {
        // Only root's `PATH` leads to the first.
        let places = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from);
        let found = places
            .iter()
            .map(|place| place.join(executable))
            .find(|path| path.exists());
        Program {
            name,
            executable: found.unwrap_or_else(|| {
                panic!(
                    "this test needs {name}, which is not installed: install it with \
                     `apt-get install --no-install-recommends {package}` (Debian, Ubuntu)"
                )
            }),
            signal: "TERM",
        }
    }

    /// A server of Python packages, in the virtual environment of its name where `.ci/run` installs it.
    ///
    /// # Panics
    /// Where it is not installed, with what to install.
    pub fn of_venv(name: &'static str, executable: &str, packages: &str) -> Program {
        let place = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("target")
            .join(executable);
        let found = place.join("bin").join(executable);
        assert!(
            found.exists(),
            "this test needs {name}, which is not installed: \
             `python3 -m venv target/{executable} && target/{executable}/bin/pip install {packages}`"
        );
        Program {
            name,
            executable: found,
            signal: "TERM",
        }
    }

    /// The same, ended by another signal.
    pub fn ended_by(self, signal: &'static str) -> Program {
        Program { signal, ..self }
    }

    /// Starts it with as many free addresses as `command` asks for, and waits until `ready` says so.
    /// What it prints goes to the file `output`.
    pub fn start<const N: usize>(
        &self,
        output: &Path,
        arguments: impl Fn(&mut Command, [SocketAddr; N]),
        ready: impl Fn([SocketAddr; N]) -> bool,
    ) -> (Daemon, [SocketAddr; N]) {
        // Another process can take a port between our finding it free and the server's taking it.
        for _ in 0..5 {
            let addresses = free_addresses();
            let printed = File::create(output).expect("a file for what a server prints");
            let errors = printed.try_clone().expect("the same file");
            let mut command = Command::new(&self.executable);
            command.stdin(Stdio::null()).stdout(printed).stderr(errors);
            arguments(&mut command, addresses);
            let mut daemon = Daemon {
                name: self.name,
                child: command.spawn().expect("the server starts"),
                signal: self.signal,
            };
            if daemon.becomes(|| ready(addresses)) {
                return (daemon, addresses);
            }
        }
        let printed = fs::read_to_string(output).unwrap_or_default();
        panic!("{} does not start; it says:\n{printed}", self.name)
    }
}

impl Daemon {
    /// Waits until `ready`; false where it ended before, or never came so far.
    fn becomes(&mut self, ready: impl Fn() -> bool) -> bool {
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            if self.has_ended() {
                return false;
            }
            if ready() {
                return true;
            }
            thread::sleep(STEP);
        }
        false
    }

    fn has_ended(&mut self) -> bool {
        let state = self.child.try_wait().expect("the state of a server");
        state.is_some()
    }

    /// Lets it finish what it began, and waits for its end: then its log is complete.
    pub fn finish(mut self) {
        self.send(self.signal);
        let patience = Instant::now() + PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < patience, "{} does not end", self.name);
            thread::sleep(STEP);
        }
    }

    fn send(&self, signal: &str) {
        let id = self.child.id().to_string();
        // The outcome shows in whether it ends.
        let _ = Command::new("kill").args(["-s", signal, &id]).status();
    }
}

impl Drop for Daemon {
    /// Only where a test failed in between. A server that is killed leaves its workers behind, so it
    /// is asked first.
    fn drop(&mut self) {
        let patience = Instant::now() + PATIENCE / 10;
        if !self.has_ended() {
            self.send("TERM");
        }
        while !self.has_ended() {
            if Instant::now() > patience {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(STEP);
        }
    }
}

/// Loopback addresses where nothing listens now, all different.
fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port for a server")
    });
    listeners.map(|listener| listener.local_addr().expect("its address"))
}

/// Whether `GET /ready` is answered with 200 there: by the server, or by the application behind it.
pub fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request = b"GET /ready HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .is_ok()
        && stream.write_all(request).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains(" 200 ")
}

/// Waits until something holds.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < patience, "not after {PATIENCE:?}: {what}");
        thread::sleep(STEP);
    }
}
