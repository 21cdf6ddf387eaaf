//! Why a configuration cannot be read, in words: what, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{ConfPlace, DEEPEST_INCLUDE, LARGEST_FILE, MOST_FILES};

/// Why a configuration could not be read: what, where, and what to do about it.
#[derive(Debug)]
pub struct ConfError {
    at: ConfPlace,
    problem: Problem,
}

impl ConfError {
    pub(super) fn new(at: &ConfPlace, problem: Problem) -> Self {
        ConfError {
            at: at.clone(),
            problem,
        }
    }

    /// Where the problem is.
    #[must_use]
    pub fn place(&self) -> &ConfPlace {
        &self.at
    }
}

#[derive(Debug)]
pub(super) enum Problem {
    Unreadable(PathBuf, io::Error),
    TooLarge(PathBuf),
    IncludesItself(PathBuf),
    TooManyIncludes,
    UnclosedQuote,
    AfterQuote,
    Unexpected(char),
    Unended(String),
    UnclosedBlock,
    FormatWithoutText,
    UnknownEscape(String),
    DefinedTwice(String, ConfPlace),
    UnknownFormat(String, Option<(PathBuf, ConfPlace)>),
}

/// `file:line`, or the file alone where the place is no line.
impl fmt::Display for ConfPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = Shown(&self.file);
        match self.line {
            0 => write!(f, "{file}"),
            line => write!(f, "{file}:{line}"),
        }
    }
}

/// A path with its control characters escaped: a message must not drive the terminal.
struct Shown<'p>(&'p Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string_lossy().chars() {
            match c {
                '\'' | '"' => write!(f, "{c}")?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at;
        match &self.problem {
            Problem::Unreadable(path, error) if at.line == 0 => {
                write!(f, "cannot read {}: {error}", Shown(path))
            }
            Problem::Unreadable(path, error) => write!(
                f,
                "{at}: cannot read the included {}: {error}; allow reading it, or give the output of nginx -T instead",
                Shown(path)
            ),
            Problem::TooLarge(_) if at.line == 0 => write!(
                f,
                "{at} is larger than {} MiB, so it is no nginx configuration; give nginx.conf itself",
                LARGEST_FILE >> 20
            ),
            Problem::TooLarge(path) => write!(
                f,
                "{at}: the included {} is larger than {} MiB, so it is no nginx configuration; remove this include",
                Shown(path),
                LARGEST_FILE >> 20
            ),
            Problem::IncludesItself(path) => write!(
                f,
                "{at}: including {} again would never end; remove this include",
                Shown(path)
            ),
            Problem::TooManyIncludes => write!(
                f,
                "{at}: this include goes beyond {DEEPEST_INCLUDE} levels or {MOST_FILES} files; give the output of nginx -T instead"
            ),
            Problem::UnclosedQuote => {
                write!(
                    f,
                    "{at}: the quote that opens here is never closed; close it"
                )
            }
            Problem::AfterQuote => write!(
                f,
                "{at}: a closing quote must be followed by a blank or a semicolon; put one there"
            ),
            Problem::Unexpected(byte) => write!(
                f,
                "{at}: unexpected {byte:?}; remove it, or add what it should follow"
            ),
            Problem::Unended(name) => write!(
                f,
                "{at}: the directive {name:?} does not end; add a semicolon after it"
            ),
            Problem::UnclosedBlock => {
                write!(
                    f,
                    "{at}: the block that opens here is never closed; add its '}}'"
                )
            }
            Problem::FormatWithoutText => {
                write!(f, "{at}: log_format needs a name and a text; give both")
            }
            Problem::UnknownEscape(mode) => write!(
                f,
                "{at}: log_format has no escape={mode:?}; use default, json or none"
            ),
            Problem::DefinedTwice(name, first) if first.line == 0 => write!(
                f,
                "{at}: log_format {name:?} is nginx's own and cannot be defined again; rename this one"
            ),
            Problem::DefinedTwice(name, first) => write!(
                f,
                "{at}: log_format {name:?} is defined differently at {first}; rename one of them"
            ),
            Problem::UnknownFormat(name, None) => write!(
                f,
                "{at}: no log_format {name:?} is defined; give the main nginx.conf or the output of nginx -T"
            ),
            Problem::UnknownFormat(name, Some((path, from))) => write!(
                f,
                "{at}: no log_format {name:?} is defined, and {}, which {from} includes, does not exist; give the output of nginx -T instead",
                Shown(path)
            ),
        }
    }
}

// The cause is part of the sentence, so there is no `source` to print after it.
impl std::error::Error for ConfError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn control_characters_stay_out_of_messages() {
        let at = ConfPlace {
            file: PathBuf::from("a\u{1b}[2J"),
            line: 1,
        };
        let mut message = String::new();
        write!(
            message,
            "{}",
            ConfError::new(&at, Problem::Unended("\u{7}".to_owned()))
        )
        .unwrap();
        assert!(!message.contains(['\u{1b}', '\u{7}']), "{message}");
    }
}
