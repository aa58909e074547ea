//! Two facts about the network: whether somebody listens there, and whether somebody listens here.

use super::files;
use super::resolve::{self, NotResolved};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Why nobody was reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The name has no address.
    #[error(transparent)]
    Name(#[from] NotResolved),
    /// Every address refused, each in its own words.
    #[error("{0}")]
    Connection(String),
    /// Nothing happened in time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
}

/// Tries a TCP connection to all addresses of `host` (a name or an address, IPv6 without brackets) at
/// once, and says which was the first to accept. Nothing is sent.
///
/// # Errors
/// None of them did within the deadline, which is for the name as well.
pub async fn tcp_reachable(host: &str, port: u16, deadline: Duration) -> Result<SocketAddr, Unreachable> {
    let reached = async {
        let addresses = resolve::addresses(host).await?;
        first_to_accept(&addresses, port).await.map_err(Unreachable::Connection)
    };
    match tokio::time::timeout(deadline, reached).await {
        Ok(reached) => reached,
        Err(_) => Err(Unreachable::Silent(deadline)),
    }
}

async fn first_to_accept(addresses: &[IpAddr], port: u16) -> Result<SocketAddr, String> {
    let mut attempts = JoinSet::new();
    for address in addresses.iter().map(|ip| SocketAddr::new(*ip, port)) {
        attempts.spawn(async move { (address, TcpStream::connect(address).await) });
    }
    let mut refusals = Vec::new();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok((address, Ok(_))) => return Ok(address),
            Ok((address, Err(error))) => refusals.push(format!("{address}: {error}")),
            Err(error) => refusals.push(error.to_string()),
        }
    }
    Err(refusals.join(", "))
}

/// Whether nobody listens on this TCP port, on any address of the machine.
pub fn port_free(port: u16) -> io::Result<bool> {
    // std sets SO_REUSEADDR: connections in TIME_WAIT do not count, a listener on one address does.
    for address in
        [SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]
    {
        match TcpListener::bind(address) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Ok(false),
            // A machine without IPv6.
            Err(error) if address.is_ipv6() && error.kind() != io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Name and id of the process that listens on this TCP port, where `/proc` shows them. Walks over every
/// open file of the machine: for a failure that is told, not for the way that goes well.
pub fn listener(port: u16) -> Option<String> {
    let table = |path| files::read_text(Path::new(path), 4 << 20).unwrap_or_default();
    let mut sockets = listening(&table("/proc/net/tcp"), port);
    sockets.extend(listening(&table("/proc/net/tcp6"), port));
    let links: Vec<String> = sockets.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let holds = |process: &Path| {
        let open = std::fs::read_dir(process.join("fd")).ok()?.flatten();
        open.filter_map(|file| std::fs::read_link(file.path()).ok())
            .any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
            .then_some(())
    };
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        holds(&process.path())?;
        let name = files::read_text(&process.path().join("comm"), 64).unwrap_or_default();
        Some(format!("{} (process {id})", crate::failure::one_line(&name)))
    })
}

/// The sockets in state LISTEN on this port, by inode, of a table as in proc_pid_net(5).
fn listening(table: &str, port: u16) -> Vec<u64> {
    const LISTEN: &str = "0A";
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (_, local_port) = local.rsplit_once(':')?;
        (*state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port)).then(|| inode.parse().ok())?
    };
    table.lines().skip(1).filter_map(socket).collect()
}
