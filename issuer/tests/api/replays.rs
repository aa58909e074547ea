//! The idempotency key: one bootstrap for one key, told in full as long as it is worth telling.

use super::rig::{CLUSTER, Mood, Rig, bearer, public};
use bootstrap_issuer::cluster::Happened;

const KEY: (&str, &str) = ("Idempotency-Key", "create-prod-2026-05-07");

#[tokio::test]
async fn the_same_request_again_is_told_the_same() {
    let rig = Rig::start().await;
    let first = rig.create(&[KEY], r#"{"ttl_seconds": 3600}"#).await;
    for body in [r#"{"ttl_seconds": 3600}"#, "{}", ""] {
        let again = rig.create(&[KEY], body).await;
        assert_eq!((again.code, &again.json), (201, &first.json), "{body}");
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert_eq!(rig.cluster.grants(), 1);
    let rig = rig.again().await;
    assert_eq!(rig.create(&[KEY], "").await.json, first.json, "after a restart");
    assert!(rig.issuer.key_fits().await.unwrap());
    // A key that was made anew beside the old database is not taken for the old one.
    std::fs::remove_file(rig.directory.path().join("master.key")).unwrap();
    assert!(!rig.again().await.issuer.key_fits().await.unwrap());
}

#[tokio::test]
async fn another_request_with_the_key_is_a_conflict_and_another_place_is_none() {
    let rig = Rig::start().await;
    let first = rig.create(&[KEY], "").await;
    let other = rig.create(&[KEY], r#"{"ttl_seconds": 60}"#).await;
    assert_eq!(other.refusal(), (409, 7006, "header.idempotency-key".into()));
    assert_eq!(other.text_at("/errors/0/metadata/reason"), "IDEMPOTENCY_KEY_REUSED");
    let elsewhere = rig.send(&rig.stranger, "POST", "/v1/clusters/clu_2/worker_bootstraps", &[KEY], "").await;
    assert_eq!(elsewhere.code, 201, "{elsewhere:?}");
    assert_ne!(elsewhere.at("/id"), first.at("/id"));
}

#[tokio::test]
async fn nothing_is_shown_any_more_once_it_is_used_or_revoked() {
    let rig = Rig::start().await;
    for end in ["bound", "joined", "revoked"] {
        let key = [("Idempotency-Key", end)];
        let first = rig.create(&key, "").await;
        let (id, token) = (first.text_at("/id"), public(&first));
        let item = format!("{CLUSTER}/{id}");
        let status = match end {
            "revoked" => {
                assert_eq!(rig.revoke(id, "1").await.code, 202);
                "revoked"
            }
            "joined" => {
                rig.tell(&token, Happened::Joined(rig.cluster.use_by(&token, "n1"))).await;
                let seen = rig.eventually(&item, |answer| answer.text_at("/status") == "expired").await;
                assert_eq!(seen.text_at("/etag"), "2", "it is a visible change");
                "expired"
            }
            _ => {
                rig.tell(&token, Happened::Bound(rig.cluster.use_by(&token, "n1"))).await;
                "active"
            }
        };
        let began = std::time::Instant::now();
        let again = loop {
            let again = rig.create(&key, "").await;
            if again.at("/token").is_null() || began.elapsed() > super::rig::PATIENCE {
                break again;
            }
        };
        assert_eq!((again.code, again.text_at("/id"), again.text_at("/status")), (201, id, status), "{end}");
        for secret in ["token", "command", "cloud_init", "artifacts"] {
            assert!(again.json.get(secret).is_none(), "{end}: {again:?}");
        }
    }
}

/// A store that does not take a join says so to whoever told it, and takes it when it is told again.
#[tokio::test]
async fn a_join_that_the_store_does_not_take_is_not_kept() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let (item, token) = (format!("{CLUSTER}/{}", made.text_at("/id")), public(&made));
    let joined = || Happened::Joined(rig.cluster.use_by(&token, "n1"));
    let beside = rusqlite::Connection::open(rig.directory.path().join("issuer.db")).unwrap();
    let trigger =
        "CREATE TRIGGER no BEFORE UPDATE OF joined_at ON bootstraps BEGIN SELECT RAISE(FAIL, 'no'); END";
    beside.execute_batch(trigger).unwrap();
    assert!(!rig.tell(&token, joined()).await, "it is not kept");
    assert_eq!(rig.get(&item).await.text_at("/status"), "active");
    beside.execute_batch("DROP TRIGGER no").unwrap();
    assert!(rig.tell(&token, joined()).await, "it is kept");
    assert_eq!(rig.get(&item).await.text_at("/status"), "expired");
    assert!(rig.tell("zzzzzz", joined()).await, "nobody's token is nothing to tell again");
}

#[tokio::test]
async fn a_create_that_the_cluster_missed_is_finished_by_the_same_request() {
    let rig = Rig::start().await;
    rig.cluster.mood(Mood::Away);
    assert_eq!(rig.create(&[KEY], "").await.code, 503);
    rig.cluster.mood(Mood::Willing);
    let answer = rig.create(&[KEY], "").await;
    assert_eq!((answer.code, rig.cluster.good()), (201, vec![bearer(&answer).to_owned()]));
    let list = rig.get(CLUSTER).await;
    assert_eq!(list.at("/data").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn many_at_once_are_one() {
    let rig = Rig::start().await;
    let rig = &rig;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (address, owner) = (rig.address, rig.owner.clone());
        asked.spawn(async move {
            let bearer = format!("Bearer {owner}");
            super::wire::send(address, "POST", CLUSTER, &[("Authorization", &bearer), KEY], "").await
        });
    }
    let answers = asked.join_all().await;
    for answer in &answers {
        assert_eq!((answer.code, &answer.json), (201, &answers[0].json));
    }
    assert_eq!(rig.cluster.good().len(), 1);
}

/// Of two creates with one key the second is under way while the first one's bootstrap is revoked: it must
/// neither tell the token nor make it good again.
#[tokio::test]
async fn a_replay_that_a_revocation_overtakes_tells_nothing() {
    let rig = Rig::start().await;
    let [one, other] = rig.cluster.hold_promises();
    let asked = async |count, patience| {
        let began = std::time::Instant::now();
        while rig.cluster.promises() < count && began.elapsed() < patience {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        rig.cluster.promises() >= count
    };
    let overtake = async {
        // Were they not one after the other, the second one would be where the first is by now.
        asked(2, std::time::Duration::from_millis(300)).await;
        one.close();
    };
    let revoke = async |first: &super::wire::Answer| {
        assert_eq!(first.code, 201, "{first:?}");
        assert!(asked(2, super::rig::PATIENCE).await, "the second one is not under way");
        let id = first.text_at("/id");
        assert_eq!(rig.revoke(id, "1").await.code, 202);
        let settled = |answer: &super::wire::Answer| answer.at("/reconciling") == false;
        rig.eventually(&format!("{CLUSTER}/{id}"), settled).await;
        other.close();
    };
    let first = async {
        let first = rig.create(&[KEY], "").await;
        revoke(&first).await;
        first
    };
    let second = async {
        assert!(asked(1, super::rig::PATIENCE).await, "the first one is not under way");
        tokio::join!(rig.create(&[KEY], ""), overtake).0
    };
    let (first, second) = tokio::join!(first, second);
    let seen = (second.code, second.at("/id"), second.text_at("/status"));
    assert_eq!(seen, (201, first.at("/id"), "revoked"), "{second:?}");
    for secret in ["token", "command", "cloud_init", "artifacts"] {
        assert!(second.json.get(secret).is_none(), "{secret}: {second:?}");
    }
    assert_eq!((rig.cluster.good(), rig.cluster.grants()), (vec![], 1), "it is good again");
}

#[tokio::test]
async fn what_nobody_was_told_of_is_withdrawn_after_a_restart() {
    let rig = Rig::start().await;
    // As a process leaves it that was killed between the cluster's answer and its own.
    let (id, token) = left_behind(&rig).await;
    assert_eq!(rig.cluster.good(), [token.as_str()]);
    let rig = rig.again().await;
    let began = std::time::Instant::now();
    while !rig.cluster.good().is_empty() {
        assert!(began.elapsed() < super::rig::PATIENCE, "it stays good");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(rig.get(&format!("{CLUSTER}/{id}")).await.code, 404);
    let answer = rig.create(&[KEY], "").await;
    assert_eq!(answer.code, 201, "the key is free: {answer:?}");
    assert_ne!(answer.text_at("/id"), id);
}

/// A beginning with [`KEY`] that the cluster knows and nobody was told of.
async fn left_behind(rig: &Rig) -> (String, String) {
    use bootstrap_issuer::cluster::{Grant, backend::Backend};
    use bootstrap_issuer::master_key::MasterKey;
    use bootstrap_issuer::names::BootstrapId;
    use bootstrap_issuer::store::create::{Begun, Key, New};
    let master = MasterKey::open(&rig.directory.path().join("master.key")).unwrap();
    let id = BootstrapId::random();
    let token = master.token(&id);
    let created_at = super::rig::now();
    let new = New {
        id: id.clone(),
        token: token.id().clone(),
        place: super::rig::place("ws_1", "clu_1"),
        created_at,
        expires_at: created_at + 3600,
        key: Some(Key { key: KEY.1.into(), request: "ttl_seconds=3600".into() }),
    };
    assert!(matches!(rig.issuer.store().begin(new).await.unwrap(), Begun::Is(_)));
    let expires = time::OffsetDateTime::from_unix_timestamp(created_at + 3600).unwrap();
    rig.cluster.grant(Grant { bootstrap: &id, token: &token, expires }).await.unwrap();
    (id.to_string(), token.bearer().expose().to_owned())
}
