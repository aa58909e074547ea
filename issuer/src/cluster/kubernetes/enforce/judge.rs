//! Whose request it is, and whether it is what a kubelet asks for. Pure: nothing is asked of anybody.
//!
//! Kubelets, the agent and k0s's workers make P-256 keys and nothing else, so nothing else is taken.

use crate::cluster::Use;
use crate::cluster::certificate_request::Parsed;
use crate::cluster::kubernetes::secret::PREFIX;
use crate::cluster::kubernetes::words::{ACCOUNT_USER, ACCOUNTS_GROUP, GROUP, SIGNER, TOKEN_USER};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use worker_bootstrap::token::TokenId;

/// The longest name of a Node.
const LONGEST_NAME: usize = 253;

/// Which token a request was made with, where that is one of ours.
///
/// Requests to other signers are not: nothing approves them, and the right to say anything of them is one
/// that this backend does not ask for.
pub(super) fn token(request: &CertificateSigningRequest) -> Option<TokenId> {
    let spec = &request.spec;
    let user = spec.username.as_deref().filter(|_| spec.signer_name == SIGNER)?;
    let is_in = |ours: &str| spec.groups.iter().flatten().any(|group| group == ours);
    if let Some(account) = user.strip_prefix(ACCOUNT_USER).filter(|_| is_in(ACCOUNTS_GROUP)) {
        return account.strip_prefix(PREFIX).and_then(TokenId::parse);
    }
    user.strip_prefix(TOKEN_USER).filter(|_| is_in(GROUP)).and_then(TokenId::parse)
}

/// Who is to use the token; or why it is not a kubelet's request.
pub(super) fn wanted(request: &CertificateSigningRequest) -> Result<Use, String> {
    let parsed = Parsed::read(&request.spec.request.0)?;
    let usages = request.spec.usages.clone().unwrap_or_default();
    parsed.kubelet_client(&usages)?;
    if !parsed.names.is_empty() {
        return Err("subjectAltNames are not allowed".to_owned());
    }
    // The organization and the common name.
    if parsed.attributes != 2 {
        return Err("the subject has more than one organization and one common name".to_owned());
    }
    if !parsed.p256 {
        return Err("the key is not an elliptic-curve key on P-256".to_owned());
    }
    let node = parsed.node().unwrap_or_default();
    if !is_node_name(node) {
        return Err(format!("{node:?} is not a node's name"));
    }
    Ok(Use { node: node.to_owned(), key: parsed.key_id() })
}

