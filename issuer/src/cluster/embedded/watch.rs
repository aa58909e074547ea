//! A watch: the changes of a resource after a version, one JSON line each, until its time is up,
//! the watcher leaves, or the history it needs is gone.

use super::body::Shape;
use super::resource::Resource;
use super::selector::Selector;
use super::status::Status;
use super::store::{Event, Store};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How often a watcher that understands them is told the current version when nothing happens.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// One watch.
#[derive(Debug)]
pub struct Watch {
    /// Where the changes come from.
    pub store: Arc<Store>,
    /// Which type.
    pub resource: Resource,
    /// In which namespace, or empty for all.
    pub namespace: String,
    /// Which objects.
    pub selector: Selector,
    /// How much of each is wanted.
    pub shape: Shape,
    /// Start after this version; `None` starts with what there is now.
    pub after: Option<u64>,
    /// Whether the watcher understands bookmarks.
    pub bookmarks: bool,
    /// How long it lasts.
    pub lasts: Duration,
}

/// Nobody listens any more.
struct Gone;

struct Out(mpsc::Sender<Bytes>);

impl Out {
    async fn line(&self, kind: &str, object: &Value) -> Result<(), Gone> {
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        self.0.send(Bytes::from(line)).await.map_err(|_| Gone)
    }
}

impl Watch {
    /// Runs the watch to its end.
    pub async fn run(self, out: mpsc::Sender<Bytes>) {
        // Gone is the ordinary end of a watch, and not an error of anybody's.
        drop(self.serve(Out(out)).await);
    }

    async fn serve(self, out: Out) -> Result<(), Gone> {
        let end = Instant::now() + self.lasts;
        let mut changed = self.store.subscribe();
        let mut version = match self.after {
            Some(version) => version,
            None => self.present(&out).await?,
        };
        let mut bookmark = Instant::now() + BOOKMARK_EVERY;
        loop {
            changed.borrow_and_update();
            match self.store.since(self.resource, &self.namespace, version) {
                Ok((events, reached)) => {
                    for event in &events {
                        self.event(&out, event).await?;
                    }
                    version = reached;
                }
                Err(oldest) => return out.line("ERROR", &Status::expired(version, oldest.0).object()).await,
            }
            tokio::select! {
                () = out.0.closed() => return Err(Gone),
                () = tokio::time::sleep_until(end) => {
                    if self.bookmarks {
                        self.bookmark(&out, version).await?;
                    }
                    return Ok(());
                }
                () = tokio::time::sleep_until(bookmark) => {
                    bookmark = Instant::now() + BOOKMARK_EVERY;
                    if self.bookmarks {
                        self.bookmark(&out, version).await?;
                    }
                }
                alive = changed.changed() => if alive.is_err() { return Ok(()) },
            }
        }
    }

    /// What there is now, as if it had just been added.
    async fn present(&self, out: &Out) -> Result<u64, Gone> {
        let (objects, version) = self.store.list(self.resource, &self.namespace);
        for object in objects.iter().filter(|object| self.selector.matches(object)) {
            out.line("ADDED", &self.shape.of(object)).await?;
        }
        Ok(version)
    }

    /// A change as this selector sees it: an object may come into it or drop out of it.
    async fn event(&self, out: &Out, event: &Event) -> Result<(), Gone> {
        let matches =
            |object: &Option<Arc<Value>>| object.as_ref().is_some_and(|one| self.selector.matches(one));
        let kind = match (matches(&event.before), matches(&event.after)) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return Ok(()),
        };
        out.line(kind, &self.shape.of(event.object())).await
    }

    async fn bookmark(&self, out: &Out, version: u64) -> Result<(), Gone> {
        let object = json!({
            "kind": self.resource.kind(), "apiVersion": self.resource.api_version(),
            "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null},
        });
        out.line("BOOKMARK", &self.shape.of(&object)).await
    }
}
