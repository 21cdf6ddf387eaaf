//! The findings in JSON.

use std::borrow::Cow;

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use super::{text, time};
use crate::diagnosis::{self, Evidence, Finding, Value};
use crate::summary::Summary;
use crate::untrusted::Untrusted;

/// A finding as it is written.
#[derive(Serialize)]
pub(super) struct Wire<'a> {
    kind: &'static str,
    severity: &'static str,
    basis: &'static str,
    title: String,
    from: Option<String>,
    until: Option<String>,
    endpoints: Vec<Endpoint<'a>>,
    subject: Option<Subject<'a>>,
    evidence: Map<'a>,
    advice: String,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    method: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method_b64: Option<String>,
    route: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_b64: Option<String>,
    role: &'static str,
}

#[derive(Serialize)]
struct Subject<'a> {
    dimension: &'static str,
    value: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_b64: Option<String>,
}

/// A kind that was not looked for.
#[derive(Serialize)]
pub(super) struct NotLookedAt<'a> {
    kind: &'static str,
    why: &'a str,
}

impl<'a> NotLookedAt<'a> {
    pub(super) fn of(not: &'a diagnosis::NotLookedAt) -> Self {
        NotLookedAt {
            kind: not.kind.name(),
            why: &not.why,
        }
    }
}

impl<'a> Wire<'a> {
    pub(super) fn of(finding: &'a Finding, summary: &'a Summary) -> Self {
        let prose = |prose: &diagnosis::Prose| prose.render(|name| name.for_json().into_owned());
        let endpoint = |named: &diagnosis::Named| {
            let endpoint = summary.endpoints.get(named.endpoint)?;
            let (method, method_b64) = text(&endpoint.method);
            let (route, route_b64) = text(&endpoint.route);
            Some(Endpoint {
                method,
                method_b64,
                route,
                route_b64,
                role: named.role.name(),
            })
        };
        let subject = |subject: &'a diagnosis::Subject| {
            let (value, value_b64) = text(&subject.value);
            Subject {
                dimension: subject.topic.name(),
                value,
                value_b64,
            }
        };
        Wire {
            kind: finding.kind.name(),
            severity: finding.severity.name(),
            basis: finding.grounds.name(),
            title: prose(&finding.title),
            from: finding.from.and_then(time),
            until: finding.until.and_then(time),
            endpoints: finding.endpoints.iter().filter_map(endpoint).collect(),
            subject: finding.subject.as_ref().map(subject),
            evidence: Map {
                entries: &finding.evidence,
                examples: &finding.examples,
            },
            advice: prose(&finding.advice),
        }
    }
}

/// Evidence, and behind it the example lines where there are some.
struct Map<'a> {
    entries: &'a Evidence,
    examples: &'a [crate::summary::SlowRequest],
}

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.entries {
            map.serialize_entry(key, &Item(value))?;
        }
        if !self.examples.is_empty() {
            let lines: Vec<Cow<'_, str>> = self
                .examples
                .iter()
                .map(|example| Untrusted::new(&example.line).for_json())
                .collect();
            map.serialize_entry("examples", &lines)?;
        }
        map.end()
    }
}

struct Item<'a>(&'a Value);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Count(n) => serializer.serialize_u64(*n),
            Value::Number(n) => serializer.serialize_f64(four_decimals(*n)),
            Value::Duration(us) => serializer.serialize_u64(us.0),
            Value::Change(us) => serializer.serialize_i64(*us),
            Value::Time(stamp) => time(*stamp).serialize(serializer),
            Value::Words(words) => serializer.serialize_str(words),
            Value::Log(bytes) => serializer.serialize_str(&Untrusted::new(bytes).for_json()),
            Value::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&Item(value))?;
                }
                list.end()
            }
            Value::Group(entries) => Map {
                entries,
                examples: &[],
            }
            .serialize(serializer),
        }
    }
}

/// A number that was computed has no more than four decimals to show.
fn four_decimals(n: f64) -> f64 {
    (n * 1e4).round() / 1e4
}
