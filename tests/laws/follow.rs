//! Following a file loses nothing and repeats nothing, whatever is done to it between two looks.
//!
//! A server writes (half lines too), somebody renames, truncates, deletes and recreates its log, and the
//! server reopens it at once or later. The model keeps every file as the bytes that it holds and says
//! exactly which lines must come out, in which order, and what must be counted of truncations. It
//! knows two things that no follower can: a file that came and went between two looks was never there,
//! and what was written between the last look and a truncation is gone.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use slowpath::input::{Block, Follow, FollowOptions, Followed, lines};

/// Longer than a file without a name is kept open.
const PAST_GRACE: Duration = Duration::from_secs(301);

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    /// The server writes so many lines, the last of them only to a half.
    Write(u8, bool),
    /// The log gets another name, and an empty file may take its place; the server writes on.
    Rename(bool),
    /// The last renamed file gets its name back, where there is none now.
    RenameBack,
    /// The server opens its log again.
    Reopen,
    /// The log is copied away and truncated.
    CopyTruncate,
    Delete,
    /// An empty file appears, where there is none.
    Recreate,
    /// Time passes.
    Pause,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..5, any::<bool>()).prop_map(|(lines, half)| Step::Write(lines, half)),
        2 => any::<bool>().prop_map(Step::Rename),
        1 => Just(Step::RenameBack),
        3 => Just(Step::Reopen),
        2 => Just(Step::CopyTruncate),
        1 => Just(Step::Delete),
        1 => Just(Step::Recreate),
        1 => Just(Step::Pause),
        5 => Just(Step::Look),
    ]
}

/// A file as the model has it.
#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// Bytes that a look has seen, and those of them that were whole lines.
    seen: usize,
    handed_on: usize,
    /// Since the last look, what had been seen was truncated away; whether that ended in half a line.
    truncated: Option<bool>,
    /// Whether any look has found it under the name.
    known: bool,
    /// The lines that must come out of it.
    expected: Vec<Vec<u8>>,
}

struct World {
    folder: tempfile::TempDir,
    files: Vec<Content>,
    /// The file under the name.
    named: Option<usize>,
    /// The file that the server writes to.
    writer: Option<(usize, File)>,
    /// The rest of the line that the server has half written.
    rest: Vec<u8>,
    /// Where renamed files are, the last one last.
    renamed: Vec<(usize, PathBuf)>,
    /// How many names were given to renamed files.
    names: usize,
    next_line: usize,
    now: Instant,
    /// Pauses since the name was last taken away.
    pauses: u32,
    follow: Follow,
    /// The file that the last look found.
    current: Option<usize>,
    expected: Followed,
    got: Vec<Vec<u8>>,
}

