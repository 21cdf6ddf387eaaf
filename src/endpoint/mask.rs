//! Routes from paths: segments that name a thing are replaced by what kind of name it is.
//!
//! | a segment | becomes |
//! |---|---|
//! | an integer, a UUID, hex of 8 and more with a digit, letters and digits of 16 and more with a digit (ULID, base62) | `:id` |
//! | a date, with or without a time | `:date` |
//! | an e-mail address | `:email` |
//! | an IP address | `:ip` |
//! | a long slug that holds an id (`some-long-title-12345`) | `:slug` |
//! | a short name with an id in it (`user-42`, `app.3f2a9c81.js`) | itself with `:id` in that part |
//!
//! One placeholder for all kinds of ids: a few hashes of any service have no letter in them, and
//! must not become a route of their own. Segments that are told apart only by their neighbours
//! (names, titles) are left to [`super::fold`].

use std::net::Ipv6Addr;

use crate::scan::{self, u8x16};

/// What bytes occur in a segment.
#[derive(Clone, Copy)]
struct Kinds(u16);

impl Kinds {
    const DIGIT: u16 = 1;
    const HEX_LETTER: u16 = 1 << 1;
    const LOWER: u16 = 1 << 2;
    const UPPER: u16 = 1 << 3;
    const DASH: u16 = 1 << 4;
    const UNDERSCORE: u16 = 1 << 5;
    const DOT: u16 = 1 << 6;
    const COLON: u16 = 1 << 7;
    const AT: u16 = 1 << 8;
    const PERCENT: u16 = 1 << 9;
    /// `,`, `+`, `~`, `=`: they part words too.
    const MARK: u16 = 1 << 10;
    const OTHER: u16 = 1 << 11;

    const LETTER: u16 = Self::HEX_LETTER | Self::LOWER | Self::UPPER;
    const BETWEEN_PARTS: u16 = Self::DASH | Self::UNDERSCORE | Self::DOT | Self::MARK | Self::COLON;

    const fn of_byte(byte: u8) -> u16 {
        match byte {
            b'0'..=b'9' => Self::DIGIT,
            b'a'..=b'f' => Self::HEX_LETTER | Self::LOWER,
            b'A'..=b'F' => Self::HEX_LETTER | Self::UPPER,
            // Only letters over `f` are marked, so that hex is told by what is absent.
            b'g'..=b'z' => Self::LOWER | Self::NOT_HEX,
            b'G'..=b'Z' => Self::UPPER | Self::NOT_HEX,
            b'-' => Self::DASH | Self::NOT_HEX,
            b'_' => Self::UNDERSCORE | Self::NOT_HEX,
            b'.' => Self::DOT | Self::NOT_HEX,
            b':' => Self::COLON | Self::NOT_HEX,
            b'@' => Self::AT | Self::NOT_HEX,
            b'%' => Self::PERCENT | Self::NOT_HEX,
            b',' | b'+' | b'~' | b'=' => Self::MARK | Self::NOT_HEX,
            _ => Self::OTHER | Self::NOT_HEX,
        }
    }

    const NOT_HEX: u16 = 1 << 12;

    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = Self::of_byte(byte as u8);
            byte += 1;
        }
        table
    };

    #[inline]
    fn of(segment: &[u8]) -> Kinds {
        Kinds(
            segment
                .iter()
                .fold(0, |kinds, byte| kinds | Self::TABLE[usize::from(*byte)]),
        )
    }

    #[inline]
    fn has(self, kinds: u16) -> bool {
        self.0 & kinds != 0
    }

    /// Nothing but letters and digits.
    #[inline]
    fn is_alphanumeric(self) -> bool {
        !self.has(!(Self::DIGIT | Self::LETTER | Self::NOT_HEX))
    }
}

/// Appends the route of a path to `route`.
#[inline]
pub fn mask(path: &[u8], route: &mut Vec<u8>) {
    match Places::of(path) {
        Some(places) => mask_marked(path, places.slashes, places.marks, route),
        None => mask_long(path, route),
    }
}

/// Appends the route of a request target that begins with a slash: of its path, without query and
/// fragment.
#[inline]
pub fn mask_target(target: &[u8], route: &mut Vec<u8>) {
    match Places::of(target) {
        Some(places) => {
            let length = (places.ends.trailing_zeros() as usize).min(target.len());
            let within = u64::MAX
                .checked_shl(length as u32)
                .map_or(u64::MAX, |beyond| !beyond);
            let (slashes, marks) = (places.slashes & within, places.marks & within);
            mask_marked(&target[..length], slashes, marks, route);
        }
        None => {
            let length = scan::find_any([b'?', b'#'], target).unwrap_or(target.len());
            mask_long(&target[..length], route);
        }
    }
}

