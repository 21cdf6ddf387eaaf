//! How a request is spelt: the four forms of a line.
//!
//! A form is an nginx `log_format` string, cut once into pieces of text and
//! variables, and run for each request. So what `--definition` prints cannot
//! differ from what is written. nginx's escaping is left out, as no value here
//! holds a character that needs it.

use std::mem;

use clap::ValueEnum;

use crate::request::{Attempt, Request, push_decimal};

/// The forms that can be written.
#[derive(Clone, Copy, ValueEnum)]
pub enum Form {
    /// nginx's combined and all upstream times: about 330 bytes a line.
    Timed,
    /// The same fields in JSON, as with escape=json.
    Json,
    /// The same fields in LTSV, by the labels of ltsv.org where it has one.
    Ltsv,
    /// nginx's combined: no times at all.
    Combined,
}

const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

const TIMES: &str = r#" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" app="$upstream_http_x_runtime" cs=$upstream_cache_status ua="$upstream_addr" rid=$request_id"#;

const JSON: &str = concat!(
    r#"{"time":"$time_iso8601","remote_addr":"$remote_addr","method":"$request_method","uri":"$request_uri","#,
    r#""status":$status,"body_bytes_sent":$body_bytes_sent,"request_time":$request_time,"#,
    r#""upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","#,
    r#""upstream_response_time":"$upstream_response_time","upstream_http_x_runtime":"$upstream_http_x_runtime","#,
    r#""upstream_cache_status":"$upstream_cache_status","upstream_addr":"$upstream_addr","#,
    r#""request_id":"$request_id","http_referer":"$http_referer","http_user_agent":"$http_user_agent"}"#,
);

const LTSV: &str = concat!(
    "time:$time_local\thost:$remote_addr\treq:$request\tstatus:$status\tsize:$body_bytes_sent\t",
    "referer:$http_referer\tua:$http_user_agent\treqtime:$request_time\tapptime:$upstream_response_time\t",
    "runtime:$upstream_http_x_runtime\tcache:$upstream_cache_status\t",
    "upstream_connect_time:$upstream_connect_time\tupstream_header_time:$upstream_header_time\t",
    "upstream_addr:$upstream_addr\trequest_id:$request_id",
);

/// The variables that the forms use.
#[derive(Clone, Copy)]
enum Variable {
    RemoteAddr,
    RemoteUser,
    TimeLocal,
    TimeIso,
    Request,
    Method,
    Uri,
    Status,
    Bytes,
    Referer,
    Agent,
    RequestTime,
    ConnectTime,
    HeaderTime,
    ResponseTime,
    Runtime,
    CacheStatus,
    UpstreamAddr,
    RequestId,
}

/// Their names in nginx.
const NAMES: [(&str, Variable); 19] = [
    ("remote_addr", Variable::RemoteAddr),
    ("remote_user", Variable::RemoteUser),
    ("time_local", Variable::TimeLocal),
    ("time_iso8601", Variable::TimeIso),
    ("request", Variable::Request),
    ("request_method", Variable::Method),
    ("request_uri", Variable::Uri),
    ("status", Variable::Status),
    ("body_bytes_sent", Variable::Bytes),
    ("http_referer", Variable::Referer),
    ("http_user_agent", Variable::Agent),
    ("request_time", Variable::RequestTime),
    ("upstream_connect_time", Variable::ConnectTime),
    ("upstream_header_time", Variable::HeaderTime),
    ("upstream_response_time", Variable::ResponseTime),
    ("upstream_http_x_runtime", Variable::Runtime),
    ("upstream_cache_status", Variable::CacheStatus),
    ("upstream_addr", Variable::UpstreamAddr),
    ("request_id", Variable::RequestId),
];

/// A form, ready to write lines.
pub struct Layout {
    definition: String,
    /// Text, and the variable that follows it.
    pieces: Vec<(String, Variable)>,
    /// What follows the last variable, with the end of the line.
    tail: String,
    /// What stands for a value that there is not.
    absent: &'static str,
}

impl Layout {
    /// Cuts the form's definition into its pieces.
    pub fn of(form: Form) -> Self {
        let (definition, absent) = match form {
            Form::Timed => (format!("{COMBINED}{TIMES}"), "-"),
            Form::Json => (JSON.to_owned(), ""),
            Form::Ltsv => (LTSV.to_owned(), "-"),
            Form::Combined => (COMBINED.to_owned(), "-"),
        };
        let mut texts = definition.split('$');
        let mut text = texts.next().unwrap_or_default().to_owned();
        let mut pieces = Vec::new();
        for part in texts {
            // The longest name wins: `$request_time` is not `$request`.
            let (name, variable) = NAMES
                .into_iter()
                .filter(|(name, _)| part.starts_with(name))
                .max_by_key(|(name, _)| name.len())
                .expect("the definitions above use the names above");
            pieces.push((mem::take(&mut text), variable));
            text.push_str(&part[name.len()..]);
        }
        text.push('\n');
        Self {
            definition,
            pieces,
            tail: text,
            absent,
        }
    }

