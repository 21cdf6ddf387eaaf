//! The names that a definition may use: nginx's variables, and roles with a unit.
//!
//! The meaning of nginx's variables is from <https://nginx.org/en/docs/varindex.html>.

use super::field::{Column, Field, Reading};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// A variable of a definition: its name and, where the tool uses it, its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name without `$`.
    pub name: String,
    /// Field, reading and rank, where it means something to the tool.
    pub meaning: Option<(Field, Reading, u8)>,
}

impl Variable {
    /// The variable as a column, where it means something.
    #[must_use]
    pub fn column(&self) -> Option<Column> {
        let (field, reading, rank) = self.meaning?;
        Some(Column {
            name: self.name.clone(),
            field,
            reading,
            rank,
            total_if_alone: false,
        })
    }

    /// Whether nginx writes it as a list with an element for each attempt at an upstream.
    #[must_use]
    pub fn is_list(&self) -> bool {
        const LISTS: &[&str] = &[
            "upstream_addr",
            "upstream_status",
            "upstream_connect_time",
            "upstream_header_time",
            "upstream_response_time",
            "upstream_queue_time",
            "upstream_response_length",
            "upstream_bytes_received",
            "upstream_bytes_sent",
        ];
        LISTS.contains(&self.name.as_str())
    }

    /// Whether its text may hold a blank: what clients and applications send, lists, and what the
    /// tool does not know.
    #[must_use]
    pub fn may_hold_blanks(&self) -> bool {
        const WORDS: &[&str] = &[
            "pipe",
            "request_id",
            "req_id",
            "scheme",
            "server_protocol",
            "upstream_cache_status",
            "request_method",
            "remote_addr",
        ];
        !WORDS.contains(&self.name.as_str())
    }

    /// Whether its text is nothing but digits, points and dashes, so that it needs nothing between
    /// it and the next value.
    #[must_use]
    pub fn is_digits(&self) -> bool {
        matches!(
            self.meaning,
            Some((
                _,
                Reading::Number | Reading::Duration(_) | Reading::Stamp(StampForm::EpochSeconds),
                _
            ))
        ) && !self.is_list()
    }
}

const SECONDS: Reading = Reading::Duration(Unit::Seconds);

/// nginx's variables that mean something here, with the rank among variables of the same field.
const USED: &[(&str, Field, Reading, u8)] = &[
    (
        "msec",
        Field::Stamp,
        Reading::Stamp(StampForm::EpochSeconds),
        0,
    ),
    (
        "time_iso8601",
        Field::Stamp,
        Reading::Stamp(StampForm::Iso8601),
        1,
    ),
    (
        "time_local",
        Field::Stamp,
        Reading::Stamp(StampForm::Clf),
        2,
    ),
    ("request", Field::Request, Reading::Text, 0),
    ("request_method", Field::Method, Reading::Text, 0),
    ("request_uri", Field::Target, Reading::Text, 0),
    ("uri", Field::Target, Reading::Text, 1),
    ("document_uri", Field::Target, Reading::Text, 1),
    ("server_protocol", Field::Protocol, Reading::Text, 0),
    ("status", Field::Status, Reading::Number, 0),
    ("bytes_sent", Field::Bytes, Reading::Number, 0),
    ("body_bytes_sent", Field::Bytes, Reading::Number, 1),
    ("request_length", Field::RequestLength, Reading::Number, 0),
    ("request_time", Field::Total, SECONDS, 0),
    // Tengine's.
    (
        "request_time_usec",
        Field::Total,
        Reading::Duration(Unit::Microseconds),
        0,
    ),
    (
        "request_time_msec",
        Field::Total,
        Reading::Duration(Unit::Milliseconds),
        1,
    ),
    ("upstream_connect_time", Field::Connect, SECONDS, 0),
    ("upstream_header_time", Field::Header, SECONDS, 0),
    ("upstream_response_time", Field::Response, SECONDS, 0),
    ("upstream_queue_time", Field::Wait, SECONDS, 0),
    ("upstream_http_x_runtime", Field::App, SECONDS, 0),
    ("sent_http_x_runtime", Field::App, SECONDS, 1),
    (
        "upstream_http_x_response_time",
        Field::App,
        Reading::Duration(Unit::Suffix),
        2,
    ),
    (
        "sent_http_x_response_time",
        Field::App,
        Reading::Duration(Unit::Suffix),
        3,
    ),
    (
        "upstream_http_server_timing",
        Field::ServerTiming,
        Reading::Text,
        0,
    ),
    (
        "sent_http_server_timing",
        Field::ServerTiming,
        Reading::Text,
        1,
    ),
    ("upstream_status", Field::UpstreamStatus, Reading::Text, 0),
    ("upstream_addr", Field::UpstreamAddr, Reading::Text, 0),
    (
        "upstream_cache_status",
        Field::CacheStatus,
        Reading::Text,
        0,
    ),
    (
        "sent_http_content_type",
        Field::ContentType,
        Reading::Text,
        0,
    ),
    (
        "upstream_http_content_type",
        Field::ContentType,
        Reading::Text,
        1,
    ),
    ("host", Field::Host, Reading::Text, 0),
    ("http_host", Field::Host, Reading::Text, 1),
    ("server_name", Field::Host, Reading::Text, 2),
    ("http_user_agent", Field::UserAgent, Reading::Text, 0),
    ("http_referer", Field::Referer, Reading::Text, 0),
    ("remote_addr", Field::RemoteAddr, Reading::Text, 0),
    ("request_id", Field::RequestId, Reading::Text, 0),
    ("http_x_request_id", Field::RequestId, Reading::Text, 1),
];

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
    "req_id",
    "the_real_ip",
    "namespace",
    "ingress_name",
    "service_name",
    "service_port",
    "upstream_scheme",
    "upstream_host",
    "upstream_uri",
    "kong_request_id",
    "filtered_request_uri",
    "filtered_http_referer",
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

