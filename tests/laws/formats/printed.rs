//! Lines of a grammar from random values, with what must be read from them.

use std::collections::BTreeMap;

use slowpath::grammar::{
    Column, Escape, Field, Fields, Grammar, Piece, Reading, Syntax, Texture, Variable,
};
use slowpath::stamp::StampForm;
use slowpath::unit::Unit;

/// A line and the texts of its fields.
pub struct Printed {
    pub line: Vec<u8>,
    pub fields: BTreeMap<Field, Want>,
}

/// What must be read of a field.
#[derive(Clone)]
pub struct Want {
    /// `None` where nothing stands there.
    pub text: Option<Vec<u8>>,
    /// The duration, where it is one of the server's own and no list.
    pub us: Option<u64>,
}

/// A small generator with the same numbers everywhere (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len() as u64) as usize]
    }
}

/// What a value may hold where it stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// No blank, no mark of the syntax.
    Bare,
    /// In quotes, escaped so.
    Quoted(Escape),
}

/// Lines of a grammar; the first of a W3C log says the order of its fields.
pub fn lines_of(grammar: &Grammar, seed: u64) -> Vec<Printed> {
    let mut chance = Chance(seed);
    match &grammar.syntax {
        Syntax::Text(pieces, escape) => vec![text(pieces, *escape, &mut chance)],
        Syntax::Json(columns) => vec![json(columns, grammar.requires, &mut chance)],
        Syntax::Ltsv(columns) => vec![pairs(columns, grammar.requires, [":", "\t"], &mut chance)],
        Syntax::Logfmt(columns) => vec![pairs(columns, grammar.requires, ["=", " "], &mut chance)],
        Syntax::W3c { fields, .. } => w3c(fields, grammar.requires, &mut chance),
    }
}

/// A duration in a unit, with a fixed number of decimals where the server has one.
fn duration(unit: Unit, decimals: Option<u8>, chance: &mut Chance) -> (String, u64) {
    let most = match unit {
        Unit::Seconds => 6,
        Unit::Milliseconds => 3,
        _ => 0,
    };
    let decimals = decimals.map_or_else(|| chance.below(most + 1), u64::from);
    let whole = chance.below(100_000);
    let fraction = chance.below(10_u64.pow(decimals as u32));
    let text = match decimals {
        0 => whole.to_string(),
        _ => format!("{whole}.{fraction:0width$}", width = decimals as usize),
    };
    let fraction_us = |per: u64| fraction * per / 10_u64.pow(decimals as u32);
    match unit {
        Unit::Seconds => (text, whole * 1_000_000 + fraction_us(1_000_000)),
        Unit::Milliseconds => (text, whole * 1_000 + fraction_us(1_000)),
        Unit::Microseconds => (text, whole),
        Unit::Nanoseconds => (text, whole / 1_000),
        Unit::Suffix => (format!("{whole}ms"), whole * 1_000),
    }
}

fn stamp(form: StampForm, chance: &mut Chance) -> String {
    let (day, second) = (10 + chance.below(18), 10 + chance.below(49));
    match form {
        StampForm::Clf => format!("{day}/Feb/2024:12:00:{second} +0100"),
        StampForm::Iso8601 => format!("2024-02-{day}T12:00:{second}+01:00"),
        StampForm::EpochSeconds => format!("17082{day}0{second}.250"),
        StampForm::Ctime => format!("Thu Feb {day} 12:00:{second} 2024"),
        StampForm::Haproxy => format!("{day}/Feb/2024:12:00:{second}.250"),
        StampForm::TimeOfDay => format!("12:00:{second}"),
        StampForm::Since => format!("t=17082{day}0{second}.250"),
        StampForm::Any => format!("2024-02-{day}T12:00:{second}Z"),
    }
}

fn words(place: Place, chance: &mut Chance) -> String {
    let mut parts = vec!["a", "Z9", "_", "x-y", "0.1", "★"];
    match place {
        Place::Bare => {}
        Place::Quoted(Escape::Default) => parts.extend([" ", "\\x22", ", ", "'"]),
        Place::Quoted(Escape::Backslash) => parts.extend([" ", "\\\"", "\\\\", ", "]),
        Place::Quoted(Escape::Hash) => parts.extend([" ", "#22", "|"]),
        Place::Quoted(Escape::None) => parts.extend([" x", "'"]),
    }
    let parts = (0..=chance.below(6)).map(|_| chance.one_of(&parts));
    format!("w{}", parts.collect::<String>())
}

