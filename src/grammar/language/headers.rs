//! Headers that mean something, for all languages: each can log any header by its name.

use crate::grammar::{Field, Meaning, Reading};
use crate::stamp::StampForm;
use crate::unit::Unit;

/// The same name in lower case and with dashes: `X_RUNTIME` and `x-runtime` are one header.
fn canonical(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// The meaning of a request header. Servers have values of their own for some of them, which count
/// first.
pub(super) fn request(name: &str) -> Option<Meaning> {
    let text = |field| Some(Meaning::new(field, Reading::Text).ranked(1));
    match canonical(name).as_str() {
        "host" | ":authority" => text(Field::Host),
        "user-agent" => text(Field::UserAgent),
        "referer" | "referrer" => text(Field::Referer),
        "x-request-id" => text(Field::RequestId),
        _ => None,
    }
}

/// As [`request`], for a server that runs the application: a proxy in front of it says since when
/// the request has waited. In a proxy's own log the same header is of no use, because what waits
/// behind that proxy is not in it.
pub(super) fn request_to_application(name: &str) -> Option<Meaning> {
    match canonical(name).as_str() {
        "x-request-start" | "x-queue-start" => Some(Meaning::new(
            Field::QueuedSince,
            Reading::Stamp(StampForm::Since),
        )),
        _ => request(name),
    }
}

/// The meaning of a response header.
pub(super) fn response(name: &str) -> Option<Meaning> {
    let meaning = |field, reading, rank| Some(Meaning::new(field, reading).ranked(rank));
    match canonical(name).as_str() {
        // Rack's: seconds. Express' and others': a number with its unit.
        "x-runtime" => meaning(Field::App, Reading::Duration(Unit::Seconds), 0),
        "x-response-time" => meaning(Field::App, Reading::Duration(Unit::Suffix), 1),
        "server-timing" => meaning(Field::ServerTiming, Reading::Text, 0),
        "content-type" => meaning(Field::ContentType, Reading::Text, 0),
        "x-request-id" => meaning(Field::RequestId, Reading::Text, 2),
        _ => None,
    }
}
