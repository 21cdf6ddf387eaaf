//! A thread that waits for the log, so that the screen need not.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::input::{Block, Follow, FollowOptions, Followed, Interrupt, Pipe, Source};

/// Time between two looks at a file.
const LOOK: Duration = Duration::from_millis(100);

/// Bytes that are read from a file at once.
const READ: usize = 256 << 10;

/// What the thread has to say.
#[derive(Debug)]
pub enum Heard {
    /// Lines.
    Lines(Block),
    /// What has happened to a file, and why it cannot be read just now.
    Followed(Followed, Option<String>),
    /// Nothing more will come: a pipe has ended, with an error or without, or an interrupt came.
    Ended(Option<String>),
}

/// Begins to read a source: a file is followed from `backlog` bytes before its end, anything else is
/// read to its end. The thread ends with the source, with an interrupt, or when nobody listens.
///
/// # Errors
/// No thread can be started.
pub fn listen(
    source: Source,
    backlog: u64,
    interrupt: Arc<Interrupt>,
    to: SyncSender<Heard>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("listen".to_owned())
        .spawn(move || {
            let path = match &source {
                Source::File(path) if !is_pipe(path) => Some(path.clone()),
                _ => None,
            };
            let ended = match path {
                Some(path) => {
                    let options = FollowOptions {
                        backlog,
                        block: READ,
                    };
                    follow(Follow::new(&path, options), &interrupt, &to)
                }
                None => read(&source, &interrupt, &to),
            };
            // Nobody may be listening any more.
            let _ = to.send(Heard::Ended(ended.err()));
        })
}

/// A FIFO or device: what is there and is no regular file or folder.
fn is_pipe(path: &std::path::Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

fn read(source: &Source, interrupt: &Arc<Interrupt>, to: &SyncSender<Heard>) -> Result<(), String> {
    let mut pipe = Pipe::open(source, interrupt)?;
    loop {
        let mut block = Block::default();
        let more = pipe.read(&mut block)?;
        if !send(block, to) || !more {
            return Ok(());
        }
    }
}

fn follow(mut follow: Follow, interrupt: &Interrupt, to: &SyncSender<Heard>) -> Result<(), String> {
    let mut said = (Followed::default(), None);
    loop {
        // What was written before an interrupt is still read after it.
        let last = interrupt.is_set();
        let mut more = true;
        while more {
            let mut block = Block::default();
            more = follow.read(Instant::now(), &mut block);
            if !send(block, to) {
                return Ok(());
            }
        }
        let news = (follow.followed(), follow.trouble().map(str::to_owned));
        if news != said {
            said = news.clone();
            if to.send(Heard::Followed(news.0, news.1)).is_err() {
                return Ok(());
            }
        }
        if last {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}

/// Sends a block that holds something; whether anybody listens.
fn send(block: Block, to: &SyncSender<Heard>) -> bool {
    (block.bytes().is_empty() && block.too_long.is_empty()) || to.send(Heard::Lines(block)).is_ok()
}
