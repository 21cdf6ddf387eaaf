//! The language of nginx's `log_format`: from the text of a definition to a [`Grammar`].
//!
//! <https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format>. A definition may be given
//! raw, as the quoted strings of an nginx.conf, or as the whole directive. Configuration files are
//! read by [`super::nginx_conf`].

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, multispace0};
use nom::combinator::{map, opt, recognize, rest, value};
use nom::multi::{fold_many0, many0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{Anchor, Escape, Field, Grammar, Piece, Syntax, Variable, variable};

/// A definition taken out of its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The name, where the text was a whole `log_format` directive.
    pub name: Option<String>,
    /// The format string itself.
    pub text: String,
    /// How values are escaped.
    pub escape: Escape,
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

/// Takes a definition out of the form in which it was pasted: `log_format NAME [escape=…] '…' '…';`,
/// the quoted strings alone, or the bare format (in which `\t`, `\"` and the like count too).
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
            "{what} that begins here does not end as nginx.conf has it: check its quotes"
        ),
    };
    if text.starts_with("log_format") {
        return match directive(text) {
            Ok(("", definition)) => Ok(definition),
            _ => Err(unended("the log_format")),
        };
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
    Ok(Definition {
        name: None,
        text: unescape(text),
        escape: Escape::Default,
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
        value(Escape::Json, tag("escape=json")),
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

/// A piece with the offset at which it begins.
enum Token<'t> {
    Text(&'t str),
    Name(&'t str),
    /// A `$` with no name after it.
    BareDollar,
}

fn token(input: &str) -> IResult<&str, Token<'_>, ()> {
    let name = |input| take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_').parse(input);
    alt((
        map(is_not("$"), Token::Text),
        map(delimited(tag("${"), name, char('}')), Token::Name),
        map(preceded(char('$'), name), Token::Name),
        map(char('$'), |_| Token::BareDollar),
    ))
    .parse(input)
}

/// Whether a variable with an unknown name may be somebody's own (`set`, `map`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A name that is near to a known one is taken for a typo.
    Checked,
    /// nginx has accepted them: they come from its own configuration.
    Accepted,
}

/// Compiles a format string.
///
/// # Errors
/// A `$` without a name, a variable that looks like a typo, two texts with nothing between them to
/// tell where one ends, a format without a variable, or one that names no request.
pub fn compile(
    name: &str,
    text: &str,
    escape: Escape,
    names: Names,
) -> Result<Grammar, GrammarError> {
    let error = |at: usize, message: String| GrammarError {
        text: text.to_owned(),
        at,
        message,
    };
    let mut pieces: Vec<Piece> = Vec::new();
    let mut input = text;
    while !input.is_empty() {
        let at = text.len() - input.len();
        // OK because every non-empty input is text, a name or a bare dollar.
        let (left, token) = token(input).unwrap_or_else(|_| {
            rest::<&str, ()>(input).map_or(("", Token::BareDollar), |(left, all)| {
                (left, Token::Text(all))
            })
        });
        input = left;
        match token {
            Token::Text(literal) => pieces.push(Piece::Literal(literal.as_bytes().to_vec())),
            Token::BareDollar => {
                return Err(error(
                    at,
                    "a `$` stands without a variable name: nginx cannot write a literal `$`"
                        .to_owned(),
                ));
            }
            Token::Name(name) => {
                let own = |_| Variable {
                    name: name.to_owned(),
                    meaning: None,
                };
                let next = match names {
                    Names::Accepted => variable(name).unwrap_or_else(own),
                    Names::Checked => variable(name).map_err(|meant| {
                        error(
                            at,
                            format!("unknown variable ${name}: did you mean ${meant}?"),
                        )
                    })?,
                };
                push_value(&mut pieces, next).map_err(|(left, right)| {
                    error(at, format!("${left} and ${right} have nothing between them, so their values cannot be told apart: put a space or quotes between them"))
                })?;
            }
        }
    }
    let grammar = Grammar {
        name: name.to_owned(),
        definition: text.to_owned(),
        syntax: Syntax::Text(pieces, escape),
        anchor: Anchor::End,
    };
    let fields = grammar.fields();
    if fields.is_empty() {
        let apache = text.contains('%') && !text.contains('$');
        let hint = if apache {
            " (this looks like an Apache LogFormat; this version reads nginx's log_format)"
        } else {
            ""
        };
        return Err(error(
            0,
            format!(
                "the format names no variable that slowpath knows{hint}: give an nginx log_format such as '$remote_addr [$time_local] \"$request\" $status', or the name of a built-in (see `slowpath formats`)"
            ),
        ));
    }
    if !fields.has(Field::Request) && !fields.has(Field::Target) {
        return Err(error(0, "the format does not say which request a line is: it needs $request, $request_uri, $uri or $path".to_owned()));
    }
    Ok(grammar)
}

/// Appends a value. Two values that touch are fine where the first is a number; two texts that
/// touch and mean nothing to the tool are one value; otherwise the pair is the error.
fn push_value(pieces: &mut Vec<Piece>, next: Variable) -> Result<(), (String, String)> {
    if let Some(Piece::Value(last)) = pieces.last_mut()
        && !last.is_digits()
    {
        if last.meaning.is_some() || next.meaning.is_some() {
            return Err((last.name.clone(), next.name));
        }
        last.name = format!("{}${}", last.name, next.name);
        return Ok(());
    }
    pieces.push(Piece::Value(next));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let grammar = compile("test", text, Escape::Default, Names::Checked).unwrap();
        let Syntax::Text(pieces, _) = grammar.syntax else {
            unreachable!()
        };
        pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => String::from_utf8(text.clone()).unwrap(),
                Piece::Value(variable) => format!("<{}>", variable.name),
            })
            .collect()
    }

    #[test]
    fn both_forms_of_a_variable_are_read() {
        assert_eq!(
            pieces("[$time_local] ${request}x"),
            ["[", "<time_local>", "] ", "<request>", "x"]
        );
    }

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
            ("escape=json '$a'", None, "$a", Escape::Json),
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
            };
            assert_eq!(parse_definition(given).unwrap(), want, "{given}");
        }
    }

    #[test]
    fn an_open_quote_is_an_error() {
        for given in ["'$a", "'$a' x", "log_format main '$a", "escape=json $a"] {
            assert!(parse_definition(given).is_err(), "{given}");
        }
    }

    #[test]
    fn errors_point_at_the_place() {
        let error = compile(
            "x",
            "$remote_addr \"$requst\" $status",
            Escape::Default,
            Names::Checked,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown variable $requst: did you mean $request?\n  $remote_addr \"$requst\" $status\n                ^"
        );
        assert_eq!(
            compile("x", "$request $", Escape::Default, Names::Checked)
                .unwrap_err()
                .at,
            9
        );
        assert_eq!(
            compile("x", "$status", Escape::Default, Names::Checked)
                .unwrap_err()
                .at,
            0
        );
        assert!(
            compile("x", "%h %l", Escape::Default, Names::Checked)
                .unwrap_err()
                .message
                .contains("Apache")
        );
    }

    #[test]
    fn touching_values_are_told_apart_or_refused() {
        assert_eq!(
            pieces("$request $status$foo_bar_x"),
            ["<request>", " ", "<status>", "<foo_bar_x>"]
        );
        assert_eq!(
            pieces("$request $upstream_host$upstream_uri"),
            ["<request>", " ", "<upstream_host$upstream_uri>"]
        );
        assert!(compile("x", "$request$status", Escape::Default, Names::Checked).is_err());
    }
}
