//! Times that a log gives by themselves, each a segment of its own, where nginx gives times from the
//! begin of an attempt.
//!
//! | server | client | wait | connect | server | transfer |
//! |---|---|---|---|---|---|
//! | HAProxy | TR | Tw | Tc | Tr | Ta less all of them |
//! | Apache, varnishncsa | | | | `%^FB` | total less first byte |
//! | Envoy | REQUEST_TX_DURATION | | | RESPONSE_DURATION less client, else its service time | RESPONSE_TX_DURATION |
//! | AWS load balancers | request | | | target | response |
//! | Heroku | | | connect | service, to the last byte: upstream | |
//!
//! A logged wait lies before the connecting, so that total = client + wait + upstream.

use super::{Clock, Phase, Phases};
use crate::grammar::{Anchor, Field, Fields};
use crate::record::{Record, Reject};
use crate::stamp::is_finer_than_seconds;
use crate::unit::Micros;

/// A line without any of these has no segments.
pub(super) const FIELDS: Fields = Fields::NONE
    .with(Field::Client)
    .with(Field::Service)
    .with(Field::Server)
    .with(Field::Transfer)
    .with(Field::FirstByte)
    .with(Field::Wait)
    .with(Field::QueuedSince)
    .with(Field::Began);

impl Phases {
    /// What the segments of a line say beside, or instead of, cumulative times.
    ///
    /// # Errors
    /// A time is no number.
    #[inline(never)]
    pub(super) fn add_segments(&mut self, record: &Record<'_>) -> Result<(), Reject> {
        for (field, phase) in [
            (Field::Client, Phase::Client),
            (Field::Wait, Phase::Wait),
            (Field::Server, Phase::Server),
            (Field::Transfer, Phase::Transfer),
        ] {
            if let Some(time) = record.duration(field)? {
                self.set(phase, time);
            }
        }
        if record.total.is_none()
            && let (Some(began), Some(ended)) = (record.moment(Field::Began), record.stamp)
        {
            let total = began.until(ended);
            self.set(Phase::Total, total);
            if self.get(Phase::Upstream).is_some() && self.get(Phase::Client).is_none() {
                let upstreams = [Phase::Redirect, Phase::Retry, Phase::Upstream];
                let client = self.rest_of(total, &upstreams);
                self.set(Phase::Client, client);
            }
        }
        if self.get(Phase::Wait).is_some() {
            self.clock = Some(Clock::QueueTimer);
        } else if let Some(wait) = self.since_queued(record) {
            self.set(Phase::Wait, wait);
            self.clock = Some(Clock::QueueTimer);
        }
        self.split_first_byte(record)?;
        if record.raw(Field::Response).is_none() {
            self.find_upstream(record)?;
        }
        if let (Some(upstream), Some(_), None) = (
            self.get(Phase::Upstream),
            self.get(Phase::Server),
            self.get(Phase::Transfer),
        ) {
            let transfer = self.rest_of(upstream, &[Phase::Connect, Phase::Server]);
            self.set(Phase::Transfer, transfer);
        }
        Ok(())
    }

    /// The part of a duration that is not in the phases.
    fn rest_of(&mut self, whole: Micros, phases: &[Phase]) -> Micros {
        let parts = phases
            .iter()
            .filter_map(|phase| self.get(*phase))
            .fold(Micros(0), Micros::plus);
        self.difference(whole, parts)
    }

    /// Server and transfer out of the first byte's time, which counts from the request's begin.
    fn split_first_byte(&mut self, record: &Record<'_>) -> Result<(), Reject> {
        let Some(first_byte) = record.duration(Field::FirstByte)? else {
            return Ok(());
        };
        // What came from a cache asked no server.
        if self.get(Phase::Server).is_none() && !is_from_cache(record) {
            let server = self.rest_of(first_byte, &[Phase::Client, Phase::Wait, Phase::Connect]);
            self.set(Phase::Server, server);
        }
        if let (None, Some(total)) = (self.get(Phase::Transfer), self.get(Phase::Total)) {
            let transfer = self.difference(total, first_byte);
            self.set(Phase::Transfer, transfer);
        }
        Ok(())
    }

    /// The upstream's time and its transfer, where no attempt's time is logged as such.
    fn find_upstream(&mut self, record: &Record<'_>) -> Result<(), Reject> {
        let connect = self.get(Phase::Connect);
        if let Some(service) = record.duration(Field::Service)? {
            self.set(Phase::Upstream, connect.unwrap_or_default().plus(service));
            return Ok(());
        }
        let is_segmented = connect.is_some() && self.get(Phase::Wait).is_some();
        let Some(total) = self.get(Phase::Total).filter(|_| is_segmented) else {
            return Ok(());
        };
        let upstream = self.rest_of(total, &[Phase::Client, Phase::Wait]);
        self.set(Phase::Upstream, upstream);
        Ok(())
    }

    /// How long a request had been under way when the application began with it. Needs stamps that
    /// are finer than seconds on both sides: a wait of milliseconds cannot be told by whole seconds.
    fn since_queued(&mut self, record: &Record<'_>) -> Option<Micros> {
        let stamp = record.stamp?;
        let is_fine = |field| record.text(field).is_some_and(is_finer_than_seconds);
        if !is_fine(Field::QueuedSince) || !is_fine(Field::Stamp) {
            return None;
        }
        let queued = record.moment(Field::QueuedSince)?;
        let began = match record.plan().grammar.anchor {
            Anchor::Start => stamp,
            Anchor::End => stamp.before(record.app.or(record.total)?),
        };
        self.clamped |= began < queued;
        Some(queued.until(began))
    }

    /// The total of a log that has none, and says all parts of it.
    pub(super) fn sum_total(&mut self, record: &Record<'_>) {
        let upstream = self.get(Phase::Upstream).or_else(|| {
            let parts = [Phase::Connect, Phase::Server, Phase::Transfer];
            let known = parts.iter().filter_map(|phase| self.get(*phase));
            known.reduce(Micros::plus)
        });
        let Some(inner) = upstream.or(record.app) else {
            return;
        };
        let outer = [Phase::Client, Phase::Wait]
            .iter()
            .filter_map(|phase| self.get(*phase));
        let total = outer.fold(inner, Micros::plus);
        self.set(Phase::Total, total);
    }
}

/// Whether a cache in front answered, in the words of Varnish and CloudFront.
fn is_from_cache(record: &Record<'_>) -> bool {
    const WORDS: &[&[u8]] = &[b"hit", b"refreshhit", b"synth"];
    record
        .text(Field::CacheStatus)
        .is_some_and(|status| WORDS.iter().any(|word| status.eq_ignore_ascii_case(word)))
}

/// Whether the line says the first byte's time of a response that no server was asked for: then no
/// worker was busy.
pub(super) fn is_first_byte_of_cache(record: &Record<'_>) -> bool {
    record.has_any(Fields::NONE.with(Field::FirstByte)) && is_from_cache(record)
}
