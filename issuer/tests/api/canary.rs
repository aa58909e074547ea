//! The token is told to the one who created it and is nowhere else: not in the database's files, not in another
//! answer, not in the log, in no encoding of it.

use super::forms::{forms, holds};
use super::rig::{CLUSTER, Mood, Rig, bearer, public};
use bootstrap_issuer::cluster::Happened;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Everything that is logged, from debugging up.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_token_is_told_once_and_kept_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // The whole process's: one that is this thread's alone may miss what other tests' threads came by first.
    // Their lines are looked at as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let rig = Rig::start().await;
    let key = [("Idempotency-Key", "k")];
    let first = rig.create(&key, "").await;
    let (id, token) = (first.text_at("/id"), public(&first));
    let item = format!("{CLUSTER}/{id}");
    let mut told = vec![rig.get(&item).await.text, rig.get(CLUSTER).await.text];
    rig.cluster.mood(Mood::Away);
    told.push(rig.create(&[], "").await.text);
    rig.cluster.mood(Mood::Refusing);
    told.push(rig.create(&[], "").await.text);
    rig.cluster.mood(Mood::Willing);
    rig.tell(&token, Happened::Bound(rig.cluster.use_by(&token, "n1"))).await;
    told.push(rig.create(&key, r#"{"ttl_seconds": 60}"#).await.text);
    told.push(rig.revoke(id, "9").await.text);
    told.push(rig.revoke(id, "1").await.text);
    rig.eventually(&item, |answer| !answer.at("/reconciling").as_bool().unwrap()).await;
    told.push(rig.create(&key, "").await.text);

    let secret = bearer(&first).split_once('.').unwrap().1.to_owned();
    let api_secret = rig.owner.rsplit_once('_').unwrap().1.to_owned();
    let mut places = vec![("answers".to_owned(), told.join("\n").into_bytes())];
    let files = |places: &mut Vec<(String, Vec<u8>)>| {
        for entry in std::fs::read_dir(rig.directory.path()).unwrap().map(Result::unwrap) {
            #[expect(clippy::disallowed_methods, reason = "a test reads what the program wrote")]
            let bytes = std::fs::read(entry.path()).unwrap();
            places.push((entry.file_name().into_string().unwrap(), bytes));
        }
    };
    files(&mut places);
    assert!(places.iter().any(|(name, bytes)| name == "issuer.db-wal" && !bytes.is_empty()));
    places.push(("log".to_owned(), log.0.lock().unwrap().clone()));
    assert!(holds(&places.last().unwrap().1, token.as_bytes()), "the log is looked at");
    for secret in [&secret, &api_secret] {
        for form in forms(secret) {
            for (name, bytes) in &places {
                assert!(!holds(bytes, &form), "{} in {name}", String::from_utf8_lossy(&form));
            }
        }
    }
}
