//! Whether what the document requires is installed, in a version that will do.

use super::{Host, Outcome, not_the_machine, told};
use crate::document::{Package, Version};
use crate::host::packages::{self, PackagesError};
use crate::host::process::ProcessError;
use crate::reason::Reason;

pub(super) async fn check(host: &Host<'_>) -> Outcome {
    let Some(document) = host.document else {
        return Outcome::Skipped("no document says what is required".to_owned());
    };
    if document.packages.is_empty() {
        return Outcome::Passed("the document requires none".to_owned());
    }
    if !host.root.is_machine() {
        return not_the_machine("what the package manager knows");
    }
    let names: Vec<&str> = document.packages.iter().map(|package| package.name.as_str()).collect();
    match packages::installed(&names).await {
        Ok(installed) => judge(&document.packages, &installed),
        Err(error) => {
            let reason = match &error {
                PackagesError::Process(ProcessError::TooLate { .. }) => Reason::HostNotAnswering,
                _ => Reason::PackageMissing,
            };
            Outcome::failed(reason, told(error, &format!("looking for the packages {}", names.join(", "))))
        }
    }
}

fn judge(required: &[Package], installed: &[Option<String>]) -> Outcome {
    let (mut seen, mut missing) = (Vec::new(), Vec::new());
    for (package, installed) in required.iter().zip(installed) {
        let name = &package.name;
        match (installed, &package.version) {
            (None, None) => missing.push(format!("{name} is not installed")),
            (None, Some(range)) => missing.push(format!("{name} is not installed ({range} is required)")),
            (Some(version), None) => seen.push(format!("{name} {version}")),
            (Some(version), Some(range)) if Version::parse(version).is_some_and(|it| range.holds(&it)) => {
                seen.push(format!("{name} {version}"));
            }
            (Some(version), Some(range)) => {
                missing.push(format!("{name} is {version} ({range} is required)"));
            }
        }
    }
    if missing.is_empty() {
        return Outcome::Passed(seen.join(", "));
    }
    Outcome::failed(Reason::PackageMissing, format!("looking for packages: {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements() {
        let package = |json: &str| serde_json::from_str::<Package>(json).unwrap();
        let any = || package(r#"{"name": "containerd"}"#);
        let ranged = || package(r#"{"name": "containerd", "version": ">=1.6"}"#);
        for (required, installed, failure) in [
            (any(), Some("1.5.9~ds1-1"), None),
            (any(), None, Some("containerd is not installed")),
            (ranged(), Some("1.6.20~ds1-1+b1"), None),
            (ranged(), Some("1.5.9"), Some("containerd is 1.5.9 (>=1.6 is required)")),
            (ranged(), Some("unknown"), Some("containerd is unknown (>=1.6 is required)")),
            (ranged(), None, Some("containerd is not installed (>=1.6 is required)")),
        ] {
            let outcome = judge(&[required], &[installed.map(str::to_owned)]);
            match (failure, outcome) {
                (None, Outcome::Passed(seen)) => assert!(seen.contains("containerd 1."), "{seen}"),
                (Some(words), Outcome::Failed(failed)) => {
                    assert_eq!(failed.reason, Reason::PackageMissing);
                    assert_eq!(failed.line(), format!("looking for packages: {words}"));
                }
                (expected, outcome) => panic!("{installed:?}: {expected:?}, {outcome:?}"),
            }
        }
    }
}
