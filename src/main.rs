//! slowpath: where the time of requests goes. The program's table of contents: parse the command
//! line, run a subcommand, tell the exit code. The work is in the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A panic is a broken invariant of the tool itself. Its message names the place in the source,
    // never the input.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        cli::say(&format!(
            "internal error{place}: please report this with the command that you ran"
        ));
    }));
    let exit = std::panic::catch_unwind(cli::run).unwrap_or(cli::Exit::Broken);
    ExitCode::from(exit.code())
}
