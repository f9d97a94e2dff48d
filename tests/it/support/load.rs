//! wrk: sends requests over many connections, and counts failures.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A running wrk; ended when dropped.
pub struct Load(Option<Child>);

/// What wrk counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub requests: u64,
    /// Answers that are neither 2xx nor 3xx.
    pub refused: u64,
    /// Connections that could not be opened, broke off or timed out.
    pub broken: u64,
}

impl Load {
    /// False where wrk is not installed.
    pub fn installed() -> bool {
        Command::new("wrk").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    }

    /// Sends requests with this session until it is stopped. The folder is for the script that makes POSTs.
    pub fn start(folder: &Path, url: &str, session: &str, method: &str, connections: usize) -> Self {
        let script = folder.join(format!("{method}.lua"));
        let text = format!(
            "wrk.method = \"{method}\"\nwrk.headers[\"Cookie\"] = \"__Host-imsgate={session}\"\n\
             wrk.headers[\"Accept\"] = \"application/json\"\n"
        );
        let body =
            "wrk.body = \"a=b\"\nwrk.headers[\"Content-Type\"] = \"application/x-www-form-urlencoded\"\n";
        let text = if method == "POST" { text + body } else { text };
        std::fs::write(&script, text).unwrap();
        let child = Command::new("wrk")
            // Longer than any test, so that a busy machine is not a failure.
            .args(["-t", "1", "-c", &connections.to_string(), "-d", "600s", "--timeout", "60s", "-s"])
            .arg(&script)
            .arg(url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(Some(child))
    }

    /// Ends it and reads its report.
    pub async fn stop(mut self) -> Tally {
        let child = self.0.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = tokio::task::spawn_blocking(move || child.wait_with_output());
        let output = tokio::time::timeout(Duration::from_secs(30), output).await.unwrap().unwrap().unwrap();
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        read(&report).unwrap_or_else(|| panic!("{report}"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// wrk omits counters that are zero.
fn read(report: &str) -> Option<Tally> {
    let mut tally = Tally::default();
    for line in report.lines().map(str::trim) {
        if let Some((requests, _)) = line.split_once(" requests in ") {
            tally.requests = requests.parse().ok()?;
        } else if let Some(refused) = line.strip_prefix("Non-2xx or 3xx responses: ") {
            tally.refused = refused.parse().ok()?;
        } else if let Some(errors) = line.strip_prefix("Socket errors: ") {
            let numbers = errors.split(", ").map(|error| error.split(' ').nth(1)?.parse::<u64>().ok());
            tally.broken = numbers.sum::<Option<u64>>()?;
        }
    }
    (tally.requests > 0).then_some(tally)
}
