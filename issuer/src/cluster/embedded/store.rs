//! The objects of the cluster and their history: one increasing version over everything, an event
//! for every change, and a bounded memory of past events from which watches are served.
//! In memory only; a restart begins an empty history.

use super::resource::Resource;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many past events are kept. A watch that asks for older ones is told 410.
pub const REMEMBERED_EVENTS: usize = 1000;

/// Where an object lives. The namespace is empty for cluster-wide types.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Its type.
    pub resource: Resource,
    /// Its namespace, or empty.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The place of a cluster-wide object.
    pub fn global(resource: Resource, name: &str) -> Key {
        Key { resource, namespace: String::new(), name: name.to_owned() }
    }

    /// The place of an object in a namespace.
    pub fn within(resource: Resource, namespace: &str, name: &str) -> Key {
        Key { resource, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// One change of one object.
#[derive(Debug, Clone)]
pub struct Event {
    /// The version this change made.
    pub version: u64,
    /// The object before, if there was one.
    pub before: Option<Arc<Value>>,
    /// The object after, if there is one.
    pub after: Option<Arc<Value>>,
    key: Key,
    last_seen: Arc<Value>,
}

impl Event {
    /// The object as a watcher is shown it: of a deleted one its last state, in the version of the deletion.
    pub fn object(&self) -> &Arc<Value> {
        &self.last_seen
    }
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Unchanged<E> {
    /// There is no such object.
    Absent,
    /// The caller's own reason.
    Refused(E),
}

/// The events after a version are no longer remembered; the oldest version that can be asked for.
#[derive(Debug, Clone, Copy)]
pub struct TooOld(pub u64);

#[derive(Debug)]
struct Inner {
    version: u64,
    forgotten: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    events: VecDeque<Event>,
}

impl Inner {
    fn record(&mut self, key: &Key, before: Option<Arc<Value>>, mut object: Value, gone: bool) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let after = (!gone).then(|| Arc::clone(&object));
        match &after {
            Some(object) => self.objects.insert(key.clone(), Arc::clone(object)),
            None => self.objects.remove(key),
        };
        let last_seen = Arc::clone(&object);
        self.events.push_back(Event { version: self.version, before, after, key: key.clone(), last_seen });
        if self.events.len() > REMEMBERED_EVENTS
            && let Some(oldest) = self.events.pop_front()
        {
            self.forgotten = oldest.version;
        }
        object
    }
}

/// The store. Shared; every call is short and takes the one lock.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
}

impl Store {
    /// An empty store.
    pub fn new() -> Store {
        let inner = Inner { version: 1, forgotten: 1, objects: BTreeMap::new(), events: VecDeque::new() };
        Store { inner: Mutex::new(inner), changed: watch::Sender::new(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is made by `record` after its last fallible step, so a panicking holder
        // leaves the objects whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, version: u64) {
        self.changed.send_replace(version);
    }

    /// Told of every change, by the version it made.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Forgets the history so far, as a server does that has just started.
    pub fn forget_history(&self) {
        let mut inner = self.lock();
        inner.events.clear();
        inner.forgotten = inner.version;
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.lock().objects.get(key).cloned()
    }

    /// All objects of a type, in a namespace or (empty) in all of them, with the version they were read at.
    pub fn list(&self, resource: Resource, namespace: &str) -> (Vec<Arc<Value>>, u64) {
        let inner = self.lock();
        let objects = inner
            .objects
            .iter()
            .filter(|(key, _)| {
                key.resource == resource && (namespace.is_empty() || key.namespace == namespace)
            })
            .map(|(_, object)| Arc::clone(object))
            .collect();
        (objects, inner.version)
    }

    /// The events of a type after `version`, and the version they reach.
    pub fn since(
        &self,
        resource: Resource,
        namespace: &str,
        version: u64,
    ) -> Result<(Vec<Event>, u64), TooOld> {
        let inner = self.lock();
        if version < inner.forgotten {
            return Err(TooOld(inner.forgotten));
        }
        let events = inner
            .events
            .iter()
            .filter(|event| event.version > version && event.key.resource == resource)
            .filter(|event| namespace.is_empty() || event.key.namespace == namespace)
            .cloned()
            .collect();
        Ok((events, inner.version.max(version)))
    }

    /// Adds an object; `None` when the place is taken.
    pub fn create(&self, key: &Key, object: Value) -> Option<Arc<Value>> {
        let mut inner = self.lock();
        if inner.objects.contains_key(key) {
            return None;
        }
        let created = inner.record(key, None, object, false);
        let version = inner.version;
        drop(inner);
        self.announce(version);
        Some(created)
    }

    /// Replaces an object by what `change` makes of it, under the lock, so that nobody else can
    /// come between. A change that changes nothing makes no event and no version.
    pub fn update<E>(
        &self,
        key: &Key,
        change: impl FnOnce(&Value) -> Result<Value, E>,
    ) -> Result<Arc<Value>, Unchanged<E>> {
        let mut inner = self.lock();
        let before = inner.objects.get(key).cloned().ok_or(Unchanged::Absent)?;
        let mut after = change(&before).map_err(Unchanged::Refused)?;
        after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if after == *before {
            return Ok(before);
        }
        let updated = inner.record(key, Some(before), after, false);
        let version = inner.version;
        drop(inner);
        self.announce(version);
        Ok(updated)
    }

    /// Removes an object if `check` agrees.
    pub fn delete<E>(
        &self,
        key: &Key,
        check: impl FnOnce(&Value) -> Result<(), E>,
    ) -> Result<Arc<Value>, Unchanged<E>> {
        let mut inner = self.lock();
        let before = inner.objects.get(key).cloned().ok_or(Unchanged::Absent)?;
        check(&before).map_err(Unchanged::Refused)?;
        let object = Value::clone(&before);
        let deleted = inner.record(key, Some(before), object, true);
        let version = inner.version;
        drop(inner);
        self.announce(version);
        Ok(deleted)
    }
}
