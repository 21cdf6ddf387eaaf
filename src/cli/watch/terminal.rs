//! The terminal of the full screen: taken over at the beginning, put back on every way out, and the
//! loop of frames and keys in between.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use slowpath::input::Interrupt;
use slowpath::live::draw::{Paint, draw};
use slowpath::live::{Picture, Screen, Then};

use super::Watch;
use crate::cli::{Exit, say, signals};

/// Time between two pictures.
const PICTURE: Duration = Duration::from_secs(1);
/// The same while there is nothing to see yet.
const FIRST: Duration = Duration::from_millis(200);
/// Lines are taken in no longer than this before keys are looked at.
const LINES: Duration = Duration::from_millis(50);
/// Keys are waited for no longer than this before lines are taken in.
const KEYS: Duration = Duration::from_millis(50);

/// The terminal while it is ours; dropped, it is as it was.
struct FullScreen;

impl FullScreen {
    fn enter() -> io::Result<FullScreen> {
        enable_raw_mode()?;
        // From here on the drop puts everything back.
        let screen = FullScreen;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    fn leave() {
        // Where the terminal is gone there is nothing to put back.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        FullScreen::leave();
    }
}

/// Shows the log until the person, a signal or the terminal ends it.
pub(super) fn run(
    mut watch: Watch<'_>,
    interrupt: &Interrupt,
    stop: &AtomicBool,
    color: bool,
) -> Result<Exit, String> {
    // The message of a panic is to be read on the terminal as it was.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        FullScreen::leave();
        hook(panic);
    }));
    let shown = watch.source.shown();
    let ended = frames(&mut watch, interrupt, stop, Paint { color });
    if let Some(error) = &watch.error {
        say(&format!("{shown}: {error}"));
        return ended.map(|exit| exit.and(Exit::Trouble));
    }
    ended
}

fn frames(
    watch: &mut Watch<'_>,
    interrupt: &Interrupt,
    stop: &AtomicBool,
    paint: Paint,
) -> Result<Exit, String> {
    let error = |e: io::Error| format!("cannot use the terminal: {e}");
    let mut full = FullScreen::enter().map_err(error)?;
    let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout())).map_err(error)?;
    let mut screen = Screen::new(watch.flags.range);
    let mut picture = picture(watch, &screen);
    let mut taken = Instant::now();
    let mut then = Then::Draw;
    loop {
        let more = watch.take_until(Instant::now() + LINES);
        if interrupt.is_set() {
            return Ok(signals::exit(interrupt));
        }
        let pause = if picture.summary.totals.requests == 0 {
            FIRST
        } else {
            PICTURE
        };
        let is_due = taken.elapsed() >= pause && !screen.paused;
        if is_due || then == Then::Look {
            picture = self::picture(watch, &screen);
            taken = Instant::now();
            then = Then::Draw;
        }
        if then == Then::Draw {
            terminal
                .draw(|frame| draw(frame, &screen, &picture, paint))
                .map_err(error)?;
        }
        let suspends = then == Then::Suspend || stop.swap(false, Ordering::Relaxed);
        then = if suspends {
            drop(full);
            signals::stop().map_err(error)?;
            full = FullScreen::enter().map_err(error)?;
            terminal.clear().map_err(error)?;
            Then::Draw
        } else {
            match next_key(&mut screen, &picture, more).map_err(error)? {
                Some(Then::Quit) => return Ok(Exit::Fine),
                Some(Then::Interrupt) => return Ok(Exit::Interrupted),
                Some(Then::Leave) => return Ok(Exit::Terminated),
                Some(then) => then,
                None => Then::Wait,
            }
        };
    }
}

/// Waits a moment for a key, or not at all where lines are waiting.
fn next_key(screen: &mut Screen, picture: &Picture, more: bool) -> io::Result<Option<Then>> {
    // The first look is for a key that was read together with the one before.
    for wait in [Duration::ZERO, if more { Duration::ZERO } else { KEYS }] {
        if !is_there(wait)? {
            return Ok(Some(Then::Leave));
        }
        if event::poll(Duration::ZERO)? {
            return Ok(Some(match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    inject_panic(key.code);
                    screen.key(key, picture)
                }
                // Another size is another frame.
                _ => Then::Draw,
            }));
        }
    }
    Ok(None)
}

/// Waits until something is typed, or for so long; whether the terminal is still there.
///
/// A terminal that is closed need not send SIGHUP: only the session that it controls gets one. Asked for
/// keys then, crossterm reads its end over and over and does not come back, so it is not asked.
fn is_there(wait: Duration) -> io::Result<bool> {
    let stdout = io::stdout();
    let mut terminal = [PollFd::new(&stdout, PollFlags::IN)];
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut terminal, Some(&wait)) {
        // A signal: a new size, or one that the loop looks at.
        Err(Errno::INTR) => return Ok(true),
        other => other?,
    };
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    Ok(!terminal[0].revents().intersects(gone))
}

/// In builds for tests a key that breaks the program, to see what becomes of the terminal.
fn inject_panic(code: event::KeyCode) {
    if cfg!(debug_assertions)
        && code == event::KeyCode::F(12)
        && std::env::var_os("SLOWPATH_TEST_PANIC").is_some()
    {
        panic!("asked for by a test");
    }
}

fn picture(watch: &mut Watch<'_>, screen: &Screen) -> Picture {
    let name = watch.source.name().to_vec();
    let condition = watch.condition.clone();
    Picture::of(
        &mut watch.intake,
        watch.question,
        (&name, &condition),
        screen.range,
        screen.shown(),
        Instant::now(),
    )
}
