//! A place in front of an API server, where the network can fail and where another server can answer.
//!
//! Every front reaches the real server from a loopback address of its own, so that the requests that
//! came through it can be told from all others in the server's audit log, whoever made them.

use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// What becomes of a connection.
#[derive(Clone)]
pub enum Mode {
    /// It goes through.
    Forward(SocketAddr),
    /// It goes through until the server has sent so many bytes, and is reset then.
    CutAfter(SocketAddr, usize),
    /// It is accepted, and nothing ever comes.
    Stall,
    /// It is accepted and reset.
    Reset,
    /// Another server answers.
    Answer(Arc<Answers>),
}

/// An open port in front of a server.
pub struct Front {
    address: SocketAddr,
    source: Ipv4Addr,
    shared: Arc<Shared>,
}

struct Shared {
    mode: Mutex<Mode>,
    accepted: AtomicUsize,
    fate: watch::Sender<Fate>,
}

/// What becomes of all connections there are.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Live,
    Reset,
    Freeze,
}

/// A port that refuses connections and that nobody else can take.
pub struct Closed {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Closed {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Bound and not listened on: the kernel refuses.
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = socket.local_addr().unwrap();
        Closed { socket, address }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// From now on the port is open.
    pub fn open(self, mode: Mode) -> Front {
        Front::on(self.socket.listen(128).unwrap(), self.address, mode)
    }
}

impl Front {
    pub fn new(mode: Mode) -> Self {
        Closed::new().open(mode)
    }

    fn on(listener: TcpListener, address: SocketAddr, mode: Mode) -> Self {
        let mut bytes = [0; 3];
        getrandom::fill(&mut bytes).unwrap();
        let source = Ipv4Addr::new(127, bytes[0].max(1), bytes[1], bytes[2].clamp(1, 254));
        let shared = Arc::new(Shared {
            mode: Mutex::new(mode),
            accepted: AtomicUsize::new(0),
            fate: watch::Sender::new(Fate::Live),
        });
        tokio::spawn(accept(listener, source, shared.clone()));
        Front { address, source, shared }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The address from which the server behind sees what comes through here.
    pub fn source(&self) -> IpAddr {
        IpAddr::V4(self.source)
    }

    /// How many connections were made to this front.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// What becomes of connections from now on; those there are go on.
    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    /// Resets every connection there is.
    pub fn reset_all(&self) {
        self.shared.fate.send_replace(Fate::Reset);
    }

    /// Lets every connection there is stand, with nothing going through it any more.
    pub fn freeze_all(&self) {
        self.shared.fate.send_replace(Fate::Freeze);
    }
}

async fn accept(listener: TcpListener, source: Ipv4Addr, shared: Arc<Shared>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        let mode = shared.mode.lock().unwrap().clone();
        let mut fates = shared.fate.subscribe();
        tokio::spawn(async move {
            let broken = matches!(mode, Mode::CutAfter(..) | Mode::Reset);
            let fate = tokio::select! {
                () = carry(&mut stream, mode, source) => if broken { Fate::Reset } else { Fate::Live },
                _ = fates.changed() => *fates.borrow(),
            };
            match fate {
                Fate::Live => {}
                // What is closed with a linger time of zero is reset.
                Fate::Reset => stream.set_zero_linger().unwrap(),
                Fate::Freeze => std::future::pending().await,
            }
        });
    }
}

async fn carry(stream: &mut TcpStream, mode: Mode, source: Ipv4Addr) {
    match mode {
        Mode::Forward(to) => {
            if let Some(mut server) = connect(to, source).await {
                tokio::io::copy_bidirectional(stream, &mut server).await.ok();
            }
        }
        Mode::CutAfter(to, limit) => {
            let Some(mut server) = connect(to, source).await else { return };
            let (mut from_server, mut to_server) = server.split();
            let (mut from_client, mut to_client) = stream.split();
            tokio::select! {
                _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                () = copy_up_to(&mut from_server, &mut to_client, limit) => {}
            }
        }
        Mode::Stall => std::future::pending().await,
        Mode::Reset => {}
        Mode::Answer(answers) => answers.serve(stream).await,
    }
}

async fn connect(to: SocketAddr, source: Ipv4Addr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    socket.connect(to).await.ok()
}

async fn copy_up_to(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), limit: usize) {
    let mut from = from.take(limit as u64);
    tokio::io::copy(&mut from, to).await.ok();
    to.flush().await.ok();
}