/// Whether a Node can have this name: a lower-case DNS subdomain.
fn is_node_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(|&byte| plain(byte))
            && bytes.last().is_some_and(|&byte| plain(byte))
            && bytes.iter().all(|&byte| plain(byte) || byte == b'-')
    };
    name.len() <= LONGEST_NAME && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use k8s_openapi::api::certificates::v1::CertificateSigningRequestSpec;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    struct Ask {
        common_name: &'static str,
        organizations: &'static [&'static str],
        names: &'static [&'static str],
        unit: bool,
        usages: &'static [&'static str],
        key: &'static rcgen::SignatureAlgorithm,
    }

    const KUBELET: Ask = Ask {
        common_name: "system:node:n1",
        organizations: &["system:nodes"],
        names: &[],
        unit: false,
        usages: &["digital signature", "key encipherment", "client auth"],
        key: &rcgen::PKCS_ECDSA_P256_SHA256,
    };

    fn request(ask: &Ask) -> CertificateSigningRequest {
        let key = KeyPair::generate_for(ask.key).unwrap();
        let names: Vec<String> = ask.names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for &organization in ask.organizations {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        if ask.unit {
            params.distinguished_name.push(DnType::OrganizationalUnitName, "more");
        }
        params.distinguished_name.push(DnType::CommonName, ask.common_name);
        let pem = params.serialize_request(&key).unwrap().pem().unwrap();
        CertificateSigningRequest {
            spec: CertificateSigningRequestSpec {
                request: ByteString(pem.into_bytes()),
                signer_name: SIGNER.to_owned(),
                usages: Some(ask.usages.iter().map(|&usage| usage.to_owned()).collect()),
                username: Some("system:bootstrap:abcdef".to_owned()),
                groups: Some(vec!["system:bootstrappers".to_owned(), GROUP.to_owned()]),
                ..CertificateSigningRequestSpec::default()
            },
            ..CertificateSigningRequest::default()
        }
    }

    #[test]
    fn what_a_kubelet_asks_for_and_what_it_does_not() {
        #[rustfmt::skip]
        let rows = [
            ("a kubelet's",          KUBELET,                                                               None),
            ("a newer kubelet's",    Ask { usages: &["client auth", "digital signature"], ..KUBELET },      None),
            ("a long name's",        Ask { common_name: "system:node:ip-10-0-0-1.eu.example", ..KUBELET },  None),
            ("no node",              Ask { common_name: "admin", ..KUBELET },                               Some("common name")),
            ("an empty node",        Ask { common_name: "system:node:", ..KUBELET },                        Some("not a node's name")),
            ("upper case",           Ask { common_name: "system:node:N1", ..KUBELET },                      Some("not a node's name")),
            ("a path",               Ask { common_name: "system:node:a/b", ..KUBELET },                     Some("not a node's name")),
            ("another organization", Ask { organizations: &["system:masters"], ..KUBELET },                 Some("organization")),
            ("a further attribute",  Ask { unit: true, ..KUBELET },                                         Some("the subject has more")),
            ("a DNS name",           Ask { names: &["n1.example"], ..KUBELET },                             Some("subjectAltNames")),
            ("an address",           Ask { names: &["10.0.0.1"], ..KUBELET },                               Some("subjectAltNames")),
            ("a server's usage",     Ask { usages: &["digital signature", "server auth"], ..KUBELET },      Some("usages")),
            ("more usages",          Ask { usages: &["client auth", "digital signature", "key encipherment", "signing"], ..KUBELET }, Some("usages")),
            ("no usage",             Ask { usages: &[], ..KUBELET },                                        Some("usages")),
            ("a key on P-384",       Ask { key: &rcgen::PKCS_ECDSA_P384_SHA384, ..KUBELET },                Some("P-256")),
            ("an Ed25519 key",       Ask { key: &rcgen::PKCS_ED25519, ..KUBELET },                          Some("P-256")),
        ];
        for (what, ask, refused) in rows {
            let seen = wanted(&request(&ask));
            match refused {
                None => {
                    assert!(seen.as_ref().is_ok_and(|by| by.key.starts_with("sha256:")), "{what}: {seen:?}")
                }
                Some(words) => {
                    assert!(seen.as_ref().is_err_and(|why| why.contains(words)), "{what}: {seen:?}")
                }
            }
        }
    }

    #[test]
    fn a_request_that_is_not_one_is_refused() {
        let mut request = request(&KUBELET);
        request.spec.request = ByteString(b"nonsense".to_vec());
        assert!(wanted(&request).is_err());
    }

    fn is_account(spec: &mut CertificateSigningRequestSpec, namespace: &str, name: &str) {
        spec.username = Some(format!("system:serviceaccount:{namespace}:{name}"));
        spec.groups =
            Some(vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")]);
    }

    #[test]
    fn whose_requests_are_ours() {
        type Change = fn(&mut CertificateSigningRequestSpec);
        #[rustfmt::skip]
        let rows: [(&str, Change, bool); 9] = [
            ("ours",                    |_| {},                                                              true),
            ("another group's token",   |spec| spec.groups = Some(vec!["system:bootstrappers:other".into()]), false),
            ("no group",                |spec| spec.groups = None,                                           false),
            ("an account's",            |spec| is_account(spec, "worker-bootstrap", "bootstrap-token-abcdef"), true),
            ("another account's",       |spec| is_account(spec, "worker-bootstrap", "default"),               false),
            ("another namespace's",     |spec| is_account(spec, "default", "bootstrap-token-abcdef"),         false),
            ("a node's renewal",        |spec| spec.username = Some("system:node:n1".into()),                false),
            ("an odd name",             |spec| spec.username = Some("system:bootstrap:abc".into()),          false),
            ("another signer's",        |spec| spec.signer_name = "kubernetes.io/kubelet-serving".into(),    false),
        ];
        for (what, change, ours) in rows {
            let mut request = request(&KUBELET);
            change(&mut request.spec);
            assert_eq!(token(&request).is_some(), ours, "{what}");
        }
    }
}
