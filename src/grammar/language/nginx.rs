//! nginx's `log_format`, and with it the roles that a hand-written definition may use.
//!
//! <https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format>; the meaning of the variables
//! is from <https://nginx.org/en/docs/varindex.html>.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::char;
use nom::combinator::map;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{Dialect, Names, Token, headers};
use crate::grammar::role::{all_names, of_role, timed_role_near};
use crate::grammar::{Field, Meaning, Reading, Texture, Variable, nearest};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The language, with what is to be thought of names that it does not know.
pub(super) struct Nginx(pub(super) Names);

impl Dialect for Nginx {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()> {
        let name =
            |input| take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_').parse(input);
        alt((
            map(is_not("$"), Token::text),
            map(delimited(tag("${"), name, char('}')), |name| {
                self.value(name)
            }),
            map(preceded(char('$'), name), |name| self.value(name)),
            map(char('$'), |_| {
                Token::Wrong(
                    "a `$` stands without a variable name: nginx cannot write a literal `$`"
                        .to_owned(),
                )
            }),
        ))
        .parse(input)
    }
}

impl Nginx {
    fn value(&self, name: &str) -> Token {
        match variable(name, self.0) {
            Ok(variable) => Token::value(variable),
            Err(meant) => Token::Wrong(format!("unknown variable ${name}: did you mean ${meant}?")),
        }
    }
}

/// Whether a text holds a variable of this language.
pub(super) fn speaks(text: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        text.get(at + 1..)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '{'))
    })
}

const SECONDS: Reading = Reading::Duration(Unit::Seconds);

/// nginx's variables that mean something here, with the rank among variables of the same field and
/// what their text looks like. Headers are in [`super::headers`].
const USED: &[(&str, Field, Reading, u8, Texture)] = &[
    (
        "msec",
        Field::Stamp,
        Reading::Stamp(StampForm::EpochSeconds),
        0,
        Texture::Digits,
    ),
    (
        "time_iso8601",
        Field::Stamp,
        Reading::Stamp(StampForm::Iso8601),
        1,
        Texture::Fixed("1970-09-28T12:00:00+06:00".len()),
    ),
    (
        "time_local",
        Field::Stamp,
        Reading::Stamp(StampForm::Clf),
        2,
        Texture::Fixed("28/Sep/1970:12:00:00 +0600".len()),
    ),
    ("request", Field::Request, Reading::Text, 0, Texture::Text),
    (
        "request_method",
        Field::Method,
        Reading::Text,
        0,
        Texture::Word,
    ),
    (
        "request_uri",
        Field::Target,
        Reading::Text,
        0,
        Texture::Text,
    ),
    (
        "filtered_request_uri",
        Field::Target,
        Reading::Text,
        1,
        Texture::Text,
    ),
    ("uri", Field::Target, Reading::Text, 1, Texture::Text),
    (
        "document_uri",
        Field::Target,
        Reading::Text,
        1,
        Texture::Text,
    ),
    (
        "server_protocol",
        Field::Protocol,
        Reading::Text,
        0,
        Texture::Word,
    ),
    ("status", Field::Status, Reading::Number, 0, Texture::Digits),
    (
        "bytes_sent",
        Field::Bytes,
        Reading::Number,
        0,
        Texture::Digits,
    ),
    (
        "body_bytes_sent",
        Field::Bytes,
        Reading::Number,
        1,
        Texture::Digits,
    ),
    (
        "request_length",
        Field::RequestLength,
        Reading::Number,
        0,
        Texture::Digits,
    ),
    ("request_time", Field::Total, SECONDS, 0, Texture::Digits),
    // Tengine's.
    (
        "request_time_usec",
        Field::Total,
        Reading::Duration(Unit::Microseconds),
        0,
        Texture::Digits,
    ),
    (
        "request_time_msec",
        Field::Total,
        Reading::Duration(Unit::Milliseconds),
        1,
        Texture::Digits,
    ),
    (
        "upstream_connect_time",
        Field::Connect,
        SECONDS,
        0,
        Texture::List,
    ),
    (
        "upstream_header_time",
        Field::Header,
        SECONDS,
        0,
        Texture::List,
    ),
    (
        "upstream_response_time",
        Field::Response,
        SECONDS,
        0,
        Texture::List,
    ),
    (
        "upstream_queue_time",
        Field::Wait,
        SECONDS,
        0,
        Texture::List,
    ),
    (
        "upstream_status",
        Field::UpstreamStatus,
        Reading::Text,
        0,
        Texture::List,
    ),
    (
        "upstream_addr",
        Field::UpstreamAddr,
        Reading::Text,
        0,
        Texture::List,
    ),
    (
        "upstream_cache_status",
        Field::CacheStatus,
        Reading::Text,
        0,
        Texture::Word,
    ),
    ("host", Field::Host, Reading::Text, 0, Texture::Word),
    ("server_name", Field::Host, Reading::Text, 2, Texture::Word),
    (
        "remote_addr",
        Field::RemoteAddr,
        Reading::Text,
        0,
        Texture::Word,
    ),
    (
        "request_id",
        Field::RequestId,
        Reading::Text,
        0,
        Texture::Word,
    ),
];

