//! Which version of a package is installed, by the package manager that the machine has.

use super::process::{self, ANSWER_WITHIN, ProcessError};
use std::path::Path;

const DPKG: &str = "/usr/bin/dpkg-query";
const RPM: &str = "/usr/bin/rpm";

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

/// For each name the installed version as the package manager writes it (`1.6.20~ds1-1+b1`,
/// `1.6.20-1.el9`), without an epoch; `None` when the package is not installed. One child for all.
pub async fn installed(names: &[&str]) -> Result<Vec<Option<String>>, PackagesError> {
    if let Some(name) = names.iter().find(|name| !is_plain(name)) {
        return Err(PackagesError::Name((*name).to_owned()));
    }
    let (program, mut args) = if Path::new(DPKG).exists() {
        (DPKG, vec!["-W", "-f", "${Package} ${db:Status-Status} ${Version}\n"])
    } else if Path::new(RPM).exists() {
        (RPM, vec!["-q", "--qf", "%{NAME} installed %{VERSION}-%{RELEASE}\n"])
    } else {
        return Err(PackagesError::NoManager);
    };
    args.extend(names);
    let said = match process::run(Path::new(program), &args, ANSWER_WITHIN).await {
        Ok(finished) => finished.stdout,
        Err(ProcessError::Failed { status, stdout, stderr, .. })
            if only_unknown(program, status.code(), &stderr) =>
        {
            stdout
        }
        Err(error) => return Err(error.into()),
    };
    Ok(names.iter().map(|name| version(&said, name)).collect())
}

/// dpkg-query takes patterns, and both tools take flags.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    name.bytes().all(plain) && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Whether it has answered, but for names that it does not know. dpkg-query(1) ends with 1 then, and with
/// 2 when it cannot answer; rpm ends with the number of such names, and speaks of errors on stderr.
fn only_unknown(program: &str, code: Option<i32>, stderr: &str) -> bool {
    match code {
        Some(1) if program == DPKG => true,
        Some(_) if program == RPM => !stderr.contains("error:"),
        _ => false,
    }
}

fn version(said: &str, name: &str) -> Option<String> {
    let version = said.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(of), Some("installed"), Some(version), None) if of == name => Some(version),
            _ => None,
        }
    })?;
    let bare = version.split_once(':').map_or(version, |(_epoch, bare)| bare);
    Some(bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        for (said, expected) in [
            ("containerd installed 1.6.20~ds1-1+b1\n", Some("1.6.20~ds1-1+b1")),
            ("containerd installed 1:1.6.20-1\n", Some("1.6.20-1")),
            ("containerd.io installed 1.7.1-1\ncontainerd installed 1.6\n", Some("1.6")),
            ("containerd config-files 1.6.20\n", None),
            ("containerd not-installed \n", None),
            ("package containerd is not installed\n", None),
            ("containerd half-installed 1.5\ncontainerd installed 1.6\n", Some("1.6")),
            ("", None),
        ] {
            assert_eq!(version(said, "containerd").as_deref(), expected, "{said}");
        }
        assert_eq!(version("package installed is not installed\n", "package"), None);
    }

    #[test]
    fn ends() {
        for (program, code, stderr, expected) in [
            (DPKG, Some(1), "dpkg-query: no packages found matching x", true),
            (DPKG, Some(2), "dpkg-query: error", false),
            (DPKG, None, "", false),
            (RPM, Some(1), "", true),
            (RPM, Some(3), "", true),
            (RPM, Some(1), "error: cannot open Packages database", false),
            (RPM, None, "", false),
        ] {
            assert_eq!(only_unknown(program, code, stderr), expected, "{program} {code:?} {stderr}");
        }
    }

    #[test]
    fn names() {
        for (name, plain) in [
            ("libc6", true),
            ("g++", true),
            ("python3.11-venv", true),
            ("", false),
            ("-W", false),
            ("*", false),
            ("a b", false),
            ("a\n", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name:?}");
        }
    }

    #[tokio::test]
    async fn of_this_machine() {
        match installed(&["dpkg", "no-such-package-of-this-name"]).await {
            Ok(versions) if Path::new(DPKG).exists() => {
                assert!(
                    versions[0].as_ref().is_some_and(|version| version.starts_with("1.")),
                    "{versions:?}"
                );
                assert_eq!(versions[1], None);
            }
            Ok(versions) => assert_eq!(versions, [None, None]),
            Err(error) => assert!(matches!(error, PackagesError::NoManager), "{error:?}"),
        }
        assert!(matches!(installed(&["dpkg", "--help"]).await, Err(PackagesError::Name(_))));
    }
}
