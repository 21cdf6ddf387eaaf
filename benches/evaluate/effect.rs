//! What makes own times longer than usual, while it lasts.

use super::draw::Draw;
use super::traffic::Request;
use super::world::{Micros, World};

#[derive(Clone, Debug)]
pub struct Effect {
    pub from: Micros,
    pub until: Micros,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// These endpoints call a function that takes so much longer, for one id or for all.
    Step {
        endpoints: Vec<usize>,
        function: &'static str,
        mean_us: f64,
        cv: f64,
        id: Option<u32>,
    },
    /// Something below slows the endpoints, each by its factor.
    Slow { factors: Vec<f64> },
    /// All own times grow with the load of the moment, to this power.
    Crowded { power: f64 },
    /// One host is slower.
    Host {
        service: usize,
        host: usize,
        factor: f64,
    },
    /// One host slows steadily up to this factor and starts afresh after each period.
    Leak {
        service: usize,
        host: usize,
        factor: f64,
        resets: Vec<Micros>,
    },
    /// Own time per byte of the request.
    PerByte { endpoint: usize, nanos: f64 },
}

/// Own time of a request, and what a function of its own had of it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Own {
    pub total: Micros,
    /// Time in a function that was slowed, and its name.
    pub function: Option<(&'static str, Micros)>,
}

/// Own time of a request that begins to run now.
pub fn own_time(
    world: &World,
    effects: &[Effect],
    request: &Request,
    now: Micros,
    draw: &mut Draw,
) -> Own {
    let mut factor = 1.0;
    let mut added = 0.0;
    let mut function = None;
    let endpoint = &world.endpoints[request.endpoint];
    let running = effects.iter().filter(|e| (e.from..e.until).contains(&now));
    for effect in running {
        match &effect.what {
            What::Step {
                endpoints,
                function: name,
                mean_us,
                cv,
                id,
            } => {
                let meant = id.is_none_or(|id| id == request.id);
                if meant && endpoints.contains(&request.endpoint) {
                    let variance = 1.0 + cv * cv;
                    let median = mean_us / variance.sqrt();
                    let step = draw.lognormal(median as u64, variance.ln().sqrt());
                    added += step as f64;
                    function = Some((*name, step));
                }
            }
            What::Slow { factors } => factor *= factors[request.endpoint],
            What::Crowded { power } => factor *= world.load.at(now).powf(*power),
            What::Host {
                service,
                host,
                factor: by,
            } => {
                if (endpoint.service, request.host) == (*service, *host) {
                    factor *= by;
                }
            }
            What::Leak {
                service,
                host,
                factor: to,
                resets,
            } => {
                if (endpoint.service, request.host) == (*service, *host) {
                    let next = resets.partition_point(|reset| *reset <= now);
                    let begin = if next == 0 {
                        effect.from
                    } else {
                        resets[next - 1]
                    };
                    let end = resets.get(next).copied().unwrap_or(effect.until);
                    factor *= 1.0 + (to - 1.0) * (now - begin) as f64 / (end - begin).max(1) as f64;
                }
            }
            What::PerByte { endpoint, nanos } => {
                if *endpoint == request.endpoint {
                    added += request.request_bytes as f64 * nanos / 1_000.0;
                }
            }
        }
    }
    Own {
        total: (request.plain as f64 * factor + added) as Micros,
        function,
    }
}
