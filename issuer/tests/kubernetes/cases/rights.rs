//! Each verb of each rule of the manifest's roles is needed: taken away, it is missed.

use super::accounts::{account_goes, granted, while_every_token_is_approved};
use crate::csr::{Bearer, Csr, End, ask};
use crate::rig::{
    Issuer, SECRETS, account_token, apply, collection, id, objects, secret, secret_goes, then_always,
    use_by_hand,
};
use crate::support::cluster::{Cluster, Kind};
use crate::support::eventually;
use crate::support::front::Front;
use crate::support::token::Token;
use bootstrap_issuer::cluster::kubernetes::MANIFEST;
use bootstrap_issuer::names::BootstrapId;
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

/// So long as a machine would wait for each thing to be done.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(4);

fn roles(name: &str) -> Vec<Value> {
    let is_one = |object: &Value| {
        matches!(object["kind"].as_str(), Some("Role" | "ClusterRole")) && object["metadata"]["name"] == name
    };
    objects(MANIFEST).into_iter().filter(is_one).collect()
}

/// A role without one verb of one of its rules, for each of them, and what that is.
fn each_less_by_one(role: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (at, rule) in role["rules"].as_array().unwrap().iter().enumerate() {
        for (verb, name) in rule["verbs"].as_array().unwrap().iter().enumerate() {
            let mut less = role.clone();
            let verbs = less["rules"][at]["verbs"].as_array_mut().unwrap();
            verbs.remove(verb);
            if verbs.is_empty() {
                less["rules"].as_array_mut().unwrap().remove(at);
            }
            all.push((format!("{name} of {rule}"), less));
        }
    }
    all
}

/// How a work came out.
#[derive(PartialEq, Eq)]
enum Outcome {
    Done,
    /// The issuer knows that it has not the right, and says so.
    Declined,
    NotInTime,
}

/// What is done through the door is done in time with the whole role. Without any part of it it is declined, or
/// something was forbidden: what is not done in time may else have been slow.
async fn each_is_missed(cluster: &Cluster, role: &Value, work: impl AsyncFn(&Front) -> Outcome) {
    let outcome =
        async |door: &Front| tokio::time::timeout(PATIENCE, work(door)).await.unwrap_or(Outcome::NotInTime);
    let works = async || (outcome(&cluster.door()).await == Outcome::Done).then_some(());
    let path = format!("{}/{}", collection(role), role["metadata"]["name"].as_str().unwrap());
    eventually("it works with all of them", &works).await;
    let without = async {
        for (what, less) in each_less_by_one(role) {
            assert_eq!(cluster.admin.ask(Method::PUT, &path, Some(&less)).await.0, 200);
            // Roles come into force a moment after they are written.
            eventually(&format!("{what} is missed"), async || {
                let door = cluster.door();
                let outcome = outcome(&door).await;
                let forbidden = cluster.requests_through(&door).iter().any(|request| request.status == 403);
                let missed = outcome == Outcome::Declined || outcome == Outcome::NotInTime && forbidden;
                missed.then_some(())
            })
            .await;
        }
    };
    then_always(without, async {
        assert_eq!(cluster.admin.ask(Method::PUT, &path, Some(role)).await.0, 200);
        eventually("it works with all of them again", &works).await;
    })
    .await;
}

/// One that acts as this ServiceAccount.
async fn issuer_of(cluster: &Cluster, door: &Front, account: &str) -> Issuer {
    Issuer::with(cluster, &door.url(), &json!({"token": account})).await
}

/// Does not return where the answer is an error: that is for the audit log to explain.
async fn done<T, E>(outcome: Result<T, E>) -> T {
    match outcome {
        Ok(done) => done,
        Err(_) => std::future::pending().await,
    }
}

#[test]
#[ignore = "needs a control plane: tests/run"]
fn every_right_is_needed() {
    crate::alone_on(Kind::Real, async |cluster: Cluster| {
        apply(&cluster.admin, MANIFEST).await;
        let account = account_token(&cluster.admin).await;
        let roles = roles("bootstrap-issuer");
        assert_eq!(roles.len(), 2);
        for role in &roles {
            each_is_missed(&cluster, role, async |door| {
                let issuer = issuer_of(&cluster, door, &account).await;
                a_whole_life(&cluster, issuer).await;
                Outcome::Done
            })
            .await;
        }
    });
}

/// Of a token, of one that another issuer has bound, and of one that is withdrawn.
async fn a_whole_life(cluster: &Cluster, mut issuer: Issuer) {
    done(issuer.backend.promise().await).await;
    let granted = async |issuer: &Issuer| {
        let (bootstrap, token) = (BootstrapId::random(), Token::random());
        // The second is the answer to a lost one.
        for _ in 0..2 {
            done(issuer.grant(&bootstrap, &token, Duration::hours(1)).await).await;
        }
        token
    };
    let withdrawn = granted(&issuer).await;
    issuer.enforce();
    // The second is heard of by the watches, and not by the first look at what there is.
    for _ in 0..2 {
        let (used, csr) = (granted(&issuer).await, Csr::fresh());
        assert_eq!(ask(cluster, &Bearer::of(cluster, &used), &csr).await, End::Issued);
        cluster.admin.create_node(&csr.node, "True", "its-own").await;
        secret_goes(cluster, &used).await;
    }
    // What others do is heard of by the watch alone.
    let (elsewhere, csr) = (granted(&issuer).await, Csr::fresh());
    use_by_hand(cluster, &elsewhere, &csr).await;
    cluster.admin.create_node(&csr.node, "True", "its-own").await;
    secret_goes(cluster, &elsewhere).await;
    done(issuer.backend.withdraw(&id(&withdrawn)).await).await;
    assert!(secret(cluster, &withdrawn).await.is_none());
}

#[test]
#[ignore = "needs a control plane: tests/run"]
fn every_right_over_accounts_is_needed() {
    while_every_token_is_approved(async |cluster, issuer, _| {
        // Until the cluster is known to approve everything.
        granted(&issuer).await;
        let account = account_token(&cluster.admin).await;
        let roles = roles("bootstrap-issuer-accounts");
        assert_eq!(roles.len(), 1);
        each_is_missed(cluster, &roles[0], async |door| {
            let mut issuer = issuer_of(cluster, door, &account).await;
            let (bootstrap, token) = (BootstrapId::random(), Token::random());
            done(issuer.grant(&bootstrap, &token, Duration::hours(1)).await).await;
            let credential = done(issuer.try_credential(&bootstrap, &token).await).await;
            if credential.is_none() {
                return Outcome::Declined;
            }
            let path = format!("{SECRETS}/{}", token.secret_name());
            assert_eq!(cluster.admin.ask(Method::DELETE, &path, None).await.0, 200);
            issuer.enforce();
            account_goes(cluster, &token).await;
            Outcome::Done
        })
        .await;
    });
}
