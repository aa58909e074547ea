//! What is shown, in order.

use super::agent::{self, Ended};
use super::evidence::{self, Checks, Needle, Traffic};
use super::issuer::{CLUSTER, Issuer};
use super::machine::{COPIES, Machine};
use super::{DemoError, say};
use crate::cluster::client::Client;
use crate::files;
use http::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::Token;
use zeroize::{Zeroize, Zeroizing};

const NODE: &str = "demo-worker-1";
const SECOND: &str = "demo-worker-2";
const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const NODES: &str = "/api/v1/nodes";
/// Version, request, watch and proof; and the cluster's kubelet configuration.
const MOST_REQUESTS: usize = 5;
/// The agent's exit code for a token that belongs to another machine.
const ALREADY_USED: i32 = 7;
const LARGEST_STATE: u64 = 64 * 1024;
/// How long the issuer may take to see that the node is there.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// A bootstrap as the API gave it out.
struct Given {
    id: String,
    token: Token,
    cloud_init: Zeroizing<String>,
}

/// Shows it all.
pub(super) async fn tell(scratch: &Path, checks: &mut Checks) -> Result<(), DemoError> {
    let program = agent::find()?;
    say("== An issuer, and the cluster it issues for ==")?;
    let issuer = Issuer::start(&scratch.join("issuer")).await?;
    let (server, admin) = administrator(&issuer.cluster)?;
    say(&format!("{}/v1 serves the API; its cluster {CLUSTER} is {server}", issuer.url))?;

    let given = create(&issuer, checks).await?;
    let needle = Needle::new(&given.token);

    let first = Machine::prepare(&scratch.join("machine-1"), NODE, &given.cloud_init)?;
    say(&format!("\n== The agent on a machine that was given this user-data ({}) ==", first.root.display()))?;
    let run = agent::run(&program, &first).await?;
    checks.add(
        "the agent says it has joined (exit 0)",
        run.code == Some(0),
        &format!("exit {}", run.shown()),
    );
    let node = match run.code {
        Some(0) => Some(joined(&first, &server, &issuer.cluster, checks).await?),
        _ => None,
    };
    requests(&issuer.cluster, checks)?;

    let second = Machine::prepare(&scratch.join("machine-2"), SECOND, &given.cloud_init)?;
    say(&format!("\n== The same user-data on a second machine ({}) ==", second.root.display()))?;
    let again = agent::run(&program, &second).await?;
    refused(&again, &second, &admin, checks).await?;

    if let Some(node) = node {
        complete(&issuer, &given, &node, &admin, checks).await?;
    }
    timeline(&issuer, &given, checks).await?;
    drop(given);
    let told = custody(&program, &first, checks).await?;
    let runs: Vec<&Ended> = [&run, &again].into_iter().chain(&told).collect();
    search(scratch, &needle, &runs, checks)
}

/// What the join had to leave to cloud-init is swept when that has ended, and every copy is accounted for.
async fn custody(program: &PathBuf, machine: &Machine, checks: &mut Checks) -> Result<Vec<Ended>, DemoError> {
    say("\n== cloud-init ends, and the sweep follows ==")?;
    machine.cloud_init_ends()?;
    let swept = agent::wipe(program, machine).await?;
    let claim = "the sweep leaves no copy that it could erase (exit 0)";
    checks.add(claim, swept.code == Some(0), &format!("exit {}", swept.shown()));
    say("\n== The custody report, with all else that the machine knows of its join ==")?;
    let status = agent::status(program, machine).await?;
    let told = String::from_utf8_lossy(&status.output).into_owned();
    let silent: Vec<&str> = COPIES.into_iter().filter(|copy| !told.contains(copy)).collect();
    let seen = if silent.is_empty() { format!("{} named", COPIES.len()) } else { silent.join(", ") };
    checks.add("every copy that cloud-init made is accounted for", silent.is_empty(), &seen);
    Ok(vec![swept, status])
}

