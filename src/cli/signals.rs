//! Ctrl-C and SIGTERM: the first ends the reading and prints what was read, the second leaves at
//! once. On the full screen neither leaves at once: the terminal is to be put back first.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::{flag, low_level};
use slowpath::input::Interrupt;

use super::Exit;

/// Turns the signals into an interrupt.
pub fn install() -> io::Result<Interrupt> {
    let signal = Arc::new(AtomicUsize::new(0));
    let again = Arc::new(AtomicBool::new(false));
    let (wake, woken) = UnixStream::pair()?;
    for (number, code) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
        // The order counts: at the first signal the flag of the second is not set yet.
        flag::register_conditional_shutdown(number, i32::from(code.code()), Arc::clone(&again))?;
        flag::register(number, Arc::clone(&again))?;
        flag::register_usize(number, Arc::clone(&signal), number as usize)?;
        low_level::pipe::register(number, wake.try_clone()?)?;
    }
    Ok(Interrupt::new(signal, woken.into()))
}

/// Turns the signals that end a program into an interrupt, whatever comes after them; and says when the
/// program is to be stopped for a while.
pub fn install_for_screen() -> io::Result<(Interrupt, Arc<AtomicBool>)> {
    let signal = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let (wake, woken) = UnixStream::pair()?;
    for number in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_usize(number, Arc::clone(&signal), number as usize)?;
        low_level::pipe::register(number, wake.try_clone()?)?;
    }
    flag::register(SIGTSTP, Arc::clone(&stop))?;
    Ok((Interrupt::new(signal, woken.into()), stop))
}

/// Stops the program as SIGTSTP does, until it is told to go on.
pub fn stop() -> io::Result<()> {
    low_level::emulate_default_handler(SIGTSTP)
}

/// How the program ends after an interrupt.
pub fn exit(interrupt: &Interrupt) -> Exit {
    match interrupt.signal() {
        None => Exit::Fine,
        Some(number) if number == SIGINT as usize => Exit::Interrupted,
        Some(_) => Exit::Terminated,
    }
}
