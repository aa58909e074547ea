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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpSocket;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn reaching() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let up = listener.local_addr().unwrap();
        assert_eq!(tcp_reachable("127.0.0.1", up.port(), LONG).await.unwrap(), up);
        let bound = bound_only("127.0.0.1:0");
        let down = bound.local_addr().unwrap();
        let error = tcp_reachable("127.0.0.1", down.port(), LONG).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{down}: Connection refused (os error 111)"));
        // The first of several that accepts is enough.
        let both = ["127.0.0.2".parse().unwrap(), up.ip()];
        assert_eq!(first_to_accept(&both, up.port()).await, Ok(up));
    }

    #[tokio::test]
    async fn free_ports() {
        let own = format!("(process {})", std::process::id());
        for address in ["127.0.0.1:0", "127.0.0.2:0", "0.0.0.0:0"] {
            let held = TcpListener::bind(address).unwrap();
            let port = held.local_addr().unwrap().port();
            assert!(!port_free(port).unwrap(), "{address}");
            assert!(listener(port).is_some_and(|holder| holder.ends_with(&own)), "{address}");
            let bound = bound_only(address);
            let port = bound.local_addr().unwrap().port();
            assert!(port_free(port).unwrap(), "{address}: nobody listens");
            assert_eq!(listener(port), None, "{address}");
        }
    }

    /// Keeps a port from everybody else without listening on it.
    fn bound_only(address: &str) -> TcpSocket {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address.parse().unwrap()).unwrap();
        socket
    }

    #[test]
    fn tables() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 00000000:280A 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 0 100\n\
             1: 0100007F:280A 0100007F:9C40 01 00000000:00000000 00:00000000 00000000 0 0 4712 1 0 100\n\
             2: 00000000000000000000000001000000:280A 0:0 0A 0:0 00:0 0 0 0 4713 1 0\n\
             3: 00000000:0016 00000000:0000 0A\n";
        for (port, inodes) in [(10250, &[4711, 4713][..]), (22, &[]), (40000, &[])] {
            assert_eq!(listening(table, port), inodes, "{port}");
        }
        assert!(listening("", 1).is_empty());
    }
}