/// The embedded cluster's address, and its administrator.
fn administrator(cluster: &Path) -> Result<(String, Client), DemoError> {
    let form = DemoError::Form;
    let text = files::read(&cluster.join("cluster.json"), LARGEST_STATE)?;
    let access: Value =
        serde_json::from_slice(&text).map_err(|_| form("cluster.json of the embedded cluster is no JSON"))?;
    let server = access["server"].as_str().ok_or(form("cluster.json names no server"))?.to_owned();
    let read = |name: &str| files::read(&cluster.join(name), LARGEST_STATE);
    let admin = Client::new(&server, &read("ca.crt")?, &read("admin.crt")?, &read("admin.key")?)?;
    Ok((server, admin))
}

/// Issues a bootstrap, twice with one idempotency key, as after an answer that was lost.
async fn create(issuer: &Issuer, checks: &mut Checks) -> Result<Given, DemoError> {
    say(&format!("\n== POST /v1/clusters/{CLUSTER}/worker_bootstraps =="))?;
    let mut answer = issuer.api.create(CLUSTER, Some(3600), "demo-1").await?;
    let mut replay = issuer.api.create(CLUSTER, Some(3600), "demo-1").await?;
    let text = |field: &str| answer[field].as_str().map(str::to_owned);
    let missing = DemoError::Form("the API's answer to a create lacks id, token or cloud_init");
    let (Some(id), Some(token), Some(cloud_init)) = (text("id"), text("token"), text("cloud_init")) else {
        return Err(missing);
    };
    let same = replay == answer;
    let Some(token) = Token::parse(Secret::new(token)) else { return Err(missing) };
    for field in ["id", "cluster_id", "status", "etag", "expires_at"] {
        say(&format!("  {field:<11} {}", answer[field]))?;
    }
    say(&format!("  token       {}.<16 secret characters>", token.id()))?;
    say(&format!("  command     {} bytes", answer["command"].as_str().map_or(0, str::len)))?;
    say(&format!("  cloud_init  {} bytes:", cloud_init.len()))?;
    let shown = Zeroizing::new(cloud_init.replace(token.secret_half(), "<16 secret characters>"));
    for line in shown.lines() {
        say(&format!("  | {}", shortened(line, 100)))?;
    }
    checks.add("a create that is repeated with its key gives the same", same, "the answers are equal");
    let read = issuer.api.get(CLUSTER, &id).await?;
    let silent =
        ["token", "command", "cloud_init", "artifacts"].iter().all(|field| read.get(field).is_none());
    checks.add("reading it shows no token", silent, "GET has none of the fields that hold one");
    forget(&mut answer);
    forget(&mut replay);
    Ok(Given { id, token, cloud_init: Zeroizing::new(cloud_init) })
}

/// A line, cut where it is longer than `most` characters.
fn shortened(line: &str, most: usize) -> String {
    let short: String = line.chars().take(most).collect();
    if short.len() < line.len() { short + "..." } else { short }
}

/// Wipes what an answer holds.
fn forget(answer: &mut Value) {
    match answer {
        Value::String(text) => text.zeroize(),
        Value::Object(fields) => fields.values_mut().for_each(forget),
        _ => {}
    }
}

/// What the join left behind, and that it is good. The node's client is returned.
async fn joined(
    machine: &Machine,
    server: &str,
    cluster: &Path,
    checks: &mut Checks,
) -> Result<Client, DemoError> {
    say("\n== What joined ==")?;
    let pem = files::read(&machine.credential(), LARGEST_STATE)?;
    let node = Client::new(server, &files::read(&cluster.join("ca.crt"), LARGEST_STATE)?, &pem, &pem)?;
    // A question that a node may not ask: the refusal names whom the server takes the asker for.
    let other = node.ask(Method::GET, &format!("{NODES}/somebody-else"), None).await?;
    let user = evidence::user_named(other.text("/message")).unwrap_or_default();
    say(&format!("the API server takes the new certificate for {user:?}"))?;
    checks.add("the certificate is that node's", user == format!("system:node:{NODE}"), user);

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
    Ok(node)
}

