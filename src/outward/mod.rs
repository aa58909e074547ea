//! Progress for those who cannot look at the machine: what the journal is told is told to the issuer as
//! well, where the document says whither.
//!
//! An extra that costs nothing: it has its own connection, its own CA and its own key (which can report
//! and never join); a run neither waits for it nor fails by it. What cannot be told within the bounds
//! below is given up and said once, at debug level. Nothing is sent before the expiry is judged.
//!
//! A restart finds the key in [`kept`], where the document is gone already, and tells how it ended.

mod kept;
mod post;
mod queue;
pub mod wire;

use crate::document::{Authorities, ReportUrl, Reporting};
use crate::host::clock;
use crate::host::lock::Lock;
use crate::host::root::Root;
use crate::secret::Secret;
use crate::token::Token;
use kept::Unsent;
use post::{Post, Told};
use queue::Queue;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use wire::Event;

/// Events that follow one another closely go together.
const GATHER: Duration = Duration::from_millis(300);
/// One request while the run is under way.
const ONE: Duration = Duration::from_secs(5);
/// All that is sent after the run has ended: the only time that anybody waits for.
const LAST: Duration = Duration::from_secs(2);
/// Requests of one run, without the last ones.
const MOST: u32 = 30;
/// After a failed request; twice as long after each further one.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Whom to tell, and by which key.
#[derive(Debug)]
struct Line {
    token_id: String,
    url: ReportUrl,
    authorities: Authorities,
    key: Secret,
    /// Unix seconds.
    expires_at: u64,
}

/// One run's voice towards the issuer.
#[derive(Debug)]
pub struct Outward {
    root: Root,
    inner: Mutex<Inner>,
    news: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The run's lock: what is kept on disk is this run's alone for as long as it is here.
    alone: Option<Lock>,
    line: Option<Line>,
    /// Whether anything may be sent yet.
    open: bool,
    /// Whether the issuer has refused for good.
    over: bool,
    said_trouble: bool,
    queue: Queue,
    /// Whether a file is kept, and what an earlier run could not get through.
    kept: bool,
    unsent: Option<Unsent>,
    /// Whether that is through by now.
    caught_up: bool,
    /// How this run ended: its event's number, and whether nothing can follow on it.
    outcome: Option<(u32, bool)>,
}

/// Takes away the key that an earlier run has kept: nothing is told of it any more.
pub fn forget(root: &Root) {
    kept::remove(root);
}

impl Outward {
    /// The voice of one run below `root`; silent until it knows whom to tell.
    pub fn new(root: &Root) -> Self {
        Outward { root: root.clone(), inner: Mutex::default(), news: tokio::sync::Notify::new() }
    }

    /// This run is the only one, until its last word is said.
    pub fn alone(&self, lock: Lock) {
        self.lock().alone = Some(lock);
    }

    /// The document says whom to tell. Nothing is sent before [`Outward::open`].
    pub fn towards(&self, reporting: &Reporting, token: &Token, expires_at: u64) {
        let token_id = token.id().to_string();
        let mut inner = self.lock();
        if let Some(kept) = kept::read(&self.root) {
            inner.kept = true;
            inner.unsent = kept.unsent.filter(|_| kept.line.token_id == token_id);
        }
        inner.line = Some(Line {
            token_id,
            url: reporting.url.clone(),
            authorities: reporting.certificate_authority_data.clone(),
            key: token.report_key(),
            expires_at,
        });
    }

    /// The machine stands on this token: where an earlier run has left its key, this one goes on telling.
    /// Where it has not, the issuer knows how it ended.
    pub fn go_on(&self, token_id: &str) {
        let mut inner = self.lock();
        if let Some(kept) = kept::read(&self.root).filter(|kept| kept.line.token_id == token_id) {
            inner.take(kept);
            inner.open = true;
        }
    }

    /// The expiry is judged: from here things are sent.
    pub fn open(&self) {
        self.lock().open = true;
        self.news.notify_one();
    }

    /// The node has this name.
    pub fn node(&self, name: Option<&str>) {
        self.lock().queue.node_name = name.map(str::to_owned);
    }

    /// Something happened. Returns at once.
    pub fn tell(&self, event: Event) {
        self.lock().queue.push(clock::unix(), event);
        self.news.notify_one();
    }

    /// How the run ends; `settled` where no later run can come to another end.
    pub fn ends(&self, event: Event, settled: bool) {
        let mut inner = self.lock();
        let seq = inner.queue.push(clock::unix(), event);
        inner.outcome = Some((seq, settled));
    }

    /// The document is about to go, and with it what the key follows from: the key is kept until the last
    /// report is through. `will` is how the run ends, should it be cut off before it says so itself.
    pub fn keep(&self, will: Option<Event>) {
        let mut inner = self.lock();
        let Some(line) = &inner.line else { return };
        let unsent = match will {
            Some(event) => inner.queue.will(clock::unix(), event, &line.token_id).map(Unsent::settled),
            None => inner.unsent.clone(),
        };
        self.save(&mut inner, unsent);
    }

