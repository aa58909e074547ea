//! Where copies of a token come to lie on a machine: the table that the sweep goes through.
//!
//! A line is a path below the root, in which `*` stands for any characters of one name. What it leads to is
//! searched: a file by itself, a directory with all that is below it on the same file system. cloud-init's
//! places as of its versions 22.1 to 26.2 (`cloudinit/helpers.py`, `sources/`, `handlers/`, `config/`).

use crate::host::files;
use crate::host::root::Root;
use std::path::PathBuf;
use std::time::Duration;

/// What is to become of a copy that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is put over in place.
    Erase,
    /// As [`Fate::Erase`]; but what cloud-init still reads in this boot waits for its end.
    EraseAfterCloudInit,
    /// It cannot be: it is named, with why it is still there and how to end it.
    Name {
        /// Why it is still there.
        why: &'static str,
        /// What ends it.
        end: &'static str,
    },
}

/// One line of the table.
#[derive(Debug)]
pub struct Rule {
    /// Where.
    pub path: &'static str,
    /// What is done there, and how far it goes.
    pub reach: Reach,
}

/// What is done with what a line leads to.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// What is to become of a copy.
    pub fate: Fate,
    /// How much of one file is read, in bytes.
    pub most: u64,
    /// How long all files of the line may take; none is begun after that.
    pub time: Option<Duration>,
    /// Only a file beside which one called `name` begins so.
    pub named: Option<&'static str>,
}

/// Of one file of a disk, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024 * 1024;
/// Of one file that the kernel makes up, in bytes. Arguments and tables of the firmware are shorter.
const KERNEL: u64 = 1024 * 1024;
/// What the kernel makes up costs what it likes.
const KERNEL_TIME: Duration = Duration::from_secs(10);
/// Of one item that QEMU hands over, in bytes: each is read a byte at a time, and a credential is short.
const ITEM: u64 = 64 * 1024;

impl Reach {
    /// On a disk.
    pub const fn of(fate: Fate) -> Reach {
        Reach { fate, most: LONGEST, time: None, named: None }
    }
}

const fn erase(path: &'static str) -> Rule {
    Rule { path, reach: Reach::of(Fate::Erase) }
}

const fn name(path: &'static str, why: &'static str, end: &'static str) -> Rule {
    Rule { path, reach: Reach::of(Fate::Name { why, end }) }
}

const fn kernel(path: &'static str, why: &'static str, end: &'static str) -> Rule {
    let reach = Reach { most: KERNEL, time: Some(KERNEL_TIME), ..Reach::of(Fate::Name { why, end }) };
    Rule { path, reach }
}

/// QEMU's items: what its user gave it is named `opt/…` (`docs/specs/fw_cfg.rst`); the others are its own, and
/// the kernel it boots may be among them.
const fn item(path: &'static str) -> Rule {
    let Rule { path, reach } = kernel(path, HYPERVISOR, END_HYPERVISOR);
    Rule { path, reach: Reach { most: ITEM, named: Some("opt/"), ..reach } }
}

const JOURNAL: &str = "the journal's files are not changed in place: it would find them corrupt";
const END_JOURNAL: &str = "journalctl --rotate --vacuum-time=1s removes what is archived; the token ends when it is revoked or expires";
const ARGUMENTS: &str = "a process was given it in its arguments or its environment, which everybody may see";
const END_ARGUMENTS: &str = "end the process, and hand it the token in a file of mode 0600";
const HYPERVISOR: &str = "the hypervisor gives it to the machine, at every boot";
const END_HYPERVISOR: &str =
    "take it out of the machine's definition; until then revoke the token or let it expire";