/// Variables without a meaning whose text is known to be a list, a word or a number.
const LISTS: &[&str] = &[
    "upstream_response_length",
    "upstream_bytes_received",
    "upstream_bytes_sent",
];
const WORDS: &[&str] = &["scheme"];
const DIGITS: &[&str] = &["gzip_ratio"];

/// nginx's other variables, so that a typo can be told from a variable that the tool has no use for.
const UNUSED: &[&str] = &[
    "ancient_browser",
    "args",
    "binary_remote_addr",
    "connection",
    "connection_requests",
    "connection_time",
    "connections_active",
    "connections_reading",
    "connections_waiting",
    "connections_writing",
    "content_length",
    "content_type",
    "date_gmt",
    "date_local",
    "document_root",
    "fastcgi_path_info",
    "fastcgi_script_name",
    "geoip_area_code",
    "geoip_city",
    "geoip_city_continent_code",
    "geoip_city_country_code",
    "geoip_country_code",
    "geoip_country_name",
    "gzip_ratio",
    "hostname",
    "http2",
    "http3",
    "https",
    "http_cookie",
    "http_via",
    "http_x_forwarded_for",
    "http_x_forwarded_proto",
    "http_x_real_ip",
    "invalid_referer",
    "is_args",
    "is_request_port",
    "limit_conn_status",
    "limit_rate",
    "limit_req_status",
    "modern_browser",
    "msie",
    "nginx_version",
    "pid",
    "pipe",
    "proxy_add_x_forwarded_for",
    "proxy_host",
    "proxy_port",
    "proxy_protocol_addr",
    "proxy_protocol_port",
    "proxy_protocol_server_addr",
    "proxy_protocol_server_port",
    "query_string",
    "realip_remote_addr",
    "realip_remote_port",
    "realpath_root",
    "remote_port",
    "remote_user",
    "request_body",
    "request_body_file",
    "request_completion",
    "request_filename",
    "request_port",
    "scheme",
    "secure_link",
    "secure_link_expires",
    "server_addr",
    "server_port",
    "slice_range",
    "spdy",
    "spdy_request_priority",
    "ssi_server_name",
    "ssl_alpn_protocol",
    "ssl_cipher",
    "ssl_ciphers",
    "ssl_client_cert",
    "ssl_client_escaped_cert",
    "ssl_client_fingerprint",
    "ssl_client_i_dn",
    "ssl_client_raw_cert",
    "ssl_client_s_dn",
    "ssl_client_serial",
    "ssl_client_v_end",
    "ssl_client_v_remain",
    "ssl_client_v_start",
    "ssl_client_verify",
    "ssl_curve",
    "ssl_curves",
    "ssl_early_data",
    "ssl_protocol",
    "ssl_server_name",
    "ssl_session_id",
    "ssl_session_reused",
    "ssl_sigalg",
    "tcpinfo_rcv_space",
    "tcpinfo_rtt",
    "tcpinfo_rttvar",
    "tcpinfo_snd_cwnd",
    "uid_got",
    "uid_reset",
    "uid_set",
    "upstream_bytes_received",
    "upstream_bytes_sent",
    "upstream_last_server_name",
    "upstream_response_length",
    "userid",
    // ingress-nginx's, APISIX's and Kong's.
    "proxy_upstream_name",
    "proxy_alternative_upstream_name",
    "the_real_ip",
    "namespace",
    "ingress_name",
    "service_name",
    "service_port",
    "upstream_scheme",
    "upstream_host",
    "upstream_uri",
    "filtered_http_referer",
    "upstream_first_byte_time",
    "upstream_session_time",
    // Tengine's.
    "unix_time",
    "request_time_cache",
];

