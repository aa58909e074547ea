//! Discovery of the CA where only hashes of it are known, as kubeadm does it (`discovery/token`):
//! cluster-info is fetched without trust, proves itself by the token's signature, its CA by a pin, and
//! is fetched again over that CA: the bytes must be the same.
//!
//! Neither request carries a credential.

use super::{Ask, jws};
use crate::document::{Authorities, Pin};
use crate::failure::Failure;
use crate::kube::objects::ConfigMap;
use crate::kube::seen::Seen;
use crate::kube::trouble::{Kind, Trouble};
use crate::kube::{Client, Identity, Question, Said, unpinned};
use crate::reason::Reason;
use crate::token::Token;
use crate::yaml::{self, Fault, Fields};
use serde_json::Value;

const CLUSTER_INFO: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

/// The CA of the cluster, by its hashes.
///
/// # Errors
/// `discovery_failed`, `discovery_unsigned`, `discovery_forbidden` and the reasons of the server.
pub(super) async fn authorities(ask: &Ask<'_>, token: &Token, pins: &[Pin]) -> Result<Authorities, Failure> {
    let doing = "reading cluster-info to discover the CA";
    let servers = &ask.document.cluster.servers;
    let judge = |map: ConfigMap| Discovered::judge(&map, token, pins);
    let (first, _) = unpinned::ask(doing, servers, CLUSTER_INFO, ask.patience(), judge).await?;

    let client = Client::new(servers, first.authorities.der(), ask.judge, Identity::Anonymous)?;
    let doing = "reading cluster-info again over the discovered CA";
    let answer = client.ask::<ConfigMap>(&Question::get(doing, CLUSTER_INFO, &[]), ask.patience()).await?;
    match answer.said {
        Said::Object(map) if map.data.get("kubeconfig") == Some(&first.kubeconfig) => Ok(first.authorities),
        _ => Err(Failure::new(
            Reason::DiscoveryFailed,
            format!("{doing}: {} shows another cluster-info than was seen at first", answer.server),
        )),
    }
}

/// A cluster-info that has proven itself.
struct Discovered {
    kubeconfig: String,
    authorities: Authorities,
}

impl Discovered {
    fn judge(map: &ConfigMap, token: &Token, pins: &[Pin]) -> Result<Discovered, Trouble> {
        let nonsense = |what: &str| Trouble::new(Kind::Nonsense, format!("its cluster-info {what}"));
        let kubeconfig = map.data.get("kubeconfig").ok_or_else(|| nonsense("holds no kubeconfig"))?;
        let id = token.id();
        match map.data.get(&format!("jws-kubeconfig-{id}")) {
            Some(signature) if jws::verifies(signature, kubeconfig, token) => {}
            Some(_) => {
                let text = format!("its cluster-info bears a signature of {id} that this token did not make");
                return Err(Trouble::new(Kind::Unsigned, text));
            }
            None => {
                let text = format!("its cluster-info bears no signature of the token {id}");
                return Err(Trouble::new(Kind::Unsigned, text));
            }
        }
        // Signed, so it is the cluster's own words from here on.
        let authorities = authorities_of(kubeconfig).map_err(|what| nonsense(&what))?;
        let seen: Vec<String> =
            authorities.der().iter().filter_map(|der| Seen::of(der)).map(|seen| seen.pin).collect();
        if seen.iter().any(|pin| pins.iter().any(|wanted| wanted.as_str() == pin)) {
            return Ok(Discovered { kubeconfig: kubeconfig.clone(), authorities });
        }
        let wanted: Vec<&str> = pins.iter().map(Pin::as_str).collect();
        Err(Trouble::new(
            Kind::PinMismatch,
            format!("its CA is {}, and the document names {}", seen.join(" and "), wanted.join(" or ")),
        ))
    }
}

/// The CA in a kubeconfig with one cluster.
fn authorities_of(kubeconfig: &str) -> Result<Authorities, String> {
    let refused = |fault: Fault| format!("is refused: {fault}");
    let config: Value = yaml::read(kubeconfig.as_bytes()).map_err(refused)?;
    let clusters = Fields::of(&config).and_then(|config| config.list("clusters")).map_err(refused)?;
    let [named] = &clusters[..] else {
        return Err(format!("names {} clusters, and one was expected", clusters.len()));
    };
    let cluster = named.inside("cluster").map_err(refused)?;
    cluster.parsed("certificate-authority-data", Authorities::parse).map_err(refused)
}