/// A request to a server of ours.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub bearer: Option<String>,
    pub body: Vec<u8>,
}

/// What such a server answers.
pub enum Reply {
    /// An object.
    Json(u16, Value),
    /// Anything else.
    Other { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// An object that is cut off in its middle, the connection with it.
    Half(Value),
    /// 100 MB of JSON that never closes its string.
    Endless,
    /// The events of a watch, which stays open.
    Watch(Vec<Value>),
}

impl Reply {
    /// A refusal as API servers word it.
    pub fn status(code: u16, reason: &str) -> Self {
        Reply::Json(
            code,
            serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": reason, "reason": reason, "code": code}),
        )
    }
}

type Respond = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

/// A TLS server that speaks HTTP/1.1 and answers whatever a test wants.
pub struct Answers {
    tls: Arc<rustls::ServerConfig>,
    respond: Box<Respond>,
    asked: Mutex<Vec<Asked>>,
}

impl Answers {
    /// `respond` is given the request and how many came before it.
    pub fn new(
        tls: Arc<rustls::ServerConfig>,
        respond: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Answers { tls, respond: Box::new(respond), asked: Mutex::new(Vec::new()) })
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    async fn serve(&self, stream: &mut TcpStream) {
        let acceptor = tokio_rustls::TlsAcceptor::from(self.tls.clone());
        // A client that does not trust the certificate ends the handshake.
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let mut stream = BufReader::new(stream);
        while let Some(asked) = read_request(&mut stream).await {
            let before = {
                let mut all = self.asked.lock().unwrap();
                all.push(asked.clone());
                all.len() - 1
            };
            let reply = (self.respond)(&asked, before);
            if write_reply(&mut stream, reply).await.is_none() {
                return;
            }
        }
    }
}

async fn read_request(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Asked> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut bearer, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => bearer = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { method, target, bearer, body })
}

/// `None` where the connection ends with this answer.
async fn write_reply(stream: &mut (impl AsyncWrite + Unpin), reply: Reply) -> Option<()> {
    let json = |status: u16, value: &Value| {
        (status, vec![("Content-Type", "application/json".to_owned())], value.to_string())
    };
    let (status, headers, body, sent) = match reply {
        Reply::Json(status, value) => {
            let (status, headers, body) = json(status, &value);
            (status, headers, body.into_bytes(), None)
        }
        Reply::Other { status, headers, body } => (status, headers, body, None),
        Reply::Half(value) => {
            let (status, headers, body) = json(200, &value);
            let half = body.len() / 2;
            (status, headers, body.into_bytes(), Some(half))
        }
        Reply::Endless => return endless(stream).await,
        Reply::Watch(events) => return watch_events(stream, &events).await,
    };
    let mut head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&body[..sent.unwrap_or(body.len())]).await.ok()?;
    stream.flush().await.ok()?;
    sent.is_none().then_some(())
}

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn endless(stream: &mut (impl AsyncWrite + Unpin)) -> Option<()> {
    stream.write_all(CHUNKED).await.ok()?;
    stream.write_all(b"b\r\n{\"kind\": \"X\r\n").await.ok()?;
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 0x10_0000], b"\r\n"].concat();
    for _ in 0..100 {
        stream.write_all(&chunk).await.ok()?;
    }
    stream.flush().await.ok()?;
    None
}

async fn watch_events(stream: &mut (impl AsyncWrite + Unpin), events: &[Value]) -> Option<()> {
    stream.write_all(CHUNKED).await.ok()?;
    for event in events {
        let line = format!("{event}\n");
        stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await.ok()?;
    }
    stream.flush().await.ok()?;
    tokio::time::sleep(Duration::from_secs(600)).await;
    None
}
