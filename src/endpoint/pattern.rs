//! Route patterns that a person gives: templates with `:name` segments, or regular expressions.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// A pattern over whole paths (without the query).
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Segments; a trailing `*` stands for the rest of the path.
    Template(Vec<Segment>),
    /// Linear in the path's length (no backtracking).
    Regex(Regex),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Vec<u8>),
    /// Any one segment that is not empty.
    Any,
    /// Everything that is left, nothing too.
    Rest,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// `/users/:id/posts` (each `:name` is one segment), `/static/*` (the rest of the path), or,
    /// with any other special character, a regular expression that must match the whole path.
    ///
    /// # Errors
    /// A regular expression that is none or is too large; a `*` before the end of a template.
    pub fn new(text: &str) -> Result<Pattern, PatternError> {
        let is_template = text.starts_with('/')
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/:*-_.~%@,;=!&".contains(&b))
            && !text.contains(".*");
        let kind = if is_template {
            Kind::Template(template(text)?)
        } else {
            Kind::Regex(regex(text)?)
        };
        Ok(Pattern {
            text: text.to_owned(),
            kind,
        })
    }

    /// The pattern as it was given: the name of its route.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole path.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        match &self.kind {
            Kind::Regex(regex) => regex.is_match(path),
            Kind::Template(segments) => {
                let mut parts = path.split(|b| *b == b'/');
                for segment in segments {
                    let fits = match (segment, parts.next()) {
                        (Segment::Rest, _) => return true,
                        (Segment::Literal(literal), Some(part)) => literal == part,
                        (Segment::Any, Some(part)) => !part.is_empty(),
                        (_, None) => false,
                    };
                    if !fits {
                        return false;
                    }
                }
                parts.next().is_none()
            }
        }
    }
}

fn template(text: &str) -> Result<Vec<Segment>, PatternError> {
    let last = text.split('/').count() - 1;
    text.split('/')
        .enumerate()
        .map(|(at, segment)| match segment {
            "*" if at == last => Ok(Segment::Rest),
            _ if segment.contains('*') => {
                Err(PatternError(format!("in the pattern {text:?} a `*` may only stand alone at the end; use `:name` for one segment")))
            }
            _ if segment.len() > 1 && segment.starts_with(':') => Ok(Segment::Any),
            _ => Ok(Segment::Literal(segment.as_bytes().to_vec())),
        })
        .collect()
}

fn regex(text: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(&format!("^(?:{text})$"))
        // Paths are bytes; `.` shall match whatever stands there.
        .unicode(false)
        .size_limit(1 << 20)
        .build()
        .map_err(|e| {
            PatternError(format!(
                "the pattern {text:?} is no regular expression: {e}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_and_regular_expressions_are_anchored() {
        let rows = [
            ("/users/:id", "/users/42", true),
            ("/users/:id", "/users/", false),
            ("/users/:id", "/users/42/x", false),
            ("/users/:id", "/x/users/42", false),
            ("/static/*", "/static/a/b", true),
            ("/static/*", "/static", true),
            ("/static/*", "/statics", false),
            ("/", "/", true),
            ("/u/[0-9]+", "/u/42", true),
            ("/u/[0-9]+", "/u/42/x", false),
            ("/u/.*", "/u/\u{ff}", true),
            ("(?i)/U", "/u", true),
        ];
        for (pattern, path, fits) in rows {
            assert_eq!(
                Pattern::new(pattern).unwrap().matches(path.as_bytes()),
                fits,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn a_bad_pattern_says_so() {
        assert!(
            Pattern::new("/a(")
                .unwrap_err()
                .to_string()
                .contains("no regular expression")
        );
        assert!(
            Pattern::new("/*/a")
                .unwrap_err()
                .to_string()
                .contains(":name")
        );
        assert!(Pattern::new(&format!("/a{{1,{}}}(b{{1000}}){{1000}}", 1000)).is_err());
    }
}
