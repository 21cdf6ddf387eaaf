//! Follows the includes of a configuration and collects what its directives say of access logs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{ConfError, Problem};
use super::lexer::{Lexer, Statement};
use super::wildcard::{expand, has_wildcard};
use super::{AccessLog, ConfPlace, LogFormat, NginxConf};
use super::{DEEPEST_INCLUDE, LARGEST_FILE, MOST_FILES};
use crate::grammar::Escape;

/// The format that nginx knows without being told.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// Reads the configuration at `path` with everything that it includes.
///
/// Included files that do not exist are passed over: a configuration is often looked at away from
/// its server. They are named if it turns out that something is missing.
///
/// # Errors
///
/// Where a file cannot be read, where nginx itself would refuse the text, and where an `access_log`
/// names a format that is nowhere defined.
pub fn read(path: &Path) -> Result<NginxConf, ConfError> {
    let combined = LogFormat {
        name: "combined".to_owned(),
        escape: Escape::Default,
        definition: COMBINED.to_owned(),
        at: ConfPlace {
            file: path.to_owned(),
            line: 0,
        },
    };
    let mut reader = Reader {
        // nginx resolves every include against the directory of the main file, also those that
        // stand in included files.
        directory: path.parent().unwrap_or(Path::new("")).to_owned(),
        conf: NginxConf {
            formats: vec![combined],
            access_logs: Vec::new(),
        },
        chain: Vec::new(),
        files: 0,
        missing: None,
    };
    let whole = ConfPlace {
        file: path.to_owned(),
        line: 0,
    };
    reader.file(path, &whole, false)?;
    reader.check_names()?;
    Ok(reader.conf)
}

/// The state of reading a configuration with its includes.
struct Reader {
    /// The directory that relative includes start from.
    directory: PathBuf,
    conf: NginxConf,
    /// The files being read, each included by the one before.
    chain: Vec<PathBuf>,
    /// How many files were opened.
    files: usize,
    /// The first include whose file does not exist.
    missing: Option<(PathBuf, ConfPlace)>,
}

impl Reader {
    /// Reads one file, which `from` names; `foreign` if it is included inside `stream` or `mail`.
    fn file(&mut self, path: &Path, from: &ConfPlace, foreign: bool) -> Result<(), ConfError> {
        let fault = |problem| ConfError::new(from, problem);
        let identity = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.chain.contains(&identity) {
            return Err(fault(Problem::IncludesItself(path.to_owned())));
        }
        self.files += 1;
        if self.chain.len() >= DEEPEST_INCLUDE || self.files > MOST_FILES {
            return Err(fault(Problem::TooManyIncludes));
        }
        let text = match read_bounded(path) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(fault(Problem::TooLarge(path.to_owned()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && from.line > 0 => {
                self.missing.get_or_insert((path.to_owned(), from.clone()));
                return Ok(());
            }
            Err(error) => return Err(fault(Problem::Unreadable(path.to_owned(), error))),
        };
        self.chain.push(identity);
        self.statements(&text, path, foreign)?;
        self.chain.pop();
        Ok(())
    }

    /// Goes through the directives of one file.
    fn statements(&mut self, text: &[u8], path: &Path, foreign: bool) -> Result<(), ConfError> {
        let mut lexer = Lexer::new(text);
        let mut blocks: Vec<Block> = Vec::new();
        let place = |line| ConfPlace {
            file: path.to_owned(),
            line,
        };
        let placed = |(line, problem)| ConfError::new(&place(line), problem);
        while let Some(statement) = lexer.statement().map_err(placed)? {
            let inside = blocks.last().map_or(foreign, |block| block.foreign);
            match statement {
                Statement::Open { line, words } if words[0].ends_with("_by_lua_block") => {
                    lexer.skip_lua(line).map_err(placed)?;
                }
                Statement::Open { line, words } => blocks.push(Block {
                    line,
                    foreign: inside || matches!(words[0].as_str(), "stream" | "mail"),
                }),
                Statement::Close { line } => {
                    let open = blocks.pop();
                    open.ok_or_else(|| placed((line, Problem::Unexpected('}'))))?;
                }
                Statement::Simple { line, words } => self.directive(&words, place(line), inside)?,
            }
        }
        match blocks.last() {
            Some(block) => Err(placed((block.line, Problem::UnclosedBlock))),
            None => Ok(()),
        }
    }

    /// One directive that ends with `;`.
    fn directive(
        &mut self,
        words: &[String],
        at: ConfPlace,
        foreign: bool,
    ) -> Result<(), ConfError> {
        match words {
            [name, pattern] if name == "include" => self.include(pattern, &at, foreign),
            [name, rest @ ..] if name == "log_format" && !foreign => self.log_format(rest, at),
            [name, path, rest @ ..] if name == "access_log" && !foreign && path != "off" => {
                // The format comes before `buffer=`, `gzip`, `flush=` and `if=`.
                let format = rest.first().filter(|word| !word.contains('='));
                self.conf.access_logs.push(AccessLog {
                    path: path.clone(),
                    format: format.map_or("combined", String::as_str).to_owned(),
                    at,
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn include(&mut self, pattern: &str, at: &ConfPlace, foreign: bool) -> Result<(), ConfError> {
        let path = self.directory.join(pattern);
        if !has_wildcard(OsStr::new(pattern)) {
            return self.file(&path, at, foreign);
        }
        for path in expand(&path) {
            self.file(&path, at, foreign)?;
        }
        Ok(())
    }

    fn log_format(&mut self, words: &[String], at: ConfPlace) -> Result<(), ConfError> {
        let fault = |problem| Err(ConfError::new(&at, problem));
        let Some((name, strings)) = words.split_first() else {
            return fault(Problem::FormatWithoutText);
        };
        let escape = strings
            .first()
            .and_then(|word| word.strip_prefix("escape="));
        let strings = if escape.is_some() {
            &strings[1..]
        } else {
            strings
        };
        if strings.is_empty() {
            return fault(Problem::FormatWithoutText);
        }
        let escape = match escape {
            None | Some("default") => Escape::Default,
            Some("json") => Escape::Backslash,
            Some("none") => Escape::None,
            Some(other) => return fault(Problem::UnknownEscape(other.to_owned())),
        };
        let definition = strings.concat();
        let same_name = self.conf.formats.iter().find(|format| &format.name == name);
        match same_name {
            // In the output of `nginx -T` an included file stands a second time.
            Some(first) if (first.escape, &first.definition) == (escape, &definition) => {}
            Some(first) => {
                return fault(Problem::DefinedTwice(name.clone(), first.at.clone()));
            }
            None => self.conf.formats.push(LogFormat {
                name: name.clone(),
                escape,
                definition,
                at,
            }),
        }
        Ok(())
    }

    /// Every format that an access log names must be defined, before or after it.
    fn check_names(&self) -> Result<(), ConfError> {
        let known = |name: &str| self.conf.formats.iter().any(|format| format.name == name);
        match self.conf.access_logs.iter().find(|log| !known(&log.format)) {
            None => Ok(()),
            Some(log) => Err(ConfError::new(
                &log.at,
                Problem::UnknownFormat(log.format.clone(), self.missing.clone()),
            )),
        }
    }
}

/// The bytes of a file, or `None` if it is larger than any configuration.
fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut text)?;
    Ok((text.len() as u64 <= LARGEST_FILE).then_some(text))
}

/// A block that is still open.
struct Block {
    /// Where it was opened.
    line: usize,
    /// Whether it stands in `stream` or `mail`.
    foreign: bool,
}
