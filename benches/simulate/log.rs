//! A request as nginx would write it.
//!
//! The formats are nginx `log_format` strings, the same as in samples/nginx.conf, and `Format::line` fills
//! them in: default or JSON escaping, `-` for what is not there, lists for several attempts. Only the columns
//! of `columns` and `truth` know more than nginx does: they are written by the application, or by the
//! simulation.

use crate::clock::{Clocks, seconds};
use crate::queue::{Attempt, Micros, Served};

/// A log format that the simulator can write.
pub struct Format {
    pub name: &'static str,
    pub definition: &'static str,
    escape: Escape,
}

#[derive(Clone, Copy, PartialEq)]
enum Escape {
    Default,
    Json,
}

/// The first one is the default.
pub static FORMATS: [Format; 6] = [
    Format {
        name: "slowpath",
        definition: concat!(
            r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "#,
            r#"rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" us="$upstream_status" ua="$upstream_addr" "#,
            r#"cs=$upstream_cache_status ts=$msec rl=$request_length rid=$request_id host="$host" app="$upstream_http_x_runtime" st="$upstream_http_server_timing""#
        ),
        escape: Escape::Default,
    },
    Format {
        name: "combined-timed",
        definition: concat!(
            r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "#,
            r#"rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#
        ),
        escape: Escape::Default,
    },
    Format {
        name: "ltsv",
        definition: concat!(
            "time:$time_local\thost:$remote_addr\tforwardedfor:$http_x_forwarded_for\treq:$request\tstatus:$status\t",
            "method:$request_method\turi:$request_uri\tsize:$body_bytes_sent\treferer:$http_referer\tua:$http_user_agent\t",
            "reqtime:$request_time\tcache:$upstream_http_x_cache\truntime:$upstream_http_x_runtime\t",
            "apptime:$upstream_response_time\tvhost:$host"
        ),
        escape: Escape::Default,
    },
    Format {
        name: "json",
        definition: concat!(
            r#"{"time_iso8601":"$time_iso8601","msec":$msec,"remote_addr":"$remote_addr","request_method":"$request_method","#,
            r#""request_uri":"$request_uri","status":$status,"body_bytes_sent":$body_bytes_sent,"request_length":$request_length,"#,
            r#""request_time":$request_time,"upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","#,
            r#""upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","#,
            r#""upstream_response_time":"$upstream_response_time","upstream_cache_status":"$upstream_cache_status","#,
            r#""upstream_http_x_runtime":"$upstream_http_x_runtime","http_user_agent":"$http_user_agent","host":"$host","request_id":"$request_id"}"#
        ),
        escape: Escape::Json,
    },
    // The log of post-mortem 1, from the application's side: seconds of wait, seconds of own time.
    Format {
        name: "columns",
        definition: "$request_method $request_uri $wait_s $app_s",
        escape: Escape::Default,
    },
    // What a test may compare with: microseconds, from inside the simulation.
    Format {
        name: "truth",
        definition: "$request_id\t$request_method\t$request_uri\t$status\t$start_us\t$end_us\t$wait_us\t$app_us",
        escape: Escape::Default,
    },
];

impl Format {
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Whether such a log has a line for this request: the application's own has only what it ran to the end.
    pub fn has_line_for(&self, served: &Served) -> bool {
        self.name != "columns" || (served.work.is_some() && !served.attempts.is_empty())
    }

    /// One line, with its newline.
    pub fn line(&self, served: &Served, host: &str, clocks: Clocks) -> Vec<u8> {
        let mut line = Vec::with_capacity(400);
        let mut rest = self.definition;
        while let Some(at) = rest.find('$') {
            line.extend_from_slice(&rest.as_bytes()[..at]);
            rest = &rest[at + 1..];
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            match value(&rest[..end], served, host, clocks) {
                Some(value) => escape(self.escape, &value, &mut line),
                None if self.escape == Escape::Default => line.push(b'-'),
                None => {}
            }
            rest = &rest[end..];
        }
        line.extend_from_slice(rest.as_bytes());
        line.push(b'\n');
        line
    }
}

/// What a variable holds; None where nginx does not find it.
fn value(variable: &str, served: &Served, host: &str, clocks: Clocks) -> Option<Vec<u8>> {
    let request = &served.request;
    let agent = request.client.agent;
    let parsed = !request.path.is_empty();
    let text = match variable {
        "remote_addr" => request.client.address.clone(),
        "time_local" => clocks.time_local(served.end),
        "time_iso8601" => clocks.time_iso8601(served.end),
        "msec" => clocks.msec(served.end),
        "request" => return Some(request.line.clone()),
        "request_method" => parsed.then(|| request.endpoint.method.to_string())?,
        "request_uri" => parsed.then(|| request.path.clone())?,
        "status" => served.status.to_string(),
        "body_bytes_sent" => served.bytes.to_string(),
        "request_length" => {
            (request.head_bytes + request.line.len() as u64 + request.body_bytes).to_string()
        }
        "request_time" => seconds(clocks.wall_span_ms(request.start, served.end)),
        "request_id" => format!("{:032x}", request.id),
        "http_referer" => {
            (!request.referer.is_empty()).then(|| format!("https://{}/", request.referer))?
        }
        "http_user_agent" => (agent != "-").then(|| agent.to_string())?,
        "host" => host.to_string(),
        "upstream_addr" => list(served, |attempt| Some(attempt.address.to_string()))?,
        "upstream_status" => list(served, |attempt| {
            attempt.status.map(|status| status.to_string())
        })?,
        "upstream_connect_time" => {
            list(served, |attempt| span(attempt, attempt.connected, clocks))?
        }
        "upstream_header_time" => list(served, |attempt| span(attempt, attempt.header, clocks))?,
        "upstream_response_time" => {
            list(served, |attempt| span(attempt, Some(attempt.end), clocks))?
        }
        "upstream_cache_status" => served.cache?.name().to_string(),
        "upstream_http_x_runtime" => served.work.as_ref()?.runtime_header(),
        "upstream_http_server_timing" => served.work.as_ref()?.timing_header(),
        "wait_s" => tenths(served.wait),
        "app_s" => tenths(served.own),
        "wait_us" => served.wait.to_string(),
        "app_us" => served.own.to_string(),
        "start_us" => (clocks.epoch_us + request.start).to_string(),
        "end_us" => (clocks.epoch_us + served.end).to_string(),
        // $remote_user, $http_x_forwarded_for, $upstream_http_x_cache: nobody sets them here.
        _ => return None,
    };
    Some(text.into_bytes())
}