    /// The form as an nginx `log_format` string. In JSON it is to be used with
    /// `escape=json`; in LTSV it holds real tabs.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// Appends the request's line.
    pub fn write(&self, out: &mut Vec<u8>, request: &Request<'_>) {
        for (text, variable) in &self.pieces {
            out.extend_from_slice(text.as_bytes());
            self.value(out, *variable, request);
        }
        out.extend_from_slice(self.tail.as_bytes());
    }

    fn value(&self, out: &mut Vec<u8>, variable: Variable, request: &Request<'_>) {
        match variable {
            Variable::RemoteAddr => push_address(out, request.client),
            Variable::RemoteUser => self.text(out, ""),
            Variable::TimeLocal => self.text(out, &request.clock.local),
            Variable::TimeIso => self.text(out, &request.clock.iso),
            Variable::Request => {
                out.extend_from_slice(request.method.as_bytes());
                out.push(b' ');
                out.extend_from_slice(request.uri);
                out.extend_from_slice(b" HTTP/1.1");
            }
            Variable::Method => self.text(out, request.method),
            Variable::Uri => out.extend_from_slice(request.uri),
            Variable::Status => push_decimal(out, u64::from(request.status)),
            Variable::Bytes => push_decimal(out, request.bytes),
            Variable::Referer => self.text(out, request.referer),
            Variable::Agent => self.text(out, request.agent),
            Variable::RequestTime => push_seconds(out, request.total_us),
            Variable::ConnectTime => self.times(out, request, |one| one.connect_us),
            Variable::HeaderTime => self.times(out, request, |one| one.header_us),
            Variable::ResponseTime => self.times(out, request, |one| Some(one.response_us)),
            Variable::Runtime => match request.app_us {
                Some(us) => push_runtime(out, us),
                None => self.text(out, ""),
            },
            Variable::CacheStatus => self.text(out, request.cache),
            Variable::UpstreamAddr => self.list(out, request, |out, one| {
                out.extend_from_slice(b"10.0.3.1");
                push_decimal(out, u64::from(one.server));
                out.extend_from_slice(b":8080");
            }),
            Variable::RequestId => push_hex(out, request.id),
        }
    }

    /// A value that may be absent, which an empty one is.
    fn text(&self, out: &mut Vec<u8>, value: &str) {
        let value = if value.is_empty() { self.absent } else { value };
        out.extend_from_slice(value.as_bytes());
    }

    /// One time of each attempt. Inside a list nginx writes `-` in every form.
    fn times(
        &self,
        out: &mut Vec<u8>,
        request: &Request<'_>,
        time: impl Fn(&Attempt) -> Option<u64>,
    ) {
        self.list(out, request, |out, one| match time(one) {
            Some(us) => push_seconds(out, us),
            None => out.push(b'-'),
        });
    }

    /// One value of each attempt, as nginx lists them.
    fn list(
        &self,
        out: &mut Vec<u8>,
        request: &Request<'_>,
        push: impl Fn(&mut Vec<u8>, &Attempt),
    ) {
        let Some(last) = &request.last else {
            return self.text(out, "");
        };
        if let Some(failed) = &request.failed {
            push(out, failed);
            out.extend_from_slice(b", ");
        }
        push(out, last);
    }
}

/// An address of 198.18.0.0/15, which no client of a real log has.
fn push_address(out: &mut Vec<u8>, client: u32) {
    let [_, network, high, low] = client.to_be_bytes();
    out.extend_from_slice(if network == 0 { b"198.18." } else { b"198.19." });
    push_decimal(out, u64::from(high));
    out.push(b'.');
    push_decimal(out, u64::from(low));
}

/// Seconds with three decimals, cut and not rounded, as nginx does.
fn push_seconds(out: &mut Vec<u8>, us: u64) {
    push_decimal(out, us / 1_000_000);
    out.push(b'.');
    push_three_digits(out, us / 1_000);
}

/// Seconds with six decimals, as Rack writes X-Runtime.
fn push_runtime(out: &mut Vec<u8>, us: u64) {
    push_seconds(out, us);
    push_three_digits(out, us);
}

/// The last three digits of a number.
fn push_three_digits(out: &mut Vec<u8>, number: u64) {
    let digit = |place: u64| b'0' + (number / place % 10) as u8;
    out.extend_from_slice(&[digit(100), digit(10), digit(1)]);
}

/// 32 digits, lower case.
fn push_hex(out: &mut Vec<u8>, id: [u64; 2]) {
    for half in id {
        let digits: [u8; 16] = std::array::from_fn(|place| {
            b"0123456789abcdef"[(half >> (60 - 4 * place) & 15) as usize]
        });
        out.extend_from_slice(&digits);
    }
}
