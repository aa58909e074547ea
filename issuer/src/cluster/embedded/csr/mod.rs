//! CertificateSigningRequests: what may be asked for, and who may say what about it.
//! The approving and the signing controller are in files of their own.

pub mod approver;
mod conditions;
pub mod signer;

pub use conditions::{condition, has, with};

use super::authn::User;
use super::resource::Resource;
use super::status::{FieldFault, Status};
use crate::clock;
use crate::cluster::certificate_request::Parsed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The signer of the kubelets' client certificates, the only one there is here: requests to other
/// signers are taken, may be approved, and are never signed, as in a cluster without such a signer.
pub const KUBELET_CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";

const LEGACY_SIGNER: &str = "kubernetes.io/legacy-unknown";
const SHORTEST_LIFE: i32 = 600;

/// `KeyUsage`, sorted as the real server lists it.
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// The fields a client may set. Others are ignored, and those of the server's are overwritten.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    request: Option<String>,
    #[serde(default)]
    signer_name: String,
    #[serde(default)]
    usages: Option<Vec<String>>,
    expiration_seconds: Option<i32>,
}

/// Judges a new request and fills in what the server itself says about it.
pub fn create(object: &mut Value, user: &User) -> Result<(), Status> {
    let spec: Spec = serde_json::from_value(object.get("spec").cloned().unwrap_or_else(|| json!({})))
        .map_err(|error| undecodable(&error))?;
    let request = STANDARD
        .decode(spec.request.as_deref().unwrap_or_default())
        .map_err(|error| Status::bad_request(format!("{}illegal base64 data: {error}", prefix())))?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let faults = faults(&spec, &request);
    if !faults.is_empty() {
        return Err(Status::invalid(Resource::Csr.about_kind(&name), &faults));
    }
    let mut wanted = json!({
        "request": spec.request, "signerName": spec.signer_name, "usages": spec.usages,
        "username": user.name, "groups": user.groups,
    });
    if let Some(seconds) = spec.expiration_seconds {
        wanted["expirationSeconds"] = json!(seconds);
    }
    if !user.extra.is_empty() {
        wanted["extra"] = json!(user.extra);
    }
    object["spec"] = wanted;
    object["status"] = json!({});
    Ok(())
}

fn prefix() -> String {
    let kind = Resource::Csr.kind();
    format!("{kind} in version \"v1\" cannot be handled as a {kind}: ")
}

fn undecodable(error: &serde_json::Error) -> Status {
    Status::bad_request(format!("{}json: cannot unmarshal: {error}", prefix()))
}

fn faults(spec: &Spec, request: &[u8]) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    if let Err(why) = Parsed::read(request) {
        let bytes: Vec<String> = request.iter().map(|byte| format!("0x{byte:x}")).collect();
        let shown = match spec.request {
            None => "[]byte(nil)".to_owned(),
            Some(_) => format!("[]byte{{{}}}", bytes.join(", ")),
        };
        faults.push(FieldFault::invalid("spec.request", &shown, &why));
    }
    let usages = spec.usages.as_deref().unwrap_or_default();
    if usages.is_empty() {
        faults.push(FieldFault::required("spec.usages", ""));
    }
    for (at, usage) in usages.iter().enumerate() {
        let field = format!("spec.usages[{at}]");
        if !USAGES.contains(&usage.as_str()) {
            faults.push(FieldFault::unsupported(&field, usage, &USAGES));
        }
        if usages[..at].contains(usage) {
            faults.push(FieldFault::duplicate(&field, usage));
        }
    }
    faults.extend(signer_fault(&spec.signer_name));
    if let Some(seconds) = spec.expiration_seconds.filter(|&seconds| seconds < SHORTEST_LIFE) {
        let why = "may not specify a duration less than 600 seconds (10 minutes)";
        faults.push(FieldFault::invalid("spec.expirationSeconds", &seconds.to_string(), why));
    }
    faults
}

fn signer_fault(name: &str) -> Option<FieldFault> {
    const FIELD: &str = "spec.signerName";
    let invalid = |shown: &str, why: &str| Some(FieldFault::invalid(FIELD, &format!("{shown:?}"), why));
    if name.is_empty() {
        return Some(FieldFault::required(FIELD, ""));
    }
    if name == LEGACY_SIGNER {
        return invalid(name, "the legacy signerName is not allowed via this API version");
    }
    let label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
                 and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    let parts: Vec<&str> = name.split('/').collect();
    if let [domain, _] = parts.as_slice()
        && let Some(bad) = domain.split('.').find(|label| !super::names::is_subdomain(label))
    {
        return invalid(domain, &format!("validating label {bad:?}: {label}"));
    }
    match parts.as_slice() {
        [domain, _] if !domain.contains('.') => {
            invalid(domain, "should be a domain with at least two segments separated by dots")
        }
        [_, path] if super::names::is_subdomain(path) => None,
        _ => invalid(name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    }
}

/// A write to the object itself: metadata only, as spec and status are written by others.
pub fn update(before: &Value, mut wanted: Value) -> Value {
    wanted["spec"] = before["spec"].clone();
    wanted["status"] = before["status"].clone();
    wanted
}

/// A write to `/approval` or `/status`: conditions (approval) or certificate and conditions (status).
pub fn update_part(part: &str, before: &Value, wanted: &Value, now: OffsetDateTime) -> Result<Value, Status> {
    let mut after = before.clone();
    let name = before["metadata"]["name"].as_str().unwrap_or_default();
    let about = Resource::Csr.about_kind(name);
    let conditions = conditions::replaced(part, before, wanted, &clock::seconds(now))
        .map_err(|faults| Status::invalid(about, &faults))?;
    if let Some(conditions) = conditions {
        after["status"]["conditions"] = conditions;
    }
    if part == "status"
        && let Some(certificate) = wanted["status"].get("certificate").filter(|value| !value.is_null())
    {
        if before["status"].get("certificate").is_some_and(|held| held != certificate) {
            let fault = FieldFault::forbidden(
                "status.certificate",
                "updates may not modify existing certificate content",
            );
            return Err(Status::invalid(about, &[fault]));
        }
        after["status"]["certificate"] = certificate.clone();
    }
    Ok(after)
}
