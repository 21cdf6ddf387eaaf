//! A grammar compiled for one run: which bytes of a line to look for, and which values to keep.
//!
//! A plan is data; [`crate::record`] runs it over a line.

use hashbrown::HashMap;

use crate::scan::{self, ByteNeedle, Needle};

use super::{Column, Escape, Field, Fields, Grammar, Piece, Syntax, Texture, Variable};

/// How the end of a value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It has this many bytes.
    Fixed(usize),
    /// It ends where the literal after it begins for the first time.
    Until,
    /// It ends at the first `"`: the escaping leaves none inside a value.
    Quoted,
    /// It ends at the first `"` that no backslash escapes.
    QuotedEscaped,
    /// It is one element or an nginx list of them, `a, b : c`, without quotes around.
    List,
    /// It is a run of digits and points, with nothing between it and the next value.
    Digits,
    /// Any number of blanks, or none.
    Blanks,
    /// It ends at the first blank, with which the literal after it begins.
    Word,
    /// It ends before the first `/`.
    Authority,
    /// `{…}` and a blank, or nothing.
    Captures,
    /// It is the rest of the line, less a `"` at the end.
    LastQuoted,
    /// It is the rest of the line: digits, points and signs.
    LastDigits,
    /// It is the rest of the line, which holds no blank.
    LastWord,
    /// It is the rest of the line, which is a list.
    LastList,
    /// It is the rest of the line.
    Rest,
}

/// The bytes of a literal that are compared at once.
const HEAD: usize = 8;

/// Bytes that stand in every line, ready to be compared eight at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Literal {
    bytes: Vec<u8>,
    /// The first byte; 0 where there is none.
    first: ByteNeedle,
    /// The first eight bytes, those that are there, in the order of memory; 0 in the others.
    head: u64,
    /// All ones where `head` has a byte.
    mask: u64,
    /// What is behind `head`.
    tail: Needle,
}

impl From<Vec<u8>> for Literal {
    fn from(bytes: Vec<u8>) -> Self {
        let (mut head, mut mask) = ([0; HEAD], [0; HEAD]);
        for (at, byte) in bytes.iter().take(HEAD).enumerate() {
            head[at] = *byte;
            mask[at] = 0xff;
        }
        Literal {
            first: ByteNeedle::new(head[0]),
            tail: bytes.get(HEAD..).unwrap_or_default().into(),
            head: u64::from_ne_bytes(head),
            mask: u64::from_ne_bytes(mask),
            bytes,
        }
    }
}

impl Literal {
    /// The first byte; 0 where there is none.
    #[must_use]
    #[inline]
    pub fn first(&self) -> u8 {
        self.head.to_ne_bytes()[0]
    }

    /// The first place where it may stand: where its first byte does.
    #[must_use]
    #[inline(always)]
    pub fn find_first(&self, text: &[u8]) -> Option<usize> {
        self.first.find(text)
    }

    /// As [`Literal::find_first`], where its head, up to eight bytes, does stand there and the text goes
    /// on for a few bytes. `None` says nothing.
    #[must_use]
    #[inline(always)]
    pub fn find_head(&self, text: &[u8]) -> Option<usize> {
        // A head that begins in the step ends in this.
        const STEP_AND_HEAD: usize = scan::STEP + HEAD;
        let mut left = text;
        loop {
            let near = left.first_chunk::<STEP_AND_HEAD>()?;
            if let Some(at) = self.first.find_in_step(near.first_chunk()?) {
                let head = near.get(at..)?.first_chunk::<HEAD>()?;
                let is_there = u64::from_ne_bytes(*head) & self.mask == self.head;
                return is_there.then_some(text.len() - left.len() + at);
            }
            left = left.get(scan::STEP..)?;
        }
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What follows the literal, where the input begins with it.
    #[must_use]
    #[inline]
    pub fn strip<'i>(&self, input: &'i [u8]) -> Option<&'i [u8]> {
        // Nearly every literal is short, and nearly every input has eight bytes left.
        if self.bytes.len() <= HEAD
            && let Some(head) = input.first_chunk::<HEAD>()
        {
            let same = u64::from_ne_bytes(*head) & self.mask == self.head;
            return if same {
                input.get(self.bytes.len()..)
            } else {
                None
            };
        }
        if !input.starts_with(self.bytes.get(..HEAD).unwrap_or(&self.bytes)) {
            return None;
        }
        input.get(self.end_behind_head(input, 0)?..)
    }

    /// The place behind the literal, whose head stands at this place.
    #[must_use]
    #[inline(always)]
    pub fn end_behind_head(&self, input: &[u8], at: usize) -> Option<usize> {
        if self.bytes.len() <= HEAD {
            return Some(at + self.bytes.len());
        }
        self.tail.end_at(input, at + HEAD)
    }
}

