//! `--where` expressions: which records count.
//!
//! ```text
//! status >= 500 and total > 1s
//! method = POST and (route ~ '^/api/' or not host = example.com)
//! ```
//!
//! A comparison with a field that a record does not have is false, `!=` too: nothing is known.

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, tag_no_case, take_while1};
use nom::character::complete::{char, multispace0};
use nom::combinator::{map, not, opt, peek, value};
use nom::multi::{many0, separated_list1};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};
use regex::bytes::{Regex, RegexBuilder};

use crate::endpoint::last_upstream;
use crate::grammar::{Field, Fields, nearest};
use crate::phases::{Phase, Phases};
use crate::record::{Record, Request};
use crate::unit::Micros;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Filter(Expr);

#[derive(Debug, Clone)]
enum Expr {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Number(Subject, Order, u64),
    /// `status = 5xx`, or `!=`.
    StatusClass(Order, u16),
    Text(Subject, bool, Vec<u8>),
    Matches(Subject, bool, Box<Regex>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

impl Order {
    fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Order::Equal => left == right,
            Order::NotEqual => left != right,
            Order::Less => left < right,
            Order::LessOrEqual => left <= right,
            Order::More => left > right,
            Order::MoreOrEqual => left >= right,
        }
    }
}

/// What a comparison is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Status,
    Bytes,
    Phase(Phase),
    Method,
    Route,
    /// The target without its query is the route before masking.
    Target,
    Upstream,
    Field(Field),
}

const SUBJECTS: &[(&str, Subject)] = &[
    ("status", Subject::Status),
    ("bytes", Subject::Bytes),
    ("method", Subject::Method),
    ("route", Subject::Route),
    ("target", Subject::Target),
    ("path", Subject::Target),
    ("upstream_addr", Subject::Upstream),
    ("host", Subject::Field(Field::Host)),
    ("user_agent", Subject::Field(Field::UserAgent)),
    ("referer", Subject::Field(Field::Referer)),
    ("remote_addr", Subject::Field(Field::RemoteAddr)),
    ("request_id", Subject::Field(Field::RequestId)),
    ("cache_status", Subject::Field(Field::CacheStatus)),
    ("content_type", Subject::Field(Field::ContentType)),
];

impl Subject {
    fn named(name: &str) -> Option<Subject> {
        let known = SUBJECTS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, subject)| *subject);
        known.or_else(|| Phase::named(name).map(Subject::Phase))
    }

    fn is_number(self) -> bool {
        matches!(self, Subject::Status | Subject::Bytes | Subject::Phase(_))
    }

    fn needs(self) -> Fields {
        match self {
            Subject::Field(field) => Fields::NONE.with(field),
            Subject::Upstream => Fields::NONE.with(Field::UpstreamAddr),
            // What every run reads.
            _ => Fields::NONE,
        }
    }
}

/// What is known of a record where it is filtered.
#[derive(Debug, Clone, Copy)]
pub struct Filtered<'a> {
    /// The record.
    pub record: &'a Record<'a>,
    /// Its phases.
    pub phases: &'a Phases,
    /// Its route, masked but not folded.
    pub route: &'a [u8],
}

impl Filtered<'_> {
    fn number(&self, subject: Subject) -> Option<u64> {
        match subject {
            Subject::Status => self.record.status.map(u64::from),
            Subject::Bytes => self.record.bytes,
            Subject::Phase(phase) => self.phases.get(phase).map(|us| us.0),
            _ => None,
        }
    }

    fn text(&self, subject: Subject) -> Option<&[u8]> {
        match (subject, self.record.request) {
            (Subject::Method, Request::Line { method, .. }) => Some(method),
            (Subject::Target, Request::Line { target, .. }) => Some(target),
            (Subject::Route, _) => Some(self.route),
            (Subject::Upstream, _) => last_upstream(self.record),
            (Subject::Field(field), _) => self.record.text(field),
            _ => None,
        }
    }
}

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    at: usize,
    message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self
            .text
            .get(..self.at)
            .map_or(0, |head| head.chars().count());
        write!(f, "{}\n  {}\n  {:before$}^", self.message, self.text, "")
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It is no expression, names an unknown field, or compares a duration without a unit.
    pub fn new(text: &str) -> Result<Filter, FilterError> {
        // OK because every part that is complained about is a slice of the text.
        let offset = |part: &str| {
            (part.as_ptr() as usize)
                .saturating_sub(text.as_ptr() as usize)
                .min(text.len())
        };
        let error = |part: &str, message: String| FilterError {
            text: text.to_owned(),
            at: offset(part),
            message,
        };
        match terminated(or, multispace0).parse(text) {
            Ok(("", raw)) => compile(&raw).map(Filter).map_err(|(at, message)| error(at, message)),
            Ok((rest, _)) => Err(error(rest, "expected `and`, `or` or the end of the expression here".to_owned())),
            Err(nom::Err::Error(e) | nom::Err::Failure(e)) => Err(error(
                e.input,
                "expected a comparison here, such as status >= 500, total > 1s, method = POST, route ~ '^/api/'".to_owned(),
            )),
            Err(nom::Err::Incomplete(_)) => Err(error(&text[text.len()..], "the expression is not finished".to_owned())),
        }
    }

    /// Whether a record counts.
    #[must_use]
    pub fn holds(&self, record: &Filtered<'_>) -> bool {
        self.0.holds(record)
    }

    /// The fields that it looks at.
    #[must_use]
    pub fn needs(&self) -> Fields {
        self.0.needs()
    }
}

