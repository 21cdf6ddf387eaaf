//! A small HTTP/1.1 application with a fixed number of workers. It says in `X-Runtime` and
//! `Server-Timing` how long it ran, and remembers what it said: the truth to compare with.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// One thing that an application does.
#[derive(Clone)]
pub struct Endpoint {
    /// What it answers to: this method, and any path that starts like this.
    method: &'static str,
    path: &'static str,
    /// The name under which it remembers what it spent.
    route: &'static str,
    /// How long it runs at least.
    work: Duration,
    answer: Answer,
}

impl Endpoint {
    /// An endpoint that is asked by its route: up to the first variable part, where there is one.
    pub fn new(method: &'static str, route: &'static str, work: Duration, answer: Answer) -> Self {
        Endpoint {
            method,
            path: route.split(':').next().unwrap_or(route),
            route,
            work,
            answer,
        }
    }

    /// The same, asked by another path.
    pub fn at(self, path: &'static str) -> Self {
        Endpoint { path, ..self }
    }
}

/// What an endpoint does when it has run.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Sends this status and as many bytes.
    Send(u16, usize),
    /// Sends a page at first, and failures with status 503 from then on.
    SendOnce(usize),
    /// Sends its header, and its body in parts with a pause before each.
    Trickle { parts: u32, pause: Duration },
    /// Lets nginx send a file (`X-Accel-Redirect`).
    SendFile(&'static str),
    /// Lets nginx ask another upstream (`X-Accel-Redirect`).
    HandOver(&'static str),
    /// Fails with this status, so that nginx asks the next server.
    Fail(u16),
    /// Sends so many bytes, but fails with status 500 while the application is between these ages.
    Break {
        length: usize,
        from: Duration,
        until: Duration,
    },
    /// Sends a page to a peer that will not have waited for it.
    TooLate,
    /// Switches protocols and keeps the tunnel open for this long.
    Tunnel(Duration),
}

/// What an application said and knows about one request.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    pub method: &'static str,
    pub route: &'static str,
    /// Whether this is the app time of the request: the answer that the client got, told once.
    pub counts: bool,
    /// From the request's last byte until a worker took it.
    pub waited: Duration,
    /// As said in `X-Runtime`, in µs.
    pub ran_us: u64,
    /// From the header's last byte to the body's, of an answer that comes in parts.
    pub sending: Duration,
}

/// A running application.
pub struct App {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    started: Instant,
    endpoints: Vec<Endpoint>,
    workers: Workers,
    spent: Mutex<Vec<Spent>>,
    /// How often each route was begun, and the bell that rings when one is.
    begun: Mutex<BTreeMap<&'static str, usize>>,
    bell: Condvar,
}

/// The workers that are free.
struct Workers {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A worker at work; it is free again when dropped.
struct Worker<'w>(&'w Workers);

impl Workers {
    fn take(&self) -> Worker<'_> {
        let mut free = lock(&self.free);
        while *free == 0 {
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Worker(self)
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// Starts an application with so many workers. Its threads end with the test's process.
    pub fn start(workers: usize, endpoints: Vec<Endpoint>) -> App {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port for the app");
        let address = listener.local_addr().expect("the app's address");
        let shared = Arc::new(Shared {
            started: Instant::now(),
            endpoints,
            workers: Workers {
                free: Mutex::new(workers),
                freed: Condvar::new(),
            },
            spent: Mutex::default(),
            begun: Mutex::default(),
            bell: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                // An error is a peer that left, which several of the tests mean to happen.
                thread::spawn(move || shared.converse(stream));
            }
        });
        App { address, shared }
    }

    /// What it said so far.
    pub fn spent(&self) -> Vec<Spent> {
        lock(&self.shared.spent).clone()
    }

