//! Clients that are slow at each part of a connection, over real sockets; the limits are short ones.

use super::connection::Limits;
use super::*;
use axum::routing::get;
use rcgen::{CertificateParams, KeyPair};
use std::path::Path;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SHORT: Limits = Limits {
    handshake: Duration::from_millis(300),
    head: Duration::from_millis(300),
    idle: Duration::from_millis(600),
    stalled: Duration::from_millis(900),
    life: Duration::from_secs(60),
    parting: Duration::from_millis(300),
};
const ALL_OF_THEM: Duration = Duration::from_secs(5);

fn router() -> Router {
    let large = || async { vec![b'x'; 64 << 20] };
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "done"
    };
    Router::new().route("/", get(|| async { "here" })).route("/large", get(large)).route("/slow", get(slow))
}

/// A pair, in files that the listener reads.
fn certificate(dir: &Path, name: &str) -> crate::config::Tls {
    let key = KeyPair::generate().unwrap();
    let pair = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let tls = crate::config::Tls { certificate: dir.join("tls.crt"), key: dir.join("tls.key") };
    crate::files::write(&tls.certificate, pair.pem().as_bytes(), 0o644).unwrap();
    crate::files::write(&tls.key, key.serialize_pem().as_bytes(), 0o600).unwrap();
    tls
}

/// One connection's service with short limits, and the client's end.
async fn connect(tls: Option<tokio_rustls::TlsAcceptor>) -> (TcpStream, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let (sender, stop) = Stop::new();
    tokio::spawn(connection::serve(server, tls, router(), SHORT, stop));
    (client, sender)
}

/// Everything until the server ends the connection.
async fn rest(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    drop(tokio::time::timeout(ALL_OF_THEM, client.read_to_end(&mut bytes)).await.expect("it was ended"));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn whoever_is_slow_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let tls = tls::Certificate::open(&certificate(dir.path(), "localhost")).unwrap().acceptor();
    let once = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    for (what, tls, first, least, most) in [
        ("a handshake that is not begun", Some(&tls), "", 250, 800),
        ("a handshake that stands still", Some(&tls), "\x16\x03\x01", 250, 800),
        ("a head that is not begun", None, "", 250, 2000),
        ("a head that stands still", None, "GET / HTTP/1.1\r\nhost:", 250, 2000),
        ("nothing after one request", None, once, 250, 2000),
        ("an answer that is not taken", None, "GET /large HTTP/1.1\r\nhost: x\r\n\r\n", 850, 3000),
        ("HTTP/2 and no request", None, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 550, 3000),
    ] {
        let (mut client, _stop) = connect(tls.cloned()).await;
        let began = Instant::now();
        client.write_all(first.as_bytes()).await.unwrap();
        if what.contains("not taken") {
            // The server's end is seen by what can still be written.
            while client.write_all(b"\r\n").await.is_ok() {
                assert!(began.elapsed() < ALL_OF_THEM, "{what}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        } else {
            rest(&mut client).await;
        }
        let took = began.elapsed().as_millis();
        assert!((least..most).contains(&took), "{what}: {took} ms");
    }
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_keep_a_place() {
    let (mut client, _stop) = connect(None).await;
    let began = Instant::now();
    for byte in b"GET / HTTP/1.1\r\nhost: a-name-that-does-not-end-for-a-very-long-time".iter().cycle() {
        if client.write_all(&[*byte]).await.is_err() || began.elapsed() > ALL_OF_THEM {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_has_a_largest_size() {
    // What is left unread when the connection ends may take the refusal with it: then nothing comes.
    for (length, codes) in [(8 * 1024, ["200", "200"]), (64 * 1024, ["431", ""])] {
        let (mut client, _stop) = connect(None).await;
        let head =
            format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n", "x".repeat(length));
        drop(client.write_all(head.as_bytes()).await);
        let answer = rest(&mut client).await;
        assert!(codes.contains(&answer.get(9..12).unwrap_or_default()), "{length}: {answer}");
    }
}

#[tokio::test]
async fn the_end_finishes_what_is_under_way_and_takes_nothing_new() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    let (end, stop) = Stop::new();
    let served = tokio::spawn(listener.serve(None, router(), stop));
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 12]).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    end.send(true).unwrap();
    assert!(rest(&mut busy).await.ends_with("done"));
    rest(&mut idle).await;
    tokio::time::timeout(ALL_OF_THEM, served).await.expect("nothing is waited for any more").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_and_half_a_renewal_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let files = certificate(dir.path(), "first.example");
    let used = tls::Certificate::open(&files).unwrap();
    let following = tokio::spawn(Arc::clone(&used).follow());
    let first = used.chain();
    crate::files::write(&files.key, KeyPair::generate().unwrap().serialize_pem().as_bytes(), 0o600).unwrap();
    used.look();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(used.chain(), first, "the key is another's");
    certificate(dir.path(), "second.example");
    used.look();
    let began = Instant::now();
    while used.chain() == first {
        assert!(began.elapsed() < ALL_OF_THEM, "the new one is not taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    following.abort();
}