/// One element per attempt: `, ` before a retry, ` : ` before what X-Accel-Redirect led to.
fn list(served: &Served, element: impl Fn(&Attempt) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    for (n, attempt) in served.attempts.iter().enumerate() {
        if n > 0 {
            text.push_str(if attempt.redirected { " : " } else { ", " });
        }
        text.push_str(&element(attempt).unwrap_or_else(|| "-".to_string()));
    }
    (!served.attempts.is_empty()).then_some(text)
}

fn span(attempt: &Attempt, until: Option<Micros>, clocks: Clocks) -> Option<String> {
    until.map(|until| seconds(clocks.monotonic_span_ms(attempt.start, until)))
}

/// Seconds with one decimal, rounded.
fn tenths(time: Micros) -> String {
    let tenths = (time + 50_000) / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn escape(mode: Escape, value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match (mode, byte) {
            (Escape::Default, b'"' | b'\\' | ..0x20 | 0x7f..) => {
                out.extend_from_slice(format!("\\x{byte:02X}").as_bytes());
            }
            (Escape::Json, b'"' | b'\\') => out.extend_from_slice(&[b'\\', *byte]),
            (Escape::Json, ..0x20) => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            _ => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Audience, Endpoint, Traffic};

    static API: [Endpoint; 1] = [Endpoint::new("GET", "/files/{}", 1)];
    const CLOCKS: Clocks = Clocks {
        epoch_us: 1_772_000_000_000_000,
    };

    fn served(attempts: Vec<Attempt>) -> Served {
        let mut traffic = Traffic::new(3, "example.com", &API, Audience::Machines, 5);
        let client = traffic.client();
        traffic.scripted(0, &API[0], 7, client);
        let request = traffic.finish().remove(0);
        Served {
            request,
            end: 5_000,
            status: 200,
            bytes: 1,
            attempts,
            cache: None,
            work: None,
            wait: 0,
            own: 0,
        }
    }

    fn attempt(status: Option<u16>, header: Option<Micros>, redirected: bool) -> Attempt {
        Attempt {
            address: "10.0.0.1:80",
            start: 0,
            connected: Some(0),
            header,
            end: 4_000,
            status,
            redirected,
        }
    }

    fn shown(variable: &str, served: &Served) -> String {
        let value = value(variable, served, "example.com", CLOCKS).unwrap_or_else(|| b"-".to_vec());
        String::from_utf8(value).unwrap()
    }

    #[test]
    fn attempts_are_lists_and_a_redirect_has_a_colon() {
        let retried = served(vec![
            attempt(Some(504), None, false),
            attempt(Some(200), Some(3_000), false),
        ]);
        assert_eq!(shown("upstream_status", &retried), "504, 200");
        assert_eq!(shown("upstream_header_time", &retried), "-, 0.003");
        let handed = served(vec![
            attempt(Some(200), Some(1), false),
            attempt(Some(200), Some(3_000), true),
        ]);
        assert_eq!(shown("upstream_status", &handed), "200 : 200");
        assert_eq!(shown("upstream_addr", &handed), "10.0.0.1:80 : 10.0.0.1:80");
        let left = served(vec![attempt(None, None, false)]);
        assert_eq!(shown("upstream_status", &left), "-");
    }

    #[test]
    fn without_an_upstream_every_upstream_variable_is_a_dash() {
        let line = FORMATS[0].line(&served(vec![]), "example.com", CLOCKS);
        let line = String::from_utf8(line).unwrap();
        assert!(
            line.contains(r#" rt=0.005 uct="-" uht="-" urt="-" us="-" ua="-" cs=- ts="#),
            "{line}"
        );
        assert!(line.ends_with("app=\"-\" st=\"-\"\n"), "{line}");
    }

    #[test]
    fn bytes_are_escaped_as_nginx_does() {
        let mut out = Vec::new();
        escape(Escape::Default, b"a\"\\\x01\xFF", &mut out);
        assert_eq!(out, br"a\x22\x5C\x01\xFF");
        out.clear();
        escape(Escape::Json, b"a\"\\\x01\xFF", &mut out);
        assert_eq!(out, b"a\\\"\\\\\\u0001\xFF");
    }

    #[test]
    fn the_formats_are_those_of_the_sample_configuration() {
        // nginx joins the quoted pieces of a log_format; so does this.
        let conf = include_str!("../../samples/nginx.conf");
        for format in FORMATS
            .iter()
            .filter(|format| !matches!(format.name, "columns" | "truth"))
        {
            let name = format.name.replace('-', "_");
            let start = conf.find(&format!("log_format {name} ")).unwrap();
            let text = &conf[start..start + conf[start..].find(';').unwrap()];
            let joined: String = text.split('\'').skip(1).step_by(2).collect();
            assert_eq!(
                joined.replace("\\t", "\t"),
                format.definition,
                "{}",
                format.name
            );
        }
    }
}
