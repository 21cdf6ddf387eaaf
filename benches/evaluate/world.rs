//! A site, drawn from a seed: its endpoints, its services with their workers, and the load in quiet times.
//! What goes wrong on it is no matter of this file.

use super::draw::{Draw, Stream};

/// Simulated time in microseconds from the beginning of the log.
pub type Micros = u64;

pub const MS: Micros = 1_000;
pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;

/// One endpoint of the site.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub method: &'static str,
    /// The path; `{}` is an id.
    pub path: String,
    /// Share of the site's requests.
    pub share: f64,
    /// Mean and coefficient of variation of its own time in quiet times.
    pub mean_us: f64,
    pub cv: f64,
    pub service: usize,
    /// How many things its ids name; 0 where its path has none.
    pub ids: u64,
    /// Mean size of its answers.
    pub answer_bytes: u64,
    /// A name of Server-Timing beside `db` and `render`, for the code that it calls.
    pub function: Option<&'static str>,
    /// Served beside the queue: by threads of its own, whatever the others do.
    pub bypass: bool,
}

impl Endpoint {
    /// The route that a report shows for it.
    pub fn route(&self) -> String {
        self.path.replace("{}", ":id")
    }

    fn median_and_sigma(&self) -> (f64, f64) {
        let variance = 1.0 + self.cv * self.cv;
        (self.mean_us / variance.sqrt(), variance.ln().sqrt())
    }

    /// Own time of one request, log-normal.
    pub fn own_time(&self, draw: &mut Draw) -> Micros {
        let (median, sigma) = self.median_and_sigma();
        draw.lognormal(median as u64, sigma).max(100)
    }
}

/// Replicas that serve the same endpoints, each with its own workers and its own queue.
#[derive(Clone, Debug)]
pub struct Service {
    pub hosts: Vec<String>,
    /// Workers of each host.
    pub workers: usize,
    /// Requests per second in quiet times, and the share of the workers that they keep busy.
    pub rate: f64,
    pub utilisation: f64,
}

impl Service {
    pub fn all_workers(&self) -> usize {
        self.workers * self.hosts.len()
    }
}

/// How the rate of requests moves in quiet times, as a factor of its mean.
#[derive(Clone, Debug)]
pub struct Load {
    /// Half of the day's swing, 0 for none, and where in the day the log begins (0 to 1).
    pub swing: f64,
    pub phase: f64,
    /// The wandering part, one factor per [`Load::STEP`].
    pub wander: Vec<f64>,
}

impl Load {
    pub const STEP: Micros = 5 * SECOND;

    /// Mean-reverting noise: this deviation of the logarithm, with this memory.
    fn draw(draw: &mut Draw, duration: Micros, swing: f64, deviation: f64, memory: Micros) -> Self {
        let keep = (-(Self::STEP as f64) / memory as f64).exp();
        let fresh = deviation * (1.0 - keep * keep).sqrt();
        let mut level = deviation * draw.normal();
        let steps = duration / Self::STEP + 1;
        let wander = (0..steps).map(|_| {
            level = keep * level + fresh * draw.normal();
            level.clamp(-3.0 * deviation, 3.0 * deviation).exp()
        });
        Self {
            swing,
            wander: wander.collect(),
            phase: draw.unit(),
        }
    }

    pub fn at(&self, now: Micros) -> f64 {
        let day = now as f64 / (24 * HOUR) as f64 + self.phase;
        let swing = 1.0 + self.swing * (day * std::f64::consts::TAU).sin();
        let last = self.wander.len() - 1; // OK because there is at least one step.
        swing * self.wander[((now / Self::STEP) as usize).min(last)]
    }
}

/// What may be asked of a world beside its seed.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub endpoints: (f64, f64),
    pub services: (u64, u64),
    /// Hosts of the first service.
    pub hosts: (u64, u64),
    pub lines: (f64, f64),
    pub duration: (Micros, Micros),
    /// Share of the first service's workers that is busy in quiet times.
    pub utilisation: (f64, f64),
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            endpoints: (8.0, 300.0),
            services: (1, 4),
            hosts: (1, 1),
            lines: (50_000.0, 120_000.0),
            duration: (20 * MINUTE, 5 * HOUR),
            utilisation: (0.3, 0.7),
        }
    }
}

#[derive(Clone, Debug)]
pub struct World {
    pub endpoints: Vec<Endpoint>,
    pub services: Vec<Service>,
    pub load: Load,
    pub duration: Micros,
    /// Requests per second on average.
    pub rate: f64,
}

const NOUNS: [&str; 40] = [
    "accounts",
    "alerts",
    "assets",
    "baskets",
    "billing",
    "branches",
    "campaigns",
    "carts",
    "channels",
    "comments",
    "contacts",
    "devices",
    "events",
    "exports",
    "feeds",
    "files",
    "folders",
    "groups",
    "images",
    "invoices",
    "items",
    "jobs",
    "labels",
    "locations",
    "members",
    "messages",
    "networks",
    "notes",
    "offers",
    "orders",
    "parcels",
    "payments",
    "products",
    "projects",
    "quotes",
    "reports",
    "rooms",
    "servers",
    "tickets",
    "users",
];

/// Method, what follows the noun, and whether that has an id.
const SHAPES: [(&str, &str); 10] = [
    ("GET", "/{}"),
    ("GET", ""),
    ("POST", ""),
    ("PUT", "/{}"),
    ("GET", "/{}/history"),
    ("DELETE", "/{}"),
    ("POST", "/{}/share"),
    ("GET", "/{}/stats"),
    ("POST", "/{}/archive"),
    ("GET", "/search"),
];

