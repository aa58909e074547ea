//! HTTP/1.1 by hand, so that a test may send what no client library would.

use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub head: String,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    pub fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub fn text_at(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// Code on the wire, code in the envelope, and the path that it names; fails where it is no envelope.
    pub fn refusal(&self) -> (u16, u64, String) {
        assert_eq!(
            (self.at("/success"), self.at("/result")),
            (&Value::Bool(false), &serde_json::json!({})),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert!(!self.text_at("/errors/0/message").is_empty(), "{self:?}");
        let path = self
            .at("/errors/0/path")
            .as_array()
            .map(|path| path.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join("."));
        (self.code, self.at("/errors/0/code").as_u64().unwrap(), path.unwrap_or_default())
    }
}

/// Sends these bytes and reads to the end of the connection.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    attempt(address, bytes).await.unwrap()
}

/// The same, or nothing where nobody listens.
async fn attempt(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    // The server may answer and close before it has read all of it.
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Some(Answer {
        code: head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default(),
        head: head.to_owned(),
        text: text.to_owned(),
        json: serde_json::from_str(text).unwrap_or_default(),
    })
}

/// A request with these headers; `Content-Length` follows from the body.
pub async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    raw(address, request(method, target, headers, body).as_bytes()).await
}

/// The same to somebody who may end at any moment: nothing where no whole answer came.
pub async fn send_to_mortal(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Option<Answer> {
    let answer = attempt(address, request(method, target, headers, "").as_bytes()).await?;
    (!answer.json.is_null()).then_some(answer)
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: issuer\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    request
}
