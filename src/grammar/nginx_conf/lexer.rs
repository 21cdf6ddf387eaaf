//! Cuts the text of a configuration into statements, by the rules of nginx's own lexer. What a
//! directive means is not known here, but for Lua: its blocks do not follow these rules.

use super::error::Problem;

/// What a configuration consists of. `words` is never empty; its first one is the directive's name.
#[derive(Debug, PartialEq)]
pub(super) enum Statement {
    /// `words … ;`
    Simple { line: usize, words: Vec<String> },
    /// `words … {`
    Open { line: usize, words: Vec<String> },
    /// `}`
    Close { line: usize },
}

/// Cuts a file into statements, by the rules of nginx's own lexer.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    /// How much of `text` was read.
    at: usize,
    /// The line of `at`, from 1.
    line: usize,
}

/// A problem and its line.
pub(super) type Fault = (usize, Problem);

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Lexer {
            text,
            at: 0,
            line: 1,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    /// The next statement; `None` at the end of the file.
    pub(super) fn statement(&mut self) -> Result<Option<Statement>, Fault> {
        self.skip_blanks();
        let line = self.line;
        let mut words: Vec<String> = Vec::new();
        loop {
            self.skip_blanks();
            match (self.peek(), words.first()) {
                (None, None) => return Ok(None),
                (Some(b'}'), None) => {
                    self.bump();
                    return Ok(Some(Statement::Close { line }));
                }
                (None | Some(b'}'), Some(name)) => {
                    return Err((line, Problem::Unended(name.clone())));
                }
                (Some(byte @ (b';' | b'{')), None) => {
                    return Err((line, Problem::Unexpected(char::from(byte))));
                }
                (Some(b';'), Some(_)) => {
                    self.bump();
                    return Ok(Some(Statement::Simple { line, words }));
                }
                (Some(b'{'), Some(_)) => {
                    self.bump();
                    return Ok(Some(Statement::Open { line, words }));
                }
                (Some(b'"' | b'\''), _) => words.push(self.quoted()?),
                (Some(_), _) => words.push(self.bare()),
            }
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => _ = self.bump(),
                b'#' => self.skip_line(),
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        while self.bump().is_some_and(|byte| byte != b'\n') {}
    }

    /// A word in quotes, which may go over several lines.
    fn quoted(&mut self) -> Result<String, Fault> {
        let line = self.line;
        let quote = self.bump();
        let start = self.at;
        loop {
            let end = self.at;
            match self.bump() {
                None => return Err((line, Problem::UnclosedQuote)),
                Some(b'\\') => _ = self.bump(),
                byte if byte == quote => {
                    return match self.peek() {
                        None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') => {
                            Ok(unescape(&self.text[start..end]))
                        }
                        Some(_) => Err((self.line, Problem::AfterQuote)),
                    };
                }
                Some(_) => {}
            }
        }
    }

    /// A word without quotes: up to a blank, `;` or `{`. Quotes, `#` and `}` inside it are its own,
    /// and so is the `{` of `${name}`.
    fn bare(&mut self) -> String {
        let start = self.at;
        let mut after_dollar = false;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' => break,
                b'{' if !after_dollar => break,
                b'\\' => _ = self.bump(),
                _ => {}
            }
            self.bump();
            after_dollar = byte == b'$';
        }
        unescape(&self.text[start..self.at])
    }

    /// Passes over the Lua of a block up to the `}` that closes it; the block was opened on `line`.
    /// Braces in Lua's strings and comments do not count.
    pub(super) fn skip_lua(&mut self, line: usize) -> Result<(), Fault> {
        let mut depth = 1_usize;
        while let Some(byte) = self.peek() {
            if self.text[self.at..].starts_with(b"--") {
                self.at += 2;
                if !self.skip_lua_long_bracket() {
                    self.skip_line();
                }
                continue;
            }
            if self.skip_lua_long_bracket() {
                continue;
            }
            self.bump();
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b'"' | b'\'' => self.skip_lua_string(byte),
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err((line, Problem::UnclosedBlock))
    }

    /// Passes over the rest of a string that `quote` opened; one that is not closed ends with its
    /// line, as Lua would have it.
    fn skip_lua_string(&mut self, quote: u8) {
        while let Some(byte) = self.peek() {
            if byte == b'\n' {
                return;
            }
            self.bump();
            match byte {
                b'\\' => _ = self.bump(),
                _ if byte == quote => return,
                _ => {}
            }
        }
    }

    /// Passes over `[[ … ]]` or `[==[ … ]==]`, if one starts here.
    fn skip_lua_long_bracket(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let level = rest
            .iter()
            .skip(1)
            .take_while(|byte| **byte == b'=')
            .count();
        if rest.first() != Some(&b'[') || rest.get(level + 1) != Some(&b'[') {
            return false;
        }
        let close = [&b"]"[..], &b"=".repeat(level), b"]"].concat();
        self.at += level + 2;
        while self.at < self.text.len() {
            if self.text[self.at..].starts_with(&close) {
                self.at += close.len();
                break;
            }
            self.bump();
        }
        true
    }
}

/// A word as nginx takes it: `\"`, `\'`, `\\`, `\t`, `\r` and `\n` are replaced, any other
/// backslash stays.
fn unescape(word: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, tail @ ..] = rest {
        let replaced = match (first, tail.first()) {
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b'n')) => Some(b'\n'),
            (b'\\', Some(&quote @ (b'"' | b'\'' | b'\\'))) => Some(quote),
            _ => None,
        };
        bytes.push(replaced.unwrap_or(*first));
        rest = if replaced.is_some() { &tail[1..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        match Lexer::new(text.as_bytes()).statement() {
            Ok(Some(Statement::Simple { words, .. })) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn quotes_and_escapes_are_read_as_nginx_reads_them() {
        assert_eq!(
            words("log_format a 'b c' \"d'e\";"),
            ["log_format", "a", "b c", "d'e"]
        );
        assert_eq!(words(r#"a '\'' "\"" \\;"#), ["a", "'", "\"", "\\"]);
        assert_eq!(
            words(r"a 'x\ty\rz\n' 'keep \d \x41';"),
            ["a", "x\ty\rz\n", r"keep \d \x41"]
        );
        assert_eq!(words(r#"a '\"$x\"';"#), ["a", "\"$x\""]);
        assert_eq!(words("a 'over\ntwo lines';"), ["a", "over\ntwo lines"]);
    }

    #[test]
    fn bare_words_keep_what_only_looks_special() {
        assert_eq!(
            words("a x#y o'k /re}gex/ a\\;b;"),
            ["a", "x#y", "o'k", "/re}gex/", "a\\;b"]
        );
        assert_eq!(words("a ${b}c $d#e;"), ["a", "${b}c", "$d#e"]);
        assert_eq!(
            words("# a comment; {\n  a b # another }\n c;"),
            ["a", "b", "c"]
        );
        assert_eq!(words("if ('x') ;"), ["if", "('x')"]);
        assert_eq!(words("if (a = 'x');"), ["if", "(a", "=", "x", ")"]);
    }
}
