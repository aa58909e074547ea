//! `manifest`: what a cluster must allow the issuer, for `kubectl apply -f -`.

use super::{Failure, out};
use crate::cluster::kubernetes::MANIFEST;
use std::process::ExitCode;

pub(super) fn run() -> Result<ExitCode, Failure> {
    out::print(MANIFEST)?;
    Ok(ExitCode::SUCCESS)
}
