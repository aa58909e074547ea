//! A cluster that approves by itself what every bootstrap token asks for, as k0s has it: accounts stand in
//! for the tokens, and each is good for one machine all the same.

use super::real_only::BINDINGS;
use crate::csr::{Bearer, Csr, End, ask, end_of};
use crate::rig::{Issuer, collection, id, is_one_time, objects, secret, secret_goes, then_always};
use crate::support::cluster::{Cluster, Kind};
use crate::support::eventually;
use crate::support::front::Mode;
use crate::support::machine::Machine;
use crate::support::token::{Token, Trust, document};
use bootstrap_issuer::cluster::kubernetes::MANIFEST;
use bootstrap_issuer::cluster::{Happened, Withdrawn};
use bootstrap_issuer::names::BootstrapId;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const ACCOUNTS: &str = "/api/v1/namespaces/worker-bootstrap/serviceaccounts";
const BINDING: &str = "every-token-is-approved";

/// One that was granted, and what its machine authenticates with.
pub struct Granted {
    pub token: Token,
    credential: String,
}

/// Runs a case while the cluster approves what every bootstrap token asks for.
pub fn while_every_token_is_approved(case: impl AsyncFnOnce(&Cluster, Issuer, Token)) {
    crate::alone_on(Kind::Real, async |cluster: Cluster| {
        let issuer = Issuer::idle(&cluster).await;
        let before = issuer.token().await;
        let binding = json!({
            "metadata": {"name": BINDING},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:bootstrappers"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:certificates.k8s.io:certificatesigningrequests:nodeclient"},
        });
        assert_eq!(cluster.admin.ask(Method::POST, BINDINGS, Some(&binding)).await.0, 201);
        then_always(case(&cluster, issuer, before), async {
            let path = format!("{BINDINGS}/{BINDING}");
            assert_eq!(cluster.admin.ask(Method::DELETE, &path, None).await.0, 200);
        })
        .await;
        let issuer = Issuer::idle(&cluster).await;
        eventually("tokens are good by themselves again", async || {
            let (bootstrap, token) = (BootstrapId::random(), Token::random());
            issuer.grant(&bootstrap, &token, time::Duration::hours(1)).await.unwrap();
            issuer.credential(&bootstrap, &token).await.is_none().then_some(())
        })
        .await;
    });
}

/// Roles come into force a moment after they are written.
pub async fn granted(issuer: &Issuer) -> Granted {
    eventually("a token that an account stands in for", async || {
        let (bootstrap, token) = (BootstrapId::random(), Token::random());
        issuer.grant(&bootstrap, &token, time::Duration::hours(1)).await.ok()?;
        let credential = issuer.credential(&bootstrap, &token).await?.expose().to_owned();
        Some(Granted { token, credential })
    })
    .await
}

/// The document as the issuer renders it.
fn sealed(cluster: &Cluster, granted: &Granted, server: &str) -> Value {
    use worker_bootstrap::document;
    use worker_bootstrap::secret::Secret;
    let plain = self::document(&granted.token, &[server.to_owned()], Trust::Ca(&cluster.ca));
    let bootstrap = document::parse(plain.to_string().as_bytes(), "a document").unwrap();
    let token = bootstrap.token.standing_for(Secret::new(granted.credential.clone()));
    serde_yaml::from_str(document::write(&bootstrap.document, &token).expose()).unwrap()
}

async fn account(cluster: &Cluster, token: &Token) -> Option<Value> {
    let path = format!("{ACCOUNTS}/{}", token.secret_name());
    let (status, object) = cluster.admin.ask(Method::GET, &path, None).await;
    (status == 200).then_some(object)
}

pub async fn account_goes(cluster: &Cluster, token: &Token) {
    eventually("the account goes", async || account(cluster, token).await.is_none().then_some(())).await;
}

fn assert_nowhere(credential: &str, directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            assert_nowhere(credential, &entry.path());
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = memchr::memmem::find(&bytes, credential.as_bytes());
            assert!(found.is_none(), "the credential is in {}", entry.path().display());
        }
    }
}

#[test]
#[ignore = "needs a control plane: tests/run"]
fn one_machine_joins_and_another_is_refused() {
    while_every_token_is_approved(async |cluster, mut issuer, _| {
        issuer.enforce();
        assert!(is_one_time(&issuer).await);
        let granted = granted(&issuer).await;
        // The token opens nothing by itself: the cluster does not know it.
        assert_eq!(Bearer::of(cluster, &granted.token).post(&Csr::fresh()).await, Err(401));
        let held = secret(cluster, &granted.token).await.unwrap();
        assert!(held["data"].get("token-secret").is_none(), "{held}");

        let (first, second) = (Machine::ready(), Machine::ready());
        let door = cluster.door();
        let document = sealed(cluster, &granted, &door.url());
        let joined = first.join(&document).await.must_join();
        second.join(&document).await.must_be(7, "token_already_used").must_name(&[&first.name]);
        for machine in [&first, &second] {
            assert_nowhere(&granted.credential, machine.root());
        }
        assert!(!joined.says(&granted.credential));
        issuer
            .tells("the use", &granted.token, |what| matches!(what, Happened::Bound(_)).then_some(()))
            .await;
        cluster.admin.create_node(&first.name, "True", "its-own").await;
        secret_goes(cluster, &granted.token).await;
        account_goes(cluster, &granted.token).await;
    });
}

