//! A server that takes progress reports, and documents that name it.

use super::authority::Authority;
use super::canary::Canary;
use super::front::{Answers, Asked, Front, Mode, Reply};
use super::token::Token;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

/// A server that takes reports, and what it was told.
pub struct Issuer {
    pub front: Front,
    pub authority: Authority,
    answers: Arc<Answers>,
}

impl Issuer {
    /// One that receives whatever comes.
    pub fn new() -> Self {
        Issuer::answering(|_, _| Reply::Other { status: 204, headers: Vec::new(), body: Vec::new() })
    }

    /// One that answers so.
    pub fn answering(respond: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let authority = Authority::new("issuer");
        let answers = Answers::new(authority.server(), respond);
        let front = Front::new(Mode::Answer(answers.clone()));
        Issuer { front, authority, answers }
    }

    /// One that is there and does this with connections; [`Issuer::recover`] ends it.
    pub fn failing(mode: Mode) -> Self {
        let issuer = Issuer::new();
        issuer.front.set(mode);
        issuer
    }

    pub fn recover(&self) {
        self.front.set(Mode::Answer(self.answers.clone()));
    }

    /// Has the document name this server.
    pub fn named_in(&self, mut document: Value) -> Value {
        document["report"] = json!({
            "url": format!("{}/v1/reports/{}", self.front.url(), document["metadata"]["id"].as_str().unwrap()),
            "certificateAuthorityData": STANDARD.encode(self.authority.pem()),
        });
        document
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.answers.asked()
    }

    /// The events it was told, once each, each with the run it belongs to. Every request must be one of
    /// this token's, and hold nothing secret.
    pub fn events(&self, token: &Token) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        for asked in self.asked() {
            assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", path(token).as_str()));
            assert_eq!(asked.bearer.as_deref(), Some(report_key(token).as_str()));
            Canary::of(token).assert_absent(&asked.body, "a report");
            let text = String::from_utf8(asked.body).unwrap();
            assert!(!text.contains(&report_key(token)), "the key stands in a report");
            assert!(text.len() <= 16 * 1024, "{} bytes", text.len());
            let batch: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&batch["schema"], &batch["tokenId"]), (&json!(1), &json!(token.id)));
            for event in batch["events"].as_array().unwrap() {
                let mut event = event.clone();
                event["run"] = batch["run"].clone();
                event["nodeName"] = batch["nodeName"].clone();
                let known = |other: &Value| (&other["run"], &other["seq"]) == (&event["run"], &event["seq"]);
                if !events.iter().any(known) {
                    events.push(event);
                }
            }
        }
        events
    }

    /// The reason codes of the outcomes it was told.
    pub fn outcomes(&self, token: &Token) -> Vec<String> {
        let mut events = self.events(token);
        events.retain(|event| event["kind"] == "outcome");
        events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
    }
}

fn path(token: &Token) -> String {
    format!("/v1/reports/wbs_{}", token.id)
}

/// The key that follows from the token: HMAC-SHA256, in hexadecimal digits.
pub fn report_key(token: &Token) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, token.text().as_bytes());
    let tag = ring::hmac::sign(&key, b"worker-bootstrap report v1");
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the agent keeps that key.
pub const KEPT: &str = "var/lib/worker-bootstrap/report.json";
