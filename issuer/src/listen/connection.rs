//! One connection, from its first byte to its last, and how long each part of it may take.
//!
//! A slow client costs one place until a deadline, whatever it is slow at: the handshake, a request's
//! head, its body, taking the answer, or doing nothing.

use super::{Peer, Stop};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// Largest head of a request that is read at all, in bytes. The API's own limit is lower, so that a head
/// somewhat too large is told so in the API's form.
const HEAD: usize = 24 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 64;
/// Between two looks at what a connection does.
const LOOK: Duration = Duration::from_secs(1);

/// How long each part of a connection may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The TLS handshake.
    pub(super) handshake: Duration,
    /// The head of an HTTP/1.1 request.
    pub(super) head: Duration,
    /// From the last byte of one request's answer to the next request.
    pub(super) idle: Duration,
    /// With requests under way, until one begins or ends.
    pub(super) stalled: Duration,
    /// In all; it is then ended politely, and the client comes again.
    pub(super) life: Duration,
    /// From a polite end to a hard one.
    pub(super) parting: Duration,
}

impl Limits {
    /// For whoever can reach the port. The longest honest thing is the download of an agent over a bad line.
    pub(super) const STRANGERS: Limits = Limits {
        handshake: Duration::from_secs(10),
        head: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        stalled: Duration::from_secs(300),
        life: Duration::from_secs(3600),
        parting: super::GRACE,
    };
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    mut stop: Stop,
) {
    // Answers are small and wanted at once.
    drop(stream.set_nodelay(true));
    // One that is gone already asks nothing.
    let Ok(peer) = stream.peer_addr() else { return };
    let peer = Peer(peer.ip());
    let Some(tls) = tls else { return speak(stream, peer, router, limits, stop).await };
    let handshake = tokio::time::timeout(limits.handshake, tls.accept(stream));
    let stream = tokio::select! {
        () = stop.wait() => return,
        stream = handshake => stream,
    };
    if let Ok(Ok(stream)) = stream {
        speak(stream, peer, router, limits, stop).await;
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    limits: Limits,
    mut stop: Stop,
) {
    let doing = Doing::new();
    let service = service_fn(|mut request: Request<Incoming>| {
        let under_way = doing.begin();
        let mut router = router.clone();
        request.extensions_mut().insert(peer);
        async move {
            let answer = match router.call(request.map(Body::new)).await {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            Ok::<_, Infallible>(answer.map(|body| Taken { body, _under_way: under_way }))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD as u32)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(limits.idle / 2)
        .keep_alive_timeout(limits.parting);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let end = tokio::select! {
        // How a client ends its connection is its own affair.
        _ = connection.as_mut() => return,
        end = doing.outlive(limits) => end,
        () = stop.wait() => End::Polite,
    };
    if end == End::Polite {
        connection.as_mut().graceful_shutdown();
        drop(tokio::time::timeout(limits.parting, connection).await);
    }
}

/// How a connection that has taken too long is ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// What is under way is finished.
    Polite,
    /// Nothing is.
    Hard,
}

#[derive(Debug)]
struct State {
    requests: usize,
    since: Instant,
}

/// What a connection is doing, and since when.
#[derive(Debug, Clone)]
struct Doing {
    born: Instant,
    state: Arc<Mutex<State>>,
}

impl Doing {
    fn new() -> Doing {
        let born = Instant::now();
        Doing { born, state: Arc::new(Mutex::new(State { requests: 0, since: born })) }
    }

    fn change(&self, count: impl FnOnce(usize) -> usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { requests: count(state.requests), since: Instant::now() };
    }

    fn begin(&self) -> UnderWay {
        self.change(|requests| requests + 1);
        UnderWay(self.clone())
    }

    /// Returns when the connection has outlived one of its limits.
    async fn outlive(&self, limits: Limits) -> End {
        loop {
            tokio::time::sleep(LOOK.min(limits.idle / 4)).await;
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let quiet = state.since.elapsed();
            if state.requests > 0 && quiet >= limits.stalled {
                return End::Hard;
            }
            if (state.requests == 0 && quiet >= limits.idle) || self.born.elapsed() >= limits.life {
                return End::Polite;
            }
        }
    }
}

/// A request from its head to the last byte of its answer.
#[derive(Debug)]
struct UnderWay(Doing);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.change(|requests| requests.saturating_sub(1));
    }
}

/// An answer's body that is under way until it is taken.
struct Taken {
    body: Body,
    _under_way: UnderWay,
}

impl http_body::Body for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
