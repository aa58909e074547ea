//! Step 6: from a token to a proven node credential on disk, and to the kubelet's files.
//!
//! In order: [`discover`] the CA (only where hashes of it are all there is) → ask the version → [`key`]
//! saved before its first use → [`request`] one CSR of a deterministic name, watched until it is signed
//! → [`certificate`] is what was asked for → [`proof`] by one request as that node → [`install`] PEM, link,
//! CA and kubelet.conf → [`kubelet_files`] as the node.
//!
//! Trusts the document; of the cluster it trusts what the document's CA vouches for, and of an answer
//! only what is checked here. The token is taken by value and dropped when the certificate is there. A
//! restart that finds the credential proves it first ([`existing`]) and needs no token; one that finds
//! only the key asks for the same CSR again.

mod certificate;
mod discover;
mod install;
mod jws;
mod key;
mod kubelet_config;
mod kubelet_flags;
mod on_disk;
mod pkcs10;
mod proof;
mod request;

pub use install::{CA_FILE, CLIENTS, KUBECONFIG};
pub use kubelet_config::RuntimeForKubelet;
pub use on_disk::{credential, on_disk};

use crate::document::{Authorities, Document, NodeName, ServerUrl, Trust, Version};
use crate::failure::Failure;
use crate::host::facts::Facts;
use crate::host::root::Root;
use crate::kube::objects::VersionInfo;
use crate::kube::{Client, ClientIdentity, DateJudge, Identity, Patience, Question, Said};
use crate::progress::Progress;
use crate::reason::Reason;
use crate::secret::SecretBytes;
use crate::token::Token;
use certificate::Issued;
use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

/// What a join is asked to do, and with what.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The document, without its token.
    pub document: &'a Document,
    /// The name this machine will carry.
    pub node: &'a NodeName,
    /// What the machine is.
    pub facts: &'a Facts,
    /// Where its files are.
    pub root: &'a Root,
    /// By what time certificates are judged.
    pub judge: DateJudge,
    /// The kubelet that will run, where one was found.
    pub kubelet_version: Option<&'a Version>,
    /// Who hears of waits.
    pub progress: &'a dyn Progress,
    /// When the join is given up.
    pub deadline: Instant,
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Ask<'_> {
    fn patience(&self) -> Patience<'_> {
        Patience { deadline: self.deadline.into(), progress: self.progress }
    }
}

/// What an earlier run has left, and whether it may be believed.
#[derive(Debug, Clone, Copy)]
pub struct Resume {
    /// Whether the key on disk was saved by this machine for this token.
    pub key_is_ours: bool,
}

/// A node with a proven credential on disk.
#[derive(Debug)]
pub struct Joined {
    /// Its name.
    pub node: NodeName,
    /// A client that speaks as this node.
    pub client: Client<'static>,
    /// The server that proved the credential.
    pub server: ServerUrl,
    /// What that server runs.
    pub server_version: Version,
    /// This machine's address towards that server.
    pub local: Option<IpAddr>,
    /// What the credential is, for people.
    credential: String,
}

impl Joined {
    /// One line on what was obtained.
    pub fn summary(&self) -> String {
        format!("{}, proven by {} (Kubernetes {})", self.credential, self.server, self.server_version)
    }
}

/// Spends the token: a new certificate for this node, proven and installed.
///
/// # Errors
/// The reasons of server, discovery, token, CSR and certificate; `kubelet_newer_than_server`;
/// `node_name_taken`; `local_write_failed`.
pub async fn with_token(ask: &Ask<'_>, token: Token, resume: Resume) -> Result<Joined, Failure> {
    let authorities = match &ask.document.cluster.trust {
        Trust::Authorities(authorities) => authorities.clone(),
        Trust::Pins(pins) => discover::authorities(ask, &token, pins).await?,
    };
    let (issued, pem, server_version) = {
        let identity = Identity::Token(token.bearer());
        let client = Client::new(&ask.document.cluster.servers, authorities.der(), ask.judge, identity)?;
        let server_version = version(&client, ask).await?;
        let key = key::saved(ask.root, resume)?;
        let request = pkcs10::Request::new(&key, ask.node)?;
        let issued = match request::issued(&client, &request, ask).await {
            Ok(issued) => issued,
            Err(denied) if denied.reason == Reason::CsrDenied => {
                // The verdict stands for as long as the request does, and its name follows from the key: with
                // another key the next run is judged anew. The token is bound to no denied one.
                return Err(match key::forget(ask.root) {
                    Ok(()) => denied,
                    Err(kept) => {
                        let both = format!(
                            "{}; and the next run asks with the same key, as {}",
                            denied.line(),
                            kept.line()
                        );
                        Failure::new(denied.reason, both)
                    }
                });
            }
            Err(failure) => return Err(failure),
        };
        let issued = Issued::judge(&issued, &key, ask.node, ask.judge)?;
        let pem = issued.pem_with(&key);
        (issued, pem, server_version)
    };
    // The last use of the token lies behind; what follows is done as the node.
    drop(token);
    let (client, proven) = prove(ask, &authorities, &pem).await?;
    install::credential(ask.root, &pem, issued.not_before)?;
    install::identity(ask.root, &authorities, &proven.server)?;
    key::forget(ask.root)?;
    let credential = format!("certificate for system:node:{} until {}", ask.node, issued.until());
    Ok(Joined {
        node: ask.node.clone(),
        client,
        server: proven.server,
        server_version,
        local: proven.local,
        credential,
    })
}