/// Where the bytes of a short text are that matter: bit `n` stands for byte `n`.
struct Places {
    slashes: u64,
    /// Bytes without one of which nothing is masked.
    marks: u64,
    /// Where a path ends and a query or fragment begins.
    ends: u64,
}

impl Places {
    /// `None` where the text is longer than 64 bytes.
    #[inline(always)]
    fn of(text: &[u8]) -> Option<Places> {
        let is = |chunk: u8x16, byte| chunk.simd_eq(u8x16::splat(byte));
        let classes = |chunk| {
            // Digits and the colon are neighbours.
            let marks = scan::between(chunk, b'0', b':') | is(chunk, b'%') | is(chunk, b'@');
            [is(chunk, b'/'), marks, is(chunk, b'?') | is(chunk, b'#')]
        };
        let [slashes, marks, ends] = scan::places_in_short(text, classes)?;
        Some(Places {
            slashes,
            marks,
            ends,
        })
    }
}

/// The fast path: looks only at the segments that hold a mark.
#[inline]
fn mask_marked(path: &[u8], slashes: u64, mut marks: u64, route: &mut Vec<u8>) {
    // What stays is copied in one piece, from here to the next segment that changes.
    let mut kept = 0;
    while marks != 0 {
        let at = marks.trailing_zeros() as usize;
        let before = slashes & ((1 << at) - 1);
        let start = (u64::BITS - before.leading_zeros()) as usize;
        let behind = slashes >> at;
        let end = match behind {
            0 => path.len(),
            behind => at + behind.trailing_zeros() as usize,
        };
        let segment = &path[start..end];
        route.extend_from_slice(&path[kept..start]);
        mask_segment(segment, Kinds::of(segment), route);
        kept = end;
        marks &= u64::MAX.checked_shl(end as u32).unwrap_or(0);
    }
    route.extend_from_slice(&path[kept..]);
}

fn mask_long(path: &[u8], route: &mut Vec<u8>) {
    for (number, segment) in path.split(|byte| *byte == b'/').enumerate() {
        if number > 0 {
            route.push(b'/');
        }
        let kinds = Kinds::of(segment);
        if kinds.has(MAYBE_MASKED) {
            mask_segment(segment, kinds, route);
        } else {
            route.extend_from_slice(segment);
        }
    }
}

/// Nothing is masked that holds no digit, but for addresses.
const MAYBE_MASKED: u16 = Kinds::DIGIT | Kinds::AT | Kinds::PERCENT | Kinds::COLON;

/// Appends a segment or what stands for it.
#[inline]
fn mask_segment(segment: &[u8], kinds: Kinds, route: &mut Vec<u8>) {
    if kinds.has(Kinds::PERCENT) {
        // Decoded only to see what it is; a segment that stays is shown as it was sent.
        let decoded = percent_decode(segment);
        match placeholder(&decoded, Kinds::of(&decoded)) {
            Some(placeholder) => route.extend_from_slice(placeholder),
            None if decoded == segment => mask_parts(segment, route),
            None => route.extend_from_slice(segment),
        }
        return;
    }
    match placeholder(segment, kinds) {
        Some(placeholder) => route.extend_from_slice(placeholder),
        None if kinds.has(Kinds::BETWEEN_PARTS) => mask_parts(segment, route),
        None => route.extend_from_slice(segment),
    }
}

/// What stands for the whole segment; `None` where it, or a part of it, stays.
#[inline]
fn placeholder(segment: &[u8], kinds: Kinds) -> Option<&'static [u8]> {
    if kinds.has(Kinds::DIGIT) {
        if is_id(segment, kinds) || is_uuid(segment, kinds) {
            return Some(b":id");
        }
        if is_date(segment) {
            return Some(b":date");
        }
        if kinds.has(Kinds::DOT) && is_ipv4(segment) {
            return Some(b":ip");
        }
    }
    if kinds.has(Kinds::AT) && is_email(segment) {
        return Some(b":email");
    }
    if kinds.has(Kinds::COLON) && is_ipv6(segment) {
        return Some(b":ip");
    }
    if kinds.has(Kinds::DIGIT) {
        let token = !kinds.has(
            !(Kinds::DIGIT | Kinds::LETTER | Kinds::NOT_HEX | Kinds::DASH | Kinds::UNDERSCORE),
        );
        // base64url: slugs are written in lower case, tokens mix it.
        if token
            && segment.len() >= 16
            && kinds.has(Kinds::UPPER)
            && kinds.has(Kinds::LOWER)
            && digits(segment) >= 2
        {
            return Some(b":id");
        }
        if is_slug_with_id(segment) {
            return Some(b":slug");
        }
    }
    None
}

