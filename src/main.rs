//! The `imsgate` binary. It only calls the library's command line.

use std::process::ExitCode;

/// Measured: fewer cycles per small request than the system allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    imsgate::cli::run()
}
