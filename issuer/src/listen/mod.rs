//! From connections to requests: TLS, HTTP/1.1 and HTTP/2, for anybody who can reach the port.
//!
//! Trusts nobody: each phase of a connection has its deadline, all of them together have a limit, and so
//! has each address. What a connection asks is the router's affair. A restart closes everything: after
//! [`Stop`] no connection is taken, requests under way are finished within [`GRACE`], the rest is cut.

mod connection;
mod places;
pub mod tls;

use axum::Router;
use connection::Limits;
use places::Places;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tls::Certificate;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections at the same time.
const MOST: usize = 800;
/// Of them, from one address: one machine cannot take all places.
const MOST_OF_ONE: usize = 400;
/// How long requests under way may take once the end is near.
pub const GRACE: Duration = Duration::from_secs(20);
/// Between two attempts where the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells everything that serves that the end is near; clones see the same.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The signal, and what gives it.
    pub fn new() -> (watch::Sender<bool>, Stop) {
        let (sender, receiver) = watch::channel(false);
        (sender, Stop(receiver))
    }

    /// Returns when the end is near.
    pub async fn wait(&mut self) {
        // Whoever could say so being gone is the end as well.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}

/// Whose connection a request came by, in its extensions: the client, or a proxy before it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// An address that is listened on.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

impl Listener {
    /// Listens. Port 0 takes a free one.
    ///
    /// # Errors
    /// The address is not this machine's, or taken.
    pub async fn bind(address: SocketAddr) -> Result<Listener, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Listener { listener, address })
    }

    /// Where, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, and then for at most [`GRACE`].
    pub async fn serve(self, certificate: Option<Arc<Certificate>>, router: Router, mut stop: Stop) {
        let tls = certificate.map(|certificate| certificate.acceptor());
        let places = Places::new(MOST, MOST_OF_ONE);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.wait() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match places.take(peer.ip()) {
                    Some(place) => {
                        let service = connection::serve(
                            stream,
                            tls.clone(),
                            router.clone(),
                            Limits::STRANGERS,
                            stop.clone(),
                        );
                        connections.spawn(async move {
                            service.await;
                            drop(place);
                        });
                    }
                    None => tracing::debug!(%peer, "a connection was refused: all places are taken"),
                },
                Err(error) => {
                    // A peer that left at once is nothing; without descriptors the next one fails as well.
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!(
                "requests were cut off: they were not finished {} s after the end began",
                GRACE.as_secs()
            );
        }
    }
}

#[cfg(test)]
mod tests;