/// Families of variables: any name with one of these prefixes is a variable.
const PREFIXES: &[&str] = &[
    "http_",
    "sent_http_",
    "upstream_http_",
    "sent_trailer_",
    "upstream_trailer_",
    "arg_",
    "cookie_",
    "upstream_cookie_",
    "jwt_claim_",
    "jwt_header_",
    "time_",
];

/// The variable of that name. `Err` holds the known name that was probably meant, where names are checked
/// and this one looks like a typo; a name that is near to nothing is somebody's own variable (`set`, `map`),
/// passed over.
///
/// # Errors
/// The name that was probably meant.
pub fn variable(name: &str, names: Names) -> Result<Variable, String> {
    if let Some((_, field, reading, rank, texture)) = USED.iter().find(|(used, ..)| *used == name) {
        let meaning = Meaning::new(*field, *reading).ranked(*rank);
        let meaning = match reading {
            Reading::Duration(Unit::Seconds) => meaning.decimals(3),
            Reading::Duration(_) => meaning.decimals(0),
            _ => meaning,
        };
        return Ok(Variable::used(name, meaning, *texture));
    }
    if let Some((field, reading)) = of_role(name) {
        let texture = match reading {
            Reading::Number | Reading::Duration(_) => Texture::Digits,
            _ => Texture::Text,
        };
        return Ok(Variable::used(name, Meaning::new(field, reading), texture));
    }
    if let Some(meaning) = of_header(name) {
        // nginx refuses a host that holds a blank.
        let texture = match meaning.field {
            Field::Host => Texture::Word,
            _ => Texture::Text,
        };
        return Ok(Variable::used(name, meaning, texture));
    }
    let known = UNUSED.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if names == Names::Checked && !known {
        let names = USED.iter().map(|(name, ..)| *name);
        let names = names.chain(UNUSED.iter().copied()).chain(all_names());
        if let Some(meant) =
            timed_role_near(name).or_else(|| nearest(name, names).map(str::to_owned))
        {
            return Err(meant);
        }
    }
    let texture = match name {
        // `p` or `.`.
        "pipe" => Texture::Fixed(1),
        _ if LISTS.contains(&name) => Texture::List,
        _ if WORDS.contains(&name) => Texture::Word,
        _ if DIGITS.contains(&name) => Texture::Digits,
        _ => Texture::Text,
    };
    Ok(Variable {
        texture,
        ..Variable::unused(name)
    })
}

/// The meaning of a variable that is a header: what the upstream sent counts before what was sent
/// on to the client.
fn of_header(name: &str) -> Option<Meaning> {
    if let Some(header) = name.strip_prefix("upstream_http_") {
        return headers::response(header).map(|meaning| meaning.ranked(2 * meaning.rank));
    }
    if let Some(header) = name.strip_prefix("sent_http_") {
        return headers::response(header).map(|meaning| meaning.ranked(2 * meaning.rank + 1));
    }
    headers::request(name.strip_prefix("http_")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_roles_have_their_meaning() {
        let meaning = |name| {
            variable(name, Names::Checked)
                .unwrap()
                .meaning
                .map(|meaning: Meaning| (meaning.field, meaning.reading))
        };
        assert_eq!(meaning("request_time"), Some((Field::Total, SECONDS)));
        assert_eq!(
            meaning("wait_ms"),
            Some((Field::Wait, Reading::Duration(Unit::Milliseconds)))
        );
        assert_eq!(
            meaning("app_ns"),
            Some((Field::App, Reading::Duration(Unit::Nanoseconds)))
        );
        assert_eq!(meaning("path"), Some((Field::Target, Reading::Text)));
        assert_eq!(meaning("http_x_whatever"), None);
        assert_eq!(meaning("my_own_map"), None);
    }

    #[test]
    fn a_typo_names_what_was_meant() {
        let meant = |name| variable(name, Names::Checked).unwrap_err();
        assert_eq!(meant("request_tme"), "request_time");
        assert_eq!(meant("stauts"), "status");
        assert_eq!(meant("wiat_s"), "wait_s");
        assert_eq!(meant("apps_s"), "app_s");
        assert_eq!(meant("wait_sec"), "wait_s");
        assert_eq!(meant("wait"), "wait_s");
        assert!(variable("app_id", Names::Checked).is_ok());
        assert_eq!(meant("upstream_header_tim"), "upstream_header_time");
    }

    #[test]
    fn no_name_stands_twice() {
        let mut all: Vec<_> = USED
            .iter()
            .map(|(name, ..)| *name)
            .chain(UNUSED.iter().copied())
            .collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