/// The text of a column, and what must be read of it. What a format requires stands in every line.
fn value(
    column: &Column,
    requires: Fields,
    is_list: bool,
    place: Place,
    chance: &mut Chance,
) -> (String, Want) {
    let plain = |text: String| {
        let want = Want {
            text: Some(text.clone().into_bytes()),
            us: None,
        };
        (text, want)
    };
    let is_needed = requires.has(column.field)
        || matches!(
            column.field,
            Field::Request
                | Field::Method
                | Field::Target
                | Field::Stamp
                | Field::Date
                | Field::Status
                | Field::App
        );
    let may_lack = !is_needed && !matches!(column.reading, Reading::Stamp(_));
    if may_lack && chance.below(4) == 0 {
        return (
            "-".to_owned(),
            Want {
                text: None,
                us: None,
            },
        );
    }
    let path = format!("/p/{}?q={}", chance.below(1_000), chance.below(10));
    match (column.field, column.reading) {
        (Field::Request, _) => plain(format!(
            "{} {path} HTTP/1.1",
            chance.one_of(&["GET", "POST"])
        )),
        (Field::Method, _) => plain(chance.one_of(&["GET", "PUT"]).to_owned()),
        (Field::Target, _) => plain(path),
        (Field::Date, _) => plain(format!("2024-02-{}", 10 + chance.below(18))),
        (Field::Status, _) => plain(chance.one_of(&["200", "404", "503"]).to_owned()),
        (_, Reading::Number) => plain(chance.below(1_000_000).to_string()),
        (_, Reading::Stamp(form)) => plain(stamp(form, chance)),
        (_, Reading::Duration(unit)) => {
            let (first, us) = duration(unit, column.decimals, chance);
            if is_list && chance.below(3) == 0 {
                let (second, _) = duration(unit, column.decimals, chance);
                return plain(format!("{first}, {second}"));
            }
            let want = Want {
                text: Some(first.clone().into_bytes()),
                us: (column.field != Field::App).then_some(us),
            };
            (first, want)
        }
        (_, Reading::Text) => plain(words(place, chance)),
    }
}

/// Notes a value unless one that counts more is there.
fn note(fields: &mut BTreeMap<Field, (u8, Want)>, column: &Column, want: Want) {
    let kept = fields
        .entry(column.field)
        .or_insert_with(|| (column.rank, want.clone()));
    if column.rank < kept.0 {
        *kept = (column.rank, want);
    }
}

fn without_ranks(fields: BTreeMap<Field, (u8, Want)>) -> BTreeMap<Field, Want> {
    fields
        .into_iter()
        .map(|(field, (_, want))| (field, want))
        .collect()
}

fn text(pieces: &[Piece], escape: Escape, chance: &mut Chance) -> Printed {
    let mut line = String::new();
    let mut fields = BTreeMap::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => line.push_str(std::str::from_utf8(literal).unwrap()),
            Piece::Value(variable) => {
                let place = if line.ends_with('"') {
                    Place::Quoted(escape)
                } else {
                    Place::Bare
                };
                line.push_str(&of_variable(variable, place, chance, &mut fields));
            }
        }
    }
    Printed {
        line: line.into_bytes(),
        fields: without_ranks(fields),
    }
}

fn of_variable(
    variable: &Variable,
    place: Place,
    chance: &mut Chance,
    fields: &mut BTreeMap<Field, (u8, Want)>,
) -> String {
    let text = match variable.column() {
        Some(column) => {
            let is_list = variable.texture == Texture::List;
            let (text, want) = value(&column, Fields::NONE, is_list, place, chance);
            note(fields, &column, want);
            text
        }
        None => match variable.texture {
            Texture::Digits => chance.below(1_000).to_string(),
            Texture::Fixed(length) => "p".repeat(length),
            Texture::Captures => chance.one_of(&["", "{} ", "{a|b c} "]).to_owned(),
            _ => words(place, chance),
        },
    };
    if variable.texture == Texture::Padded {
        format!("{text:>9}")
    } else {
        text
    }
}

/// At most one column of each field, so that a line is as one program would write it, and a request.
fn some_columns<'c>(
    columns: &'c [Column],
    requires: Fields,
    chance: &mut Chance,
) -> Vec<&'c Column> {
    let mut chosen: Vec<&Column> = Vec::new();
    for column in columns {
        let is_there = chosen.iter().any(|other| {
            other.field == column.field || other.name.split('.').next() == Some(&column.name)
        });
        let must_stand = is_required(column) || requires.has(column.field);
        if !is_there && (chance.below(4) > 0 || must_stand) {
            chosen.push(column);
        }
    }
    // Order says nothing.
    for at in (1..chosen.len()).rev() {
        let other = chance.below(at as u64 + 1) as usize;
        chosen.swap(at, other);
    }
    chosen
}

