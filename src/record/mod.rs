//! A [`Plan`] run over a line: every line becomes a [`Record`] that borrows from it, or a [`Reject`]
//! with a reason.
//!
//! What the times of a record mean is not decided here, see [`crate::phases`].

pub mod attempts;
pub mod json;
mod key_order;
pub mod keys;
mod logfmt;
mod ltsv;
mod mixed;
pub mod server_timing;
mod text;
mod values;
mod w3c;
mod wrapper;

use key_order::KeyOrder;
use values::Values;

pub use mixed::{Plans, Reader};
pub use wrapper::{Peeled, peel};

use crate::grammar::{Column, Field, Fields, Language, Layout, Plan, Reading};
use crate::stamp::{Stamp, StampForm, StampReader, with_date};
use crate::unit::{Micros, Unit, integer};

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// Nothing stands in it.
    Empty,
    /// It holds nothing but NUL bytes: a preallocated or torn file.
    NulPadding,
    /// It is longer than the limit.
    TooLong,
    /// It does not have the shape of the grammar.
    Shape,
    /// A number or duration of the server's own is none.
    Number,
    /// The time stamp is none.
    Time,
    /// It has the shape, but says no request.
    NoRequest,
    /// It says something of the lines after it: `#Fields`, `#Version`.
    Directive,
}

impl Reject {
    /// All reasons, in the order of their discriminants.
    pub const ALL: &'static [Reject] = &[
        Reject::Empty,
        Reject::NulPadding,
        Reject::TooLong,
        Reject::Shape,
        Reject::Number,
        Reject::Time,
        Reject::NoRequest,
        Reject::Directive,
    ];

    /// The key in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Reject::Empty => "empty",
            Reject::NulPadding => "nul_padding",
            Reject::TooLong => "too_long",
            Reject::Shape => "shape",
            Reject::Number => "number",
            Reject::Time => "time",
            Reject::NoRequest => "no_request",
            Reject::Directive => "directive",
        }
    }

    /// The reason in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Reject::Empty => "empty",
            Reject::NulPadding => "only NUL bytes",
            Reject::TooLong => "longer than 1 MiB",
            Reject::Shape => "not in the shape of the format",
            Reject::Number => "a number that is none",
            Reject::Time => "a time that is none",
            Reject::NoRequest => "no request in it",
            Reject::Directive => "a header of the format",
        }
    }
}

/// The request of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// A request line that makes sense.
    Line {
        /// The method; empty where the grammar has none.
        method: &'a [u8],
        /// Path and query, or an absolute URI, or `*`.
        target: &'a [u8],
    },
    /// Empty, `-`, or bytes that are no request (a TLS hello sent to a plain port).
    Malformed,
}

/// A line's fields, borrowed from the input: `'a` is the life of the line's bytes and of the reader's
/// scratch space.
///
/// A field that the grammar does not have, or that the line leaves empty or `-`, is `None`.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The whole line, without its end.
    pub line: &'a [u8],
    /// Which of the plans of its source read it, by [`Plans::iter`]; the first, 0, where there is one only.
    pub format: usize,
    /// What was asked.
    pub request: Request<'a>,
    /// The time stamp.
    pub stamp: Option<Stamp>,
    /// The status sent to the client.
    pub status: Option<u16>,
    /// Bytes sent to the client.
    pub bytes: Option<u64>,
    /// Time from the first byte read to the log write.
    pub total: Option<Micros>,
    /// Time in the application, by a field of its own (see also [`Field::ServerTiming`]).
    pub app: Option<Micros>,
    texts: Texts<'a>,
}

/// Where a line's fields are in it.
#[derive(Debug, Clone, Copy)]
struct Texts<'a> {
    line: &'a [u8],
    values: &'a Values,
    plan: &'a Plan,
}