/// Role names without a unit.
const ROLES: &[(&str, Field, Reading)] = &[
    ("time", Field::Stamp, Reading::Stamp(StampForm::Any)),
    ("method", Field::Method, Reading::Text),
    ("path", Field::Target, Reading::Text),
    ("target", Field::Target, Reading::Text),
    ("url", Field::Target, Reading::Text),
    ("request", Field::Request, Reading::Text),
    ("protocol", Field::Protocol, Reading::Text),
    ("status", Field::Status, Reading::Number),
    ("bytes", Field::Bytes, Reading::Number),
    ("request_length", Field::RequestLength, Reading::Number),
    ("host", Field::Host, Reading::Text),
    ("user_agent", Field::UserAgent, Reading::Text),
    ("referer", Field::Referer, Reading::Text),
    ("remote_addr", Field::RemoteAddr, Reading::Text),
    ("request_id", Field::RequestId, Reading::Text),
    ("server_timing", Field::ServerTiming, Reading::Text),
    ("upstream_status", Field::UpstreamStatus, Reading::Text),
    ("upstream_addr", Field::UpstreamAddr, Reading::Text),
    ("cache_status", Field::CacheStatus, Reading::Text),
    ("content_type", Field::ContentType, Reading::Text),
];

/// Roles that take a unit: `$wait_ms`, `$app_s`.
const TIMED_ROLES: &[(&str, Field)] = &[
    ("total", Field::Total),
    ("client", Field::Client),
    ("connect", Field::Connect),
    ("header", Field::Header),
    ("response", Field::Response),
    ("upstream", Field::Response),
    ("server", Field::Server),
    ("wait", Field::Wait),
    ("app", Field::App),
];

const UNITS: &[(&str, Unit)] = &[
    ("_s", Unit::Seconds),
    ("_ms", Unit::Milliseconds),
    ("_us", Unit::Microseconds),
    ("_ns", Unit::Nanoseconds),
    ("_suffix", Unit::Suffix),
];

/// The field and reading of a role: `status`, `path`, `wait_ms`, `app_s`.
#[must_use]
pub fn of_role(name: &str) -> Option<(Field, Reading)> {
    if let Some((_, field, reading)) = ROLES.iter().find(|(role, ..)| *role == name) {
        return Some((*field, *reading));
    }
    UNITS.iter().find_map(|(suffix, unit)| {
        let role = name.strip_suffix(suffix)?;
        let (_, field) = TIMED_ROLES.iter().find(|(timed, _)| *timed == role)?;
        Some((*field, Reading::Duration(*unit)))
    })
}

/// The variable of that name. `Err` holds the known name that was probably meant, where the name
/// looks like a typo; a name that is near to nothing is somebody's own variable (`set`, `map`),
/// passed over.
///
/// # Errors
/// The name that was probably meant.
pub fn variable(name: &str) -> Result<Variable, String> {
    let meaning = match USED.iter().find(|(used, ..)| *used == name) {
        Some((_, field, reading, rank)) => Some((*field, *reading, *rank)),
        None => of_role(name).map(|(field, reading)| (field, reading, 0)),
    };
    let known = meaning.is_some()
        || UNUSED.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if !known {
        let names = USED
            .iter()
            .map(|(name, ..)| *name)
            .chain(UNUSED.iter().copied());
        let names = names.chain(ROLES.iter().map(|(name, ..)| *name));
        if let Some(meant) =
            timed_role_near(name).or_else(|| nearest(name, names).map(str::to_owned))
        {
            return Err(meant);
        }
    }
    Ok(Variable {
        name: name.to_owned(),
        meaning,
    })
}

/// The role with a unit that was probably meant: by a name without a unit, by another word for the
/// unit, or by one edit (names of roles are short, so more edits would take any word for one).
fn timed_role_near(name: &str) -> Option<String> {
    const OTHER_UNITS: &[(&str, &str)] = &[
        ("", "_s"),
        ("_sec", "_s"),
        ("_secs", "_s"),
        ("_seconds", "_s"),
        ("_msec", "_ms"),
        ("_millis", "_ms"),
        ("_usec", "_us"),
        ("_micros", "_us"),
        ("_nsec", "_ns"),
    ];
    let timed = || TIMED_ROLES.iter().map(|(role, _)| *role);
    let other = OTHER_UNITS.iter().find_map(|(other, unit)| {
        let role = name.strip_suffix(other)?;
        timed()
            .find(|timed| *timed == role)
            .map(|role| format!("{role}{unit}"))
    });
    other.or_else(|| {
        let mut with_units =
            timed().flat_map(|role| UNITS.iter().map(move |(unit, _)| format!("{role}{unit}")));
        with_units.find(|known| strsim::damerau_levenshtein(name, known) == 1)
    })
}

/// The name that was probably meant: at most two edits away, and at most a third of the name.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= 2.min(name.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_roles_have_their_meaning() {
        let meaning = |name| {
            variable(name)
                .unwrap()
                .meaning
                .map(|(field, reading, _)| (field, reading))
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
        let meant = |name| variable(name).unwrap_err();
        assert_eq!(meant("request_tme"), "request_time");
        assert_eq!(meant("stauts"), "status");
        assert_eq!(meant("wiat_s"), "wait_s");
        assert_eq!(meant("apps_s"), "app_s");
        assert_eq!(meant("wait_sec"), "wait_s");
        assert_eq!(meant("wait"), "wait_s");
        assert!(variable("app_id").is_ok());
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
