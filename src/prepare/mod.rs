//! Step 5: what needs no cluster. Directories, and a unit that starts the kubelet with the files the
//! join writes. Trusts the plan; idempotent, so a restart finds each thing already so.

use crate::failure::Failure;
use crate::host::files::Written;
use crate::host::made::{self, Put};
use crate::host::root::Root;
use crate::plan::{DROP_IN, KubeletUnit, Plan, UNIT};
use crate::reason::Reason;
use std::path::Path;

/// What one action came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// What was prepared.
    pub what: String,
    /// Whether it had been so before.
    pub already: bool,
}

const DIRECTORIES: [(&str, u32); 4] = [
    ("/etc/kubernetes", 0o755),
    ("/etc/kubernetes/pki", 0o755),
    ("/var/lib/kubelet", 0o750),
    ("/var/lib/kubelet/pki", 0o755),
];

/// Makes the directories and the kubelet's unit. `kubelet` is the absolute path of the program.
///
/// # Errors
/// `local_write_failed`, naming the path.
pub fn host(plan: &Plan, root: &Root, kubelet: &Path) -> Result<Vec<Prepared>, Failure> {
    let drop_in = drop_in(kubelet);
    let units: &[(&str, &str)] = match plan.unit {
        KubeletUnit::Kubeadm => &[],
        KubeletUnit::DropIn => &[(DROP_IN, &drop_in)],
        KubeletUnit::Whole => &[(UNIT, UNIT_TEXT), (DROP_IN, &drop_in)],
    };
    let directories = DIRECTORIES.iter().map(|(path, mode)| Put::Directory(path, *mode));
    let of_units = units.iter().filter_map(|(path, _)| path.rsplit_once('/'));
    let of_units = of_units.map(|(directory, _)| Put::Directory(directory, 0o755));
    let files = units.iter().map(|(path, text)| Put::File(path, text.as_bytes(), 0o644));
    let things: Vec<Put<'_>> = directories.chain(of_units).chain(files).collect();
    let written = made::put(root, &things)
        .map_err(|error| Failure::new(Reason::LocalWrite, "preparing the host").because(error))?;
    let what = |(path, _): &(&str, &str)| root.at(path).display().to_string();
    let written = &written[things.len() - units.len()..];
    let prepared = units.iter().zip(written);
    Ok(prepared.map(|(it, done)| Prepared { what: what(it), already: *done == Written::AlreadySo }).collect())
}

/// The unit, where no package brings one. What is started stands in the drop-in.
const UNIT_TEXT: &str = include_str!("kubelet.service");

/// The drop-in reads the same flags file that kubeadm's reads, so that the join writes one form only.
fn drop_in(kubelet: &Path) -> String {
    include_str!("20-worker-bootstrap.conf").replace("@KUBELET@", &kubelet.display().to_string())
}

/// One line on what was prepared.
pub fn summary(prepared: &[Prepared]) -> String {
    if prepared.is_empty() {
        return "the kubelet's unit is the package's".to_owned();
    }
    let said =
        |it: &Prepared| format!("{} {}", it.what, if it.already { "is already so" } else { "written" });
    prepared.iter().map(said).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Planned;

    fn plan(unit: KubeletUnit) -> Plan {
        Plan { node: "worker-1".into(), unit, steps: Vec::<Planned>::new() }
    }

    #[test]
    fn a_second_time_everything_is_already_so() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_path_buf());
        let kubelet = Path::new("/usr/bin/kubelet");
        let first = host(&plan(KubeletUnit::Whole), &root, kubelet).unwrap();
        assert_eq!(first.iter().filter(|p| !p.already).count(), 2);
        let second = host(&plan(KubeletUnit::Whole), &root, kubelet).unwrap();
        assert!(second.iter().all(|p| p.already) && second.len() == 2);
    }

    #[test]
    fn the_drop_in_names_the_program_and_no_bootstrap_kubeconfig() {
        let text = drop_in(Path::new("/opt/bin/kubelet"));
        assert!(text.contains("ExecStart=/opt/bin/kubelet --kubeconfig=/etc/kubernetes/kubelet.conf"));
        assert!(!text.contains("bootstrap-kubeconfig") && !text.contains('@'));
    }

    #[test]
    fn a_packaged_unit_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_path_buf());
        assert_eq!(host(&plan(KubeletUnit::Kubeadm), &root, Path::new("/usr/bin/kubelet")).unwrap(), []);
    }
}