    /// Sends what there is, for as long as the run goes on.
    pub async fn speak<T>(&self) -> T {
        let (mut requests, mut pause, mut post) = (0, PAUSE, None);
        loop {
            self.news.notified().await;
            tokio::time::sleep(GATHER).await;
            while requests < MOST
                && let Some(batch) = self.next()
            {
                requests += 1;
                let told = self.send(&mut post, batch.body, ONE).await;
                if let Told::Through = told {
                    self.lock().queue.through(batch.last);
                    pause = PAUSE;
                } else {
                    self.trouble(&told);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The run has ended: what is left is sent, for at most [`LAST`], and what was kept is removed when it
    /// is through.
    pub async fn last_words(&self) {
        let said = self.prepare_last();
        if said && tokio::time::timeout(LAST, self.rest()).await.is_err() {
            self.trouble(&Told::Later { why: format!("no answer within {LAST:?}"), broken: false });
        }
        self.settle();
    }

    /// A run that never learned whom to tell may find what an earlier one had left to say.
    fn prepare_last(&self) -> bool {
        let mut inner = self.lock();
        if inner.line.is_none() && inner.alone.is_some() {
            inner.queue = Queue::default();
            inner.outcome = None;
            if let Some(kept) = kept::read(&self.root) {
                inner.take(kept);
            }
        }
        inner.open = true;
        inner.line.is_some() && !inner.over
    }

    async fn rest(&self) {
        let mut post = None;
        let earlier = self.lock().unsent.as_ref().map(|unsent| unsent.body.clone());
        if let Some(body) = earlier {
            match self.send(&mut post, body.into_bytes(), LAST).await {
                Told::Through => {
                    let mut inner = self.lock();
                    inner.caught_up = true;
                    let settled = inner.unsent.take().is_some_and(|unsent| unsent.settled);
                    // Event 0 is none of this run's: what settles it is through.
                    inner.outcome = inner.outcome.or(settled.then_some((0, true)));
                }
                told => return self.trouble(&told),
            }
        }
        // A connection that went stale is met once; a server that is away is not waited for.
        let mut again = true;
        while let Some(batch) = self.next() {
            match self.send(&mut post, batch.body, LAST).await {
                Told::Through => self.lock().queue.through(batch.last),
                Told::Later { broken: true, .. } if std::mem::take(&mut again) => {}
                told => return self.trouble(&told),
            }
        }
    }

    /// Removes what is kept, or keeps what could not be told.
    fn settle(&self) {
        let mut inner = self.lock();
        let Some(line) = &inner.line else { return };
        let expired = line.expires_at <= clock::unix();
        match inner.outcome {
            Some((seq, settled)) if !expired && inner.queue.holds(seq) => {
                let body = inner.queue.single(seq, &line.token_id);
                let unsent = body.map(|body| Unsent { settled, body });
                self.save(&mut inner, unsent);
            }
            Some((_, settled)) if inner.kept && (expired || settled) => kept::remove(&self.root),
            None if inner.kept && expired => kept::remove(&self.root),
            _ if inner.caught_up => self.save(&mut inner, None),
            _ => {}
        }
    }

    fn save(&self, inner: &mut Inner, unsent: Option<Unsent>) {
        let Some(line) = &inner.line else { return };
        match kept::write(&self.root, line, unsent.as_ref()) {
            Ok(()) => inner.kept = true,
            Err(error) => {
                tracing::debug!(target: "worker_bootstrap", "keeping the report's key: {error}");
            }
        }
    }

    fn next(&self) -> Option<queue::Bundle> {
        let inner = &mut *self.lock();
        let line = inner.line.as_ref().filter(|_| inner.open && !inner.over)?;
        inner.queue.bundle(&line.token_id)
    }

    async fn send(&self, post: &mut Option<Post>, body: Vec<u8>, limit: Duration) -> Told {
        let told = async {
            if post.is_none() {
                let judge = post::judge(&self.root).await;
                let made = self.lock().line.as_ref().map(|line| Post::new(line, judge));
                match made {
                    Some(Ok(made)) => *post = Some(made),
                    Some(Err(why)) => return Told::Never(why),
                    None => {}
                }
            }
            match post {
                Some(post) => post.send(body).await,
                None => Told::Never("nobody is to be told".to_owned()),
            }
        };
        let told = tokio::time::timeout(limit, told).await;
        told.unwrap_or_else(|_| Told::Later { why: format!("no answer within {limit:?}"), broken: false })
    }

    /// Said once: the journal is about the join.
    fn trouble(&self, told: &Told) {
        let mut inner = self.lock();
        let why = match told {
            Told::Through => return,
            Told::Later { why, .. } => why,
            Told::Never(why) => {
                inner.over = true;
                why
            }
        };
        if !std::mem::replace(&mut inner.said_trouble, true)
            && let Some(line) = &inner.line
        {
            tracing::debug!(target: "worker_bootstrap", "reporting to {}: {why}", line.url);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&mut self, kept: kept::Kept) {
        self.kept = true;
        self.line = Some(kept.line);
        self.unsent = kept.unsent;
    }
}
