//! A real nginx in front of the applications: its configuration, and its life as a child process.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The recommended format, which carries all that slowpath can use.
pub const SLOWPATH_FORMAT: &str = r#"log_format slowpath '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '
  'rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" us="$upstream_status" ua="$upstream_addr" '
  'cs=$upstream_cache_status ts=$msec rl=$request_length rid=$request_id host="$host" app="$upstream_http_x_runtime" st="$upstream_http_server_timing"';
"#;

/// nginx waits this long for an application.
pub const READ_TIMEOUT: Duration = Duration::from_millis(300);

/// Where the applications listen.
pub struct Upstreams {
    /// Two replicas.
    pub shop: [SocketAddr; 2],
    /// Few workers.
    pub narrow: SocketAddr,
    /// What `X-Accel-Redirect` leads to.
    pub render: SocketAddr,
    /// Fails.
    pub failing: SocketAddr,
    /// Takes longer than nginx waits.
    pub stalled: SocketAddr,
}

/// A running nginx.
pub struct Nginx {
    child: Child,
    directory: PathBuf,
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts nginx with all its files below `directory`, and waits until it answers.
    pub fn start(directory: &Path, upstreams: &Upstreams) -> Nginx {
        fs::create_dir_all(directory.join("www/static")).expect("a directory for static files");
        fs::create_dir_all(directory.join("www/files")).expect("a directory for files");
        fs::write(directory.join("www/static/site.css"), "p{}\n".repeat(500))
            .expect("a static file");
        fs::write(directory.join("www/files/manual.txt"), "page\n".repeat(900)).expect("a file");
        fs::write(directory.join("formats.conf"), SLOWPATH_FORMAT).expect("an included file");
        Nginx::start_with(directory, |address| {
            configuration(directory, address, upstreams)
        })
    }

    /// Starts nginx with a configuration that listens on the given address and answers `/ready` with 204. It
    /// includes process.conf, which says how nginx runs, and in `http` temporary.conf, which keeps its temporary
    /// files in the directory.
    pub fn start_with(directory: &Path, configuration: impl Fn(SocketAddr) -> String) -> Nginx {
        require_nginx();
        // Another process can take a port between our finding it free and nginx's taking it.
        let started = (0..5).find_map(|_| Nginx::try_start(directory, &configuration));
        started.unwrap_or_else(|| {
            let log = fs::read_to_string(directory.join("error.log")).unwrap_or_default();
            panic!("nginx does not start; its error log says:\n{log}")
        })
    }

    fn try_start(directory: &Path, configuration: impl Fn(SocketAddr) -> String) -> Option<Nginx> {
        let address = free_address();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {}/{of};\n", directory.display()));
        fs::write(directory.join("temporary.conf"), temporary.concat()).expect("an included file");
        let process = format!(
            "user root;  # where nginx runs as root: the files are below a private directory\n\
             daemon off;\n\
             pid {0}/nginx.pid;\n\
             error_log {0}/error.log info;\n\
             events {{ worker_connections 4096; }}\n",
            directory.display()
        );
        fs::write(directory.join("process.conf"), process).expect("an included file");
        fs::write(conf_path(directory), configuration(address)).expect("a configuration");
        let child = nginx(directory)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let mut nginx = Nginx {
            child,
            directory: directory.to_owned(),
            address,
        };
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if nginx.is_ready() {
                return Some(nginx);
            }
            if nginx
                .child
                .try_wait()
                .expect("the state of nginx")
                .is_some()
            {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// Whether it answers, and not some other server on the same port.
    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else {
            return false;
        };
        let mut answer = String::new();
        let request = b"GET /ready HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
        stream.write_all(request).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 204")
    }

    /// Lets nginx finish what it has begun, and waits for its end: then its logs are complete.
    pub fn finish(mut self) {
        self.signal("quit");
        let status = self.child.wait().expect("the end of nginx");
        assert!(status.success(), "nginx ended with {status}");
    }

    fn signal(&self, name: &str) {
        // The outcome shows in whether nginx ends.
        let _ = nginx(&self.directory).args(["-s", name]).status();
    }
}

impl Drop for Nginx {
    /// Stops nginx and its workers; killing only the child would leave those behind.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal("stop");
            let _ = self.child.wait();
        }
    }
}