/// The credential that an earlier run of this machine has installed, proven without the token; nothing
/// where there is none, or where this cluster does not accept it.
///
/// # Errors
/// The reasons of the server; `node_name_taken`; `local_write_failed`.
pub async fn existing(ask: &Ask<'_>) -> Result<Option<Joined>, Failure> {
    if !on_disk(ask.root, ask.node, ask.judge) {
        return Ok(None);
    }
    let Some(authorities) = install::known_authorities(ask.root, &ask.document.cluster.trust) else {
        return Ok(None);
    };
    let pem = credential(ask.root)?;
    let (client, proven) = match prove(ask, &authorities, &pem).await {
        Err(failure) if failure.reason == Reason::CredentialRefused => {
            ask.progress.warn(&format!("the certificate on disk is of no use here: {}", failure.line()));
            return Ok(None);
        }
        proven => proven?,
    };
    let server_version = version(&client, ask).await?;
    install::identity(ask.root, &authorities, &proven.server)?;
    key::forget(ask.root)?;
    Ok(Some(Joined {
        node: ask.node.clone(),
        client,
        server: proven.server,
        server_version,
        local: proven.local,
        credential: format!("the certificate of an earlier run for system:node:{}", ask.node),
    }))
}

/// The kubelet's configuration and flags, written as the node.
///
/// # Errors
/// The reasons of the server; `local_write_failed`.
pub async fn kubelet_files(
    ask: &Ask<'_>,
    joined: &Joined,
    runtime: RuntimeForKubelet<'_>,
) -> Result<(), Failure> {
    let of_cluster = kubelet_config::of_cluster(ask, joined).await?;
    kubelet_config::write(ask, of_cluster, runtime)?;
    kubelet_flags::write(ask, joined, runtime)
}

/// The clock of an API server whose CA is known, Unix seconds: the second opinion on an expiry. Carries
/// no credential.
///
/// # Errors
/// The reasons of the server.
pub async fn server_date(
    servers: &[ServerUrl],
    authorities: &Authorities,
    judge: DateJudge,
    patience: Patience<'_>,
) -> Result<u64, Failure> {
    Client::new(servers, authorities.der(), judge, Identity::Anonymous)?.date(patience).await
}

async fn prove(
    ask: &Ask<'_>,
    authorities: &Authorities,
    pem: &SecretBytes,
) -> Result<(Client<'static>, proof::Proven), Failure> {
    let identity = ClientIdentity::from_pem(pem).map_err(|why| {
        Failure::new(Reason::CertificateWrong, format!("using the certificate of node {}: {why}", ask.node))
    })?;
    let identity = Identity::Certificate(identity);
    let client = Client::new(&ask.document.cluster.servers, authorities.der(), ask.judge, identity)?;
    let proven = proof::as_node(&client, ask).await?;
    Ok((client, proven))
}

/// What the server runs; refuses a kubelet that is newer (kubernetes.io "Version Skew Policy").
async fn version(client: &Client<'_>, ask: &Ask<'_>) -> Result<Version, Failure> {
    let question = Question::get("asking for the server's version", "/version", &[]);
    let answer = client.ask::<VersionInfo>(&question, ask.patience()).await?;
    let said = match answer.said {
        Said::Object(info) => info.git_version,
        Said::Status(status, _) => status.to_string(),
    };
    let version = Version::parse(&said).ok_or_else(|| {
        let said = client.quote(&said);
        Failure::new(
            Reason::ServerNonsense,
            format!("asking for the server's version: {} answered {said:?}", answer.server),
        )
    })?;
    match ask.kubelet_version {
        Some(kubelet) if kubelet.minor() > version.minor() => Err(Failure::new(
            Reason::KubeletTooNew,
            format!(
                "comparing versions: the kubelet here is {kubelet}, and {} runs {version}",
                answer.server
            ),
        )),
        _ => Ok(version),
    }
}