impl<'a> Record<'a> {
    /// The text of a field; `None` where it is absent, empty or `-`.
    #[must_use]
    #[inline]
    pub fn text(&self, field: Field) -> Option<&'a [u8]> {
        self.texts.text(field)
    }

    /// Bytes received from the client; `None` where the log does not say or the number cannot be read.
    #[must_use]
    #[inline]
    pub fn request_length(&self) -> Option<u64> {
        integer(self.text(Field::RequestLength)?)
    }

    /// The text of a field as the line has it, `-` and empty too; `None` where the grammar (or a
    /// JSON line) does not have it.
    #[must_use]
    #[inline]
    pub fn raw(&self, field: Field) -> Option<&'a [u8]> {
        self.texts.raw(field)
    }

    /// The duration of a field that is one plain number, as nearly all are. `None` says nothing: the text
    /// is to be read.
    #[must_use]
    #[inline(always)]
    pub fn plain_time(&self, field: Field) -> Option<Micros> {
        self.texts.plain_time(field)
    }

    /// The column that gave a field.
    #[must_use]
    #[inline]
    pub fn column(&self, field: Field) -> Option<&'a Column> {
        self.texts.column(field)
    }

    /// The unit of a duration's text; seconds where the field is absent.
    #[must_use]
    #[inline]
    pub fn unit(&self, field: Field) -> Unit {
        self.texts.unit(field)
    }

    /// The plan that read it.
    #[must_use]
    pub fn plan(&self) -> &'a Plan {
        self.texts.plan
    }

    /// Whether the line has any of the fields, be they empty.
    #[must_use]
    #[inline]
    pub fn has_any(&self, fields: Fields) -> bool {
        self.texts.values.has_any(fields)
    }

    /// A duration that the server itself wrote; `None` where it is absent, or says that its stage
    /// was not reached.
    ///
    /// # Errors
    /// It is no number.
    pub fn duration(&self, field: Field) -> Result<Option<Micros>, Reject> {
        own_duration(&self.texts, field)
    }

    /// A stamp other than the line's own; `None` where it is absent or no time.
    #[must_use]
    pub fn moment(&self, field: Field) -> Option<Stamp> {
        match self.column(field)?.reading {
            Reading::Stamp(form) => form.read(self.text(field)?),
            _ => None,
        }
    }

    /// Whether the line is what its grammar says beyond the shape: it names a request where the
    /// grammar has method and path apart, without a protocol in the path, every duration is a
    /// number, a whole one where its server writes whole ones, as a length is, and what a cache said is a word.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let is_request = self.request != Request::Malformed || self.raw(Field::Request).is_some();
        let has_protocol = self
            .raw(Field::Target)
            .is_some_and(|target| memchr::memmem::find(target, b" HTTP/").is_some());
        let has_length = |text| integer(text).is_some();
        is_request
            && !has_protocol
            && self.text(Field::RequestLength).is_none_or(has_length)
            && self
                .text(Field::CacheStatus)
                .is_none_or(|text| self.is_said_by_cache(text))
            && self.all_durations(|column, number| match column.reading {
                Reading::Duration(unit) => {
                    let is_number =
                        unit.read(number).is_some() || unit.read_scientific(number).is_some();
                    is_number && (column.decimals != Some(0) || !number.contains(&b'.'))
                }
                _ => true,
            })
    }

    /// Whether a cache may say this: it begins with a letter. Varnish has a few lower-case words, and its format
    /// would take much else at the end of a line.
    fn is_said_by_cache(&self, text: &[u8]) -> bool {
        let is_of_varnish = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'-';
        match self.texts.plan.grammar.language {
            Some(Language::Varnish) => text.iter().all(is_of_varnish),
            _ => text.first().is_some_and(u8::is_ascii_alphabetic),
        }
    }

    /// Whether every duration is spelt as the server spells it: nginx's seconds have three decimals,
    /// Apache's microseconds none. It tells apart formats of one shape.
    #[must_use]
    pub fn is_well_spelt(&self) -> bool {
        self.all_durations(|column, number| {
            let point = memchr::memchr(b'.', number);
            let decimals = point.map_or(0, |point| number.len() - point - 1);
            column
                .decimals
                .is_none_or(|wanted| usize::from(wanted) == decimals)
        })
    }

    /// Whether something holds of all numbers of the server's own durations.
    fn all_durations(&self, holds: impl Fn(&Column, &[u8]) -> bool) -> bool {
        Field::ALL.iter().all(|field| {
            let (Some(column), Some(text)) = (self.column(*field), self.text(*field)) else {
                return true;
            };
            // What an application sends may be anything.
            let is_own = matches!(column.reading, Reading::Duration(_))
                && (*field != Field::App || column.decimals.is_some());
            !is_own
                || attempts::attempts(text).all(|(element, _)| {
                    present(element)
                        .filter(|number| *number != NOT_REACHED)
                        .is_none_or(|number| holds(column, unsigned(number)))
                })
        })
    }
}

