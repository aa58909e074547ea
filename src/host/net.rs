//! Two facts about the network: whether somebody listens there, and whether somebody listens here.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;
use tokio::net::TcpStream;

/// Whether a TCP connection to `host` (a name or an address, IPv6 without brackets) is accepted within
/// the deadline. Nothing is sent.
pub async fn tcp_reachable(host: &str, port: u16, deadline: Duration) -> io::Result<()> {
    match tokio::time::timeout(deadline, TcpStream::connect((host, port))).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {deadline:?}"))),
    }
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
