//! A bootstrap to render, with values that would like to be more than values.

use bootstrap_issuer::cluster::{Promise, Reach};
use bootstrap_issuer::names::{BootstrapId, ClusterId};
use bootstrap_issuer::render::{Archives, Order, RenderError, Rendered, Renderer};
use serde_json::{Value, json};
use std::path::Path;
use time::OffsetDateTime;
use worker_bootstrap::document::{Authorities, Fragment};
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::Token;

pub const TOKEN: &str = "abcdef.0123456789abcdef";
pub const EXPIRES: i64 = 1_790_000_000;

/// What somebody could write into a cluster's part of the document, by mistake or by malice.
pub fn nasty() -> Value {
    let texts = [
        "END_OF_DOCUMENT",
        "x\nEND_OF_DOCUMENT\nid >/dev/null; exit 3\n",
        "'; exit 3; '",
        "\"; exit 3; \"",
        "$(exit 3) `exit 3` ${x}",
        "!! !exit ^x^y",
        "@DOCUMENT@ @OBTAIN@",
        "\n  - [exit]\nruncmd: [exit]\n",
        "\t\r\u{0}\u{8}\u{7f}",
        "\u{1b}[201~exit 3\n",
        "\u{85}\u{2028}\u{2029}\u{feff}😀é",
        "\\",
    ];
    texts.iter().map(|text| ((*text).to_owned(), json!([text]))).collect()
}

pub fn authority() -> (String, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().unwrap();
    (rcgen::CertificateParams::new(vec!["ca".into()]).unwrap().self_signed(&key).unwrap().pem(), key)
}

pub fn fragment(config: &Value) -> Fragment {
    let text = json!({"node": {"labels": {"pool": "a"}}, "kubelet": {"config": config}});
    serde_json::from_value(text).unwrap()
}

/// Everything but the renderer.
pub struct Case {
    pub fragment: Fragment,
    pub reach: Reach,
    pub promise: Promise,
}

impl Case {
    pub fn new(config: &Value) -> Case {
        let servers = vec!["https://api.example:6443/it's".to_owned()];
        Case {
            fragment: fragment(config),
            reach: Reach { servers, authority: authority().0 },
            promise: Promise::OneTime,
        }
    }

    pub fn render(&self, renderer: &Renderer) -> Result<Rendered, RenderError> {
        let expires = OffsetDateTime::from_unix_timestamp(EXPIRES).unwrap();
        renderer.render(&Order {
            id: &BootstrapId::parse("wbs_01").unwrap(),
            cluster: &ClusterId::parse("clu_01").unwrap(),
            reach: &self.reach,
            fragment: &self.fragment,
            expires,
            token: &Token::parse(Secret::new(TOKEN.into())).unwrap(),
            promise: &self.promise,
        })
    }
}

/// An issuer without archives.
pub fn bare() -> Renderer {
    Renderer::new("https://issuer.example", None, &Archives::default())
}

/// An issuer at `external` with an archive for each architecture that is named.
pub fn stocked(external: &str, authority: Option<&str>, architectures: &[&str]) -> Renderer {
    let directory = tempfile::tempdir().unwrap();
    for architecture in architectures {
        write(
            &directory.path().join(format!("worker-bootstrap-linux-{architecture}.tar.gz")),
            format!("the archive for {architecture}").as_bytes(),
        );
    }
    let authority = authority.map(|pem| Authorities::from_pem(pem.as_bytes()).unwrap());
    Renderer::new(external, authority.as_ref(), &Archives::read(directory.path()).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