/// A value and the literal that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How the end of the value is found.
    pub shape: Shape,
    /// Field and index of the column, where the run needs the value.
    pub keep: Option<(Field, u8)>,
    /// Whether the value mostly ends where the first byte of the short literal after it stands for the
    /// first time.
    pub is_plain: bool,
    /// The same of a longer literal, or of a list, one of whose elements the literal cannot be.
    pub is_plain_before_long: bool,
    /// The literal after the value; empty at the end of the line.
    pub then: Literal,
    /// The name of the value in the definition, for messages.
    pub name: String,
    /// Whether the value is nothing but digits, points and dashes, for messages too: what is read as
    /// a number is checked there.
    pub is_digits: bool,
}

impl Step {
    /// A value of this shape and name, with nothing behind it and of no use to the run.
    #[must_use]
    pub fn new(shape: Shape, name: String) -> Step {
        Step {
            shape,
            keep: None,
            is_plain: false,
            is_plain_before_long: false,
            then: Literal::default(),
            name,
            is_digits: false,
        }
    }

    /// Puts a literal behind the value.
    pub fn end_with(&mut self, then: Literal) {
        let bytes = then.bytes();
        let ends_at_first = match self.shape {
            Shape::Until | Shape::Quoted | Shape::Word => !bytes.is_empty(),
            // What begins as the separators of a list do is not told from them in one look.
            Shape::List => {
                bytes.len() > 1 && !bytes.starts_with(b", ") && !bytes.starts_with(b" :")
            }
            _ => false,
        };
        let is_short = bytes.len() <= HEAD && self.shape != Shape::List;
        self.is_plain = ends_at_first && is_short;
        self.is_plain_before_long = ends_at_first && !is_short;
        self.then = then;
    }
}

/// The plan of a text line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPlan {
    /// The literal before the first value.
    pub lead: Literal,
    /// The values and what follows each.
    pub steps: Vec<Step>,
    /// The fields of the steps that are kept: what a line that fits has.
    pub fields: Fields,
}

/// The plan of a line of keys and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedPlan {
    /// The line itself, which is always there, and the objects inside it, in JSON. There are no more
    /// than 256, none of them deeper than [`KeyedPlan::DEEPEST`].
    objects: Vec<Object>,
}

/// The keys of an object, or of the line itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Object {
    /// What the values are. Keys that the run does not need are absent.
    keys: HashMap<Vec<u8>, Key>,
    /// The object around it; the line is its own.
    around: u8,
}

/// What the value of a key is: both, where a program writes now a text and now an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Key {
    /// Field and index of the column that a text or number is.
    pub column: Option<(Field, u8)>,
    /// The number of the object, or of the list, whose first element is called `0`.
    pub object: Option<u8>,
}

/// What a server writes for nothing in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Null {
    /// Field and index of the column.
    pub column: (Field, u8),
    /// The text.
    pub text: Vec<u8>,
}

/// The syntax to be read, see [`Syntax`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// A text line.
    Text(TextPlan),
    /// A JSON object.
    Json(KeyedPlan),
    /// Labelled tab-separated values.
    Ltsv(KeyedPlan),
    /// `key=value` pairs.
    Logfmt(KeyedPlan),
    /// Values in the order of a `#Fields` line, and the first such order.
    W3c(KeyedPlan, Vec<Vec<u8>>),
}

