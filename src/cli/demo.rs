//! `imsgate demo`.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use super::{STOPS_LOGINS, output};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  imsgate demo --listen 127.0.0.1:9443")]
pub(super) struct DemoArgs {
    /// Where the gateway listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "localhost:8443", value_parser = address)]
    listen: SocketAddr,
}

pub(super) fn run(args: &DemoArgs) -> ExitCode {
    output::err(&format!("imsgate demo: the gateway is not linked yet ({})\n", args.listen));
    ExitCode::from(STOPS_LOGINS)
}

/// An address, where `localhost` stands for 127.0.0.1 whatever the machine makes of it.
fn address(text: &str) -> Result<SocketAddr, String> {
    let number =
        text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    number.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8443".to_owned())
}