#[test]
#[ignore = "needs a control plane: tests/run"]
fn one_that_is_withdrawn_opens_nothing() {
    while_every_token_is_approved(async |cluster, mut issuer, _| {
        issuer.enforce();
        let granted = granted(&issuer).await;
        assert_eq!(issuer.backend.withdraw(&id(&granted.token)).await.unwrap(), Withdrawn::Unused);
        let bearer = Bearer::with(cluster, &granted.credential);
        account_goes(cluster, &granted.token).await;
        // Servers remember a token for some seconds: what it asks for meanwhile is denied.
        eventually("it is refused", async || match bearer.post(&Csr::fresh()).await {
            Err(status) => (status == 401).then_some(()),
            Ok(name) => {
                let end = end_of(cluster, &name).await;
                assert!(
                    matches!(&end, End::Denied(why) if why == "TokenRevoked" || why == "TokenGone"),
                    "{end:?}"
                );
                None
            }
        })
        .await;
        // One that was used is its machine's until it has joined, and nobody else's.
        let used = self::granted(&issuer).await;
        let bearer = Bearer::with(cluster, &used.credential);
        let first = Csr::fresh();
        assert_eq!(ask(cluster, &bearer, &first).await, End::Issued);
        let withdrawn = issuer.backend.withdraw(&id(&used.token)).await.unwrap();
        assert!(matches!(&withdrawn, Withdrawn::Used(by) if by.node == first.node), "{withdrawn:?}");
        assert_eq!(ask(cluster, &bearer, &first).await, End::Issued);
        assert_eq!(ask(cluster, &bearer, &Csr::fresh()).await, End::Denied("TokenAlreadyUsed".into()));
    });
}

/// A token from before everything was approved is good by itself, for whoever has it, and ends at once.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn a_token_from_before_is_told_apart() {
    while_every_token_is_approved(async |cluster, issuer, before| {
        let account = granted(&issuer).await;
        let exposed = issuer.backend.exposed().await.unwrap().unwrap();
        assert!(exposed.why.contains(BINDING), "{exposed:?}");
        assert!(exposed.tokens.contains(&id(&before)) && !exposed.tokens.contains(&id(&account.token)));
        assert_eq!(issuer.backend.withdraw(&id(&before)).await.unwrap(), Withdrawn::MultiUse(None));
        assert!(secret(cluster, &before).await.is_none());
    });
}

/// An account whose Secret went while nobody looked, by a hand or a crash.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn an_account_that_is_left_over_is_removed() {
    while_every_token_is_approved(async |cluster, mut issuer, _| {
        let granted = granted(&issuer).await;
        let path = format!("{}/{}", crate::rig::SECRETS, granted.token.secret_name());
        assert_eq!(cluster.admin.ask(Method::DELETE, &path, None).await.0, 200);
        assert!(account(cluster, &granted.token).await.is_some());
        issuer.enforce();
        account_goes(cluster, &granted.token).await;
    });
}

/// One whose Secret went while the issuer started, before it watched, is not left until the next look at
/// everything, which is half a minute later.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn an_account_that_goes_before_the_watch_is_removed() {
    while_every_token_is_approved(async |cluster, _, _| {
        let door = cluster.door();
        let mut issuer = Issuer::by_way_of(cluster, &door.url()).await;
        let granted = granted(&issuer).await;
        door.set(Mode::Reset);
        door.reset_all();
        let tried = door.accepted();
        issuer.enforce();
        eventually("it has tried", async || (door.accepted() > tried + 2).then_some(())).await;
        let path = format!("{}/{}", crate::rig::SECRETS, granted.token.secret_name());
        assert_eq!(cluster.admin.ask(Method::DELETE, &path, None).await.0, 200);
        door.set(cluster.forward());
        let soon = tokio::time::timeout(Duration::from_secs(15), account_goes(cluster, &granted.token)).await;
        assert!(soon.is_ok(), "it is there still");
    });
}

/// Where the manifest was applied in part: what an account may not ask for, no account is made for.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn without_the_accounts_own_right_it_says_so() {
    while_every_token_is_approved(async |cluster, issuer, _| {
        assert!(is_one_time(&issuer).await);
        let named = |object: &Value| {
            object["kind"] == "ClusterRoleBinding" && object["metadata"]["name"] == "worker-bootstrap"
        };
        let binding = objects(MANIFEST).into_iter().find(named).unwrap();
        let all = collection(&binding);
        let path = format!("{all}/worker-bootstrap");
        assert_eq!(cluster.admin.ask(Method::DELETE, &path, None).await.0, 200);
        let without = async {
            eventually("it is said", async || (!is_one_time(&issuer).await).then_some(())).await;
            let (bootstrap, token) = (BootstrapId::random(), Token::random());
            issuer.grant(&bootstrap, &token, time::Duration::hours(1)).await.unwrap();
            assert!(issuer.credential(&bootstrap, &token).await.is_none());
            assert!(account(cluster, &token).await.is_none());
        };
        then_always(without, async {
            assert_eq!(cluster.admin.ask(Method::POST, &all, Some(&binding)).await.0, 201);
        })
        .await;
        eventually("it is one-time again", async || is_one_time(&issuer).await.then_some(())).await;
    });
}
