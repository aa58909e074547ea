//! Whether anything in the cluster approves what our tokens ask for by itself. The approving controller
//! of Kubernetes asks the same question of each request. Approvers that ask nothing of the kind (some
//! providers bring one) cannot be seen from here.

use super::error::ask_plainly;
use super::words::{GROUP, TOKEN_USER};
use super::{Cluster, ClusterError};
use crate::cluster::Promise;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

/// A token that nobody has: what is allowed to it is allowed to its groups.
const PROBE: &str = "probe";

pub(super) async fn ask(cluster: &Cluster) -> Result<Promise, ClusterError> {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("{TOKEN_USER}{PROBE}")),
            groups: Some(
                ["system:bootstrappers", GROUP, "system:authenticated"]
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
            ),
            resource_attributes: Some(ResourceAttributes {
                verb: Some("create".to_owned()),
                group: Some("certificates.k8s.io".to_owned()),
                version: Some("v1".to_owned()),
                resource: Some("certificatesigningrequests".to_owned()),
                subresource: Some("nodeclient".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client.clone());
    let params = PostParams::default();
    let answer = ask_plainly("asking who approves requests", reviews.create(&params, &review)).await?;
    let status = answer.status.unwrap_or_default();
    if !status.allowed {
        return Ok(Promise::OneTime);
    }
    let why = status.reason.filter(|reason| !reason.is_empty());
    let why = why.unwrap_or_else(|| "the authorizer does not say by which binding".to_owned());
    Ok(Promise::MultiUse {
        why: format!("the cluster approves by itself what every bootstrap token asks for ({why})"),
    })
}