/// Where the configuration of an nginx below `directory` is.
pub fn conf_path(directory: &Path) -> PathBuf {
    directory.join("nginx.conf")
}

/// nginx with the configuration below `directory`.
fn nginx(directory: &Path) -> Command {
    let mut command = Command::new(executable());
    command.arg("-c").arg(conf_path(directory));
    // From the start on, also while the configuration is not read yet.
    command.arg("-e").arg(directory.join("error.log"));
    command
}

/// On Debian nginx lies where only root's `PATH` leads.
fn executable() -> &'static str {
    let debian = "/usr/sbin/nginx";
    if Path::new(debian).exists() {
        debian
    } else {
        "nginx"
    }
}

fn require_nginx() {
    let version = Command::new(executable())
        .arg("-v")
        .stderr(Stdio::null())
        .status();
    assert!(
        version.is_ok(),
        "this test needs nginx, which is not installed: install it with `apt-get install nginx` \
         (Debian, Ubuntu), `apk add nginx` (Alpine) or `brew install nginx` (macOS), 1.19.5 or later"
    );
}

/// A loopback address where nothing listens now.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port for nginx");
    listener.local_addr().expect("its address")
}

/// The configuration: one location for each case of a request's life.
fn configuration(directory: &Path, address: SocketAddr, upstreams: &Upstreams) -> String {
    let Upstreams {
        shop: [shop_1, shop_2],
        narrow,
        render,
        failing,
        stalled,
    } = upstreams;
    let directory = directory.display();
    let timeout = READ_TIMEOUT.as_millis();
    format!(
        r#"
include process.conf;
worker_processes 2;

http {{
  # The times of many a tutorial: enough for the phases, nothing of the app's own clock.
  log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                   '"$http_referer" "$http_user_agent" rt=$request_time '
                   'uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time"';
  include formats.conf;
  access_log {directory}/timed.log timed;
  access_log {directory}/access.log slowpath;

  include temporary.conf;
  proxy_cache_path {directory}/cache keys_zone=pages:1m;

  set_real_ip_from 127.0.0.1;
  real_ip_header X-Forwarded-For;
  default_type text/plain;

  proxy_http_version 1.1;
  proxy_set_header Host $host;
  proxy_set_header Connection "";

  upstream shop {{ server {shop_1}; server {shop_2}; keepalive 8; }}
  upstream narrow {{ server {narrow}; keepalive 8; }}
  upstream render {{ server {render}; }}
  upstream stalled {{ server {stalled} max_fails=0; }}
  upstream after_a_failure {{ server {failing} max_fails=0; server {shop_1} backup; }}
  upstream render_after_a_failure {{ server {failing} max_fails=0; server {render} backup; }}
  upstream after_a_timeout {{ server {stalled} max_fails=0; server {shop_1} backup; }}
  upstream dead {{ server 127.0.0.1:1 max_fails=0; server 127.0.0.1:2 max_fails=0; }}

  server {{
    listen {address};
    server_name shop.example;

    location / {{ proxy_pass http://shop; }}
    location = /ready {{ access_log off; return 204; }}
    location /static/ {{ root {directory}/www; }}

    location /reports/ {{
      proxy_pass http://after_a_failure;
      proxy_next_upstream error timeout http_502;
    }}
    location /invoices/ {{
      proxy_pass http://after_a_timeout;
      proxy_read_timeout {timeout}ms;
    }}
    location /statistics {{
      proxy_pass http://stalled;
      proxy_read_timeout {timeout}ms;
    }}
    location /payments {{ proxy_pass http://dead; }}

    location /pages/ {{
      proxy_pass http://shop;
      proxy_cache pages;
      proxy_cache_valid 200 10m;
    }}
    location /news {{
      proxy_pass http://render;
      proxy_cache pages;
      proxy_cache_valid 200 1s;
      proxy_cache_use_stale http_503;
    }}

    location /internal/render {{ internal; proxy_pass http://render; }}
    location /internal/slides {{
      internal;
      proxy_pass http://render_after_a_failure;
      proxy_next_upstream error timeout http_502;
    }}
    location /internal/files/ {{ internal; alias {directory}/www/files/; }}

    location /live {{
      proxy_pass http://shop;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }}
    location /tickets {{ proxy_pass http://narrow; }}
    location /archive {{ proxy_pass http://narrow; }}
  }}
}}
"#
    )
}
