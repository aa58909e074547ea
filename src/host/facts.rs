//! What this machine is: gathered once, passed on as plain data. A fact that cannot be had is absent,
//! never an error; whoever needs it says so.

use super::{files, root::Root};
use std::net::Ipv4Addr;
use sysinfo::{CpuRefreshKind, System};

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
    // Only these two parts of sysinfo: its process list would cost more memory than all the rest.
    let Ok(mut system) = System::new() else { return (0, 1) };
    system.refresh_memory();
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    (system.total_memory(), u32::try_from(system.cpus().len()).unwrap_or(u32::MAX).max(1))
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