/// An integer, hex of 8 and more with a digit, or letters and digits of 16 and more with a digit.
#[inline]
fn is_id(part: &[u8], kinds: Kinds) -> bool {
    if !kinds.has(Kinds::DIGIT) {
        return false;
    }
    if !kinds.has(!Kinds::DIGIT) {
        return true;
    }
    (part.len() >= 8 && !kinds.has(Kinds::NOT_HEX)) || (part.len() >= 16 && kinds.is_alphanumeric())
}

#[inline]
fn is_uuid(segment: &[u8], kinds: Kinds) -> bool {
    segment.len() == 36
        && kinds.has(Kinds::DASH)
        && segment.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2024-01-31`, `2024_01_31`, `2024.01.31`, `2024-01`, and a date with a time behind `T`.
fn is_date(segment: &[u8]) -> bool {
    let (date, time) = match segment.iter().position(|byte| matches!(byte, b'T' | b't')) {
        Some(at) => (&segment[..at], Some(&segment[at + 1..])),
        None => (segment, None),
    };
    let mut parts = date.split(|byte| matches!(byte, b'-' | b'_' | b'.'));
    let number = |part: Option<&[u8]>, length: usize, most: u32| {
        part.is_some_and(|part| {
            part.len() == length
                && part.iter().all(u8::is_ascii_digit)
                && (1..=most).contains(
                    &part
                        .iter()
                        .fold(0, |n, digit| n * 10 + u32::from(digit - b'0')),
                )
        })
    };
    let year = parts.next();
    let is_year = number(year, 4, 2999)
        && year.is_some_and(|year| matches!(year[..2], [b'1', b'9'] | [b'2', b'0'] | [b'2', b'1']));
    let fits = is_year
        && number(parts.next(), 2, 12)
        && parts.next().is_none_or(|day| number(Some(day), 2, 31))
        && parts.next().is_none();
    let is_time = |time: &[u8]| {
        time.len() >= 4
            && time[0].is_ascii_digit()
            && time
                .iter()
                .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-' | b'+' | b'Z' | b'z'))
    };
    fits && time.is_none_or(is_time)
}

fn is_ipv4(segment: &[u8]) -> bool {
    let mut parts = 0;
    let fits = segment.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        (1..=3).contains(&part.len())
            && part.iter().all(u8::is_ascii_digit)
            && part
                .iter()
                .fold(0_u32, |n, digit| n * 10 + u32::from(digit - b'0'))
                <= 255
    });
    fits && parts == 4
}

fn is_ipv6(segment: &[u8]) -> bool {
    let inside = segment
        .strip_prefix(b"[")
        .and_then(|s| s.strip_suffix(b"]"))
        .unwrap_or(segment);
    inside.len() <= 45
        && std::str::from_utf8(inside).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Something before one `@`, and after it a name with a dot inside.
fn is_email(segment: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', segment) else {
        return false;
    };
    let (local, domain) = (&segment[..at], &segment[at + 1..]);
    !local.is_empty()
        && domain.len() >= 3
        && memchr::memchr(b'.', domain).is_some_and(|dot| dot > 0 && dot + 1 < domain.len())
        && domain
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

fn digits(segment: &[u8]) -> usize {
    segment.iter().filter(|byte| byte.is_ascii_digit()).count()
}

fn parts(segment: &[u8]) -> impl Iterator<Item = &[u8]> {
    segment.split(|byte| Kinds(Kinds::TABLE[usize::from(*byte)]).has(Kinds::BETWEEN_PARTS))
}

/// Three words and more, 16 bytes and more, and an id of two digits and more among them.
fn is_slug_with_id(segment: &[u8]) -> bool {
    let words = parts(segment).filter(|part| !part.is_empty()).count();
    let has_id = || parts(segment).any(|part| part.len() >= 2 && is_id(part, Kinds::of(part)));
    let has_word =
        || parts(segment).any(|part| part.len() >= 2 && part.iter().all(u8::is_ascii_alphabetic));
    segment.len() >= 16 && words >= 3 && has_id() && has_word()
}

/// Appends a segment with `:id` for each part that is an id; a segment of nothing but ids is one.
fn mask_parts(segment: &[u8], route: &mut Vec<u8>) {
    let is_id = |part: &[u8]| is_id(part, Kinds::of(part));
    if parts(segment).all(is_id) {
        route.extend_from_slice(b":id");
        return;
    }
    let mut at = 0;
    for part in parts(segment) {
        route.extend_from_slice(if is_id(part) { b":id" } else { part });
        at += part.len();
        // The byte between this part and the next.
        route.extend(segment.get(at));
        at += 1;
    }
}

fn percent_decode(segment: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| {
            tail.get(at)
                .and_then(|digit| char::from(*digit).to_digit(16))
        };
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                // OK because two hex digits make a byte.
                out.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_become_what_they_name() {
        let rows = [
            ("/", "/"),
            ("", ""),
            ("//a//", "//a//"),
            ("/api/users/42/", "/api/users/:id/"),
            ("/api/v2/users", "/api/v2/users"),
            ("/o/123e4567-e89b-12d3-a456-426614174000", "/o/:id"),
            ("/c/3f2a9c81", "/c/:id"),
            ("/c/deadbeef", "/c/deadbeef"),
            ("/c/3F2A9C81BB", "/c/:id"),
            ("/c/3f2a9c8", "/c/3f2a9c8"),
            ("/u/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/u/:id"),
            ("/t/aB3xY9kLmN2pQrSt", "/t/:id"),
            ("/t/dQw4w9WgXcQ-_x8B2z", "/t/:id"),
            ("/d/2024-01-31/x", "/d/:date/x"),
            ("/d/2024-01-31T12:00:00Z", "/d/:date"),
            ("/d/2024-13-31", "/d/:id"),
            ("/m/a.b@example.com", "/m/:email"),
            ("/m/a%40example.com", "/m/:email"),
            ("/m/%34%32", "/m/:id"),
            ("/m/caf%C3%A9", "/m/caf%C3%A9"),
            ("/@alice", "/@alice"),
            ("/i/10.0.0.1", "/i/:ip"),
            ("/i/2001:db8::1", "/i/:ip"),
            ("/i/300.1.1.1", "/i/:id"),
            ("/p/how-to-boil-an-egg-12345", "/p/:slug"),
            ("/p/how-to-boil-an-egg", "/p/how-to-boil-an-egg"),
            ("/user-42", "/user-:id"),
            ("/page_2", "/page_:id"),
            ("/app.3f2a9c81.js", "/app.:id.js"),
            ("/jquery.min.js", "/jquery.min.js"),
            ("/img/123.png", "/img/:id.png"),
            ("/1,2,3", "/:id"),
            ("/v1.2", "/v1.:id"),
            ("/h2o", "/h2o"),
            ("/a:b", "/a:b"),
        ];
        for (path, route) in rows {
            let mut out = Vec::new();
            mask(path.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), route, "{path}");
        }
    }

    #[test]
    fn short_paths_become_what_long_ones_do() {
        let pieces = [
            "", "/", "a", "7", "/42", "%34", "@b.c", "::1", "-", "9f3a2b1c", "\0",
        ];
        for number in 0..pieces.len().pow(5) {
            let path: String = (0..5)
                .map(|place| pieces[number / pieces.len().pow(place) % pieces.len()])
                .collect();
            let (mut short, mut long) = (Vec::new(), Vec::new());
            mask(path.as_bytes(), &mut short);
            mask_long(path.as_bytes(), &mut long);
            assert_eq!(short, long, "{path}");
            for end in ["", "?a=/1", "#7"] {
                let mut target = Vec::new();
                mask_target(format!("{path}{end}").as_bytes(), &mut target);
                assert_eq!(target, long, "{path}{end}");
            }
        }
    }

    #[test]
    fn masking_twice_changes_nothing() {
        for path in [
            "/user-42",
            "/api/users/42",
            "/p/how-to-boil-an-egg-12345",
            "/m/a%40example.com",
            "/d/2024-01-31",
        ] {
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            mask(path.as_bytes(), &mut once);
            mask(&once, &mut twice);
            assert_eq!(once, twice);
        }
    }
}