impl<'a> Texts<'a> {
    /// See [`Record::text`].
    #[inline]
    fn text(&self, field: Field) -> Option<&'a [u8]> {
        self.raw(field).and_then(present)
    }

    /// See [`Record::raw`].
    #[inline]
    fn raw(&self, field: Field) -> Option<&'a [u8]> {
        self.values.text(field, self.line)
    }

    /// See [`Record::plain_time`].
    #[inline(always)]
    fn plain_time(&self, field: Field) -> Option<Micros> {
        match self.values.time(field) {
            None if !self.values.is_in_seconds(field) => self.whole_time(field),
            time => time,
        }
    }

    /// See [`Record::plain_time`], of a unit below seconds.
    #[inline(never)]
    fn whole_time(&self, field: Field) -> Option<Micros> {
        self.unit(field).read_whole(self.raw(field)?)
    }

    /// See [`Record::column`].
    #[inline]
    fn column(&self, field: Field) -> Option<&'a Column> {
        self.values
            .column(field)
            .and_then(|at| self.plan.columns.get(at))
    }

    /// See [`Record::unit`].
    #[inline]
    fn unit(&self, field: Field) -> Unit {
        match self.column(field) {
            Some(Column {
                reading: Reading::Duration(unit),
                ..
            }) => *unit,
            _ => Unit::Seconds,
        }
    }
}

/// `None` for what servers write where there is nothing.
#[inline]
fn present(text: &[u8]) -> Option<&[u8]> {
    (text.len() > 1 || !matches!(text, b"" | b"-")).then_some(text)
}

/// Where a line stops fitting its grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Byte offset in the line.
    pub at: usize,
    /// What the grammar expects there; `None` where it expects the end of the line.
    pub expected: Option<String>,
}

/// Runs one plan over one line after the other.
#[derive(Debug)]
pub struct LineReader<'p> {
    plan: &'p Plan,
    values: Values,
    order: KeyOrder,
    stamps: StampReader,
    /// What the `#Fields` line before says, in a log that has one.
    w3c: w3c::Order,
}

impl<'p> LineReader<'p> {
    /// A reader for lines of the plan's grammar.
    #[must_use]
    pub fn new(plan: &'p Plan) -> Self {
        LineReader {
            plan,
            values: Values::new(plan),
            order: KeyOrder::default(),
            stamps: StampReader::default(),
            w3c: match &plan.layout {
                Layout::W3c(keyed, order) => w3c::Order::of(keyed, order.iter().map(Vec::as_slice)),
                _ => w3c::Order::default(),
            },
        }
    }

    /// Reads a line, given without its end.
    ///
    /// # Errors
    /// The reason why the line is no record.
    // Inlined by force, so that the record is taken apart where it is used instead of copied there.
    #[inline(always)]
    pub fn read<'a>(&'a mut self, line: &'a [u8]) -> Result<Record<'a>, Reject> {
        self.values.clear();
        let plan: &'a Plan = self.plan;
        let fits = match &plan.layout {
            Layout::Text(text) => text::read(text, line, &mut self.values).is_ok(),
            Layout::Json(keyed) => {
                json::read(keyed, &mut self.order, line, &mut self.values).is_ok()
            }
            Layout::Ltsv(keyed) => {
                ltsv::read(keyed, &mut self.order, line, &mut self.values).is_ok()
            }
            Layout::Logfmt(keyed) => {
                logfmt::read(keyed, &mut self.order, line, &mut self.values).is_ok()
            }
            Layout::W3c(keyed, _) => {
                if line.first() == Some(&b'#') {
                    if let Some(order) = w3c::Order::of_line(keyed, line) {
                        self.w3c = order;
                    }
                    return Err(Reject::Directive);
                }
                w3c::read(&self.w3c, line, &mut self.values).is_ok()
            }
        };
        if !fits || !self.values.has_all(plan.grammar.requires) {
            return Err(why_not(line));
        }
        if let Some(at) = self.values.column(Field::Response)
            && plan
                .columns
                .get(at)
                .is_some_and(|column| column.total_if_alone)
            && self.values.column(Field::Total).is_none()
        {
            self.values.rename(Field::Response, Field::Total);
        }
        for null in &plan.nulls {
            self.values.forget(null.column, &null.text, line);
        }
        let texts = Texts {
            line,
            values: &self.values,
            plan,
        };
        record(texts, &mut self.stamps)
    }

