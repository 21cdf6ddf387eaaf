//! Runs the program with arguments, an environment, a folder and standard input, and holds what came
//! of it.
//!
//! The variables that slowpath listens to are taken out of the environment, so that a test says the
//! same on every machine. Nothing here waits for a time to pass, but for something to happen; the
//! limits only end a test that hangs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::scratch::{COLUMNS, Scratch};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks at something that has not happened yet.
const STEP: Duration = Duration::from_millis(5);

/// The binary that this test was built with.
const BINARY: &str = env!("CARGO_BIN_EXE_slowpath");

/// A run of slowpath with these arguments, in the root of the package, with nothing on stdin.
pub fn slowpath<I>(args: I) -> Invocation
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    Invocation::new(BINARY).args(args)
}

/// The same for a log of four columns: method, path, wait and app time in seconds.
pub fn columns<I>(args: I) -> Invocation
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    slowpath(["--log-format", COLUMNS]).args(args)
}

/// Runs a line of sh in which `"$slowpath"` is the program: for what only a shell can arrange, such
/// as a limit or a mask.
pub fn shell(script: &str) -> Invocation {
    Invocation::new("sh").args(["-c", script])
}

/// slowpath with these arguments on a terminal of so many columns. Only stdout is on it: how far the
/// reading got is shown on a slow machine and not on a fast one.
pub fn on_terminal(columns: usize, args: &[&str]) -> Invocation {
    let quoted: Vec<String> = args
        .iter()
        .map(|arg| format!("'{}'", arg.replace('\'', "'\\''")))
        .collect();
    shell_on_terminal(&format!(
        "stty cols {columns} rows 50; exec \"$slowpath\" {} 2>/dev/null",
        quoted.join(" ")
    ))
}

/// A line of sh on a terminal, where stdin, stdout and stderr are one; what it says is on stdout. The
/// terminal is made by `script` of util-linux.
pub fn shell_on_terminal(line: &str) -> Invocation {
    Invocation::new("script")
        .args(["-q", "-e", "-c", line, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
}

/// What is run, before it is.
pub struct Invocation {
    command: Command,
    stdin: Input,
    stdout: Option<File>,
}

enum Input {
    Nothing,
    Bytes(Vec<u8>),
    File(File),
}

impl Invocation {
    fn new(program: &str) -> Invocation {
        let mut command = Command::new(program);
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("slowpath", BINARY);
        let heard = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("SLOWPATH_")
                || ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS"].contains(&name.as_ref())
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| heard(name)) {
            command.env_remove(name);
        }
        Invocation {
            command,
            stdin: Input::Nothing,
            stdout: None,
        }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in this folder.
    pub fn within(mut self, scratch: &Scratch) -> Self {
        self.command.current_dir(scratch.folder());
        self
    }

    /// These bytes come through a pipe, which is then closed.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Input::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// `< FILE`.
    pub fn stdin_from(mut self, path: &Path) -> Self {
        self.stdin = Input::File(File::open(path).expect("a file to read"));
        self
    }

    /// `> FILE`.
    pub fn stdout_to(mut self, file: File) -> Self {
        self.stdout = Some(file);
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ended {
        let stdin = std::mem::replace(&mut self.stdin, Input::Nothing);
        let mut running = match stdin {
            Input::Nothing => self.begin(Stdio::null()),
            Input::File(file) => self.begin(Stdio::from(file)),
            Input::Bytes(bytes) => {
                let mut running = self.begin(Stdio::piped());
                let pipe = running.stdin.take();
                // In a thread of its own, because the program may want to be read from first.
                running.writer = Some(std::thread::spawn(move || {
                    // A program that ends without reading all of it closes the pipe.
                    let _ = pipe.expect("a pipe to stdin").write_all(&bytes);
                }));
                running
            }
        };
        running.read_all();
        running.wait()
    }

    /// Runs it with a pipe on stdin that stays open, and reads nothing of what it prints until
    /// [`Running::wait`].
    pub fn start(mut self) -> Running {
        self.begin(Stdio::piped())
    }

    fn begin(&mut self, stdin: Stdio) -> Running {
        let stdout = self.stdout.take().map_or_else(Stdio::piped, Stdio::from);
        let child = self
            .command
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|e| panic!("cannot run {:?}: {e}", self.command));
        Running {
            stdin: child.stdin.take(),
            child,
            stdout: None,
            stderr: None,
            writer: None,
            command: format!("{:?}", self.command),
        }
    }
}

/// A run that has not ended yet.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    command: String,
}

impl Running {
    /// Writes to stdin, which stays open, and returns when the program has taken it.
    pub fn takes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("a pipe to stdin");
        stdin.write_all(bytes).expect("the program reads");
        stdin.flush().expect("the program reads");
        let stdin = self.stdin.as_ref().expect("a pipe to stdin");
        is_emptied(stdin);
    }

    /// Sends a signal, by name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status()
            .expect("a shell");
        assert!(sent.success(), "no signal was sent");
    }

    /// Returns when something was printed; nobody reads it.
    pub fn has_printed(&self) {
        let stdout = self.child.stdout.as_ref().expect("a pipe from stdout");
        until("something is printed", || {
            rustix::io::ioctl_fionread(stdout).expect("the length of a pipe") > 0
        });
    }

    /// The first line that it prints; then the pipe is closed, as by `| head -1`.
    pub fn first_line_only(&mut self) -> String {
        let mut stdout = self.child.stdout.take().expect("a pipe from stdout");
        let mut line = Vec::new();
        let mut byte = [0];
        while stdout.read(&mut byte).expect("a line to read") == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        String::from_utf8(line).expect("UTF-8")
    }

    /// What came of it once it ended by itself; stdin is still open.
    pub fn wait(mut self) -> Ended {
        self.read_all();
        let status = self.status();
        let text = |reader: Option<JoinHandle<Vec<u8>>>| {
            let bytes = reader.map(|reader| reader.join().expect("a reader that does not panic"));
            String::from_utf8(bytes.unwrap_or_default()).expect("all output is UTF-8")
        };
        drop(self.stdin.take());
        Ended {
            code: status.code(),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            command: std::mem::take(&mut self.command),
        }
    }

    fn read_all(&mut self) {
        fn all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                pipe.read_to_end(&mut bytes).expect("output to read");
                bytes
            })
        }
        if let Some(pipe) = self.child.stdout.take() {
            self.stdout = Some(all(pipe));
        }
        if let Some(pipe) = self.child.stderr.take() {
            self.stderr = Some(all(pipe));
        }
    }

    fn status(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child to wait for") {
                return status;
            }
            if began.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("still running after {PATIENCE:?}: {}", self.command);
            }
            std::thread::sleep(STEP);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only where a test failed in between.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Returns when a pipe was read empty.
