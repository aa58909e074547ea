//! Who may do what: the roles a kubeadm-like cluster has for joining, written out as one function,
//! with the Node authorizer's rule that a node reads its own Node only.

use super::authn::{ANONYMOUS, AUTHENTICATED, User};
use super::request::Attributes;
use crate::cluster::kubernetes::GROUP as GROUP_ISSUER;

/// Tokens of this group may request certificates, and are approved without anybody's doing.
pub const GROUP_AUTO: &str = "system:bootstrappers:demo:auto";
/// Tokens of this group may request certificates, and wait for an administrator.
pub const GROUP_MANUAL: &str = "system:bootstrappers:demo:manual";

/// The authorizer's answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed, by this rule (for the audit log).
    Allow(&'static str),
    /// Nobody said yes; the text is what the Node authorizer has to say about it, or empty.
    NoOpinion(String),
}

const NOTHING: Verdict = Verdict::NoOpinion(String::new());

/// Judges a request.
pub fn judge(user: &User, asked: &Attributes) -> Verdict {
    if user.is_in("system:masters") {
        return Verdict::Allow("");
    }
    if !asked.is_resource {
        return path(user, asked);
    }
    let node = user.node().map(|name| node(name, asked));
    match node {
        Some(Verdict::Allow(rule)) => Verdict::Allow(rule),
        _ if roles(user, asked) => Verdict::Allow("RBAC"),
        Some(reason) => reason,
        None => NOTHING,
    }
}

/// `system:public-info-viewer` for everybody, `system:discovery` for everybody with credentials.
fn path(user: &User, asked: &Attributes) -> Verdict {
    let path = asked.path.as_str();
    let reading = matches!(asked.verb.as_str(), "get");
    let public = matches!(path, "/healthz" | "/livez" | "/readyz" | "/version" | "/version/");
    let below =
        |root: &str| path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    let discovery = ["/api", "/apis", "/openapi"].into_iter().any(below) && user.is_in(AUTHENTICATED);
    if reading && (public || discovery) { Verdict::Allow("RBAC") } else { NOTHING }
}

fn roles(user: &User, asked: &Attributes) -> bool {
    let verb = asked.verb.as_str();
    let place = (asked.group.as_str(), asked.resource.as_str(), asked.subresource.as_str());
    let bootstrapper = [GROUP_AUTO, GROUP_MANUAL, GROUP_ISSUER].into_iter().any(|group| user.is_in(group));
    match place {
        // system:node-bootstrapper.
        ("certificates.k8s.io", "certificatesigningrequests", "") => {
            bootstrapper && matches!(verb, "create" | "get" | "list" | "watch")
        }
        // What the approving controller asks about the requester.
        ("certificates.k8s.io", "certificatesigningrequests", "nodeclient") => {
            verb == "create" && user.is_in(GROUP_AUTO)
        }
        ("certificates.k8s.io", "certificatesigningrequests", "selfnodeclient") => {
            verb == "create" && user.is_in("system:nodes")
        }
        ("", "configmaps", "") if verb == "get" => config_map(user, &asked.namespace, &asked.name),
        _ => false,
    }
}

/// The two ConfigMaps of a join. cluster-info is bound to the anonymous user by name, so that
/// whoever shows credentials may not read it.
fn config_map(user: &User, namespace: &str, name: &str) -> bool {
    match (namespace, name) {
        ("kube-public", "cluster-info") => user.name == ANONYMOUS,
        ("kube-system", name) if name == "kubelet-config" || name.starts_with("kubelet-config-1.") => {
            user.is_in(GROUP_AUTO) || user.is_in("system:nodes")
        }
        _ => false,
    }
}

/// The Node authorizer.
fn node(own: &str, asked: &Attributes) -> Verdict {
    const RULE: Verdict = Verdict::Allow("node");
    let verb = asked.verb.as_str();
    let reading = matches!(verb, "get" | "list" | "watch");
    match (asked.group.as_str(), asked.resource.as_str(), asked.subresource.as_str()) {
        ("", "nodes", "") if matches!(verb, "create" | "update" | "patch") => RULE,
        ("", "nodes", "") if reading && asked.name == own => RULE,
        ("", "nodes", "") if reading && asked.name.is_empty() => {
            Verdict::NoOpinion(format!("node '{own}' cannot read all nodes, only its own Node object"))
        }
        ("", "nodes", "") if reading => {
            Verdict::NoOpinion(format!("node '{own}' cannot read '{}', only its own Node object", asked.name))
        }
        ("", "nodes", "status") if matches!(verb, "update" | "patch") => RULE,
        ("", "secrets" | "configmaps", "") if reading && asked.name.is_empty() => {
            Verdict::NoOpinion("No Object name found".to_owned())
        }
        ("", "secrets" | "configmaps", "") if reading => {
            Verdict::NoOpinion(format!("no relationship found between node '{own}' and this object"))
        }
        ("", "secrets" | "configmaps", "") => {
            Verdict::NoOpinion("can only read resources of this type".to_owned())
        }
        ("certificates.k8s.io", "certificatesigningrequests", "") => match verb {
            "create" | "get" | "list" | "watch" => RULE,
            _ => NOTHING,
        },
        _ => NOTHING,
    }
}

/// The sentence of a refusal.
pub fn denial(user: &User, asked: &Attributes, reason: &str) -> String {
    let name = &user.name;
    let verb = &asked.verb;
    let mut text = if !asked.is_resource {
        format!("User {name:?} cannot {verb} path {:?}", asked.path)
    } else {
        let resource = match asked.subresource.as_str() {
            "" => asked.resource.clone(),
            sub => format!("{}/{sub}", asked.resource),
        };
        let place = match asked.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        format!("User {name:?} cannot {verb} resource {resource:?} in API group {:?} {place}", asked.group)
    };
    text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if !reason.is_empty() {
        text = format!("{text}: {reason}");
    }
    text
}