    /// Where and why the line does not fit, as far as the shape tells; `None` where it does fit.
    /// The slow twin of [`LineReader::read`], for messages.
    #[must_use]
    pub fn misfit(&mut self, line: &[u8]) -> Option<Misfit> {
        self.values.clear();
        match &self.plan.layout {
            Layout::Text(text) => text::misfit(text, line),
            Layout::Json(keyed) => json::read(keyed, &mut self.order, line, &mut self.values)
                .is_err()
                .then(|| Misfit {
                    at: json::reach(line),
                    expected: Some("a JSON object on one line".to_owned()),
                }),
            Layout::Ltsv(keyed) => ltsv::read(keyed, &mut self.order, line, &mut self.values)
                .is_err()
                .then(|| Misfit {
                    at: 0,
                    expected: Some("label:value pairs separated by tabs".to_owned()),
                }),
            Layout::Logfmt(keyed) => logfmt::read(keyed, &mut self.order, line, &mut self.values)
                .is_err()
                .then(|| Misfit {
                    at: logfmt::reach(line),
                    expected: Some("key=value pairs separated by blanks".to_owned()),
                }),
            Layout::W3c(..) => w3c::read(&self.w3c, line, &mut self.values)
                .is_err()
                .then(|| Misfit {
                    at: 0,
                    expected: Some("as many values as the `#Fields` line names".to_owned()),
                }),
        }
    }
}

/// The reason for a line that does not fit; looked for only then.
#[cold]
fn why_not(line: &[u8]) -> Reject {
    if line.trim_ascii().is_empty() {
        Reject::Empty
    } else if line.iter().all(|byte| *byte == 0) {
        Reject::NulPadding
    } else {
        Reject::Shape
    }
}

/// Reads the values that every run needs as numbers, and splits the request line.
#[inline(always)]
fn record<'a>(texts: Texts<'a>, stamps: &mut StampReader) -> Result<Record<'a>, Reject> {
    let stamp = match (texts.text(Field::Stamp), texts.column(Field::Stamp)) {
        (
            Some(text),
            Some(Column {
                reading: Reading::Stamp(form),
                ..
            }),
        ) => {
            let stamp = match (form, texts.text(Field::Date)) {
                (StampForm::TimeOfDay, Some(date)) => with_date(date, text),
                _ => stamps.read(*form, text),
            };
            Some(stamp.ok_or(Reject::Time)?)
        }
        _ => None,
    };
    let status = match texts.text(Field::Status) {
        Some(NOT_REACHED) | None => None,
        Some(text) => Some(status(text).ok_or(Reject::Number)?),
    };
    let bytes = match texts.text(Field::Bytes) {
        Some(NOT_REACHED) | None => None,
        Some(text) => Some(integer(unsigned(text)).ok_or(Reject::Number)?),
    };
    let total = own_duration(&texts, Field::Total)?;
    // A header that the application sent: one that is no number says nothing, it does not spoil
    // the line.
    let app = match texts.plain_time(Field::App) {
        Some(time) => Some(time),
        None if !texts.values.has_any(Fields::NONE.with(Field::App)) => None,
        None => unusual_app(&texts),
    };
    // All at once at the end, so that it is written where it is wanted and not copied there.
    Ok(Record {
        line: texts.line,
        format: 0,
        request: request(&texts)?,
        stamp,
        status,
        bytes,
        total,
        app,
        texts,
    })
}

#[inline(never)]
fn unusual_app(texts: &Texts<'_>) -> Option<Micros> {
    let (text, unit) = (texts.text(Field::App)?, texts.unit(Field::App));
    unit.read(text).or_else(|| unit.read_scientific(text))
}

/// A duration that the server itself wrote. nginx's queue time is a list with an element for each
/// attempt: the last is the attempt that answered.
#[inline(always)]
fn own_duration(texts: &Texts<'_>, field: Field) -> Result<Option<Micros>, Reject> {
    match texts.plain_time(field) {
        Some(time) => Ok(Some(time)),
        None if !texts.values.has_any(Fields::NONE.with(field)) => Ok(None),
        None => unusual_duration(texts, field),
    }
}

#[inline(never)]
fn unusual_duration(texts: &Texts<'_>, field: Field) -> Result<Option<Micros>, Reject> {
    let Some(text) = texts.text(field) else {
        return Ok(None);
    };
    let last = match field {
        Field::Wait => memchr::memrchr(b' ', text).map_or(text, |space| &text[space + 1..]),
        _ => text,
    };
    match present(last) {
        None | Some(NOT_REACHED) => Ok(None),
        Some(text) => {
            let unit = texts.unit(field);
            let time = unit
                .read(unsigned(text))
                .or_else(|| unit.read_scientific(text));
            time.map(Some).ok_or(Reject::Number)
        }
    }
}

