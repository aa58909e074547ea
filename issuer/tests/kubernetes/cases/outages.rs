//! A network that fails between the issuer and its cluster.

use crate::csr::{Bearer, Csr, End, ask, end_of};
use crate::rig::Issuer;
use crate::support::cluster::Cluster;
use crate::support::front::Mode;
use std::time::Duration;

pub async fn connections_break(cluster: Cluster) {
    let door = cluster.door();
    let mut issuer = Issuer::by_way_of(&cluster, &door.url()).await;
    issuer.enforce();
    for _ in 0..5 {
        let token = issuer.token().await;
        let bearer = Bearer::of(&cluster, &token);
        door.reset_all();
        let name = bearer.post(&Csr::fresh()).await.unwrap();
        door.reset_all();
        assert_eq!(end_of(&cluster, &name).await, End::Issued);
    }
}

pub async fn nothing_comes_through_for_a_while(cluster: Cluster) {
    let door = cluster.door();
    let mut issuer = Issuer::by_way_of(&cluster, &door.url()).await;
    issuer.enforce();
    let (token, second) = (issuer.token().await, issuer.token().await);
    let bearer = Bearer::of(&cluster, &token);
    assert_eq!(ask(&cluster, &Bearer::of(&cluster, &second), &Csr::fresh()).await, End::Issued);
    door.set(Mode::Reset);
    door.reset_all();
    let names = [bearer.post(&Csr::fresh()).await.unwrap(), bearer.post(&Csr::fresh()).await.unwrap()];
    tokio::time::sleep(Duration::from_secs(2)).await;
    for name in &names {
        let object = crate::csr::read(&cluster, name).await;
        assert!(object["status"].get("conditions").is_none(), "decided by nobody: {object}");
    }
    door.set(cluster.forward());
    let ends = [end_of(&cluster, &names[0]).await, end_of(&cluster, &names[1]).await];
    assert_eq!(ends.iter().filter(|end| **end == End::Issued).count(), 1, "{ends:?}");
}
