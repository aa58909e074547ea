//! Who a request is from: a client certificate of the cluster's CA, a bootstrap token, or nobody.
//! Credentials that are presented and not good are refused, never taken for anonymous.

use super::resource::Resource;
use super::store::{Key, Store};
use crate::clock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// The name of a request without credentials.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of everybody with credentials.
pub const AUTHENTICATED: &str = "system:authenticated";
/// What the names of bootstrap-token users begin with.
pub const BOOTSTRAP_USER: &str = "system:bootstrap:";
/// The type of the Secrets that hold bootstrap tokens.
pub const TOKEN_SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
/// The group every bootstrap token has.
const BOOTSTRAPPERS: &str = "system:bootstrappers";

/// Somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// User name.
    pub name: String,
    /// Groups, in the order the server finds them.
    pub groups: Vec<String>,
    /// Further facts about the credential.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user of this name and these groups.
    pub fn new(name: &str, groups: &[&str]) -> User {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        User { name: name.to_owned(), groups, extra: BTreeMap::new() }
    }

    /// Whether the user has this group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }

    /// The node this user is, if it is one.
    pub fn node(&self) -> Option<&str> {
        self.name.strip_prefix("system:node:").filter(|_| self.is_in("system:nodes"))
    }
}

/// Credentials were shown that are not good.
#[derive(Debug)]
pub struct BadCredentials;

/// Asks every client for a certificate and, in the handshake, only has it prove that it owns the
/// key: whether the certificate is good is judged with each request, because the answer to a bad
/// one is 401, not an end of the connection.
#[derive(Debug)]
pub struct AnyClientCertificate(pub Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AnyClientCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Judges credentials.
#[derive(Debug)]
pub struct Authenticator {
    /// Knows the CA.
    pub certificates: Arc<dyn ClientCertVerifier>,
    /// Holds the token Secrets.
    pub store: Arc<Store>,
}

impl Authenticator {
    /// Whom the request is from. The certificate is tried first, as in the real server.
    pub fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        headers: &HeaderMap,
        now: OffsetDateTime,
    ) -> Result<User, BadCredentials> {
        if let Some(user) = self.by_certificate(chain, now) {
            return Ok(user);
        }
        let bearer = bearer(headers);
        if let Some(token) = &bearer
            && let Some(user) = self.by_token(token, now)
        {
            return Ok(user);
        }
        match chain.is_empty() && bearer.is_none() {
            true => Ok(User::new(ANONYMOUS, &["system:unauthenticated"])),
            false => Err(BadCredentials),
        }
    }

    fn by_certificate(&self, chain: &[CertificateDer<'_>], now: OffsetDateTime) -> Option<User> {
        let (leaf, intermediates) = chain.split_first()?;
        let seconds = u64::try_from(now.unix_timestamp()).ok()?;
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        self.certificates.verify_client_cert(leaf, intermediates, at).ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(leaf).ok()?;
        let subject = certificate.subject();
        let name = subject.iter_common_name().next()?.as_str().ok()?;
        if name.is_empty() {
            return None;
        }
        let groups: Vec<&str> = subject.iter_organization().filter_map(|one| one.as_str().ok()).collect();
        let mut user = User::new(name, &groups);
        user.groups.push(AUTHENTICATED.to_owned());
        let digest = ring::digest::digest(&ring::digest::SHA256, leaf);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        user.extra.insert(
            "authentication.kubernetes.io/credential-id".to_owned(),
            vec![format!("X509SHA256={hex}")],
        );
        Some(user)
    }

    fn by_token(&self, token: &str, now: OffsetDateTime) -> Option<User> {
        let (id, secret) =
            token.split_once('.').filter(|(id, secret)| well_formed(id, 6) && well_formed(secret, 16))?;
        let key = Key::within(Resource::Secret, "kube-system", &format!("bootstrap-token-{id}"));
        let object = self.store.get(&key)?;
        if object["type"] != TOKEN_SECRET_TYPE {
            return None;
        }
        let held = secret_data(&object, "token-secret")?;
        if !bool::from(held.as_bytes().ct_eq(secret.as_bytes())) {
            return None;
        }
        if secret_data(&object, "token-id")?.as_str() != id || token_expired(&object, now) {
            return None;
        }
        if secret_data(&object, "usage-bootstrap-authentication")?.as_str() != "true" {
            return None;
        }
        let mut groups = vec![BOOTSTRAPPERS.to_owned()];
        if let Some(extra) = secret_data(&object, "auth-extra-groups").filter(|text| !text.is_empty()) {
            for group in extra.split(',') {
                if !bootstrap_group(group) {
                    return None;
                }
                groups.push(group.to_owned());
            }
        }
        groups[1..].sort();
        groups.dedup();
        groups.push(AUTHENTICATED.to_owned());
        Some(User { name: format!("{BOOTSTRAP_USER}{id}"), groups, extra: BTreeMap::new() })
    }
}

fn bearer(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, token) = header.split_once(' ')?;
    let token = token.split(' ').next().unwrap_or_default();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Zeroizing::new(token.to_owned()))
}

fn well_formed(part: &str, length: usize) -> bool {
    part.len() == length && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn bootstrap_group(group: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    group.strip_prefix("system:bootstrappers:").is_some_and(|rest| {
        rest.len() <= 256
            && rest.bytes().all(|byte| word(byte) || byte == b':' || byte == b'-')
            && rest.bytes().last().is_some_and(word)
    })
}

/// One value of a Secret, decoded; `None` when it is absent or not text.
pub fn secret_data(object: &Value, key: &str) -> Option<Zeroizing<String>> {
    let encoded = object.get("data")?.get(key)?.as_str()?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Zeroizing::new)
}

/// Whether a token Secret is past its expiration. One that cannot be read counts as past, as in
/// the real server; none means it never expires.
pub fn token_expired(object: &Value, now: OffsetDateTime) -> bool {
    match secret_data(object, "expiration").filter(|text| !text.is_empty()) {
        None => false,
        Some(text) => clock::parse(&text).is_none_or(|at| at <= now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use rustls::server::WebPkiClientVerifier;
    use serde_json::json;

    #[test]
    fn a_token_ends_at_its_second_whether_or_not_its_secret_is_still_there() {
        let encoded = |text: &str| STANDARD.encode(text);
        let secret = json!({"type": TOKEN_SECRET_TYPE, "metadata": {}, "data": {
            "token-id": encoded("abcdef"), "token-secret": encoded("0123456789abcdef"),
            "usage-bootstrap-authentication": encoded("true"), "expiration": encoded("2026-01-01T00:00:00Z"),
        }});
        let store = Arc::new(Store::new());
        store.create(&Key::within(Resource::Secret, "kube-system", "bootstrap-token-abcdef"), secret);
        let authenticator = Authenticator { certificates: WebPkiClientVerifier::no_client_auth(), store };
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abcdef.0123456789abcdef"));
        let at = |time: &str| authenticator.judge(&[], &headers, clock::parse(time).unwrap());
        assert_eq!(at("2025-12-31T23:59:59Z").unwrap().name, "system:bootstrap:abcdef");
        assert!(at("2026-01-01T00:00:00Z").is_err());
    }
}
