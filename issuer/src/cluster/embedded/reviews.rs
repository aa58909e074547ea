//! SubjectAccessReviews: may this user do that? Asked by whoever wants to know what others would be
//! allowed; answered by the authorizer itself.

use super::api::{Reply, Request};
use super::authn::User;
use super::authz::{self, Verdict};
use super::body;
use super::request::Attributes;
use super::status::Status;
use serde::Deserialize;
use serde_json::{Value, json};

const GROUP: &str = "authorization.k8s.io";
const KIND: &str = "SubjectAccessReview";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    user: String,
    groups: Vec<String>,
    resource_attributes: Option<Resource>,
    non_resource_attributes: Option<Path>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resource {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Path {
    verb: String,
    path: String,
}

/// Whether a request is for a review.
pub fn is_one(asked: &Attributes) -> bool {
    (asked.group.as_str(), asked.version.as_str(), asked.resource.as_str())
        == (GROUP, "v1", "subjectaccessreviews")
}

/// Judges and answers.
pub fn answer(request: &Request<'_>) -> Result<Reply, Status> {
    if request.asked.verb != "create" || !request.asked.name.is_empty() {
        return Err(Status::method_not_allowed());
    }
    body::require_json(request.headers)?;
    let unreadable = |why: String| {
        Status::bad_request(format!("{KIND} in version \"v1\" cannot be handled as a {KIND}: {why}"))
    };
    let mut review: Value =
        serde_json::from_slice(request.body).map_err(|error| unreadable(error.to_string()))?;
    let spec: Spec = serde_json::from_value(review["spec"].clone())
        .map_err(|error| unreadable(format!("json: cannot unmarshal: {error}")))?;
    let asked = match (spec.resource_attributes, spec.non_resource_attributes) {
        (Some(resource), None) => Attributes {
            verb: resource.verb,
            is_resource: true,
            group: resource.group,
            version: resource.version,
            resource: resource.resource,
            subresource: resource.subresource,
            namespace: resource.namespace,
            name: resource.name,
            ..Attributes::default()
        },
        (None, Some(path)) => Attributes { verb: path.verb, path: path.path, ..Attributes::default() },
        _ => return Err(unreadable("exactly one of nonResourceAttributes or resourceAttributes".to_owned())),
    };
    let groups: Vec<&str> = spec.groups.iter().map(String::as_str).collect();
    let verdict = authz::judge(&User::new(&spec.user, &groups), &asked);
    review["kind"] = json!(KIND);
    review["apiVersion"] = json!(format!("{GROUP}/v1"));
    review["status"] = match verdict {
        Verdict::Allow(rule) => json!({"allowed": true, "reason": rule}),
        Verdict::NoOpinion(reason) => json!({"allowed": false, "reason": reason}),
    };
    Ok(Reply::Object(201, review))
}
