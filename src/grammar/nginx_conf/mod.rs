//! Reads an nginx configuration for the formats of its access logs: its lexer, `include`, the
//! directives `log_format` and `access_log`, and which of the formats a given log was written with.
//!
//! What a format means is left to the parser of definitions; here it stays text. Every other
//! directive is passed over unseen, and so are `stream` and `mail`, whose logs are not of requests.
//! The output of `nginx -T` reads like any configuration.

mod error;
mod lexer;
mod log_path;
mod reader;
mod wildcard;

use std::path::{Path, PathBuf};

use super::Escape;
use log_path::{agreement, names_before_rotation};

pub use error::ConfError;
pub use reader::read;

/// No file of a configuration comes near this; a device or a log given by mistake passes it.
const LARGEST_FILE: u64 = 16 << 20;

/// How deep files may include each other.
const DEEPEST_INCLUDE: usize = 32;

/// How many files are read in all, so that files that include each other several times come to an
/// end: the count doubles with each level.
const MOST_FILES: usize = 10_000;

/// What a configuration says about access logs.
#[derive(Debug)]
pub struct NginxConf {
    /// Each `log_format`, in the order of the files; the first one is nginx's own `combined`.
    pub formats: Vec<LogFormat>,
    /// Each `access_log` that is not `off`.
    pub access_logs: Vec<AccessLog>,
}

/// One `log_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFormat {
    /// The name by which `access_log` refers to it.
    pub name: String,
    /// How nginx escapes the values of its variables.
    pub escape: Escape,
    /// Its strings, unquoted and put together the way nginx does: with nothing in between.
    pub definition: String,
    /// Where it stands.
    pub at: ConfPlace,
}

/// One `access_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// As written: may be relative, hold variables, or start with `syslog:`.
    pub path: String,
    /// The name of its format; `combined` where none is given.
    pub format: String,
    /// Where it stands.
    pub at: ConfPlace,
}

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfPlace {
    /// The file, as it was opened.
    pub file: PathBuf,
    /// The line, from 1; 0 stands for the file as a whole.
    pub line: usize,
}