    /// Waits until a worker has begun with `route` for the `count`th time.
    pub fn wait_until_begun(&self, route: &'static str, count: usize) {
        let mut begun = lock(&self.shared.begun);
        while begun.get(route).copied().unwrap_or(0) < count {
            begun = self
                .shared
                .bell
                .wait(begun)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    /// Answers the requests of one connection, which takes no worker while it is idle.
    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        while let Some((method, path)) = read_request(&mut reader)? {
            let arrived = Instant::now();
            let worker = self.workers.take();
            let waited = arrived.elapsed();
            let endpoint = self
                .endpoints
                .iter()
                .find(|endpoint| endpoint.method == method && path.starts_with(endpoint.path));
            match endpoint {
                Some(endpoint) => self.run(endpoint, waited, &mut stream)?,
                None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
            }
            drop(worker);
        }
        Ok(())
    }

    /// One request from the moment a worker took it.
    fn run(&self, endpoint: &Endpoint, waited: Duration, stream: &mut TcpStream) -> io::Result<()> {
        let started = Instant::now();
        let turn = self.begin(endpoint.route);
        // Requests of one endpoint differ, as they do in life.
        let work = endpoint.work + endpoint.work * (turn as u32 * 7 % 5) / 8;
        // Half of it waits for a database, half of it computes, but never for long: the test shares
        // its cores.
        let computing = (work / 2).min(Duration::from_millis(2));
        thread::sleep(work - computing);
        let database = started.elapsed();
        while started.elapsed() < work {
            std::hint::spin_loop();
        }

        let (status, length, accel) = match endpoint.answer {
            Answer::Send(status, length) => (status, length, None),
            Answer::SendOnce(length) if turn == 1 => (200, length, None),
            Answer::SendOnce(_) => (503, 0, None),
            Answer::Break { from, until, .. }
                if (from..until).contains(&self.started.elapsed()) =>
            {
                (500, 30, None)
            }
            Answer::Break { length, .. } => (200, length, None),
            Answer::Trickle { parts, .. } => (200, 1_000 * parts as usize, None),
            Answer::SendFile(to) | Answer::HandOver(to) => (200, 0, Some(to)),
            Answer::Fail(status) => (status, 0, None),
            Answer::TooLate => (200, 10, None),
            Answer::Tunnel(_) => (101, 0, None),
        };
        let counts = match endpoint.answer {
            Answer::Send(..)
            | Answer::Break { .. }
            | Answer::Trickle { .. }
            | Answer::SendFile(_) => true,
            Answer::SendOnce(_) => turn == 1,
            Answer::HandOver(_) | Answer::Fail(_) | Answer::TooLate | Answer::Tunnel(_) => false,
        };
        let mut head = format!("HTTP/1.1 {status} Status\r\nContent-Type: text/plain\r\n");
        match status {
            101 => head += "Connection: upgrade\r\nUpgrade: websocket\r\n",
            _ => head += &format!("Content-Length: {length}\r\n"),
        }
        if let Some(to) = accel {
            head += &format!("X-Accel-Redirect: {to}\r\n");
        }
        let ran_us = started.elapsed().as_micros() as u64;
        head += &format!(
            "X-Runtime: {}.{:06}\r\nServer-Timing: db;dur={:.3}, total;dur={}.{:03}\r\n\r\n",
            ran_us / 1_000_000,
            ran_us % 1_000_000,
            database.as_secs_f64() * 1_000.0,
            ran_us / 1_000,
            ran_us % 1_000,
        );
        // Remembered before it is sent, so that whoever has the answer finds it here. How long a
        // body took to send is known only afterwards.
        let spent = Spent {
            method: endpoint.method,
            route: endpoint.route,
            counts,
            waited,
            ran_us,
            sending: Duration::ZERO,
        };
        let place = {
            let mut all = lock(&self.spent);
            all.push(spent);
            all.len() - 1
        };
        match endpoint.answer {
            Answer::Trickle { parts, pause } => {
                stream.write_all(head.as_bytes())?;
                let sent_head = Instant::now();
                for part in 1..=parts {
                    thread::sleep(pause);
                    if part == parts {
                        lock(&self.spent)[place].sending = sent_head.elapsed();
                    }
                    stream.write_all(&[b'.'; 1_000])?;
                }
                Ok(())
            }
            Answer::Tunnel(open) => {
                stream.write_all(head.as_bytes())?;
                thread::sleep(open);
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            _ => stream.write_all(&[head.as_bytes(), &vec![b'.'; length]].concat()),
        }
    }

    /// Counts a beginning and tells whoever waits for it.
    fn begin(&self, route: &'static str) -> usize {
        let mut begun = lock(&self.begun);
        let turn = begun.entry(route).or_default();
        *turn += 1;
        self.bell.notify_all();
        *turn
    }
}

/// The method and target of the next request, its body read too; `None` where the peer is done.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut body = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            body = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        }
    }
    io::copy(&mut reader.take(body), &mut io::sink())?;
    let mut words = first.split_whitespace().map(str::to_owned);
    Ok(words.next().zip(words.next()))
}
