//! bootstrap-issuer: the issuing side of worker-bootstrap, with an embedded cluster for a laptop,
//! the demo and the tests.

mod cli;

mod demo;

mod render;
mod token;

mod cluster;

mod clock;
mod files;
mod random;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
