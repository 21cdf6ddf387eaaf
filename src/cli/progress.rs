//! The progress bar on stderr: bytes, lines a second, time left. Only on a terminal, and only once a
//! run takes a while.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use slowpath::input::Progress;
use slowpath::unit;

/// Shorter runs show nothing.
const PATIENCE: Duration = Duration::from_millis(400);
/// Time between two looks.
const STEP: Duration = Duration::from_millis(100);

/// Shows progress until it is dropped.
pub struct Shown {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Begins to show progress; does nothing where stderr is no terminal.
    pub fn begin(progress: &Arc<Progress>, size: Option<u64>) -> Option<Shown> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (progress, stopped) = (Arc::clone(progress), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .spawn(move || show(&progress, size, &stopped))
            .ok();
        Some(Shown { stop, thread })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn show(progress: &Progress, size: Option<u64>, stop: &(Mutex<bool>, Condvar)) {
    let began = Instant::now();
    let shown = AtomicBool::new(false);
    let bar = ProgressBar::hidden();
    let mut stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    while !*stopped {
        stopped = stop
            .1
            .wait_timeout(stopped, STEP)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        let elapsed = began.elapsed();
        if elapsed < PATIENCE || *stopped {
            continue;
        }
        if !shown.swap(true, Ordering::Relaxed) {
            begin_bar(&bar, size);
        }
        let lines = progress.lines.load(Ordering::Relaxed);
        let a_second = u128::from(lines) * 1_000 / elapsed.as_millis().max(1);
        bar.set_position(progress.bytes.load(Ordering::Relaxed));
        bar.set_message(format!(
            "{} lines/s",
            unit::count(u64::try_from(a_second).unwrap_or(u64::MAX))
        ));
    }
    bar.finish_and_clear();
}

fn begin_bar(bar: &ProgressBar, size: Option<u64>) {
    let template = match size {
        Some(size) => {
            bar.set_length(size);
            "{wide_bar} {binary_bytes}/{binary_total_bytes}, {msg}, {eta} left"
        }
        None => "{spinner} {binary_bytes}, {msg}, {elapsed}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
}