impl Expr {
    fn holds(&self, record: &Filtered<'_>) -> bool {
        match self {
            Expr::Or(parts) => parts.iter().any(|part| part.holds(record)),
            Expr::And(parts) => parts.iter().all(|part| part.holds(record)),
            Expr::Not(part) => !part.holds(record),
            Expr::Number(subject, order, right) => record
                .number(*subject)
                .is_some_and(|left| order.holds(left, *right)),
            Expr::StatusClass(order, class) => record
                .record
                .status
                .is_some_and(|status| order.holds(u64::from(status / 100), u64::from(*class))),
            Expr::Text(subject, equal, right) => record
                .text(*subject)
                .is_some_and(|left| (left == right) == *equal),
            Expr::Matches(subject, matches, regex) => record
                .text(*subject)
                .is_some_and(|left| regex.is_match(left) == *matches),
        }
    }

    fn needs(&self) -> Fields {
        match self {
            Expr::Or(parts) | Expr::And(parts) => parts
                .iter()
                .fold(Fields::NONE, |all, part| all.and(part.needs())),
            Expr::Not(part) => part.needs(),
            Expr::Number(subject, ..) | Expr::Text(subject, ..) | Expr::Matches(subject, ..) => {
                subject.needs()
            }
            Expr::StatusClass(..) => Fields::NONE,
        }
    }
}

/// An expression as it was written; slices of the text, so that errors can point at it.
enum Raw<'t> {
    Or(Vec<Raw<'t>>),
    And(Vec<Raw<'t>>),
    Not(Box<Raw<'t>>),
    Compare {
        subject: &'t str,
        operator: &'t str,
        right: &'t str,
        right_at: &'t str,
    },
}

type Parsed<'t, T> = IResult<&'t str, T>;

fn word<'t>(
    keyword: &'static str,
) -> impl Parser<&'t str, Output = (), Error = nom::error::Error<&'t str>> {
    let end = peek(not(take_while1(|c: char| c.is_alphanumeric() || c == '_')));
    value((), (multispace0, tag_no_case(keyword), end))
}

fn or(input: &str) -> Parsed<'_, Raw<'_>> {
    map(
        separated_list1(alt((word("or"), value((), (multispace0, tag("||"))))), and),
        Raw::Or,
    )
    .parse(input)
}

fn and(input: &str) -> Parsed<'_, Raw<'_>> {
    map(
        separated_list1(
            alt((word("and"), value((), (multispace0, tag("&&"))))),
            factor,
        ),
        Raw::And,
    )
    .parse(input)
}

fn factor(input: &str) -> Parsed<'_, Raw<'_>> {
    // Parentheses and negations nest; a bound keeps a hostile flag from the stack's end.
    const DEEPEST: usize = 200;
    let (input, negations) =
        many0(alt((word("not"), value((), (multispace0, char('!')))))).parse(input)?;
    let depth = input.bytes().filter(|b| *b == b'(').count();
    if depth > DEEPEST {
        return Err(nom::Err::Failure(nom::error::Error::new(
            input,
            nom::error::ErrorKind::TooLarge,
        )));
    }
    let group = delimited((multispace0, char('(')), or, (multispace0, char(')')));
    let (input, inner) = alt((group, comparison)).parse(input)?;
    Ok((
        input,
        if negations.len() % 2 == 1 {
            Raw::Not(Box::new(inner))
        } else {
            inner
        },
    ))
}

fn comparison(input: &str) -> Parsed<'_, Raw<'_>> {
    let (input, subject) = preceded(
        multispace0,
        take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    )
    .parse(input)?;
    let operators = alt((
        tag("=="),
        tag("!="),
        tag("!~"),
        tag("<="),
        tag(">="),
        tag("="),
        tag("<"),
        tag(">"),
        tag("~"),
    ));
    let (input, operator) = preceded(multispace0, operators).parse(input)?;
    let (right_at, _) = multispace0(input)?;
    let quoted = |quote: &'static str| {
        delimited(
            tag(quote),
            map(opt(is_not(quote)), Option::unwrap_or_default),
            tag(quote),
        )
    };
    let (input, right) =
        alt((quoted("'"), quoted("\""), is_not(" \t\r\n()'\"<>=!~"))).parse(right_at)?;
    Ok((
        input,
        Raw::Compare {
            subject,
            operator,
            right,
            right_at,
        },
    ))
}

