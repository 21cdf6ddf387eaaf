//! The live view: through pipes, over a file that is rotated, and on a real terminal (of tmux), which
//! must be as it was whatever ends the program.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::program::slowpath;
use crate::scratch::{COLUMNS, Scratch, THREE};

/// What does not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn watch(args: &[&str]) -> crate::program::Invocation {
    slowpath(["watch", "--log-format", COLUMNS]).args(args)
}

fn counted(report: &str) -> (u64, u64) {
    let report: serde_json::Value = serde_json::from_str(report).expect("a report a line");
    let number = |pointer: &str| {
        report
            .pointer(pointer)
            .and_then(|n| n.as_u64())
            .expect("a number")
    };
    (number("/input/lines"), number("/totals/requests"))
}

#[test]
fn a_pipe_that_ends_gives_a_last_report() {
    let ended = watch(&["-f", "json", "-"])
        .stdin(THREE)
        .run()
        .exits(0)
        .says_nothing();
    assert_eq!(ended.stdout.lines().count(), 1);
    assert_eq!(counted(&ended.stdout), (3, 3));
    watch(&[])
        .stdin(THREE)
        .run()
        .exits(0)
        .prints("POST /c")
        .prints("3 lines, 3 requests, 0 rejected");
}

#[test]
fn half_a_line_at_the_end_is_a_line() {
    let ended = watch(&["-f", "json"])
        .stdin("GET /a 0.5 0.1\nGET /b 0.2 0.3")
        .run();
    assert_eq!(counted(&ended.exits(0).stdout), (2, 2));
}

#[test]
fn reports_come_every_so_often() {
    let mut run = watch(&["-f", "json", "--every", "100ms", "--range", "all"]).start();
    run.takes(THREE.as_bytes());
    run.has_printed();
    run.signal("TERM");
    let ended = run.wait().exits(143).says_nothing();
    let last = ended.stdout.lines().last().expect("a report");
    assert_eq!(counted(last), (3, 3));
}

#[test]
fn lines_that_fit_no_format_are_named_and_counted() {
    let ended = slowpath(["watch", "-f", "json"])
        .stdin("what\nis\nthis\n")
        .run()
        .exits(2)
        .says("no format fits");
    assert_eq!(counted(&ended.stdout), (3, 0));
}

#[test]
fn a_mistake_is_told_at_once() {
    watch(&["-f", "csv"])
        .run()
        .exits(2)
        .says("watch prints tables or, with -f json, JSON");
    watch(&["--range", "2m"])
        .run()
        .exits(2)
        .says("the ranges are 1m, 5m, 15m, 1h, all");
    watch(&["--every", "1ms"])
        .run()
        .exits(2)
        .says("a tenth of a second");
    watch(&["/"]).run().exits(2).says("is a directory");
}

#[test]
fn a_rotated_file_is_followed_to_the_last_line() {
    let scratch = Scratch::new();
    let path = scratch.path("access.log");
    let file = path.to_str().expect("UTF-8").to_owned();
    let run = watch(&["-f", "json", "--range", "all", "--every", "100ms", &file]).start();
    let append = |text: &str| {
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a log");
        log.write_all(text.as_bytes()).expect("room");
        log
    };
    // It does not exist yet.
    std::thread::sleep(Duration::from_millis(300));
    let mut old = append(THREE);
    run.has_printed();
    std::thread::sleep(Duration::from_millis(300));
    std::fs::rename(&path, scratch.path("access.log.1")).expect("a file to rename");
    append("GET /new 0.1 0.1\nGET /ha");
    // The server has not reopened its log yet.
    old.write_all(b"GET /late 0.1 0.1\n").expect("room");
    append("lf 0.1 0.1\n");
    run.signal("TERM");
    let ended = run.wait().exits(143).says("no such file");
    let last = ended.stdout.lines().last().expect("a report");
    assert_eq!(counted(last), (6, 6));
}

/// A terminal of tmux in which a shell runs slowpath and notes what came of it.
struct Tmux {
    scratch: Scratch,
    socket: PathBuf,
}

impl Tmux {
    /// `log` is what `slowpath watch` is to show.
    fn new(command: &str) -> Tmux {
        let scratch = Scratch::new();
        scratch.write("log", THREE);
        let socket = scratch.path("tmux");
        let script = format!(
            "cd '{}'; stty -g > before; sh -c 'echo $$ > id; exec {command}' 2> said; echo $? > code; stty -g > after; exec sleep 1000",
            scratch.folder().display()
        );
        let tmux = Tmux { scratch, socket };
        let started = tmux.command(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            &script,
        ]);
        assert!(started.is_some(), "tmux does not start: is it installed?");
        tmux
    }

    fn watch(args: &str) -> Tmux {
        let binary = env!("CARGO_BIN_EXE_slowpath");
        Tmux::new(&format!(
            "{binary} watch --log-format \"\\$method \\$path \\$wait_s \\$app_s\" {args}"
        ))
    }

    fn command(&self, args: &[&str]) -> Option<String> {
        let ran = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(args)
            .env("SHELL", "/bin/sh")
            .env("SLOWPATH_TEST_PANIC", "1")
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .output()
            .ok()?;
        ran.status
            .success()
            .then(|| String::from_utf8_lossy(&ran.stdout).into_owned())
    }

    fn keys(&self, keys: &[&str]) {
        self.command(&[&["send-keys"], keys].concat())
            .expect("keys to send");
    }

    fn shows(&self, text: &str) -> String {
        let screen = || self.command(&["capture-pane", "-p"]).unwrap_or_default();
        let mut last = String::new();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            last = screen();
            if last.contains(text) {
                return last;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{text:?} is not on the screen:\n{last}");
    }

    fn signal(&self, name: &str) {
        let id = self.scratch.read("id");
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status();
        assert!(sent.expect("a shell").success());
    }

    /// The program has ended with this code, and the terminal is as it was.
    fn ended(&self, code: &str) {
        let ended = until("the program ends", || {
            std::fs::read_to_string(self.scratch.path("after"))
                .ok()
                .filter(|after| !after.is_empty())
        });
        assert_eq!(
            self.scratch.read("code").trim(),
            code,
            "{}",
            self.scratch.read("said")
        );
        assert_eq!(
            self.scratch.read("before"),
            ended,
            "the settings of the terminal"
        );
        let state = self.command(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(state.expect("the state of the terminal").trim(), "0 1");
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]);
    }
}

