//! Following a log that a real logrotate rotates, in both of its ways, while a server writes to it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use slowpath::input::{Block, Follow, FollowOptions, Followed, lines};
use tempfile::TempDir;

const ROTATIONS: usize = 10;
const LINES: usize = 2_000;

/// Rotates the log now.
fn logrotate(folder: &Path, how: &str) {
    let conf = folder.join("conf");
    let log = folder.join("access.log");
    let text = format!(
        "{} {{\n  rotate 3\n  {how}\n  compress\n  delaycompress\n}}\n",
        log.display()
    );
    std::fs::write(&conf, text).expect("a file to write");
    let mut command = Command::new("/usr/sbin/logrotate");
    command
        .arg("-f")
        .arg("-s")
        .arg(folder.join("state"))
        .arg(&conf);
    let ran = command
        .output()
        .expect("logrotate is installed (.ci/run does it)");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

fn open(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a log")
}

/// Writes numbered lines, follows them, and rotates in between; the lines that came out, in their order.
fn follow(how: &str, mut rotated: impl FnMut(&Path, &mut File)) -> (Vec<usize>, Followed) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("access.log");
    let mut log = open(&path);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let options = FollowOptions {
                // Some lines may be there before the first look.
                backlog: (LINES * 201) as u64,
                block: 4_096,
            };
            let (mut follow, mut block) = (Follow::new(&path, options), Block::default());
            let mut numbers = Vec::new();
            let mut last = false;
            loop {
                let more = follow.read(Instant::now(), &mut block);
                numbers.extend(lines(block.bytes()).map(|line| {
                    let text = std::str::from_utf8(line).expect("ASCII");
                    // A joined or invented line would be no number, or one that was never written.
                    let number: usize = text
                        .parse()
                        .unwrap_or_else(|_| panic!("{text:?} was never written"));
                    assert!(text.len() == 200 && number < ROTATIONS * LINES, "{text:?}");
                    number
                }));
                if !more {
                    if last {
                        return (numbers, follow.followed());
                    }
                    last = done.load(Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        for rotation in 0..ROTATIONS {
            for number in 0..LINES {
                let number = rotation * LINES + number;
                writeln!(log, "{number:0200}").expect("room");
                if number.is_multiple_of(100) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            if rotation + 1 < ROTATIONS {
                logrotate(folder.path(), how);
                rotated(&path, &mut log);
                // Two rotations between two looks are one too many for any follower.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("a reader that does not panic")
    })
}

#[test]
fn renaming_loses_nothing_and_repeats_nothing() {
    let (mut numbers, followed) = follow("create", |path, log| {
        // The server writes on for a moment before it reopens its log; that is in the old file.
        std::thread::sleep(Duration::from_millis(20));
        *log = open(path);
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (0..ROTATIONS * LINES).collect::<Vec<_>>());
    let want = Followed {
        rotations: ROTATIONS as u64 - 1,
        ..Followed::default()
    };
    assert_eq!(followed, want);
}

#[test]
fn copytruncate_repeats_nothing_and_is_counted() {
    let (numbers, followed) = follow("copytruncate", |_, _| {});
    assert!(numbers.is_sorted() && numbers.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(
        (followed.truncations, followed.rotations),
        (ROTATIONS as u64 - 1, 0)
    );
    // Lost is at most what was written between the last look and the truncation: the ends of the parts.
    let lost = ROTATIONS * LINES - numbers.len();
    for (part, _) in numbers
        .windows(2)
        .zip(1..)
        .filter(|(pair, _)| pair[1] != pair[0] + 1)
    {
        assert_eq!(
            part[1] % LINES,
            0,
            "{} follows {}: {lost} lost",
            part[1],
            part[0]
        );
    }
}
