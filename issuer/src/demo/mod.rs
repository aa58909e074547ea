//! The demo: an embedded cluster, one bootstrap, the real agent on a scratch machine, and then the proof
//! of what is claimed. Needs no rights and no network; everything lies in one scratch directory.

mod agent;
mod evidence;
mod machine;

use crate::cluster::client::{Client, ClientError};
use crate::cluster::embedded::{self, StartError};
use crate::cluster::kubernetes::{Cluster, ClusterError, Settings, Source};
use crate::cluster::{Grant, Promise, Reach};
use crate::files::{self, FileError};
use crate::names::{BootstrapId, ClusterId};
use crate::render::{Archives, Order, RenderError, Renderer};
use crate::token::Token;
use crate::{clock, random};
use evidence::{Checks, Needle, Traffic};
use http::Method;
use machine::Machine;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc;
use worker_bootstrap::document::Fragment;
use worker_bootstrap::secret::Secret;
use zeroize::Zeroizing;

const NODE: &str = "demo-worker-1";
const LIFE: Duration = Duration::hours(1);
const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/// Version, request, watch and proof; and the cluster's kubelet configuration.
const MOST_REQUESTS: usize = 5;
/// The agent's exit code for a token that belongs to another machine.
const ALREADY_USED: i32 = 7;
const LARGEST_STATE: u64 = 64 * 1024;

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The cluster did not start.
    #[error("cannot start the embedded cluster")]
    Cluster(#[from] StartError),
    /// The cluster did not answer.
    #[error("cannot talk to the embedded cluster")]
    Client(#[from] ClientError),
    /// The cluster did not take the token.
    #[error("cannot issue a token for the embedded cluster")]
    Issue(#[from] ClusterError),
    /// The document.
    #[error("cannot render the bootstrap")]
    Render(#[from] RenderError),
    /// What was made for the demo has not the form of it.
    #[error("{0} has another form than it should have")]
    Form(&'static str),
    /// A scratch file.
    #[error("cannot prepare the scratch directory")]
    File(#[from] FileError),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] agent::AgentError),
    /// Standard output, or a scan of the scratch directory.
    #[error("cannot read or write while showing the demo")]
    Io(#[from] io::Error),
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Shows the demo in `scratch`. True when everything that is claimed held.
pub async fn show(scratch: &Path) -> Result<bool, DemoError> {
    let program = agent::find()?;
    say("== An embedded cluster ==")?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let access = embedded::start(&scratch.join("cluster"), listen).await?;
    let ca = files::read(&access.ca, LARGEST_STATE)?;
    let read = |path: &Path| files::read(path, LARGEST_STATE);
    let admin = Client::new(&access.server, &ca, &read(&access.admin_cert)?, &read(&access.admin_key)?)?;
    say(&format!("{} with a CA of its own ({})", access.server, access.ca_cert_hash))?;

    say("\n== One bootstrap ==")?;
    let source = Source::Kubeconfig { path: access.kubeconfig.clone(), context: None };
    let cluster = Cluster::connect(&Settings { source, servers: Vec::new(), authority: None }).await?;
    let (seen, told) = mpsc::channel(64);
    // Ends with the demo. What it tells shows in the cluster as well, where it is looked for.
    drop(told);
    tokio::spawn(cluster.clone().enforce(seen));
    let bootstrap = BootstrapId::random();
    let token = Token::random();
    let needle = Needle::new(&token);
    let expires = clock::now() + LIFE;
    let document = document(&access.server, &ca, &token, expires)?;
    cluster.grant(Grant { bootstrap: &bootstrap, token: &token.shared(), expires }).await?;
    say(&format!(
        "token {}.<secret>, one-time, until {}, for node {NODE}",
        token.id,
        clock::seconds(expires)
    ))?;
    drop(token);

    let first = Machine::prepare(&scratch.join("machine-1"), NODE, &document)?;
    say(&format!("\n== The agent on a fresh machine ({}) ==", first.root.display()))?;
    let run = agent::run(&program, &first).await?;
    let mut checks = Checks::default();
    checks.add(
        "the agent says it has joined (exit 0)",
        run.code == Some(0),
        &format!("exit {}", run.shown()),
    );
    if run.code == Some(0) {
        joined(&first, &access.server, &ca, &mut checks).await?;
    }

    say("\n== The requests it made ==")?;
    let traffic = Traffic::read(&access.audit_log)?;
    for line in traffic.lines() {
        say(&format!("  {line}"))?;
    }
    say(&format!("  with the token: {}; as the node: {}", traffic.with_token, traffic.as_node))?;

    let total = traffic.with_token + traffic.as_node;
    checks.add("it took no more than five requests", total <= MOST_REQUESTS, &format!("{total} requests"));

    let second = Machine::prepare(&scratch.join("machine-2"), "demo-worker-2", &document)?;
    say(&format!("\n== The same document on a second machine ({}) ==", second.root.display()))?;
    let again = agent::run(&program, &second).await?;
    checks.add(
        "a second machine is refused (exit 7)",
        again.code == Some(ALREADY_USED),
        &format!("exit {}", again.shown()),
    );
    checks.add(
        "it was given no credential",
        !second.credential().exists(),
        "no client certificate below its root",
    );
    let requests = admin.ask(Method::GET, CSRS, None).await?;
    let denial = evidence::denial(&requests.object);
    checks.add(
        "its request is denied as TokenAlreadyUsed",
        denial.is_some(),
        if denial.is_some() { "and says who was first" } else { "no request is denied with this reason" },
    );
    drop(document);

    say("\n== The token, searched for ==")?;
    let found = needle.search(scratch)?;
    for place in &found.places {
        say(&format!("  FOUND in {}", place.display()))?;
    }
    say(&format!("  {} files below {} read, plain and as base64", found.files, scratch.display()))?;
    checks.add(
        "no file holds the token any more",
        found.places.is_empty(),
        &format!("{} files", found.files),
    );
    let bytes = run.output.len() + again.output.len();
    let spoken = needle.is_in(&run.output) || needle.is_in(&again.output);
    checks.add("the agent's output never held it", !spoken, &format!("{bytes} bytes of output"));

    say("\n== What holds ==")?;
    checks.print()
}

/// The bootstrap's document, for the demo's node.
fn document(
    server: &str,
    ca: &[u8],
    token: &Token,
    expires: OffsetDateTime,
) -> Result<Zeroizing<String>, DemoError> {
    let form = DemoError::Form;
    let id = BootstrapId::parse("wbs_demo").ok_or(form("the bootstrap's id"))?;
    let cluster = ClusterId::parse("clu_demo").ok_or(form("the cluster's id"))?;
    let reach =
        Reach { servers: vec![server.to_owned()], authority: String::from_utf8_lossy(ca).into_owned() };
    let token = worker_bootstrap::token::Token::parse(Secret::new(token.expose().to_string()));
    let token = token.ok_or(form("the token"))?;
    let fragment = &Fragment::default();
    let order = Order {
        id: &id,
        cluster: &cluster,
        reach: &reach,
        fragment,
        expires,
        token: &token,
        promise: &Promise::OneTime,
    };
    let rendered = Renderer::new(server, None, &Archives::default()).render(&order)?;
    Ok(Zeroizing::new(rendered.document.expose().to_owned()))
}

/// What the join left behind, and that it is good.
async fn joined(machine: &Machine, server: &str, ca: &[u8], checks: &mut Checks) -> Result<(), DemoError> {
    say("\n== What joined ==")?;
    let pem = files::read(&machine.credential(), LARGEST_STATE)?;
    let node = Client::new(server, ca, &pem, &pem)?;
    // A question that a node may not ask: the refusal names whom the server takes the asker for.
    let other = node.ask(Method::GET, "/api/v1/nodes/somebody-else", None).await?;
    let user = evidence::user_named(other.text("/message")).unwrap_or_default();
    say(&format!("the API server takes the new certificate for {user:?}"))?;
    checks.add("the certificate is that node's", user == format!("system:node:{NODE}"), user);
    let own = node.ask(Method::GET, &format!("/api/v1/nodes/{NODE}"), None).await?;
    let is_right = matches!(own.code, 200 | 404);
    checks.add("as that node it may ask for its own Node", is_right, &format!("answered {}", own.code));

    say("\nfiles below its root:")?;
    let mut open = Vec::new();
    for file in evidence::files(&machine.root)? {
        if file.is_secret() && file.mode & 0o077 != 0 {
            open.push(file.path.display().to_string());
        }
        say(&format!("  {file}"))?;
    }
    let seen = if open.is_empty() { "all 0600".to_owned() } else { open.join(", ") };
    checks.add("its keys are private", open.is_empty(), &seen);
    checks.add("its copy of the document is gone", !machine.document.exists(), "wiped after the join");
    Ok(())
}

/// Runs the demo in a scratch directory, which is removed afterwards unless `keep`.
pub async fn run(keep: bool) -> Result<bool, DemoError> {
    let scratch = std::env::temp_dir().join(format!("bootstrap-demo-{}", random::name_suffix()));
    files::directory(&scratch)?;
    let outcome = show(&scratch).await;
    if keep {
        say(&format!("\nkept: {}", scratch.display()))?;
    } else {
        std::fs::remove_dir_all(&scratch)?;
    }
    outcome
}
