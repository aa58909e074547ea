//! The writing verbs: create, update, patch and delete, and what of an object is not the writer's.

use super::api::{Call, Reply, text};
use super::body::{self, Patch};
use super::resource::{NAMESPACES, Resource};
use super::status::{About, FieldFault, Status, deleted};
use super::store::Unchanged;
use super::{csr, data, names, nodes, patch};
use crate::clock;
use serde_json::{Value, json};

impl Call<'_> {
    pub(super) fn create(&self) -> Result<Reply, Status> {
        body::require_json(self.request.headers)?;
        let mut object = body::object(self.resource, self.request.body)?;
        self.place(&mut object)?;
        match self.resource {
            Resource::Csr => {
                csr::create(&mut object, self.request.user)?;
                nodes::restrict_csr(self.request.user, &object)?;
            }
            Resource::Node => {
                nodes::restrict(self.request.user, text(&object, "/metadata/name"), None, &object)?;
                nodes::create(&mut object);
            }
            Resource::Secret | Resource::ConfigMap => data::admit(self.resource, &mut object)?,
        }
        object["metadata"]["uid"] = json!(crate::random::uuid());
        object["metadata"]["creationTimestamp"] = json!(clock::seconds(self.request.now));
        let name = text(&object, "/metadata/name").to_owned();
        let created = self.store.create(&self.key(&name), object);
        let created = created.ok_or_else(|| Status::already_exists(self.resource.about(&name)))?;
        Ok(Reply::Object(201, self.shape.of(&created)))
    }

    /// Name and namespace of a new object.
    fn place(&self, object: &mut Value) -> Result<(), Status> {
        if !text(object, "/metadata/resourceVersion").is_empty() {
            return Err(Status::unclassified("resourceVersion should not be set on objects to be created"));
        }
        let namespace = self.key("").namespace;
        if self.resource.namespaced() {
            let seen = text(object, "/metadata/namespace");
            if namespace.is_empty() {
                return Err(Status::method_not_allowed());
            }
            if !seen.is_empty() && seen != namespace {
                let message =
                    "the namespace of the provided object does not match the namespace sent on the request";
                return Err(Status::bad_request(message));
            }
            if !NAMESPACES.contains(&namespace.as_str()) {
                return Err(Status::not_found(About { group: "", kind: "namespaces", name: &namespace }));
            }
            object["metadata"]["namespace"] = json!(namespace);
        } else if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("namespace");
        }
        let prefix = text(object, "/metadata/generateName").to_owned();
        if text(object, "/metadata/name").is_empty() && !prefix.is_empty() {
            object["metadata"]["name"] = json!(format!("{prefix}{}", crate::random::name_suffix()));
        }
        let name = text(object, "/metadata/name");
        let fault = if name.is_empty() {
            Some(FieldFault::required("metadata.name", "name or generateName is required"))
        } else {
            names::fault(name, self.resource == Resource::Csr)
                .map(|why| FieldFault::invalid("metadata.name", &format!("{name:?}"), &why))
        };
        match fault {
            Some(fault) => Err(Status::invalid(self.resource.about_kind(name), &[fault])),
            None => Ok(()),
        }
    }

    pub(super) fn update(&self) -> Result<Reply, Status> {
        body::require_json(self.request.headers)?;
        let wanted = body::object(self.resource, self.request.body)?;
        self.require_name(&wanted)?;
        self.replace(|_| Ok(wanted))
    }

    pub(super) fn patch(&self) -> Result<Reply, Status> {
        let form: Patch = body::patch_form(self.request.headers)?;
        let change: Value = serde_json::from_slice(self.request.body)
            .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
        if !change.is_object() {
            return Err(Status::bad_request("error decoding patch: json: cannot unmarshal into an object"));
        }
        let asks_version = change.pointer("/metadata/resourceVersion").is_some();
        self.replace(|before| {
            let mut wanted = patch::apply(form, before, &change);
            body::well_formed(self.resource, &mut wanted)?;
            if !asks_version && let Some(metadata) = wanted["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            Ok(wanted)
        })
    }

    fn require_name(&self, object: &Value) -> Result<(), Status> {
        let (seen, name) = (text(object, "/metadata/name"), &self.request.asked.name);
        if seen == name {
            return Ok(());
        }
        Err(Status::bad_request(format!(
            "the name of the object ({seen}) does not match the name on the URL ({name})"
        )))
    }

    fn replace(&self, wanted: impl FnOnce(&Value) -> Result<Value, Status>) -> Result<Reply, Status> {
        let key = self.key(&self.request.asked.name);
        let updated = self.store.update(&key, |before| self.replacement(before, wanted(before)?));
        match updated {
            Ok(object) => Ok(Reply::Object(200, self.shape.of(&object))),
            Err(Unchanged::Absent) => Err(Status::not_found(self.about())),
            Err(Unchanged::Refused(status)) => Err(status),
        }
    }

    /// What a write makes of an object, after everything that is not the writer's to change.
    fn replacement(&self, before: &Value, mut wanted: Value) -> Result<Value, Status> {
        let name = &self.request.asked.name;
        self.require_name(&wanted)?;
        let uid = text(&wanted, "/metadata/uid");
        if !uid.is_empty() && uid != text(before, "/metadata/uid") {
            let key = self.resource.storage_key(&self.key(name).namespace, name);
            return Err(Status::other_object(self.about(), &key, uid, text(before, "/metadata/uid")));
        }
        let version = text(&wanted, "/metadata/resourceVersion");
        if !version.is_empty() && version != text(before, "/metadata/resourceVersion") {
            return Err(Status::conflict(self.about()));
        }
        for part in ["uid", "creationTimestamp", "namespace"] {
            match before["metadata"].get(part) {
                Some(value) => wanted["metadata"][part] = value.clone(),
                None => {
                    if let Some(metadata) = wanted["metadata"].as_object_mut() {
                        metadata.remove(part);
                    }
                }
            }
        }
        let user = self.request.user;
        match (self.resource, self.request.asked.subresource.as_str()) {
            (Resource::Csr, "") => Ok(csr::update(before, wanted)),
            (Resource::Csr, part) => csr::update_part(part, before, &wanted, self.request.now),
            (Resource::Node, part) => {
                let after = match part {
                    "" => nodes::update(before, wanted),
                    _ => nodes::update_status(before, wanted),
                };
                nodes::restrict(user, name, Some(before), &after)?;
                Ok(after)
            }
            (Resource::Secret | Resource::ConfigMap, _) => {
                data::admit(self.resource, &mut wanted)?;
                data::keep_type(before, &wanted)?;
                Ok(wanted)
            }
        }
    }

    pub(super) fn delete(&self) -> Result<Reply, Status> {
        let options: Value = match self.request.body {
            [] => json!({}),
            body => {
                body::require_json(self.request.headers)?;
                serde_json::from_slice(body).map_err(|error| {
                    Status::bad_request(format!(
                        "couldn't get version/kind; json parse error: {}",
                        body::json_error(&error)
                    ))
                })?
            }
        };
        let key = self.key(&self.request.asked.name);
        let gone = self.store.delete(&key, |object| {
            for (field, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
                let actual = text(&object["metadata"], &format!("/{field}"));
                match options["preconditions"][field].as_str() {
                    Some(wanted) if wanted != actual => {
                        let about = self.resource.about_kind(&self.request.asked.name);
                        return Err(Status::precondition(about, what, wanted, actual));
                    }
                    _ => {}
                }
            }
            Ok(())
        });
        match gone {
            Ok(object) => Ok(Reply::Object(200, deleted(self.about(), text(&object, "/metadata/uid")))),
            Err(Unchanged::Absent) => Err(Status::not_found(self.about())),
            Err(Unchanged::Refused(status)) => Err(status),
        }
    }
}
