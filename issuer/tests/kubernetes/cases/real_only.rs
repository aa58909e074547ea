//! What only a real control plane has: roles, other approvers, a second API server, restarts.

use crate::csr::{Bearer, CSRS, Csr, End, ask, end_of};
use crate::rig::{Issuer, id, is_one_time, secret, secret_goes};
use crate::support::cluster::{Cluster, Kind, SecondServer};
use crate::support::eventually;
use bootstrap_issuer::cluster::{Happened, Promise, Withdrawn};
use reqwest::Method;
use serde_json::json;

pub const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";

/// Whatever any token asks for is approved, and whatever any account does.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn a_cluster_that_approves_everything_is_told_apart() {
    crate::alone_on(Kind::Real, async |cluster: Cluster| {
        let issuer = Issuer::idle(&cluster).await;
        assert!(is_one_time(&issuer).await);
        let binding = json!({
            "metadata": {"name": "everybody-is-approved"},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:bootstrappers"},
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:serviceaccounts"},
            ],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:certificates.k8s.io:certificatesigningrequests:nodeclient"},
        });
        assert_eq!(cluster.admin.ask(Method::POST, BINDINGS, Some(&binding)).await.0, 201);
        let why = eventually("the binding is seen", async || match issuer.backend.promise().await.unwrap() {
            Promise::OneTime => None,
            Promise::MultiUse { why } => Some(why),
        })
        .await;
        assert!(why.contains("everybody-is-approved"), "{why}");
        // Whoever is first is known; and at a revocation nobody is left anything.
        let (used, unused) = (issuer.token().await, issuer.token().await);
        let enforcing = Issuer::start(&cluster).await;
        let first = Csr::fresh();
        assert_eq!(ask(&cluster, &Bearer::of(&cluster, &used), &first).await, End::Issued);
        enforcing.tells("the use", &used, |what| matches!(what, Happened::Bound(_)).then_some(())).await;
        let withdrawn = issuer.backend.withdraw(&id(&used)).await.unwrap();
        assert!(
            matches!(&withdrawn, Withdrawn::MultiUse(Some(by)) if by.node == first.node),
            "{withdrawn:?}"
        );
        assert_eq!(issuer.backend.withdraw(&id(&unused)).await.unwrap(), Withdrawn::MultiUse(None));
        for token in [&used, &unused] {
            assert!(secret(&cluster, token).await.is_none());
        }
        let path = format!("{BINDINGS}/everybody-is-approved");
        assert_eq!(cluster.admin.ask(Method::DELETE, &path, None).await.0, 200);
        eventually("the binding has gone", async || is_one_time(&issuer).await.then_some(())).await;
    });
}

#[test]
#[ignore = "needs a control plane: tests/run"]
fn the_issuers_own_server_is_restarted() {
    crate::alone_on(Kind::Real, async |cluster: Cluster| {
        let server = SecondServer::add("the-issuers");
        let mut issuer = Issuer::by_way_of(&cluster, &format!("https://{}", server.address)).await;
        issuer.enforce();
        let tokens = [issuer.token().await, issuer.token().await];
        assert_eq!(ask(&cluster, &Bearer::of(&cluster, &tokens[0]), &Csr::fresh()).await, End::Issued);
        server.stop();
        let name = Bearer::of(&cluster, &tokens[1]).post(&Csr::fresh()).await.unwrap();
        server.start();
        assert_eq!(end_of(&cluster, &name).await, End::Issued);
    });
}

/// Whoever has one token fills the list of requests until no answer that is read could hold it.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn huge_requests_keep_nobody_waiting() {
    const EACH: usize = 1_300_000;
    const SO_MANY: usize = 26;
    crate::alone_on(Kind::Real, async |cluster: Cluster| {
        let idle = Issuer::idle(&cluster).await;
        let (hostile, other) = (idle.token().await, idle.token().await);
        let bearer = Bearer::of(&cluster, &hostile);
        let mut huge = Vec::new();
        for _ in 0..SO_MANY {
            huge.push(bearer.post_object(&Csr::fresh().padded(EACH)).await.unwrap());
        }
        let _issuer = Issuer::start(&cluster).await;
        assert_eq!(ask(&cluster, &Bearer::of(&cluster, &other), &Csr::fresh()).await, End::Issued);
        let ends = futures_util::future::join_all(huge.iter().map(|name| end_of(&cluster, name))).await;
        assert_eq!(ends.iter().filter(|end| **end == End::Issued).count(), 1, "{ends:?}");
        for name in huge {
            assert_eq!(cluster.admin.ask(Method::DELETE, &format!("{CSRS}/{name}"), None).await.0, 200);
        }
    });
}

/// A token that one server has in its cache is worth nothing there once it is withdrawn or complete.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn a_server_that_remembers_a_token_gives_nobody_anything() {
    crate::on(Kind::Real, async |cluster: Cluster| {
        let issuer = Issuer::start(&cluster).await;
        let (withdrawn, complete) = (issuer.token().await, issuer.token().await);
        let first = Csr::fresh();
        assert_eq!(ask(&cluster, &Bearer::of(&cluster, &complete), &first).await, End::Issued);
        // Both are in the server's cache now.
        for token in [&withdrawn, &complete] {
            assert!(cluster.admin.accepts(token, &cluster.ca).await);
        }
        issuer.backend.withdraw(&id(&withdrawn)).await.unwrap();
        cluster.admin.create_node(&first.node, "True", "its-own").await;
        secret_goes(&cluster, &complete).await;
        let mut answered = 0;
        for (token, reasons) in [
            (&withdrawn, ["TokenRevoked", "TokenGone"]),
            (&complete, ["TokenAlreadyUsed", "TokenAlreadyUsed"]),
        ] {
            if let Ok(name) = Bearer::of(&cluster, token).post(&Csr::fresh()).await {
                answered += 1;
                match end_of(&cluster, &name).await {
                    End::Denied(reason) => assert!(reasons.contains(&reason.as_str()), "{reason}"),
                    End::Issued => panic!("issued with a token that has gone"),
                }
            }
        }
        assert!(answered > 0, "no server had a token in its cache");
    });
}