pub fn is_emptied(pipe: impl AsFd) {
    until("the pipe is read", || {
        rustix::io::ioctl_fionread(&pipe).expect("the length of a pipe") == 0
    });
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}");
        std::thread::sleep(STEP);
    }
}

/// What came of a run.
pub struct Ended {
    /// `None` where a signal killed it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    command: String,
}

impl Ended {
    /// Checks the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "the exit code of {self}");
        self
    }

    /// Checks that stdout holds this.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "{text:?} is not on stdout of {self}"
        );
        self
    }

    #[track_caller]
    pub fn prints_nothing(self) -> Self {
        assert!(self.stdout.is_empty(), "something is on stdout of {self}");
        self
    }

    /// Checks that stdout does not hold this.
    #[track_caller]
    pub fn never_prints(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text),
            "{text:?} is on stdout of {self}"
        );
        self
    }

    /// Checks that stderr holds this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "{text:?} is not on stderr of {self}"
        );
        self
    }

    #[track_caller]
    pub fn says_nothing(self) -> Self {
        assert!(self.stderr.is_empty(), "something is on stderr of {self}");
        self
    }

    /// Checks that stderr does not hold this.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stderr.contains(text),
            "{text:?} is on stderr of {self}"
        );
        self
    }

    /// Checks that a caret stands below this part of the line before it.
    #[track_caller]
    pub fn points_at(self, part: &str) -> Self {
        let lines: Vec<&str> = self.stderr.lines().collect();
        let points = |line: &str, caret: &str| {
            let before = caret.chars().take_while(|c| *c == ' ').count();
            let is_caret = caret.chars().nth(before) == Some('^');
            let rest: String = line.chars().skip(before).collect();
            is_caret && rest.starts_with(part)
        };
        let below = lines.windows(2).any(|pair| points(pair[0], pair[1]));
        assert!(below, "no caret below {part:?} on stderr of {self}");
        self
    }

    /// stdout as a CSV report.
    #[track_caller]
    pub fn csv(&self) -> Rows {
        Rows::read(&self.stdout)
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON ({e}) on stdout of {self}"))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ended {
            code,
            stdout,
            stderr,
            command,
        } = self;
        write!(
            f,
            "{command}\nexit {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}"
        )
    }
}

/// The rows of a CSV report.
pub struct Rows(Vec<BTreeMap<String, String>>);

impl Rows {
    #[track_caller]
    pub fn read(text: &str) -> Rows {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows = reader.deserialize().collect::<Result<_, _>>();
        Rows(rows.unwrap_or_else(|e| panic!("no CSV ({e}): {text}")))
    }

    /// `METHOD route` of each row, in order.
    pub fn endpoints(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|row| format!("{} {}", row["method"], row["route"]))
            .collect()
    }

    /// A cell of an endpoint.
    #[track_caller]
    pub fn cell(&self, endpoint: &str, column: &str) -> &str {
        let at = self.endpoints().iter().position(|known| known == endpoint);
        let row = at.and_then(|at| self.0.get(at));
        let row = row.unwrap_or_else(|| panic!("no {endpoint} among {:?}", self.endpoints()));
        row.get(column)
            .unwrap_or_else(|| panic!("no {column} in {row:?}"))
    }

    /// A number of an endpoint.
    #[track_caller]
    pub fn number(&self, endpoint: &str, column: &str) -> u64 {
        let cell = self.cell(endpoint, column);
        cell.parse()
            .unwrap_or_else(|_| panic!("{column} of {endpoint} is {cell:?}"))
    }

    /// The sum of a column.
    #[track_caller]
    pub fn sum(&self, column: &str) -> u64 {
        self.endpoints()
            .iter()
            .map(|endpoint| self.number(endpoint, column))
            .sum()
    }
}
