//! Roles: what a value means and in which unit, by a name that no server's own language has.
//!
//! They name the keys of a table (`total_ms`), and in a hand-written definition the fields that nginx
//! has no variable for (`$wait_ms`).

use super::field::{Field, Reading};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// Role names without a unit.
const ROLES: &[(&str, Field, Reading)] = &[
    ("time", Field::Stamp, Reading::Stamp(StampForm::Any)),
    ("date", Field::Date, Reading::Text),
    (
        "time_of_day",
        Field::Stamp,
        Reading::Stamp(StampForm::TimeOfDay),
    ),
    ("ctime", Field::Stamp, Reading::Stamp(StampForm::Ctime)),
    ("began", Field::Began, Reading::Stamp(StampForm::Any)),
    (
        "queued_since",
        Field::QueuedSince,
        Reading::Stamp(StampForm::Since),
    ),
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
    ("service", Field::Service),
    ("server", Field::Server),
    ("transfer", Field::Transfer),
    ("first_byte", Field::FirstByte),
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

/// The names of the roles that have no unit.
pub(super) fn all_names() -> impl Iterator<Item = &'static str> {
    ROLES.iter().map(|(name, ..)| *name)
}

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

/// The role with a unit that was probably meant: by a name without a unit, by another word for the
/// unit, or by one edit (names of roles are short, so more edits would take any word for one).
pub(super) fn timed_role_near(name: &str) -> Option<String> {
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
        with_units.find(|known| {
            known.len().abs_diff(name.len()) <= 1 && strsim::damerau_levenshtein(name, known) == 1
        })
    })
}

/// The role that was probably meant.
pub(super) fn nearest_role(name: &str) -> Option<String> {
    timed_role_near(name).or_else(|| super::nearest(name, all_names()).map(str::to_owned))
}

/// The role and unit of a field, as [`of_role`] reads them; the field's own name where there is none.
#[must_use]
pub fn role_of(field: Field, reading: Reading) -> (&'static str, Option<&'static str>) {
    let unit = match reading {
        Reading::Duration(unit) => UNITS.iter().find(|(_, known)| *known == unit),
        _ => None,
    };
    let timed = TIMED_ROLES
        .iter()
        .find(|(_, known)| *known == field && unit.is_some())
        .map(|(role, _)| *role);
    let role = timed.or_else(|| {
        let mut plain = ROLES.iter().filter(|(_, known, _)| *known == field);
        plain.next().map(|(role, ..)| *role)
    });
    let unit = unit.map(|(suffix, _)| suffix.trim_start_matches('_'));
    (role.unwrap_or("?"), unit)
}