impl NginxConf {
    /// The format that the log at `log` was written with; `None` where several remain possible
    /// ([`formats_for`](Self::formats_for) lists them).
    #[must_use]
    pub fn format_of(&self, log: &Path) -> Option<&LogFormat> {
        match self.formats_for(log).as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The formats that the log at `log` can have been written with, never none of them.
    ///
    /// The `access_log`s that agree with its path decide: the more of its last components, the
    /// better, and at least the file name, where a rotated or compressed log (`access.log.1`,
    /// `access.log-20250101.gz`) stands for the log that it was. A log that agrees with none (a
    /// copy under another name, standard input) can be any of those that the configuration writes.
    #[must_use]
    pub fn formats_for(&self, log: &Path) -> Vec<&LogFormat> {
        let same_path = self.access_logs_at(log);
        if !same_path.is_empty() {
            return self.formats_named(same_path.iter().map(|log| log.format.as_str()));
        }
        let written = self.formats_named(self.access_logs.iter().map(|log| log.format.as_str()));
        let own: Vec<&LogFormat> = self.formats.iter().filter(|f| f.at.line > 0).collect();
        match (written.len(), own.len()) {
            (1, _) => written,
            (_, 1) => own,
            // Neither directive: nginx logs as combined.
            (0, 0) => self.formats.iter().collect(),
            (0, _) => own,
            _ => written,
        }
    }

    /// The formats with these names, each once, in the order of the configuration.
    fn formats_named<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<&LogFormat> {
        let names: Vec<&str> = names.collect();
        self.formats
            .iter()
            .filter(|format| names.contains(&format.name.as_str()))
            .collect()
    }

    /// The access logs whose path agrees best with `log`; none if not even a file name does.
    fn access_logs_at(&self, log: &Path) -> Vec<&AccessLog> {
        let full = std::path::absolute(log).unwrap_or_else(|_| log.to_owned());
        let Some(name) = full.file_name() else {
            return Vec::new();
        };
        // The name itself first: what looks like a rotated log may be one of its own.
        for name in names_before_rotation(&name.to_string_lossy()) {
            let full = full.with_file_name(name);
            let scored: Vec<(usize, &AccessLog)> = self
                .access_logs
                .iter()
                .map(|access_log| (agreement(&access_log.path, &full), access_log))
                .collect();
            let best = scored.iter().map(|(score, _)| *score).max().unwrap_or(0);
            if best > 0 {
                let agrees = scored.into_iter().filter(|(score, _)| *score == best);
                return agrees.map(|(_, access_log)| access_log).collect();
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A directory with these files; the first one is the main configuration.
    fn configuration(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let main = directory.path().join(files[0].0);
        (directory, main)
    }

    fn conf(text: &str) -> NginxConf {
        let (_directory, main) = configuration(&[("nginx.conf", text)]);
        read(&main).unwrap()
    }

    /// The message for a configuration, with the directory cut off.
    fn refusal(files: &[(&str, &str)]) -> String {
        let (directory, main) = configuration(files);
        let message = read(&main).unwrap_err().to_string();
        let prefix = format!("{}/", directory.path().display());
        message.replace(&prefix, "")
    }

    fn format_of<'c>(conf: &'c NginxConf, log: &str) -> Option<&'c str> {
        conf.format_of(Path::new(log))
            .map(|format| format.name.as_str())
    }

    #[test]
    fn strings_of_a_format_are_put_together_without_a_separator() {
        let conf = conf("http { log_format main escape=json '$a \"$b\"'\n  'c=$c' d$e; }");
        assert_eq!(conf.formats[1].name, "main");
        assert_eq!(conf.formats[1].escape, Escape::Backslash);
        assert_eq!(conf.formats[1].definition, "$a \"$b\"c=$cd$e");
        assert_eq!(conf.formats[1].at.line, 1);
    }

    #[test]
    fn combined_is_there_from_the_start() {
        let conf = conf("events {}");
        assert_eq!(conf.formats[0].name, "combined");
        assert_eq!(
            format_of(&conf, "/var/log/nginx/access.log"),
            Some("combined")
        );
    }

    #[test]
    fn parameters_of_an_access_log_are_not_its_format() {
        let conf = conf(
            "log_format t '$status';
             access_log off;
             access_log /l/a.log t buffer=32k flush=5s if=$loggable;
             access_log /l/b.log;
             access_log /l/c.log buffer=32k;
             access_log syslog:server=unix:/dev/log,tag=x t;",
        );
        let logs: Vec<(&str, &str)> = conf
            .access_logs
            .iter()
            .map(|log| (log.path.as_str(), log.format.as_str()))
            .collect();
        assert_eq!(
            logs,
            [
                ("/l/a.log", "t"),
                ("/l/b.log", "combined"),
                ("/l/c.log", "combined"),
                ("syslog:server=unix:/dev/log,tag=x", "t"),
            ]
        );
        assert_eq!(conf.access_logs[2].at.line, 5);
    }

    #[test]
    fn a_log_has_the_format_of_the_path_that_agrees_best() {
        let conf = conf(
            "log_format one '1'; log_format two '2'; log_format three '3';
             access_log /var/log/nginx/access.log one;
             access_log /var/log/nginx/shop/access.log two;
             access_log logs/other.log three;
             access_log /var/log/nginx/${host}-$server_port.log three;",
        );
        assert_eq!(format_of(&conf, "/var/log/nginx/access.log"), Some("one"));
        assert_eq!(
            format_of(&conf, "/var/log/nginx/access.log.2.gz"),
            Some("one")
        );
        assert_eq!(
            format_of(&conf, "/copies/shop/access.log-20250101.zst"),
            Some("two")
        );
        assert_eq!(format_of(&conf, "/opt/nginx/logs/other.log"), Some("three"));
        assert_eq!(
            format_of(&conf, "/x/www.example.org-443.log.1"),
            Some("three")
        );
        // Two agree in as much.
        assert_eq!(format_of(&conf, "/tmp/access.log"), None);
        let names: Vec<&str> = conf
            .formats_for(Path::new("/tmp/access.log"))
            .iter()
            .map(|format| format.name.as_str())
            .collect();
        assert_eq!(names, ["one", "two"]);
        assert_eq!(format_of(&conf, "-"), None);
    }

    #[test]
    fn a_log_of_another_name_has_the_only_format_there_is() {
        let shared = conf("log_format t '1'; log_format u '2'; access_log a t; access_log b t;");
        assert_eq!(format_of(&shared, "-"), Some("t"));
        let single = conf("log_format t '1'; access_log a t; access_log b;");
        assert_eq!(format_of(&single, "/elsewhere/c.log"), Some("t"));
        let unused = conf("log_format t '1'; access_log a;");
        assert_eq!(format_of(&unused, "/elsewhere/c.log"), Some("combined"));
    }

    #[test]
    fn includes_start_at_the_main_file_and_come_sorted() {
        let (_directory, main) = configuration(&[
            (
                "nginx.conf",
                "http { include conf.d/*.conf; include sites/?[!b]/x.conf; }",
            ),
            ("conf.d/20.conf", "log_format second '2';"),
            (
                "conf.d/10.conf",
                "log_format first '1'; include extra/formats;",
            ),
            ("conf.d/.hidden.conf", "broken"),
            ("conf.d/notes.txt", "broken"),
            ("extra/formats", "log_format extra 'e';"),
            ("sites/xa/x.conf", "access_log /a first;"),
            ("sites/xb/x.conf", "broken"),
        ]);
        let conf = read(&main).unwrap();
        let names: Vec<&str> = conf
            .formats
            .iter()
            .map(|format| format.name.as_str())
            .collect();
        assert_eq!(names, ["combined", "first", "extra", "second"]);
        assert_eq!(conf.access_logs[0].format, "first");
        assert!(conf.access_logs[0].at.file.ends_with("sites/xa/x.conf"));
    }

    #[test]
    fn lua_blocks_and_foreign_logs_are_passed_over() {
        let conf = conf(
            "stream { log_format main '$bytes_sent'; access_log /l/stream.log main; }
             http {
               log_format main '$status';
               server {
                 content_by_lua_block {
                   local t = { a = '}', b = [[ } ]], c = [=[ ]] } ]=] } -- } '
                   --[[ } ]] ngx.say(\"it\\\"s }\")
                 }
                 access_log /l/http.log main;
               }
             }",
        );
        assert_eq!(conf.formats[1].definition, "$status");
        assert_eq!(conf.access_logs.len(), 1);
        assert_eq!(conf.access_logs[0].at.line, 9);
    }

    #[test]
    fn a_dump_may_hold_a_format_twice() {
        let conf = conf("log_format t '1'; log_format t '1'; access_log a t;");
        assert_eq!(conf.formats.len(), 2);
    }

    #[test]
    fn an_include_that_does_not_exist_is_no_trouble_until_it_is_needed() {
        let known = conf("include mime.types; log_format t '1'; access_log a t;");
        assert_eq!(format_of(&known, "a"), Some("t"));
        assert_eq!(
            refusal(&[("nginx.conf", "include formats.conf;\naccess_log a t;")]),
            "nginx.conf:2: no log_format \"t\" is defined, and formats.conf, which nginx.conf:1 \
             includes, does not exist; give the output of nginx -T instead"
        );
    }

    #[test]
    fn a_refusal_says_where_and_what_to_do() {
        for (text, message) in [
            (
                "http {\n log_format t 'a\n;}",
                "nginx.conf:2: the quote that opens here is never closed; close it",
            ),
            (
                "log_format t 'a''b';",
                "nginx.conf:1: a closing quote must be followed by a blank or a semicolon; put one there",
            ),
            (
                "events {}\nhttp {\n server {\n }\n",
                "nginx.conf:2: the block that opens here is never closed; add its '}'",
            ),
            (
                "events {}\n}",
                "nginx.conf:2: unexpected '}'; remove it, or add what it should follow",
            ),
            (
                "{}",
                "nginx.conf:1: unexpected '{'; remove it, or add what it should follow",
            ),
            (
                "http {\n access_log a\n}",
                "nginx.conf:2: the directive \"access_log\" does not end; add a semicolon after it",
            ),
            (
                "worker_processes 1",
                "nginx.conf:1: the directive \"worker_processes\" does not end; add a semicolon after it",
            ),
            (
                "log_format t;",
                "nginx.conf:1: log_format needs a name and a text; give both",
            ),
            (
                "log_format;",
                "nginx.conf:1: log_format needs a name and a text; give both",
            ),
            (
                "log_format t escape=xml 'a';",
                "nginx.conf:1: log_format has no escape=\"xml\"; use default, json or none",
            ),
            (
                "log_format t 'a';\nlog_format t 'b';",
                "nginx.conf:2: log_format \"t\" is defined differently at nginx.conf:1; rename one of them",
            ),
            (
                "log_format combined 'a';",
                "nginx.conf:1: log_format \"combined\" is nginx's own and cannot be defined again; rename this one",
            ),
            (
                "access_log a t;",
                "nginx.conf:1: no log_format \"t\" is defined; give the main nginx.conf or the output of nginx -T",
            ),
            (
                "x_by_lua_block { '}' ",
                "nginx.conf:1: the block that opens here is never closed; add its '}'",
            ),
        ] {
            assert_eq!(refusal(&[("nginx.conf", text)]), message, "{text}");
        }
    }

    #[test]
    fn includes_come_to_an_end() {
        assert_eq!(
            refusal(&[
                ("nginx.conf", "include a.conf;"),
                ("a.conf", "\ninclude nginx.conf;")
            ]),
            "a.conf:2: including nginx.conf again would never end; remove this include"
        );
        // Each level includes the next one twice: 2^14 files without a cycle.
        let mut files: Vec<(String, String)> = (0..14)
            .map(|level| {
                (
                    format!("{level}.conf"),
                    format!("include {0}.conf; include {0}.conf;", level + 1),
                )
            })
            .collect();
        files.push(("14.conf".to_owned(), String::new()));
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        assert!(refusal(&files).contains("10000 files"));
    }

    #[test]
    fn what_is_no_configuration_is_not_read_to_its_end() {
        let (_directory, main) = configuration(&[("nginx.conf", "")]);
        let file = fs::File::options().write(true).open(&main).unwrap();
        file.set_len(LARGEST_FILE + 1).unwrap();
        let message = read(&main).unwrap_err().to_string();
        assert!(
            message.contains("nginx.conf is larger than 16 MiB"),
            "{message}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let message = read(Path::new("no/such/nginx.conf"))
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("cannot read no/such/nginx.conf: "),
            "{message}"
        );
        let message = refusal(&[("nginx.conf", "\ninclude conf.d;"), ("conf.d/a", "")]);
        assert!(
            message.starts_with("nginx.conf:2: cannot read the included conf.d: "),
            "{message}"
        );
    }
}