/// A grammar compiled for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The grammar that it was made from.
    pub grammar: Grammar,
    /// How a line is read.
    pub layout: Layout,
    /// What the values are; a step or key refers to them by index.
    pub columns: Vec<Column>,
    /// What servers write for nothing in some columns.
    pub nulls: Vec<Null>,
    /// How strings are escaped.
    pub escape: Escape,
    /// The fields that a line of the grammar can give, needed or not.
    pub offers: Fields,
}

/// Compiles a grammar for a run that asks for `needs`.
pub(super) fn plan(grammar: &Grammar, needs: Fields) -> Plan {
    // What tells its lines from those of others is read in any case.
    let needs = needs.and(grammar.requires);
    let columns = grammar.columns();
    let keep = |at: usize| {
        let column = columns.get(at)?;
        let index = u8::try_from(at).ok()?;
        needs.has(column.field).then_some((column.field, index))
    };
    let (layout, escape) = match &grammar.syntax {
        Syntax::Text(pieces, escape) => (
            Layout::Text(text_plan(pieces, *escape, &columns, needs)),
            *escape,
        ),
        Syntax::Json(_) => (Layout::Json(keyed_plan(&columns, keep)), Escape::Backslash),
        Syntax::Ltsv(_) => (Layout::Ltsv(keyed_plan(&columns, keep)), Escape::Default),
        Syntax::Logfmt(_) => (
            Layout::Logfmt(keyed_plan(&columns, keep)),
            Escape::Backslash,
        ),
        Syntax::W3c { order, .. } => {
            let order = order.iter().map(|name| name.clone().into_bytes()).collect();
            (Layout::W3c(keyed_plan(&columns, keep), order), Escape::None)
        }
    };
    Plan {
        grammar: grammar.clone(),
        layout,
        offers: grammar.fields(),
        nulls: columns
            .iter()
            .enumerate()
            .filter_map(|(at, column)| {
                Some(Null {
                    column: keep(at)?,
                    text: column.null.clone()?.into_bytes(),
                })
            })
            .collect(),
        columns,
        escape,
    }
}

fn keyed_plan(columns: &[Column], keep: impl Fn(usize) -> Option<(Field, u8)>) -> KeyedPlan {
    let mut plan = KeyedPlan::default();
    for (at, column) in columns.iter().enumerate() {
        if let Some((field, index)) = keep(at) {
            // A program may write the path as one key, too.
            plan.put(KeyedPlan::LINE, &column.name, (field, index));
            plan.insert(&column.name, (field, index));
        }
    }
    plan
}

impl Default for KeyedPlan {
    fn default() -> Self {
        KeyedPlan {
            objects: vec![Object::default()],
        }
    }
}

impl KeyedPlan {
    /// The number of the line itself among the objects.
    pub const LINE: u8 = 0;

    /// How many objects are inside one another at most.
    pub const DEEPEST: usize = 63;

    /// What a key in an object is; nothing where the run does not need it.
    #[must_use]
    pub fn key(&self, object: u8, name: &[u8]) -> Key {
        let object = self.objects.get(usize::from(object));
        let key = object.and_then(|object| object.keys.get(name));
        key.copied().unwrap_or_default()
    }

    /// The object around an object; `None` around the line.
    #[must_use]
    pub fn around(&self, object: u8) -> Option<u8> {
        let around = self.objects.get(usize::from(object))?.around;
        (object != Self::LINE).then_some(around)
    }

    /// Adds the column at the end of a path, and objects on the way to it. A path that is too deep, or
    /// through too many objects, is left out.
    fn insert(&mut self, path: &str, column: (Field, u8)) {
        if path.matches('.').count() > Self::DEEPEST {
            return;
        }
        let (mut object, mut left) = (Self::LINE, path);
        while let Some((name, rest)) = left.split_once('.').filter(|(name, _)| !name.is_empty()) {
            let Ok(next) = u8::try_from(self.objects.len()) else {
                return;
            };
            let keys = &mut self.objects[usize::from(object)].keys;
            let key = keys.entry(name.as_bytes().to_vec()).or_default();
            let inner = *key.object.get_or_insert(next);
            if inner == next {
                self.objects.push(Object {
                    around: object,
                    ..Object::default()
                });
            }
            (object, left) = (inner, rest);
        }
        self.put(object, left, column);
    }