#[test]
fn every_key_works_on_a_terminal() {
    let tmux = Tmux::watch("log");
    tmux.shows("endpoint (3)");
    tmux.keys(&["?"]);
    tmux.shows("into the background");
    tmux.keys(&["Escape"]);
    tmux.shows("endpoint (3)");
    tmux.keys(&["Down", "Enter"]);
    tmux.shows("phase ");
    tmux.keys(&["j", "k", "Left"]);
    tmux.shows("endpoint (3)");
    tmux.keys(&["f"]);
    tmux.shows("Nothing found in 3 requests");
    tmux.keys(&["f", "s"]);
    tmux.shows("by requests");
    tmux.keys(&["S"]);
    tmux.shows("reversed");
    tmux.keys(&["/", "c"]);
    tmux.shows("filter: c");
    tmux.keys(&["Enter"]);
    tmux.shows("endpoint (1)");
    tmux.keys(&["Escape"]);
    tmux.shows("endpoint (3)");
    tmux.keys(&[
        "1", "Tab", "3", "4", "5", "Up", "PageDown", "PageUp", "Home", "End", "p",
    ]);
    tmux.shows("PAUSED");
    tmux.keys(&["Space"]);
    until("going on", || {
        (!tmux.shows("endpoint").contains("PAUSED")).then_some(())
    });
    tmux.keys(&["q"]);
    tmux.ended("0");
}

#[test]
fn what_is_written_appears_and_another_size_is_drawn() {
    let tmux = Tmux::watch("log");
    tmux.shows("endpoint (3)");
    let mut log = OpenOptions::new()
        .append(true)
        .open(tmux.scratch.path("log"))
        .expect("a log");
    log.write_all(b"GET /fresh 0.1 0.1\n").expect("room");
    tmux.shows("GET /fresh");
    for (columns, rows, text) in [
        ("140", "40", "mean over time"),
        ("40", "12", "endpoint (4)"),
        ("80", "24", "wait p95"),
    ] {
        tmux.command(&["resize-window", "-x", columns, "-y", rows])
            .expect("another size");
        tmux.shows(text);
    }
    tmux.keys(&["C-c"]);
    tmux.ended("130");
}

#[test]
fn the_terminal_is_put_back_after_signals() {
    for (signal, code) in [("TERM", "143"), ("INT", "130"), ("HUP", "143")] {
        let tmux = Tmux::watch("log");
        tmux.shows("endpoint (3)");
        tmux.signal(signal);
        tmux.ended(code);
    }
}

/// In a session that the terminal does not control no signal tells the program of its end.
#[test]
fn a_terminal_that_vanishes_ends_the_program() {
    let binary = env!("CARGO_BIN_EXE_slowpath");
    let tmux = Tmux::new(&format!(
        "setsid {binary} watch --log-format \"\\$method \\$path \\$wait_s \\$app_s\" log"
    ));
    tmux.shows("endpoint (3)");
    let status = format!("/proc/{}/status", tmux.scratch.read("id").trim());
    let has_ended = || {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        // Whoever has inherited it may not have asked for its exit code yet.
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    };
    assert!(has_ended().is_none());
    tmux.command(&["kill-server"]).expect("a server to kill");
    let began = Instant::now();
    while has_ended().is_none() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = has_ended();
    if ended.is_none() {
        tmux.signal("KILL");
    }
    assert!(ended.is_some(), "it lives on without its terminal");
}

#[test]
fn the_terminal_is_put_back_after_a_panic() {
    let tmux = Tmux::watch("log");
    tmux.shows("endpoint (3)");
    tmux.keys(&["F12"]);
    tmux.ended("70");
    assert!(tmux.scratch.read("said").contains("internal error"));
}

#[test]
fn a_pipe_that_ends_stays_on_the_screen() {
    let binary = env!("CARGO_BIN_EXE_slowpath");
    let tmux = Tmux::new(&format!(
        "sh -c \"cat log | {binary} watch --log-format \\\"\\\\\\$method \\\\\\$path \\\\\\$wait_s \\\\\\$app_s\\\"\""
    ));
    tmux.shows("ended");
    tmux.shows("POST /c");
    tmux.keys(&["q"]);
    tmux.ended("0");
}

#[test]
fn stopped_and_continued_it_draws_again() {
    let tmux = Tmux::watch("log");
    tmux.shows("endpoint (3)");
    tmux.signal("TSTP");
    until("the terminal is given back", || {
        let state = tmux.command(&["display-message", "-p", "#{alternate_on}"])?;
        (state.trim() == "0").then_some(())
    });
    tmux.signal("CONT");
    tmux.shows("endpoint (3)");
    tmux.keys(&["q"]);
    tmux.ended("0");
}
