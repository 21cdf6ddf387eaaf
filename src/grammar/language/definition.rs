//! A definition as people paste it: out of its directive and quotes, with the language that it is
//! written in. What the definition says is for the languages; configuration files are read by
//! [`crate::grammar::nginx_conf`].

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag};
use nom::character::complete::{char, multispace0};
use nom::combinator::{map, opt, recognize, value};
use nom::multi::{fold_many0, many0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{Escape, Language};

/// A definition taken out of its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The name, where the text was a whole `log_format` directive.
    pub name: Option<String>,
    /// The format string itself.
    pub text: String,
    /// How values are escaped.
    pub escape: Escape,
    /// The language that it is written in.
    pub language: Language,
}

/// Why a definition cannot be compiled: prints the definition with a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrammarError {
    /// The definition.
    pub text: String,
    /// Byte offset of the trouble.
    pub at: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for GrammarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A definition may be long and hold line ends: show the stretch around the place.
        const BEFORE: usize = 50;
        const AFTER: usize = 40;
        let chars: Vec<char> = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let at = self
            .text
            .get(..self.at)
            .map_or(chars.len(), |head| head.chars().count());
        let from = at.saturating_sub(BEFORE);
        let until = chars.len().min(at + AFTER);
        let shown: String = chars.get(from..until).unwrap_or_default().iter().collect();
        let dots = |cut: bool| if cut { "…" } else { "" };
        let (left, right) = (dots(from > 0), dots(until < chars.len()));
        writeln!(f, "{}", self.message)?;
        writeln!(f, "  {left}{shown}{right}")?;
        write!(
            f,
            "  {:width$}^",
            "",
            width = at - from + left.chars().count()
        )
    }
}

impl std::error::Error for GrammarError {}

/// Takes a definition out of the form in which it was pasted: nginx's `log_format NAME [escape=…]
/// '…' '…';`, Apache's `LogFormat "…" NAME`, HAProxy's `log-format "…"`, gunicorn's
/// `access_log_format = '…'`, uWSGI's `log-format = …`, varnishncsa's `-F '…'`; the quoted strings of
/// an nginx.conf alone; or the bare format (in which `\t`, `\"` and the like count too).
///
/// ```
/// let given = r#"log_format main escape=json '$remote_addr ' '"$request"';"#;
/// let definition = slowpath::grammar::parse_definition(given).unwrap();
/// assert_eq!(definition.name.as_deref(), Some("main"));
/// assert_eq!(definition.text, r#"$remote_addr "$request""#);
/// ```
///
/// # Errors
/// A text that begins as strings or a directive and does not end as one.
pub fn parse_definition(text: &str) -> Result<Definition, GrammarError> {
    let text = text.trim();
    let unended = |what: &str| GrammarError {
        text: text.to_owned(),
        at: 0,
        message: format!(
            "{what} that begins here does not end as its configuration has it: check its quotes"
        ),
    };
    if text.starts_with("log_format") {
        return match directive(text) {
            Ok(("", definition)) => Ok(definition),
            _ => Err(unended("the log_format")),
        };
    }
    if let Some((directive, language)) = OTHERS
        .iter()
        .find(|(directive, _)| text.starts_with(directive))
    {
        let definition = other(text.get(directive.len()..).unwrap_or_default(), *language);
        return definition.ok_or_else(|| unended(&format!("the {}", directive.trim_end())));
    }
    if text.starts_with('\'') || text.starts_with("escape=") {
        return match strings(text) {
            Ok(("", definition)) => Ok(definition),
            _ => Err(unended("the string")),
        };
    }
    // `"$a" "$b"` on one line is a format with quotes in it rather than two strings.
    if text.starts_with('"')
        && text.contains('\n')
        && let Ok(("", definition)) = strings(text)
    {
        return Ok(definition);
    }
    Ok(Definition::bare(unescape(text), Language::of(text)))
}

impl Definition {
    fn bare(text: String, language: Language) -> Definition {
        Definition {
            name: None,
            text,
            escape: language.escape(),
            language,
        }
    }
}

/// What a definition in another language than nginx's begins with where it was pasted whole.
const OTHERS: &[(&str, Language)] = &[
    ("LogFormat ", Language::Apache),
    ("access_log_format", Language::Gunicorn),
    ("--access-logformat", Language::Gunicorn),
    ("varnishncsa -F", Language::Varnish),
    ("-F ", Language::Varnish),
    ("log-format =", Language::Uwsgi),
    ("log-format=", Language::Uwsgi),
    ("logformat =", Language::Uwsgi),
    ("logformat=", Language::Uwsgi),
    ("log-format ", Language::Haproxy),
];

/// `[=] "…" [name]`, or the rest of the line where there are no quotes.
fn other(text: &str, language: Language) -> Option<Definition> {
    let text = text.trim_start();
    let text = text.strip_prefix('=').unwrap_or(text).trim();
    if !text.starts_with(['"', '\'']) {
        // HAProxy's blanks are escaped where they stand in no quotes.
        return Some(Definition::bare(
            unescape(&text.replace("\\ ", " ")),
            language,
        ));
    }
    let (rest, format) = quoted_string(text).ok()?;
    let name = rest.trim();
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    is_name.then(|| Definition {
        name: (!name.is_empty()).then(|| name.to_owned()),
        ..Definition::bare(format, language)
    })
}

fn directive(input: &str) -> IResult<&str, Definition, ()> {
    let (input, _) = (tag("log_format"), multispace0).parse(input)?;
    let (input, name) =
        alt((quoted_string, map(is_not(" \t\r\n;'\""), str::to_owned))).parse(input)?;
    let (input, definition) = strings(input)?;
    Ok((
        input,
        Definition {
            name: Some(name),
            ..definition
        },
    ))
}

