//! Names of nodes that are not free.

use crate::csr::{Bearer, Csr, End, ask, end_of, words};
use crate::rig::{Issuer, node_name, secret};
use crate::support::cluster::Cluster;
use bootstrap_issuer::cluster::Happened;

fn taken() -> End {
    End::Denied("NodeNameTaken".to_owned())
}

pub async fn a_name_that_exists_is_refused_and_the_token_stays_good(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let name = node_name();
    cluster.admin.create_node(&name, "True", "somebody-elses").await;
    let request = bearer.post(&Csr::of(&name)).await.unwrap();
    assert_eq!(end_of(&cluster, &request).await, taken());
    let words = words(&cluster, &request).await;
    assert!(words.contains(&format!("kubectl delete node {name}")), "{words}");
    assert_eq!(ask(&cluster, &bearer, &Csr::fresh()).await, End::Issued);
}

/// Two machines with one host name, each with a token of its own, before either has a Node.
pub async fn two_tokens_for_one_name(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let (one, two) = (issuer.token().await, issuer.token().await);
    let (a, b) = (Bearer::of(&cluster, &one), Bearer::of(&cluster, &two));
    let first = Csr::fresh();
    assert_eq!(ask(&cluster, &a, &first).await, End::Issued);
    assert_eq!(ask(&cluster, &b, &Csr::of(&first.node)).await, taken());
    let unused = secret(&cluster, &two).await.unwrap();
    assert!(unused["metadata"]["annotations"].get("bootstrap.akua.dev/used-by").is_none(), "{unused}");
    let own = Csr::fresh();
    assert_eq!(ask(&cluster, &b, &own).await, End::Issued);
    let told = |what: &Happened| match what {
        Happened::Bound(by) => Some(by.node.clone()),
        _ => None,
    };
    assert_eq!(issuer.tells("the use", &two, told).await, own.node);

    // At the same moment: one of them, or neither, and never both.
    for _ in 0..5 {
        let (one, two) = (issuer.token().await, issuer.token().await);
        let (a, b) = (Bearer::of(&cluster, &one), Bearer::of(&cluster, &two));
        let (left, right) = (Csr::fresh(), Csr::fresh());
        let right = Csr { node: left.node.clone(), ..right };
        let ends = tokio::join!(ask(&cluster, &a, &left), ask(&cluster, &b, &right));
        let ends = [ends.0, ends.1];
        assert!(ends.iter().all(|end| *end == End::Issued || *end == taken()), "{ends:?}");
        assert!(ends.contains(&taken()), "{ends:?}");
    }
}

/// A machine whose first bootstrap was replaced by another keeps its key.
pub async fn the_same_machine_with_another_token(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let machine = Csr::fresh();
    for _ in 0..2 {
        let token = issuer.token().await;
        assert_eq!(ask(&cluster, &Bearer::of(&cluster, &token), &machine).await, End::Issued);
    }
}