/// `Err` holds the part of the text that is the trouble.
fn compile<'t>(raw: &Raw<'t>) -> Result<Expr, (&'t str, String)> {
    let all = |parts: &[Raw<'t>]| parts.iter().map(compile).collect::<Result<Vec<_>, _>>();
    match raw {
        Raw::Or(parts) => all(parts).map(Expr::Or),
        Raw::And(parts) => all(parts).map(Expr::And),
        Raw::Not(part) => compile(part).map(|part| Expr::Not(Box::new(part))),
        Raw::Compare {
            subject,
            operator,
            right,
            right_at,
        } => compare(subject, operator, right, right_at),
    }
}

fn compare<'t>(
    name: &'t str,
    operator: &'t str,
    right: &str,
    right_at: &'t str,
) -> Result<Expr, (&'t str, String)> {
    let names = || {
        SUBJECTS
            .iter()
            .map(|(name, _)| *name)
            .chain(Phase::ALL.map(Phase::name))
    };
    let Some(subject) = Subject::named(name) else {
        let hint = match nearest(name, names()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("the fields are {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err((name, format!("unknown field {name}: {hint}")));
    };
    let order = match operator {
        "=" | "==" => Order::Equal,
        "!=" => Order::NotEqual,
        "<" => Order::Less,
        "<=" => Order::LessOrEqual,
        ">" => Order::More,
        ">=" => Order::MoreOrEqual,
        _ if subject.is_number() => {
            return Err((
                operator,
                format!("{name} is a number: compare it with = != < <= > >="),
            ));
        }
        _ => {
            let regex = RegexBuilder::new(right)
                .unicode(false)
                .size_limit(1 << 20)
                .build()
                .map_err(|e| (right_at, format!("no regular expression: {e}")))?;
            return Ok(Expr::Matches(subject, operator == "~", Box::new(regex)));
        }
    };
    match (subject, order) {
        (Subject::Phase(_), _) => {
            let duration: Micros = right.parse().map_err(|e: String| (right_at, e))?;
            Ok(Expr::Number(subject, order, duration.0))
        }
        (Subject::Status, Order::Equal | Order::NotEqual) if right.ends_with("xx") => match right
            .strip_suffix("xx")
            .and_then(|class| class.parse().ok())
        {
            Some(class) => Ok(Expr::StatusClass(order, class)),
            None => Err((
                right_at,
                format!("{right:?} is no class of statuses: give one such as 5xx"),
            )),
        },
        (Subject::Status | Subject::Bytes, _) => {
            let number = right.parse().map_err(|_| {
                (
                    right_at,
                    format!("{name} is compared with a whole number, not {right:?}"),
                )
            })?;
            Ok(Expr::Number(subject, order, number))
        }
        (_, Order::Equal | Order::NotEqual) => Ok(Expr::Text(
            subject,
            order == Order::Equal,
            right.as_bytes().to_vec(),
        )),
        _ => Err((
            operator,
            format!("{name} is text: compare it with = != ~ !~"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Escape, Names, compile};
    use crate::phases::AppClock;
    use crate::record::LineReader;

    fn holds(expression: &str) -> bool {
        let plan = compile(
            "test",
            r#""$request" $status $host rt=$request_time"#,
            Escape::Default,
            Names::Checked,
        )
        .unwrap()
        .plan(Fields::ALL);
        let mut reader = LineReader::new(&plan);
        let record = reader
            .read(br#""POST /api/users/7?x HTTP/1.1" 503 example.com rt=1.500"#)
            .unwrap();
        let phases = Phases::of(&record, &AppClock::default()).unwrap();
        Filter::new(expression).unwrap().holds(&Filtered {
            record: &record,
            phases: &phases,
            route: b"/api/users/:id",
        })
    }

    #[test]
    fn expressions_hold_or_do_not() {
        let rows = [
            ("status >= 500", true),
            ("status = 5xx", true),
            ("status != 5xx", false),
            ("status=503 and total>1s", true),
            ("total > 1500ms", false),
            ("total >= 1.5s", true),
            ("method = GET or method = 'POST'", true),
            ("method = GET or status = 200 and total > 1s", false),
            ("(method = GET or status = 503) and total > 1s", true),
            ("not status = 503", false),
            ("!(status = 200) && host == example.com", true),
            ("route = /api/users/:id", true),
            ("path ~ 'users/[0-9]+'", true),
            ("path !~ 'users/[0-9]+'", false),
            // Nothing is known of these.
            ("app > 1s", false),
            ("app <= 1s", false),
            ("user_agent != x", false),
            ("order = 1 or status = 503", true),
        ];
        for (expression, want) in rows {
            if expression.starts_with("order") {
                assert!(Filter::new(expression).is_err());
            } else {
                assert_eq!(holds(expression), want, "{expression}");
            }
        }
    }

    #[test]
    fn errors_point_at_the_place() {
        let message = |text: &str| Filter::new(text).unwrap_err().to_string();
        assert_eq!(
            message("status > 1 and stauts = 2"),
            "unknown field stauts: did you mean status?\n  status > 1 and stauts = 2\n                 ^"
        );
        assert!(message("total > 1").contains("unit"));
        assert!(message("status > 1 x").contains("`and`"));
        assert!(message("").contains("comparison"));
        assert!(message("path ~ '('").contains("regular expression"));
        assert!(message("path > 'a'").contains("is text"));
        assert!(Filter::new(&"(".repeat(100_000)).is_err());
    }
}