fn requests(cluster: &Path, checks: &mut Checks) -> Result<(), DemoError> {
    say("\n== The requests it made ==")?;
    let traffic = Traffic::read(&cluster.join("audit.log"))?;
    for line in traffic.lines() {
        say(&format!("  {line}"))?;
    }
    say(&format!("  with the token: {}; as the node: {}", traffic.with_token, traffic.as_node))?;
    let total = traffic.with_token + traffic.as_node;
    checks.add("it took no more than five requests", total <= MOST_REQUESTS, &format!("{total} requests"));
    Ok(())
}

async fn refused(
    run: &Ended,
    machine: &Machine,
    admin: &Client,
    checks: &mut Checks,
) -> Result<(), DemoError> {
    let claim = "a second machine is refused (exit 7)";
    checks.add(claim, run.code == Some(ALREADY_USED), &format!("exit {}", run.shown()));
    let none = !machine.credential().exists();
    checks.add("it was given no credential", none, "no client certificate below its root");
    let requests = admin.ask(Method::GET, CSRS, None).await?;
    let denial = evidence::denial(&requests.object);
    let seen =
        if denial.is_some() { "and says who was first" } else { "no request is denied with this reason" };
    checks.add("its request is denied as TokenAlreadyUsed", denial.is_some(), seen);
    Ok(())
}

/// The node registers, as its kubelet would have it do: that completes the use, and ends the token.
async fn complete(
    issuer: &Issuer,
    given: &Given,
    node: &Client,
    admin: &Client,
    checks: &mut Checks,
) -> Result<(), DemoError> {
    say("\n== The node registers, and the token ends ==")?;
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}});
    let made = node.ask(Method::POST, NODES, Some(&object)).await?;
    say(&format!("  {}  system:node:{NODE} creates its Node", made.code))?;
    let until = Instant::now() + PATIENCE;
    let status = loop {
        let read = issuer.api.get(CLUSTER, &given.id).await?;
        let status = read["status"].as_str().unwrap_or_default().to_owned();
        if status != "active" || Instant::now() > until {
            break status;
        }
        tokio::time::sleep(LOOK).await;
    };
    say(&format!("  the API calls the bootstrap {status:?}"))?;
    let secret = format!("/api/v1/namespaces/kube-system/secrets/bootstrap-token-{}", given.token.id());
    let kept = admin.ask(Method::GET, &secret, None).await?;
    say(&format!("  {}  its Secret in the cluster", kept.code))?;
    let gone = status == "expired" && kept.code == 404;
    checks.add(
        "after its one use the token is dead",
        gone,
        &format!("status {status}, Secret {}", kept.code),
    );
    Ok(())
}

async fn timeline(issuer: &Issuer, given: &Given, checks: &mut Checks) -> Result<(), DemoError> {
    say(&format!("\n== GET .../worker_bootstraps/{}/events ==", given.id))?;
    let events = issuer.api.events(CLUSTER, &given.id).await?;
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    for event in &events {
        let line = shortened(&text(event, "message"), 110);
        say(&format!("  {:<8} {:<8} {line}", text(event, "source"), text(event, "type")))?;
    }
    let told = events.iter().any(|event| text(event, "source") == "machine");
    checks.add("the machine's progress is seen from outside", told, &format!("{} events", events.len()));
    Ok(())
}

fn search(scratch: &Path, needle: &Needle, runs: &[&Ended], checks: &mut Checks) -> Result<(), DemoError> {
    say("\n== The token, searched for ==")?;
    let found = needle.search(scratch)?;
    // The second machine was refused for good, and erases what it was given as well.
    let places: Vec<&PathBuf> = found.places.iter().collect();
    for place in &places {
        say(&format!("  FOUND in {}", place.display()))?;
    }
    say(&format!("  {} files below {} read, plain and as base64", found.files, scratch.display()))?;
    let (none, seen) = (places.is_empty(), format!("{} files", found.files));
    checks.add("no file holds the token: machines, issuer, database, logs", none, &seen);
    let bytes: usize = runs.iter().map(|run| run.output.len()).sum();
    let spoken = runs.iter().any(|run| needle.is_in(&run.output));
    checks.add("the agent's output never held it", !spoken, &format!("{bytes} bytes of output"));
    Ok(())
}