/// Names for the code behind an endpoint.
pub const FUNCTIONS: [&str; 12] = [
    "load_profile",
    "check_quota",
    "read_index",
    "sync_tags",
    "price_rules",
    "render_pdf",
    "audit_trail",
    "geo_lookup",
    "fetch_rates",
    "merge_tree",
    "spell_check",
    "thumbnail",
];

/// A number between two, evenly on a logarithmic scale.
pub fn log_uniform(draw: &mut Draw, (low, high): (f64, f64)) -> f64 {
    low * (high / low).powf(draw.unit())
}

pub fn uniform(draw: &mut Draw, (low, high): (f64, f64)) -> f64 {
    low + (high - low) * draw.unit()
}

/// A whole number from low to high, both included.
pub fn whole(draw: &mut Draw, (low, high): (u64, u64)) -> u64 {
    low + draw.below(high - low + 1)
}

impl World {
    /// The site of this seed.
    pub fn draw(seed: u64, wish: &Wish) -> Self {
        let draw = &mut Draw::new(seed, Stream::Story);
        let count = log_uniform(draw, wish.endpoints).round() as usize;
        // A service needs some endpoints to be one.
        let services = whole(draw, wish.services).clamp(1, (count as u64 / 8).max(1)) as usize;
        let mut endpoints = endpoints(draw, count, services);
        // All at once until they fit together: many workers and few lines make a short log.
        let (workers, utilisation, duration, rate) = loop {
            let workers = log_uniform(draw, (4.0, 64.0)).round() as usize;
            let utilisation = uniform(draw, wish.utilisation);
            let lines = log_uniform(draw, wish.lines);
            let mean_us = log_uniform(draw, (20_000.0, 800_000.0));
            let rate = utilisation * workers as f64 / (mean_us / 1e6);
            let duration = (lines / rate * 1e6) as Micros;
            if (wish.duration.0..=wish.duration.1).contains(&duration) {
                break (workers, utilisation, duration, rate);
            }
        };
        let services = (0..services).map(|service| {
            let hosts = if service == 0 {
                whole(draw, wish.hosts)
            } else {
                1
            } as usize;
            let part = |of: &dyn Fn(&Endpoint) -> f64| -> f64 {
                endpoints
                    .iter()
                    .filter(|e| e.service == service)
                    .map(of)
                    .sum()
            };
            let share = part(&|e| e.share);
            let utilisation = if service == 0 {
                utilisation
            } else {
                uniform(draw, (0.2, 0.5))
            };
            // Workers in proportion to traffic, at least two on each host.
            let each = (workers as f64 * share / hosts as f64).round().max(2.0);
            let busy_us = part(&|e| e.share * e.mean_us) * rate;
            let scale = utilisation * each * hosts as f64 * 1e6 / busy_us;
            for endpoint in endpoints.iter_mut().filter(|e| e.service == service) {
                endpoint.mean_us *= scale;
            }
            Service {
                hosts: (0..hosts)
                    .map(|n| format!("10.0.{}.{}:8000", service + 1, 11 + n))
                    .collect(),
                workers: each as usize,
                rate: rate * share,
                utilisation,
            }
        });
        let services = services.collect();
        let swing = uniform(draw, (0.0, 0.3));
        let deviation = uniform(draw, (0.0, 0.12));
        let memory = log_uniform(draw, (30e6, 900e6)) as Micros;
        let load = Load::draw(draw, duration, swing, deviation, memory);
        Self {
            endpoints,
            services,
            load,
            duration,
            rate,
        }
    }

    /// The endpoints of a service.
    pub fn of_service(&self, service: usize) -> impl Iterator<Item = usize> {
        (0..self.endpoints.len()).filter(move |e| self.endpoints[*e].service == service)
    }
}

fn endpoints(draw: &mut Draw, count: usize, services: usize) -> Vec<Endpoint> {
    let skew = uniform(draw, (0.5, 1.5));
    let spread = uniform(draw, (0.5, 1.1));
    let mut names: Vec<(&str, String)> = SHAPES
        .iter()
        .flat_map(|(method, tail)| NOUNS.map(|noun| (*method, format!("/api/{noun}{tail}"))))
        .collect();
    let total: f64 = (1..=count).map(|rank| (rank as f64).powf(-skew)).sum();
    let made = (1..=count).map(|rank| {
        // Common shapes first, so that a small site has whole resources; nouns by chance.
        let among = (names.len() as u64).min(80);
        let (method, path) = names.remove(draw.below(among) as usize);
        // The first service has the greater part, as one application usually does.
        let service = if services == 1 || draw.chance(500) {
            0
        } else {
            draw.below(services as u64) as usize
        };
        Endpoint {
            ids: if path.contains("{}") {
                log_uniform(draw, (40.0, 3_000.0)) as u64
            } else {
                0
            },
            method,
            path,
            share: (rank as f64).powf(-skew) / total,
            mean_us: (spread * draw.normal()).exp(),
            cv: log_uniform(draw, (0.3, 2.0)),
            service,
            answer_bytes: log_uniform(draw, (200.0, 40_000.0)) as u64,
            function: draw.chance(500).then(|| FUNCTIONS[draw.below(12) as usize]),
            bypass: false,
        }
    });
    let mut made: Vec<Endpoint> = made.collect();
    // Ranks are by traffic; order of declaration must say nothing.
    for at in (1..made.len()).rev() {
        made.swap(at, draw.below(at as u64 + 1) as usize);
    }
    // Every service has an endpoint at least.
    for service in 0..services {
        if !made.iter().any(|e| e.service == service) {
            let at = service % made.len();
            made[at].service = service;
        }
    }
    made
}