    fn put(&mut self, object: u8, name: &str, column: (Field, u8)) {
        let keys = &mut self.objects[usize::from(object)].keys;
        keys.entry(name.as_bytes().to_vec()).or_default().column = Some(column);
    }
}

fn text_plan(pieces: &[Piece], escape: Escape, columns: &[Column], needs: Fields) -> TextPlan {
    let mut lead = Literal::default();
    let mut steps: Vec<Step> = Vec::new();
    let mut column = 0_usize;
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(text) => match steps.last_mut() {
                Some(step) => step.end_with(text.clone().into()),
                None => lead = text.clone().into(),
            },
            Piece::Value(variable) => {
                let before: &[u8] = match at.checked_sub(1).and_then(|at| pieces.get(at)) {
                    Some(Piece::Literal(text)) => text,
                    _ => b"",
                };
                let after: Option<&[u8]> = match pieces.get(at + 1) {
                    Some(Piece::Literal(text)) => Some(text),
                    Some(Piece::Value(_)) => Some(b""),
                    None => None,
                };
                let is_last = at + 2 >= pieces.len();
                let keep = variable.meaning.and_then(|meaning| {
                    let field = meaning.field;
                    let index = column;
                    column += 1;
                    // The first of those with the lowest rank.
                    let best = columns
                        .iter()
                        .enumerate()
                        .filter(|(_, c)| c.field == field)
                        .min_by_key(|(_, c)| c.rank);
                    let counts = best.is_some_and(|(best, _)| best == index);
                    (counts && needs.has(field)).then_some((field, u8::try_from(index).ok()?))
                });
                if variable.texture == Texture::Padded {
                    steps.push(Step::new(Shape::Blanks, variable.shown()));
                }
                let shape = shape(before, after, is_last, variable, escape);
                steps.push(Step {
                    keep,
                    is_digits: variable.texture == Texture::Digits,
                    ..Step::new(shape, variable.shown())
                });
            }
        }
    }
    let fields = steps.iter().filter_map(|step| step.keep);
    TextPlan {
        lead,
        fields: fields.map(|(field, _)| field).collect(),
        steps,
    }
}

/// How the end of a value is found, from what stands around it and from what it is.
///
/// Two values with nothing between them are refused by the compiler of definitions unless the first
/// ends by itself.
fn shape(
    before: &[u8],
    after: Option<&[u8]>,
    is_last: bool,
    variable: &Variable,
    escape: Escape,
) -> Shape {
    let is_quoted =
        before.last() == Some(&b'"') && after.is_some_and(|after| after.first() == Some(&b'"'));
    match (variable.texture, after) {
        (Texture::Captures, _) => Shape::Captures,
        (Texture::Authority, _) => Shape::Authority,
        (Texture::List, None) => Shape::LastList,
        (Texture::Text, None) => Shape::Rest,
        (Texture::Digits, None) if variable.meaning.is_none() => Shape::LastDigits,
        (Texture::Fixed(length), None) => Shape::Fixed(length),
        (_, None) => Shape::LastWord,
        (Texture::Fixed(length), Some(b"")) => Shape::Fixed(length),
        (_, Some(b"")) => Shape::Digits,
        _ if is_quoted => match escape {
            Escape::Hash if is_last && after == Some(b"\"") => Shape::LastQuoted,
            Escape::Default | Escape::Hash => Shape::Quoted,
            Escape::Backslash => Shape::QuotedEscaped,
            Escape::None => Shape::Until,
        },
        (Texture::Fixed(length), _) => Shape::Fixed(length),
        (Texture::List, _) => Shape::List,
        (Texture::Word | Texture::Digits | Texture::Padded, Some([b' ', ..])) => Shape::Word,
        _ => Shape::Until,
    }
}