/// How several servers say that a stage was not reached: HAProxy, AWS.
const NOT_REACHED: &[u8] = b"-1";

/// A number without the `+` with which HAProxy says that it logged before the end (`logasap`).
fn unsigned(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"+").unwrap_or(text)
}

/// One to three digits: nginx writes `000` and `009` too.
#[inline(always)]
fn status(text: &[u8]) -> Option<u16> {
    let [a, b, c] = match *text {
        [a, b, c] => [a, b, c],
        [b, c] => [b'0', b, c],
        [c] => [b'0', b'0', c],
        _ => return None,
    }
    .map(|byte| u16::from(byte.wrapping_sub(b'0')));
    (a <= 9 && b <= 9 && c <= 9).then_some(a * 100 + b * 10 + c)
}

/// The request from the request line, or from method and target where they stand apart.
#[inline(always)]
fn request<'a>(texts: &Texts<'a>) -> Result<Request<'a>, Reject> {
    if let Some(line) = texts.raw(Field::Request) {
        return Ok(request_line(line).unwrap_or(Request::Malformed));
    }
    match (texts.raw(Field::Method), texts.raw(Field::Target)) {
        (_, None) => Err(Reject::NoRequest),
        (None, Some(target)) if is_target(target) => Ok(Request::Line {
            method: b"",
            target,
        }),
        (Some(method), Some(target)) if is_method(method) && is_target(target) => {
            Ok(Request::Line { method, target })
        }
        _ => Ok(Request::Malformed),
    }
}

/// `METHOD target[ HTTP/x]`; the target may hold spaces, because clients send what they like.
#[inline(always)]
fn request_line(line: &[u8]) -> Option<Request<'_>> {
    let end = method_length(line)?;
    let (method, rest) = (line.get(..end)?, line.get(end + 1..)?);
    let target = match rest.split_last_chunk::<9>() {
        // Every version that there is has this length.
        Some((target, end)) if end.starts_with(b" HTTP/") => target,
        _ => match memchr::memrchr(b' ', rest) {
            // JSON encoders may write a slash as `\/`.
            Some(space)
                if rest.get(space + 1..)?.starts_with(b"HTTP/")
                    || rest.get(space + 1..)?.starts_with(b"HTTP\\/") =>
            {
                rest.get(..space)?
            }
            _ => rest,
        },
    };
    is_target(target).then_some(Request::Line { method, target })
}

/// The length of the method and a space with which a request line begins, without the space.
#[inline]
fn method_length(line: &[u8]) -> Option<usize> {
    // Nearly all requests of nearly all logs.
    if line.starts_with(b"GET ") {
        return Some(3);
    }
    if line.starts_with(b"POST ") {
        return Some(4);
    }
    let begin = line.get(..=LONGEST_METHOD).unwrap_or(line);
    let end = begin.iter().position(|byte| *byte == b' ')?;
    is_method(&begin[..end]).then_some(end)
}

/// No method comes near this length.
const LONGEST_METHOD: usize = 32;

/// A token of letters (RFC 9110 allows more, no method uses it) and of a sane length.
#[inline]
fn is_method(method: &[u8]) -> bool {
    !method.is_empty()
        && method.len() <= LONGEST_METHOD
        && method
            .iter()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
}

/// The four forms of a request target (RFC 9112, 3.2): a path, an absolute URI, an authority
/// (`host:443`), `*`.
#[inline(always)]
fn is_target(target: &[u8]) -> bool {
    match target {
        [b'/', ..] | [b'*'] => true,
        // JSON encoders may write a slash as `\/`.
        [b'\\', b'/', ..] => true,
        _ => memchr::memmem::find(target, b"://").is_some() || is_authority(target),
    }
}

