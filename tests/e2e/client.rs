//! The clients: one TCP connection for each request, so that nothing is hidden in a library. They
//! count what they sent and what they got.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes: a test that hangs should say where.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the clients know of one endpoint.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub requests: u64,
    /// How many answers had this status; none for a client that left.
    pub statuses: BTreeMap<u16, u64>,
    /// From the first byte sent to the last, of requests sent in parts.
    pub uploading: Duration,
    /// From before connecting to the end of the answer.
    pub took: Duration,
    /// What the answers said in `X-Runtime`, in µs.
    pub said_us: u64,
}

/// Method and route, as a report names them.
pub type Key = (&'static str, &'static str);

/// Clients of one nginx.
pub struct Client {
    address: SocketAddr,
    sent: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    endpoints: BTreeMap<Key, Sent>,
    /// The endpoint of each request line, to find it again in the log.
    lines: BTreeMap<String, Key>,
    requests: u64,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        Client {
            address,
            sent: Mutex::default(),
        }
    }

    /// A GET of `path`, which belongs to `route`; gives the status.
    pub fn get(&self, route: &'static str, path: &str) -> u16 {
        self.exchange(("GET", route), path, "", b"")
    }

    /// A POST of so many bytes at once.
    pub fn post(&self, route: &'static str, path: &str, bytes: usize) -> u16 {
        let length = format!("Content-Length: {bytes}\r\n");
        self.exchange(("POST", route), path, &length, &vec![b'x'; bytes])
    }

    /// A PUT whose second half comes only after a pause.
    pub fn put_slowly(&self, route: &'static str, path: &str, pause: Duration) -> u16 {
        let key = ("PUT", route);
        let mut stream = self.connect();
        let started = Instant::now();
        stream
            .write_all(self.head(key, path, "Content-Length: 2000\r\n").as_bytes())
            .expect("sending a request");
        stream
            .write_all(&[b'x'; 1_000])
            .expect("sending half a body");
        thread::sleep(pause);
        let took = started.elapsed();
        stream
            .write_all(&[b'x'; 1_000])
            .expect("sending the other half");
        self.with(|counts| counts.endpoints.entry(key).or_default().uploading += took);
        self.finish(key, stream)
    }

    /// A GET by a client that leaves before the answer: when `working` returns.
    pub fn get_and_leave(&self, route: &'static str, path: &str, working: impl FnOnce()) {
        let mut stream = self.connect();
        stream
            .write_all(self.head(("GET", route), path, "").as_bytes())
            .expect("sending a request");
        working();
        stream.shutdown(Shutdown::Both).expect("leaving");
    }

    /// Asks for a websocket and stays until the tunnel closes.
    pub fn upgrade(&self, route: &'static str, path: &str) -> u16 {
        let mut stream = self.connect();
        let key = ("GET", route);
        // No `Connection: close` here: the header says something else.
        let head = self
            .head(key, path, "Upgrade: websocket\r\nConnection: upgrade\r\n")
            .replace("Connection: close\r\n", "");
        stream
            .write_all(head.as_bytes())
            .expect("asking for an upgrade");
        self.finish(key, stream)
    }

    /// Bytes that are no HTTP.
    pub fn babble(&self, route: &'static str, bytes: &[u8]) -> u16 {
        let key = ("", route);
        self.with(|counts| counts.endpoints.entry(key).or_default().requests += 1);
        let mut stream = self.connect();
        stream.write_all(bytes).expect("sending bytes");
        self.finish(key, stream)
    }

    /// What was sent, for each endpoint.
    pub fn sent(&self) -> BTreeMap<Key, Sent> {
        self.with(|counts| counts.endpoints.clone())
    }

    /// The endpoint of each request line that was sent.
    pub fn request_lines(&self) -> BTreeMap<String, Key> {
        self.with(|counts| counts.lines.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn exchange(&self, key: Key, path: &str, headers: &str, body: &[u8]) -> u16 {
        let started = Instant::now();
        let mut stream = self.connect();
        let head = self.head(key, path, headers);
        stream
            .write_all(&[head.as_bytes(), body].concat())
            .expect("sending a request");
        let status = self.finish(key, stream);
        let took = started.elapsed();
        self.with(|counts| counts.endpoints.entry(key).or_default().took += took);
        status
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("nginx takes connections");
        stream.set_nodelay(true).expect("a socket option");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        stream
    }

    /// The header of a request, which is counted here.
    fn head(&self, (method, route): Key, path: &str, headers: &str) -> String {
        let line = format!("{method} {path} HTTP/1.1");
        let visitor = self.with(|counts| {
            counts.requests += 1;
            counts.lines.insert(line.clone(), (method, route));
            counts
                .endpoints
                .entry((method, route))
                .or_default()
                .requests += 1;
            // Few people, each with several requests; the net is one for documentation.
            counts.requests * 5 % 23 + 10
        });
        format!(
            "{line}\r\nHost: shop.example\r\nX-Forwarded-For: 203.0.113.{visitor}\r\n\
             User-Agent: shopper/1.0\r\nConnection: close\r\n{headers}\r\n"
        )
    }

    /// Reads the answer to its end.
    fn finish(&self, key: Key, mut stream: TcpStream) -> u16 {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer in time");
        let status = answer
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .expect("a status line");
        self.with(|counts| {
            let sent = counts.endpoints.entry(key).or_default();
            *sent.statuses.entry(status).or_default() += 1;
            sent.said_us += runtime_us(&answer).unwrap_or(0);
        });
        status
    }
}

/// What an answer says in `X-Runtime`, with six decimals, in µs.
fn runtime_us(answer: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(answer);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let values = head.lines().filter_map(|line| line.split_once(": "));
    let (_, seconds) = values
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-runtime"))?;
    let (whole, micros) = seconds.split_once('.')?;
    format!("{whole}{micros}").parse().ok()
}
