//! The lists in which nginx logs the attempts at upstreams: `0.001, 0.002 : 0.003`.
//!
//! `, ` stands between attempts at servers of one group (the earlier one failed), ` : ` between
//! upstreams of an internal redirect. What the attempts mean is for [`crate::phases`].

use crate::scan;

/// What follows an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// `, `: the next server of the group was tried.
    Retry,
    /// ` : `: the request was redirected to another upstream.
    Redirect,
    /// Nothing.
    End,
}

/// Whether the text is one element: by far the most common case, for which the caller need not walk
/// the list.
#[must_use]
#[inline]
pub fn is_single(text: &[u8]) -> bool {
    // OK because no element holds a space, and every separator does.
    scan::find(b' ', text).is_none()
}

/// The elements of a list, each with what follows it. An empty text is one empty element; a list
/// that ends in a separator has an empty last element (a redirect to a name that does not resolve).
pub fn attempts(text: &[u8]) -> impl Iterator<Item = (&[u8], Then)> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left.take()?;
        let mut from = 0;
        while let Some(space) = memchr::memchr(b' ', text.get(from..)?).map(|at| from + at) {
            let (head, tail) = text.split_at(space);
            if let Some(element) = head.strip_suffix(b",") {
                left = tail.get(1..);
                return Some((element, Then::Retry));
            }
            // ` : ` inside, ` :` where the end of the line was trimmed.
            if let Some(rest) = tail
                .strip_prefix(b" : ")
                .or_else(|| (tail == b" :").then_some(b""))
            {
                left = Some(rest);
                return Some((head, Then::Redirect));
            }
            from = space + 1;
        }
        Some((text, Then::End))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_separator_is_told() {
        let list = |text: &'static str| -> Vec<_> {
            attempts(text.as_bytes())
                .map(|(e, then)| (std::str::from_utf8(e).unwrap(), then))
                .collect()
        };
        use Then::{End, Redirect, Retry};
        assert_eq!(list("0.1"), [("0.1", End)]);
        assert_eq!(list("-"), [("-", End)]);
        assert_eq!(list(""), [("", End)]);
        assert_eq!(
            list("0.1, -, 0.3"),
            [("0.1", Retry), ("-", Retry), ("0.3", End)]
        );
        assert_eq!(
            list("0.1, 0.2 : 0.3"),
            [("0.1", Retry), ("0.2", Redirect), ("0.3", End)]
        );
        assert_eq!(list("0.1 : "), [("0.1", Redirect), ("", End)]);
        assert_eq!(list("0.1 :"), [("0.1", Redirect), ("", End)]);
        assert_eq!(list("unix:/a b"), [("unix:/a b", End)]);
        assert_eq!(list(", 0.2"), [("", Retry), ("0.2", End)]);
    }
}
