//! Sentences with names from a log in them: the words are ours, the names are a stranger's, and each
//! renderer escapes the names for its own medium.

use crate::untrusted::Untrusted;

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words of slowpath.
    Words(String),
    /// Bytes from a log.
    Log(Vec<u8>),
}

/// One or more sentences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prose(Vec<Piece>);

impl Prose {
    /// A sentence that begins with these words.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Prose {
        Prose(vec![Piece::Words(words.into())])
    }

    /// Goes on with words.
    #[must_use]
    pub fn words(mut self, words: impl Into<String>) -> Prose {
        self.0.push(Piece::Words(words.into()));
        self
    }

    /// Goes on with bytes from a log.
    #[must_use]
    pub fn log(mut self, bytes: &[u8]) -> Prose {
        self.0.push(Piece::Log(bytes.to_vec()));
        self
    }

    /// Goes on with another text.
    #[must_use]
    pub fn and(mut self, more: Prose) -> Prose {
        self.0.extend(more.0);
        self
    }

    /// Several texts, as in `one, two and three`.
    #[must_use]
    pub fn list(items: Vec<Prose>) -> Prose {
        let last = items.len().saturating_sub(1);
        items
            .into_iter()
            .enumerate()
            .fold(Prose::default(), |list, (at, item)| {
                let list = match at {
                    0 => list,
                    at if at == last => list.words(" and "),
                    _ => list.words(", "),
                };
                list.and(item)
            })
    }

    /// The text, with what is from the log in the form of a medium.
    #[must_use]
    pub fn render(&self, escape: impl Fn(Untrusted<'_>) -> String) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Log(bytes) => escape(Untrusted::new(bytes)),
        };
        self.0.iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_are_escaped() {
        let prose = Prose::new("<b> ")
            .log(b"a<b>")
            .and(Prose::list(vec![Prose::new("x"), Prose::new("y")]));
        let shouted = prose.render(|name| name.for_terminal().to_uppercase());
        assert_eq!(shouted, "<b> A<B>x and y");
        let three = Prose::list(vec!["a", "b", "c"].into_iter().map(Prose::new).collect());
        assert_eq!(three.render(|name| name.for_terminal()), "a, b and c");
    }
}
