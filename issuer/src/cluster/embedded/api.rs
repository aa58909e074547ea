//! What the API server does with an authorized request: the verbs over the served resources.

use super::authn::User;
use super::body::{self, Shape};
use super::plain;
use super::request::{Attributes, Parameters};
use super::resource::Resource;
use super::reviews;
use super::selector::Selector;
use super::status::{About, Status};
use super::store::{Key, Store};
use super::watch::Watch;
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// How long a watch lasts that does not say: between this and twice as long, as in the real server.
const WATCH_SECONDS: u64 = 1800;

/// A good answer.
#[derive(Debug)]
pub enum Reply {
    /// An object, with its status code.
    Object(u16, Value),
    /// Text.
    Text(u16, String),
    /// A stream of changes.
    Watch(Box<Watch>),
}

/// A request that may be answered.
#[derive(Debug)]
pub struct Request<'a> {
    /// From whom.
    pub user: &'a User,
    /// For what.
    pub asked: &'a Attributes,
    /// With which parameters.
    pub parameters: &'a Parameters,
    /// Whether only the headers of the answer are wanted, which the real server does not serve.
    pub head: bool,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
    /// When it came.
    pub now: OffsetDateTime,
}

/// A text in an object, or nothing.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Answers a request.
pub fn answer(store: &Arc<Store>, request: &Request<'_>) -> Result<Reply, Status> {
    let asked = request.asked;
    if !asked.is_resource {
        return plain::answer(asked);
    }
    if reviews::is_one(asked) {
        return reviews::answer(request);
    }
    if !Resource::ALL.into_iter().any(|one| one.group() == asked.group && asked.version == "v1") {
        return Ok(plain::not_found());
    }
    let resource =
        Resource::find(&asked.group, &asked.version, &asked.resource).ok_or_else(Status::no_such_resource)?;
    let part = asked.subresource.as_str();
    if !part.is_empty() && !resource.subresources().contains(&part) {
        return Err(Status::no_such_resource());
    }
    let shape = body::shape(request.headers)?;
    if request.parameters.dry_run {
        return Err(Status::bad_request("dryRun is not served by the embedded cluster"));
    }
    let call = Call { store, resource, request, shape };
    match asked.verb.as_str() {
        _ if request.head => Err(Status::method_not_allowed()),
        "get" => call.get(),
        "list" => call.list(),
        "watch" => call.watch(),
        "create" if asked.name.is_empty() => call.create(),
        "update" if !asked.name.is_empty() => call.update(),
        "patch" if !asked.name.is_empty() => call.patch(),
        "delete" if part.is_empty() => call.delete(),
        _ => Err(Status::method_not_allowed()),
    }
}

/// One request on one of the served types.
pub(super) struct Call<'a> {
    pub(super) store: &'a Arc<Store>,
    pub(super) resource: Resource,
    pub(super) request: &'a Request<'a>,
    pub(super) shape: Shape,
}

impl Call<'_> {
    pub(super) fn about(&self) -> About<'_> {
        self.resource.about(&self.request.asked.name)
    }

    pub(super) fn key(&self, name: &str) -> Key {
        let namespace =
            if self.resource.namespaced() { self.request.asked.namespace.clone() } else { String::new() };
        Key { resource: self.resource, namespace, name: name.to_owned() }
    }

    fn get(&self) -> Result<Reply, Status> {
        let key = self.key(&self.request.asked.name);
        let object = self.store.get(&key).ok_or_else(|| Status::not_found(self.about()))?;
        Ok(Reply::Object(200, self.shape.of(&object)))
    }

    fn selector(&self) -> Result<Selector, Status> {
        let parameters = self.request.parameters;
        Selector::parse(self.resource, &parameters.field_selector, &parameters.label_selector)
    }

    /// The version asked for, `None` for none.
    fn version(&self) -> Result<Option<u64>, Status> {
        let asked = self.request.parameters.resource_version.as_str();
        if asked.is_empty() {
            return Ok(None);
        }
        asked.parse().map(Some).map_err(|_| {
            Status::unclassified(format!(
                "resourceVersion: Invalid value: {asked:?}: strconv.ParseUint: parsing {asked:?}: invalid syntax"
            ))
        })
    }

    fn list(&self) -> Result<Reply, Status> {
        let selector = self.selector()?;
        let asked = self.version()?.unwrap_or(0);
        let (objects, version) = self.store.list(self.resource, &self.key("").namespace);
        if asked > version {
            return Err(Status::version_too_large(asked, version));
        }
        let items: Vec<Value> = objects
            .iter()
            .filter(|object| selector.matches(object))
            .map(|object| {
                let mut item = self.shape.of(object);
                if self.shape == Shape::Whole
                    && let Some(map) = item.as_object_mut()
                {
                    map.remove("kind");
                    map.remove("apiVersion");
                }
                item
            })
            .collect();
        let (kind, api_version) = match self.shape {
            Shape::Whole => (format!("{}List", self.resource.kind()), self.resource.api_version()),
            Shape::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1"),
        };
        let list = json!({
            "kind": kind, "apiVersion": api_version,
            "metadata": {"resourceVersion": version.to_string()}, "items": items,
        });
        Ok(Reply::Object(200, list))
    }

    fn watch(&self) -> Result<Reply, Status> {
        let parameters = self.request.parameters;
        let selector = self.selector()?;
        let after = self.version()?.filter(|&version| version != 0);
        let seconds = match parameters.timeout_seconds.as_str() {
            "" => 0,
            text => text.parse::<u64>().map_err(|_| {
                Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
            })?,
        };
        let jitter = u64::from(self.request.now.microsecond()) % WATCH_SECONDS;
        let seconds = if seconds == 0 { WATCH_SECONDS + jitter } else { seconds };
        Ok(Reply::Watch(Box::new(Watch {
            store: Arc::clone(self.store),
            resource: self.resource,
            namespace: self.key("").namespace,
            selector,
            shape: self.shape,
            after,
            bookmarks: parameters.bookmarks,
            lasts: Duration::from_secs(seconds),
        })))
    }
}
