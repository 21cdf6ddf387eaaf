//! The logs of other servers than nginx, each of them real, in front of the same small application.
//!
//! Nothing is compared with a duration that was expected beforehand: the truth is what the answers
//! said in `X-Runtime`, how long the clients waited, and what a second, naive reader finds in the
//! lines. With `SLOWPATH_RECORD_SERVERS=FOLDER` the logs also stay there.

mod apache;
mod caddy;
pub mod daemon;
mod envoy;
mod gunicorn;
mod haproxy;
mod squid;
mod uwsgi;
mod varnish;
mod visit;
