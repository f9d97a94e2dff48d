//! nginx in front of several instances, as an operator configures it: TLS on both sides, persistent connections, and the next instance where
//! repeating a request is safe.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::reserved::Reserved;

/// A running nginx; ended when dropped.
pub struct Front {
    place: Reserved,
    folder: PathBuf,
    child: Option<Child>,
}

/// A request as nginx has it in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub method: String,
    pub status: u16,
    pub path: String,
    /// The instances that nginx tried, in order, with the status of each; 0 without a status.
    pub tries: Vec<(SocketAddr, u16)>,
}

impl Front {
    /// The program, where it is installed.
    pub fn program() -> Option<&'static str> {
        let places = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];
        places.into_iter().find(|program| Path::new(program).exists())
    }

    /// A folder for it. It starts when its instances are known.
    pub fn reserve(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        Self { place: Reserved::new(), folder, child: None }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.address
    }

    /// Starts it in front of these, and waits until it listens. Certificates are `cert.pem` and `key.pem` beside its folder.
    pub async fn start(&mut self, instances: &[SocketAddr]) {
        let folder = self.folder.display();
        let certificates = self.folder.parent().unwrap().display();
        // A second after a failure nginx tries an instance again: a fresh one takes part soon.
        let server = |address: &SocketAddr| format!("server {address} max_fails=1 fail_timeout=1s;");
        let servers = instances.iter().map(server).collect::<Vec<_>>().join(" ");
        let listen = self.address();
        let config = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n\
             events {{ worker_connections 4000; }}\n\
             http {{\n\
               log_format passed '$request_method $status $uri|$upstream_addr|$upstream_status';\n\
               access_log {folder}/access.log passed;\n\
               client_body_temp_path {folder}/temp; proxy_temp_path {folder}/temp; fastcgi_temp_path {folder}/temp;\n\
               uwsgi_temp_path {folder}/temp; scgi_temp_path {folder}/temp;\n\
               upstream instances {{ {servers} keepalive 32; }}\n\
               server {{\n\
                 listen {listen} ssl;\n\
                 ssl_certificate {certificates}/cert.pem; ssl_certificate_key {certificates}/key.pem;\n\
                 location / {{\n\
                   proxy_pass https://instances;\n\
                   proxy_ssl_verify on; proxy_ssl_trusted_certificate {certificates}/cert.pem; proxy_ssl_name localhost;\n\
                   proxy_http_version 1.1; proxy_set_header Connection '';\n\
                   proxy_set_header Host $http_host;\n\
                   proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https;\n\
                   proxy_next_upstream error timeout;\n\
                 }}\n\
               }}\n\
             }}\n"
        );
        std::fs::write(self.folder.join("nginx.conf"), config).unwrap();
        let child = Command::new(Self::program().unwrap())
            .args(["-p", &format!("{folder}/"), "-e", &format!("{folder}/error.log")])
            .args(["-c", &format!("{folder}/nginx.conf")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(listen).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nginx does not come up\n{}", self.errors());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every request answered so far, in order.
    pub fn passed(&self) -> Vec<Passed> {
        let log = std::fs::read(self.folder.join("access.log")).unwrap();
        String::from_utf8_lossy(&log).lines().filter_map(read).collect()
    }

    /// The error log.
    pub fn errors(&self) -> String {
        let log = std::fs::read(self.folder.join("error.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "nginx says:\n{}", self.errors());
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `None` for a line that is still being written.
fn read(line: &str) -> Option<Passed> {
    let mut parts = line.split('|');
    let mut request = parts.next()?.split(' ');
    let (method, status, path) = (request.next()?, request.next()?.parse().ok()?, request.next()?);
    let (addresses, statuses) = (parts.next()?.split(", "), parts.next()?.split(", "));
    let tries = addresses.zip(statuses).filter_map(|(address, status)| {
        // If no instance was available, this is the name of the upstream group.
        Some((address.parse().ok()?, status.parse().unwrap_or(0)))
    });
    Some(Passed { method: method.to_owned(), status, path: path.to_owned(), tries: tries.collect() })
}