fn is_required(column: &Column) -> bool {
    matches!(
        column.field,
        Field::Method
            | Field::Target
            | Field::Status
            | Field::App
            | Field::Connect
            | Field::Service
            | Field::Total
            | Field::Date
    ) || matches!(column.reading, Reading::Stamp(_))
}

fn pairs(
    columns: &[Column],
    requires: Fields,
    [equals, between]: [&str; 2],
    chance: &mut Chance,
) -> Printed {
    let mut fields = BTreeMap::new();
    let mut parts = vec![format!("unknown{equals}x")];
    for column in some_columns(columns, requires, chance) {
        let quotes = between == " "
            && (column.field == Field::Request
                || chance.below(2) == 0
                || matches!(column.reading, Reading::Text));
        let place = match (between, quotes) {
            ("\t", _) => Place::Quoted(Escape::None),
            (_, true) => Place::Quoted(Escape::Backslash),
            _ => Place::Bare,
        };
        let (text, want) = value(column, requires, false, place, chance);
        note(&mut fields, column, want);
        let quote = if quotes { "\"" } else { "" };
        parts.push(format!("{}{equals}{quote}{text}{quote}", column.name));
    }
    Printed {
        line: parts.join(between).into_bytes(),
        fields: without_ranks(fields),
    }
}

fn json(columns: &[Column], requires: Fields, chance: &mut Chance) -> Printed {
    let mut fields = BTreeMap::new();
    let mut root = Tree::default();
    for column in some_columns(columns, requires, chance) {
        let (text, want) = value(
            column,
            Fields::NONE,
            false,
            Place::Quoted(Escape::Backslash),
            chance,
        );
        note(&mut fields, column, want);
        let is_number = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && chance.below(2) == 0;
        let quoted = if is_number {
            text
        } else {
            format!("\"{text}\"")
        };
        root.insert(&column.name, quoted);
    }
    root.insert("unknown", "{\"uri\":[1,\"}\"]}".to_owned());
    Printed {
        line: root.print(chance).into_bytes(),
        fields: without_ranks(fields),
    }
}

/// An object: values as they are printed, and objects inside.
#[derive(Default)]
struct Tree {
    values: Vec<(String, String)>,
    inner: BTreeMap<String, Tree>,
}

impl Tree {
    fn insert(&mut self, path: &str, value: String) {
        match path
            .split_once('.')
            .filter(|(object, _)| !object.is_empty())
        {
            Some((object, rest)) => self
                .inner
                .entry(object.to_owned())
                .or_default()
                .insert(rest, value),
            None => self.values.push((path.to_owned(), value)),
        }
    }

    fn print(&self, chance: &mut Chance) -> String {
        if let [(name, first)] = self.values.as_slice()
            && name == "0"
        {
            return format!("[{first},\"other\"]");
        }
        let blank = chance.one_of(&["", " "]);
        let mut parts: Vec<String> = self
            .values
            .iter()
            .map(|(name, value)| format!("\"{name}\":{blank}{value}"))
            .collect();
        for (name, tree) in &self.inner {
            parts.push(format!("\"{name}\":{}", tree.print(chance)));
        }
        format!("{{{}}}", parts.join(","))
    }
}

fn w3c(columns: &[Column], requires: Fields, chance: &mut Chance) -> Vec<Printed> {
    let mut lines = Vec::new();
    // Twice: a server that starts anew writes its order again.
    for _ in 0..2 {
        let chosen = some_columns(columns, requires, chance);
        let names: Vec<&str> = chosen.iter().map(|column| column.name.as_str()).collect();
        lines.push(Printed {
            line: format!("#Fields: {} x-unknown", names.join(" ")).into_bytes(),
            fields: BTreeMap::new(),
        });
        let mut fields = BTreeMap::new();
        let mut values: Vec<String> = Vec::new();
        for column in chosen {
            let (text, want) = value(column, requires, false, Place::Bare, chance);
            note(&mut fields, column, want);
            values.push(text);
        }
        values.push("x".to_owned());
        lines.push(Printed {
            line: values.join(" ").into_bytes(),
            fields: without_ranks(fields),
        });
    }
    lines
}