/// The table. The order is that of the sweep: what is this program's own, what cloud-init keeps, what others
/// do, and last what any user may fill.
pub const RULES: &[Rule] = &[
    // Our own: what an editor or a crash left beside the document.
    erase("/run/worker-bootstrap"),
    erase("/etc/worker-bootstrap"),
    // cloud-init: every instance, this one and those of the image this machine was made from.
    Rule { path: "/var/lib/cloud", reach: Reach::of(Fate::EraseAfterCloudInit) },
    erase("/run/cloud-init"),
    erase("/etc/cloud"),
    erase("/var/tmp/cloud-init"),
    // Seeds that lie in a directory.
    erase("/config-drive"),
    erase("/boot/user-data"),
    erase("/boot/firmware/user-data"),
    // Azure's agent keeps the custom data as it came.
    erase("/var/lib/waagent"),
    // Where bootstrap tokens are put for the programs that take them.
    erase("/etc/kubernetes/bootstrap-kubelet.conf"),
    erase("/var/lib/kubelet/bootstrap-kubeconfig"),
    erase("/etc/k0s"),
    erase("/etc/systemd/system/k0s*"),
    erase("/etc/credstore"),
    erase("/run/credstore"),
    // Logs, rotated ones as well.
    erase("/var/log/cloud-init*"),
    erase("/var/log/auth.log*"),
    erase("/var/log/secure*"),
    erase("/var/log/sudo*"),
    erase("/var/log/syslog*"),
    erase("/var/log/messages*"),
    erase("/var/log/user.log*"),
    erase("/var/log/daemon.log*"),
    erase("/var/log/audit"),
    erase("/var/log/waagent.log*"),
    erase("/var/log/azure"),
    // What was typed: bash, zsh, ash, fish, editors and pagers. Some systems keep the homes elsewhere.
    erase("/root/.*hist*"),
    erase("/root/.lesshst"),
    erase("/root/.viminfo"),
    erase("/root/.local/share/fish/fish_history"),
    erase("/var/roothome/.*hist*"),
    // What can only be named.
    name("/var/log/journal", JOURNAL, END_JOURNAL),
    name("/run/log/journal", JOURNAL, END_JOURNAL),
    kernel(
        "/proc/cmdline",
        "the kernel's command line is there for as long as the kernel runs",
        END_HYPERVISOR,
    ),
    kernel("/proc/*/cmdline", ARGUMENTS, END_ARGUMENTS),
    kernel("/proc/*/environ", ARGUMENTS, END_ARGUMENTS),
    kernel("/sys/firmware/dmi/tables/DMI", HYPERVISOR, END_HYPERVISOR),
    item("/sys/firmware/qemu_fw_cfg/by_key/*/raw"),
    name(
        "/run/credentials",
        "systemd keeps a unit's credentials in memory while the unit is active",
        "it goes with the unit; one that the hypervisor gave comes again at the next boot",
    ),
    // Where any user may put as many files as they like: that keeps the sweep from nothing above.
    erase("/tmp/cloud-init"),
    erase("/home/*/.*hist*"),
    erase("/home/*/.lesshst"),
    erase("/home/*/.viminfo"),
    erase("/home/*/.local/share/fish/fish_history"),
    erase("/var/home/*/.*hist*"),
];

/// The files of an instance that later stages of cloud-init read in the same boot.
pub const READ_UNTIL_THE_END: [&str; 3] = ["user-data.txt", "cloud-config.txt", "obj.pkl"];
/// The instance that cloud-init runs as: a link.
pub const INSTANCE: &str = "/var/lib/cloud/instance";
/// There from cloud-init's first stage on.
const CLOUD_INIT_BEGAN: &str = "/run/cloud-init/status.json";
/// There from the end of cloud-init's last stage on.
const CLOUD_INIT_ENDED: &str = "/run/cloud-init/result.json";

/// The directory of the instance that cloud-init is running as, until it has ended.
pub fn running_instance(root: &Root) -> Option<PathBuf> {
    let is_there = |path: &str| files::exists(&root.at(path));
    if !is_there(CLOUD_INIT_BEGAN) || is_there(CLOUD_INIT_ENDED) {
        return None;
    }
    let target = files::link_target(&root.at(INSTANCE)).ok()?;
    Some(root.at("/var/lib/cloud/instances").join(target.file_name()?))
}

/// Whether a name is meant by a pattern.
pub fn is_meant(pattern: &str, name: &[u8]) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern.as_bytes() == name };
    let Some(rest) = name.strip_prefix(head.as_bytes()) else { return false };
    (0..=rest.len()).any(|at| is_meant(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, meant) in [
            ("syslog*", "syslog", true),
            ("syslog*", "syslog.2.gz", true),
            ("syslog*", "rsyslog", false),
            (".*hist*", ".bash_history", true),
            (".*hist*", ".zhistory", true),
            (".*hist*", "history", false),
            ("*", "anything\nat all", true),
            ("exact", "exact", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(is_meant(pattern, name.as_bytes()), meant, "{pattern} {name:?}");
        }
    }
}
