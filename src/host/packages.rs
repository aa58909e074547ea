//! Which version of a package is installed, by the package manager that the machine has.

use super::process::{self, ProcessError};
use std::path::Path;
use std::time::Duration;

const DPKG: &str = "/usr/bin/dpkg-query";
const RPM: &str = "/usr/bin/rpm";
const DEADLINE: Duration = Duration::from_millis(1500);

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// Neither dpkg nor rpm.
    #[error("this machine has neither dpkg nor rpm")]
    NoManager,
    /// Not a name that a package could have.
    #[error("{0:?} is not the name of a package")]
    Name(String),
    /// The package manager would not say.
    #[error("asking the package manager")]
    Process(#[from] ProcessError),
}

/// The installed version as the package manager writes it (`1.6.20~ds1-1+b1`, `1.6.20-1.el9`), without
/// an epoch; `None` when the package is not installed.
pub async fn installed(name: &str) -> Result<Option<String>, PackagesError> {
    // dpkg-query takes patterns, and both tools take flags.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    if !name.bytes().all(plain) || !name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return Err(PackagesError::Name(name.to_owned()));
    }
    let asked = if Path::new(DPKG).exists() {
        process::run(Path::new(DPKG), &["-W", "-f", "${db:Status-Status} ${Version}\n", name], DEADLINE).await
    } else if Path::new(RPM).exists() {
        process::run(Path::new(RPM), &["-q", "--qf", "installed %{VERSION}-%{RELEASE}\n", name], DEADLINE)
            .await
    } else {
        return Err(PackagesError::NoManager);
    };
    match asked {
        Ok(said) => Ok(parse(&said.stdout)),
        // Both end with 1 for a name they do not know.
        Err(ProcessError::Failed { status, .. }) if status.code() == Some(1) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn parse(text: &str) -> Option<String> {
    let version = text.lines().find_map(|line| line.strip_prefix("installed "))?.trim();
    let bare = version.split_once(':').map_or(version, |(_epoch, bare)| bare);
    Some(bare.to_owned())
}