impl World {
    fn new(block: usize) -> World {
        let folder = tempfile::tempdir().unwrap();
        let follow = Follow::new(
            &folder.path().join("log"),
            FollowOptions { backlog: 0, block },
        );
        let mut world = World {
            folder,
            files: Vec::new(),
            named: None,
            writer: None,
            rest: Vec::new(),
            renamed: Vec::new(),
            names: 0,
            next_line: 0,
            now: Instant::now(),
            pauses: 0,
            follow,
            current: None,
            expected: Followed::default(),
            got: Vec::new(),
        };
        // What is there at the first look may be left out; there is nothing yet.
        world.look();
        world
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write(lines, half) => self.write(*lines, *half),
            Step::Rename(create) => {
                if self.named.is_some() {
                    self.before_the_name_goes();
                    let to = self.folder.path().join(format!("log.{}", self.names));
                    self.names += 1;
                    fs::rename(self.log(), &to).unwrap();
                    self.renamed.extend(self.named.take().map(|at| (at, to)));
                    if *create {
                        self.recreate();
                    }
                }
            }
            Step::RenameBack => {
                if self.named.is_none()
                    && let Some((at, path)) = self.renamed.pop()
                {
                    fs::rename(path, self.log()).unwrap();
                    self.named = Some(at);
                }
            }
            Step::Reopen => self.reopen(),
            Step::CopyTruncate => {
                if let Some(at) = self.named {
                    let file = OpenOptions::new().write(true).open(self.log()).unwrap();
                    file.set_len(0).unwrap();
                    let content = &mut self.files[at];
                    if content.seen > 0 {
                        content.truncated = Some(content.seen > content.handed_on);
                    }
                    content.bytes.clear();
                    (content.seen, content.handed_on) = (0, 0);
                }
            }
            Step::Delete => {
                if self.named.is_some() {
                    self.before_the_name_goes();
                    fs::remove_file(self.log()).unwrap();
                    self.named = None;
                }
            }
            Step::Recreate => self.recreate(),
            Step::Pause => {
                // A server does not write to a renamed log for minutes, nor is one renamed back then.
                if self.pauses < 10 {
                    self.pauses += 1;
                    self.now += Duration::from_secs(20);
                }
            }
            Step::Look => self.look(),
        }
    }

    /// A file that comes and goes between two looks is not seen, and files that lost their names are not
    /// kept for ever: the server reopens its log before the next rotation.
    fn before_the_name_goes(&mut self) {
        if self.writer.as_ref().map(|(at, _)| *at) != self.named {
            self.reopen();
        }
        self.look();
        if self.pauses > 0 {
            self.pauses = 0;
            self.renamed.clear();
        }
        // At most a few files without a name are kept.
        if self.renamed.len() > 2 {
            self.renamed.remove(0);
        }
    }

    fn write(&mut self, lines: u8, half: bool) {
        if self.writer.is_none() {
            self.reopen();
        }
        let mut text = std::mem::take(&mut self.rest);
        for _ in 0..lines {
            let number = self.next_line;
            let line = format!("{number:08}{}:{number:08}\n", "x".repeat(number % 7));
            self.next_line += 1;
            text.extend_from_slice(line.as_bytes());
        }
        if half && lines > 0 {
            // Both halves have the number of the line, so that no two pieces of a log are alike.
            self.rest = text.split_off(text.len() - 10);
        }
        let (at, file) = self.writer.as_mut().unwrap();
        file.write_all(&text).unwrap();
        self.files[*at].bytes.extend_from_slice(&text);
    }

    fn recreate(&mut self) {
        if self.named.is_none() {
            File::create(self.log()).unwrap();
            self.files.push(Content::default());
            self.named = Some(self.files.len() - 1);
        }
    }

    fn reopen(&mut self) {
        self.recreate();
        let file = OpenOptions::new().append(true).open(self.log()).unwrap();
        self.writer = self.named.map(|at| (at, file));
    }

    fn look(&mut self) {
        let mut block = Block::default();
        loop {
            let more = self.follow.read(self.now, &mut block);
            self.got.extend(lines(block.bytes()).map(<[u8]>::to_vec));
            if !more {
                break;
            }
        }
        if let Some(at) = self.named {
            self.files[at].known = true;
            if let Some(before) = self.current.replace(at) {
                self.expected.rotations += u64::from(before != at);
            }
        }
        for content in self.files.iter_mut().filter(|content| content.known) {
            if let Some(half) = content.truncated.take() {
                self.expected.truncations += 1;
                self.expected.cut += u64::from(half);
            }
            content.seen = content.bytes.len();
            let new = &content.bytes[content.handed_on..];
            let whole = new
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            content
                .expected
                .extend(lines(&new[..whole]).map(<[u8]>::to_vec));
            content.handed_on += whole;
        }
    }

    /// Looks once more, and once more when nobody writes to files without a name any more: what they
    /// hold of a last line is a line.
    fn finish(&mut self) {
        self.look();
        self.now += PAST_GRACE;
        self.look();
        // A file that no other has replaced may still be written to.
        let (current, files) = (self.current, &mut self.files);
        for (_, content) in files
            .iter_mut()
            .enumerate()
            .filter(|(at, content)| content.known && Some(*at) != current)
        {
            let half = &content.bytes[content.handed_on..];
            content.expected.extend(lines(half).map(<[u8]>::to_vec));
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(10_000))]

    #[test]
    fn nothing_is_lost_or_repeated(
        steps in proptest::collection::vec(step(), 1..50),
        block in prop_oneof![1_usize..50, Just(65_536)],
    ) {
        let mut world = World::new(block);
        steps.iter().for_each(|step| world.take(step));
        world.finish();
        let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (at, line) in world.got.iter().enumerate().rev() {
            places.entry(line).or_default().push(at);
        }
        for (number, content) in world.files.iter().enumerate() {
            let mut last = None;
            for line in &content.expected {
                // Lines are taken off one by one, so that none counts twice.
                let at = places.get_mut(line.as_slice()).and_then(Vec::pop);
                prop_assert!(at.is_some(), "{:?} of file {number} is lost", String::from_utf8_lossy(line));
                prop_assert!(last < at, "{:?} of file {number} came too early", String::from_utf8_lossy(line));
                last = at;
            }
        }
        let repeated: Vec<_> = places.into_iter().filter(|(_, at)| !at.is_empty()).collect();
        prop_assert!(repeated.is_empty(), "too many: {repeated:?}");
        prop_assert_eq!(world.follow.followed(), world.expected);
    }
}