#[cold]
fn is_authority(target: &[u8]) -> bool {
    memchr::memrchr(b':', target).is_some_and(|colon| {
        let (host, port) = target.split_at(colon);
        let port = port.get(1..).unwrap_or_default();
        !host.is_empty()
            && host.iter().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']')
            })
            && (1..=5).contains(&port.len())
            && port.iter().all(u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Escape, Names, compile};

    fn plan(definition: &str, escape: Escape) -> Plan {
        compile("test", definition, escape, Names::Checked)
            .unwrap()
            .plan(Fields::ALL)
    }

    fn line_of(line: &'static str) -> Option<Request<'static>> {
        request_line(line.as_bytes())
    }

    #[test]
    fn request_lines_are_split() {
        let ok = |method: &'static str, target: &'static str| {
            Some(Request::Line {
                method: method.as_bytes(),
                target: target.as_bytes(),
            })
        };
        assert_eq!(line_of("GET /a?b HTTP/1.1"), ok("GET", "/a?b"));
        assert_eq!(line_of("GET /a b HTTP/2.0"), ok("GET", "/a b"));
        assert_eq!(line_of("GET /a"), ok("GET", "/a"));
        assert_eq!(line_of("PATCHp /a HTTP/1.1"), ok("PATCHp", "/a"));
        assert_eq!(
            line_of("GET http://1.2.3.4/ HTTP/1.1"),
            ok("GET", "http://1.2.3.4/")
        );
        assert_eq!(
            line_of("CONNECT example.com:443 HTTP/1.1"),
            ok("CONNECT", "example.com:443")
        );
        assert_eq!(line_of("PRI * HTTP/2.0"), ok("PRI", "*"));
        for bad in [
            "",
            "-",
            "\\x16\\x03\\x01",
            "\\x16\\x03 /x",
            "t3 12.1.2",
            "GET",
            "MGLNDD_1.2.3.4_80",
        ] {
            assert_eq!(line_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_record_borrows_what_the_line_says() {
        let plan = plan(
            r#"$remote_addr [$time_local] "$request" $status $bytes_sent rt=$request_time app="$upstream_http_x_runtime""#,
            Escape::Default,
        );
        let mut reader = LineReader::new(&plan);
        let record = reader
            .read(br#"::1 [28/Sep/1970:06:00:00 +0600] "GET /x HTTP/1.1" 200 12 rt=0.255 app="-""#)
            .unwrap();
        assert_eq!(
            record.request,
            Request::Line {
                method: b"GET",
                target: b"/x"
            }
        );
        assert_eq!((record.status, record.bytes), (Some(200), Some(12)));
        assert_eq!((record.total, record.app), (Some(Micros(255_000)), None));
        assert_eq!(record.text(Field::RemoteAddr), Some(&b"::1"[..]));
        assert_eq!(record.raw(Field::App), Some(&b"-"[..]));
    }

    #[test]
    fn rejects_say_why() {
        let plan = plan(
            r#"[$time_local] "$request" $status $request_time"#,
            Escape::Default,
        );
        let mut reader = LineReader::new(&plan);
        let rows: &[(&[u8], Reject)] = &[
            (b"", Reject::Empty),
            (b"   ", Reject::Empty),
            (b"\0\0\0", Reject::NulPadding),
            (b"hello", Reject::Shape),
            (
                br#"[28/Sep/1970:06:00:00 +0600] "GET /x HTTP/1.1" 200 0.1 extra"#,
                Reject::Shape,
            ),
            (
                br#"[28/Sep/1970:06:00:00 +0600] "GET /x HTTP/1.1" 200 0.1.2"#,
                Reject::Number,
            ),
            (
                br#"[28/Sep/1970:06:00:00 +0600] "GET /x HTTP/1.1" 2000 0.1"#,
                Reject::Number,
            ),
            (
                br#"[99/Sep/1970:06:00:00 +0600] "GET /x HTTP/1.1" 200 0.1"#,
                Reject::Time,
            ),
        ];
        for (line, reason) in rows {
            assert_eq!(
                reader.read(line).unwrap_err(),
                *reason,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn a_json_response_time_alone_is_the_total() {
        let json = crate::grammar::builtin::find("json").unwrap().grammars[0].plan(Fields::ALL);
        let mut reader = LineReader::new(&json);
        let alone = reader
            .read(br#"{"uri":"/x","method":"GET","response_time":0.5}"#)
            .unwrap();
        assert_eq!(
            (alone.total, alone.text(Field::Response)),
            (Some(Micros(500_000)), None)
        );
        let beside = reader
            .read(br#"{"response_time":"0.5","request_time":"0.6","uri":"/x","method":"GET"}"#)
            .unwrap();
        assert_eq!(
            (beside.total, beside.text(Field::Response)),
            (Some(Micros(600_000)), Some(&b"0.5"[..]))
        );
    }
}
