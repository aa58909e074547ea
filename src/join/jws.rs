//! The signature of cluster-info: a detached JWS (RFC 7515 appendix F), HMAC-SHA256 with the token's
//! secret half, as kubernetes/cluster-bootstrap `token/jws` makes it.

use crate::token::Token;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

/// Whether `signature` is that of `content` by this token, compared in constant time.
pub(super) fn verifies(signature: &str, content: &str, token: &Token) -> bool {
    let header = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, token.id());
    verifies_with(signature, &header, content, token.secret_half())
}

fn verifies_with(signature: &str, header: &str, content: &str, secret: &str) -> bool {
    let header = URL_SAFE_NO_PAD.encode(header);
    let Some(mac) = signature.strip_prefix(&header).and_then(|rest| rest.strip_prefix("..")) else {
        return false;
    };
    let Ok(mac) = URL_SAFE_NO_PAD.decode(mac) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(content));
    hmac::verify(&key, signed.as_bytes(), &mac).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of cluster-bootstrap's own test (`jws_test.go`).
    #[test]
    fn known_signatures() {
        const SONG: &str = "Hello from the other side. I must have called a thousand times.";
        const HEADER: &str = r#"{"alg":"HS256","kid":"joshua"}"#;
        const HEAD: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..";
        for (content, mac, good) in [
            (SONG, "VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8", true),
            ("", "7Ui1ALizW4jXphVUB7xUqC9vLYLL9RZeOFfVLoB7Tgk", true),
            ("", "VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8", false),
            (SONG, "VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_9", false),
            (SONG, "", false),
            (SONG, "%", false),
        ] {
            let signature = format!("{HEAD}{mac}");
            assert_eq!(verifies_with(&signature, HEADER, content, "my voice is my passcode"), good, "{mac}");
        }
        assert!(!verifies_with("", HEADER, SONG, "my voice is my passcode"));
    }
}
