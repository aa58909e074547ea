//! What this machine is: gathered once, passed on as plain data. A fact that cannot be had is absent,
//! never an error; whoever needs it says so.

use super::{files, root::Root};
use nix::sys::sysinfo;
use nix::unistd::{SysconfVar, sysconf};
use std::net::Ipv4Addr;

const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// The machine, as far as a join wants to know it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The kernel's host name, or below another root the one in its `/etc/hostname`.
    pub hostname: String,
    /// `/etc/machine-id`; `None` when it is missing, empty, `uninitialized` or no machine id.
    pub machine_id: Option<String>,
    /// The firmware's id of the machine, lower case. Only root may read it.
    pub product_uuid: Option<String>,
    /// The kernel's id of this boot.
    pub boot_id: Option<String>,
    /// Memory of the machine; 0 where the kernel does not say.
    pub memory_bytes: u64,
    /// Logical processors.
    pub cpus: u32,
    /// Whether the unified cgroup hierarchy alone is mounted.
    pub cgroup_v2: bool,
    /// Where the real name servers stand when `/etc/resolv.conf` names only systemd-resolved's stub, which
    /// pods cannot reach.
    pub resolv_conf: Option<&'static str>,
    /// As Rust names it: `x86_64`, `aarch64`.
    pub architecture: &'static str,
}

/// Looks at the machine and at what lies below the root. Takes about a millisecond.
pub fn gather(root: &Root) -> Facts {
    let (memory_bytes, cpus) = capacity();
    Facts {
        hostname: hostname(root),
        machine_id: line(root, "/etc/machine-id").filter(|id| is_machine_id(id)),
        product_uuid: of_machine(root, "/sys/class/dmi/id/product_uuid").map(|id| id.to_ascii_lowercase()),
        boot_id: of_machine(root, "/proc/sys/kernel/random/boot_id"),
        memory_bytes,
        cpus,
        cgroup_v2: files::exists("/sys/fs/cgroup/cgroup.controllers".as_ref()),
        resolv_conf: resolv_conf(root),
        architecture: std::env::consts::ARCH,
    }
}

/// Whether this process has the rights of root.
pub fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// Memory and processors of the running machine; 0 and 1 where the kernel does not say.
fn capacity() -> (u64, u32) {
    let memory = sysinfo::sysinfo().map_or(0, |info| info.ram_total());
    let online =
        sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten().and_then(|count| u32::try_from(count).ok());
    (memory, online.unwrap_or(1).max(1))
}

fn line(root: &Root, path: &str) -> Option<String> {
    let text = files::read_text(&root.at(path), 4096).ok()?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    Some(line.to_owned())
}

fn of_machine(root: &Root, path: &str) -> Option<String> {
    if root.is_machine() { line(root, path) } else { None }
}

fn hostname(root: &Root) -> String {
    let below = if root.is_machine() { None } else { line(root, "/etc/hostname") };
    below.unwrap_or_else(|| {
        nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    })
}

/// machine-id(5): 32 lower-case hexadecimal digits, not all of them zero.
fn is_machine_id(text: &str) -> bool {
    text.len() == 32
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte != b'0')
}

fn resolv_conf(root: &Root) -> Option<&'static str> {
    let text = files::read_text(&root.at("/etc/resolv.conf"), 64 * 1024).ok()?;
    (only_stub(&text) && files::exists(&root.at(RESOLVED))).then_some(RESOLVED)
}

/// systemd-resolved.service(8): its stubs listen on 127.0.0.53 and 127.0.0.54.
fn only_stub(resolv_conf: &str) -> bool {
    let mut servers = resolv_conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .map(|server| server.trim().parse::<Ipv4Addr>())
        .peekable();
    servers.peek().is_some()
        && servers.all(|server| matches!(server.map(|ip| ip.octets()), Ok([127, 0, 0, 53 | 54])))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn with(files: &[(&str, &str)]) -> Self {
            let machine = Machine(tempfile::tempdir().unwrap());
            for (path, text) in files {
                let path = machine.root().at(path);
                files::make_dirs(path.parent().unwrap(), 0o755).unwrap();
                files::write(&path, text.as_bytes(), 0o644).unwrap();
            }
            machine
        }

        fn root(&self) -> Root {
            Root::new(self.0.path().to_owned())
        }

        fn facts(&self) -> Facts {
            gather(&self.root())
        }
    }

    #[test]
    fn names_of_a_machine_below_another_root() {
        for (text, expected) in
            [("worker-1\n", "worker-1"), ("# comment\n\n  worker-2  \nworker-3\n", "worker-2")]
        {
            assert_eq!(Machine::with(&[("/etc/hostname", text)]).facts().hostname, expected);
        }
        assert!(!Machine::with(&[]).facts().hostname.is_empty(), "the kernel's own");
    }

    #[test]
    fn machine_ids() {
        let good = "0123456789abcdef0123456789abcdef";
        for (text, expected) in [
            (format!("{good}\n"), Some(good)),
            (good.to_owned(), Some(good)),
            (String::new(), None),
            ("uninitialized\n".to_owned(), None),
            ("0".repeat(32), None),
            (good.to_uppercase(), None),
            (good[1..].to_owned(), None),
            (format!("{good}0"), None),
        ] {
            let facts = Machine::with(&[("/etc/machine-id", &text)]).facts();
            assert_eq!(facts.machine_id.as_deref(), expected, "{text:?}");
        }
        assert_eq!(Machine::with(&[]).facts().machine_id, None);
    }

    #[test]
    fn where_the_name_servers_stand() {
        let real = (RESOLVED, "nameserver 203.0.113.53\n");
        for (text, resolved, expected) in [
            ("nameserver 127.0.0.53\n", true, Some(RESOLVED)),
            ("# x\nnameserver\t127.0.0.54\noptions edns0\n", true, Some(RESOLVED)),
            ("nameserver 127.0.0.53\n", false, None),
            ("nameserver 127.0.0.53\nnameserver 203.0.113.53\n", true, None),
            ("nameserver 203.0.113.53\n", true, None),
            ("nameserver 127.0.0.1\n", true, None),
            ("nameserver ::1\n", true, None),
            ("search example\n", true, None),
            ("", true, None),
        ] {
            let stub = ("/etc/resolv.conf", text);
            let files: &[_] = if resolved { &[stub, real] } else { &[stub] };
            assert_eq!(Machine::with(files).facts().resolv_conf, expected, "{text:?}");
        }
    }

    #[test]
    fn what_belongs_to_the_running_machine_is_not_asked_for_another() {
        let facts = Machine::with(&[
            ("/sys/class/dmi/id/product_uuid", "not mine"),
            ("/proc/sys/kernel/random/boot_id", "not mine"),
        ])
        .facts();
        assert_eq!((facts.product_uuid, facts.boot_id), (None, None));
        assert!(facts.memory_bytes > 0 && facts.cpus > 0);
    }
}
