//! Fills a database with bootstraps, as durably as the issuer does, and tells how long it took: for
//! benches/run. The cluster is not asked; what is measured is the store.
//!
//!     fill CONFIG COUNT TOGETHER
//!
//! COUNT bootstraps of the configuration's first cluster, TOGETHER of them under way at a time. Prints seconds.

use bootstrap_issuer::master_key::MasterKey;
use bootstrap_issuer::names::BootstrapId;
use bootstrap_issuer::store::Store;
use bootstrap_issuer::store::create::{Begun, New};
use bootstrap_issuer::store::rows::Place;
use bootstrap_issuer::{config, serve};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;
use tokio::task::JoinSet;

/// They live as long as a bootstrap may.
const LIFE: i64 = 86_400;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, config, count, together] = arguments.as_slice() else {
        return Err("usage: fill CONFIG COUNT TOGETHER".into());
    };
    let (count, together): (usize, usize) = (count.parse()?, together.parse()?);
    let config = config::load(Path::new(config))?;
    let (store, key) = serve::open(&config, false)?;
    let first = config.clusters.first().ok_or("the configuration has no cluster")?;
    let place = Place { workspace: first.workspace.clone(), cluster: first.id.clone() };
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let key = Arc::new(key);

    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for _ in 0..count {
        if under_way.len() >= together
            && let Some(ended) = under_way.join_next().await
        {
            ended??;
        }
        under_way.spawn(create(store.clone(), Arc::clone(&key), place.clone(), now));
    }
    while let Some(ended) = under_way.join_next().await {
        ended??;
    }
    writeln!(std::io::stdout().lock(), "{:.6}", began.elapsed().as_secs_f64())?;
    Ok(())
}

/// One, from its beginning to where its creator would be answered.
async fn create(store: Store, key: Arc<MasterKey>, place: Place, now: i64) -> Result<(), Failure> {
    loop {
        let id = BootstrapId::random();
        let token = key.token(&id).id().clone();
        let new = New { id, token, place: place.clone(), created_at: now, expires_at: now + LIFE, key: None };
        if let Begun::Is(row) = store.begin(new).await? {
            store.activate(row.id, None, row.created_at).await?;
            return Ok(());
        }
    }
}