/// `[escape=…] 'a' 'b' [;]`: the strings joined without anything between, as nginx does.
fn strings(input: &str) -> IResult<&str, Definition, ()> {
    let escape = alt((
        value(Escape::Default, tag("escape=default")),
        value(Escape::Backslash, tag("escape=json")),
        value(Escape::None, tag("escape=none")),
    ));
    let (input, escape) = opt(preceded(multispace0, escape)).parse(input)?;
    let (input, first) = preceded(multispace0, quoted_string).parse(input)?;
    let (input, text) = fold_many0(
        preceded(multispace0, quoted_string),
        move || first.clone(),
        |joined, next| joined + &next,
    )
    .parse(input)?;
    let (input, _) = (multispace0, opt(char(';')), multispace0).parse(input)?;
    Ok((
        input,
        Definition {
            name: None,
            text,
            escape: escape.unwrap_or_default(),
            language: Language::Nginx,
        },
    ))
}

fn quoted_string(input: &str) -> IResult<&str, String, ()> {
    let inside = |quote: &'static str, stop: &'static str| {
        let escaped = recognize((char('\\'), nom::character::complete::anychar));
        delimited(
            tag(quote),
            recognize(many0(alt((escaped, is_not(stop))))),
            tag(quote),
        )
    };
    alt((
        map(inside("'", "'\\"), unescape),
        map(inside("\"", "\"\\"), unescape),
    ))
    .parse(input)
}

/// nginx.conf's escapes; a backslash before anything else is itself.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let meant = match (c, chars.peek()) {
            ('\\', Some('t')) => '\t',
            ('\\', Some('r')) => '\r',
            ('\\', Some('n')) => '\n',
            ('\\', Some(quoted @ ('"' | '\'' | '\\'))) => *quoted,
            _ => {
                out.push(c);
                continue;
            }
        };
        chars.next();
        out.push(meant);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_directive_loses_its_quotes() {
        let rows = [
            (
                "log_format main '$a' ' $b';",
                Some("main"),
                "$a $b",
                Escape::Default,
            ),
            (
                "log_format  main\n escape=none \"\\t$a\"\n\t'\"$b\"' ;",
                Some("main"),
                "\t$a\"$b\"",
                Escape::None,
            ),
            ("'$a'\n'$b'", None, "$a$b", Escape::Default),
            ("escape=json '$a'", None, "$a", Escape::Backslash),
            ("\"$a\" \"$b\"", None, "\"$a\" \"$b\"", Escape::Default),
            (
                "\"time:$a\"\n\"\\thost:$b\"",
                None,
                "time:$a\thost:$b",
                Escape::Default,
            ),
            (
                "time:$a\\thost:$b",
                None,
                "time:$a\thost:$b",
                Escape::Default,
            ),
            ("'it''s $a'", None, "its $a", Escape::Default),
            ("'it\\'s $a'", None, "it's $a", Escape::Default),
        ];
        for (given, name, text, escape) in rows {
            let want = Definition {
                name: name.map(str::to_owned),
                text: text.to_owned(),
                escape,
                language: Language::Nginx,
            };
            assert_eq!(parse_definition(given).unwrap(), want, "{given}");
        }
    }

    #[test]
    fn directives_of_other_servers_say_their_language() {
        let rows = [
            (
                r#"LogFormat "%h \"%r\" %>s %D" timed"#,
                Some("timed"),
                r#"%h "%r" %>s %D"#,
                Language::Apache,
            ),
            (
                r"log-format %ci\ [%tr]\ %{+Q}r",
                None,
                "%ci [%tr] %{+Q}r",
                Language::Haproxy,
            ),
            (
                r#"log-format "%ci %{+Q}r""#,
                None,
                "%ci %{+Q}r",
                Language::Haproxy,
            ),
            (
                "access_log_format = '%(r)s %(D)s'",
                None,
                "%(r)s %(D)s",
                Language::Gunicorn,
            ),
            (
                "log-format = %(uri) %(micros)",
                None,
                "%(uri) %(micros)",
                Language::Uwsgi,
            ),
            (
                "varnishncsa -F '%r %{Varnish:time_firstbyte}x'",
                None,
                "%r %{Varnish:time_firstbyte}x",
                Language::Varnish,
            ),
            (
                "%r %{Varnish:hitmiss}x",
                None,
                "%r %{Varnish:hitmiss}x",
                Language::Varnish,
            ),
            ("%h %r %D", None, "%h %r %D", Language::Apache),
            ("%(r)s %(M)s", None, "%(r)s %(M)s", Language::Gunicorn),
            ("%(uri) %(secs)s", None, "%(uri) %(secs)s", Language::Uwsgi),
            ("[%tr] %HM %HU", None, "[%tr] %HM %HU", Language::Haproxy),
            (
                "%REQ(:METHOD)% %REQ(:PATH)% %DURATION%",
                None,
                "%REQ(:METHOD)% %REQ(:PATH)% %DURATION%",
                Language::Envoy,
            ),
            ("100% $request", None, "100% $request", Language::Nginx),
        ];
        for (given, name, text, language) in rows {
            let found = parse_definition(given).unwrap();
            assert_eq!(
                (found.name.as_deref(), found.text.as_str(), found.language),
                (name, text, language),
                "{given}"
            );
        }
    }

    #[test]
    fn an_open_quote_is_an_error() {
        for given in [
            "'$a",
            "'$a' x",
            "log_format main '$a",
            "escape=json $a",
            "LogFormat \"%h",
            "LogFormat \"%h\" a b",
        ] {
            assert!(parse_definition(given).is_err(), "{given}");
        }
    }
}
