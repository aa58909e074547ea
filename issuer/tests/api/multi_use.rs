//! A cluster that approves every machine that asks with a token: whatever is told of such a token says so, and
//! nothing says that one machine only can use it.

use super::rig::{CLUSTER, Rig, place, public};
use super::wire::Answer;
use bootstrap_issuer::cluster::{Exposed, Happened};
use worker_bootstrap::token::TokenId;

const WORDS: &str = "multi-use until expiry";

/// What the event of this type says, if there is one.
async fn said(rig: &Rig, id: &str, kind: &str) -> Option<String> {
    let answer = rig.get(&format!("{CLUSTER}/{id}/events")).await;
    let events = answer.at("/data").as_array().unwrap();
    let event = events.iter().find(|event| event["type"] == kind)?;
    Some(event["message"].as_str().unwrap().to_owned())
}

/// Revokes it, and gives the operation once it is done.
async fn revoked(rig: &Rig, id: &str) -> Answer {
    assert_eq!(rig.revoke(id, "1").await.code, 202);
    let settled = |answer: &Answer| answer.at("/reconciling") == false;
    let seen = rig.eventually(&format!("{CLUSTER}/{id}"), settled).await;
    rig.revoke(id, seen.text_at("/etag")).await
}

#[tokio::test]
async fn every_word_of_a_token_says_how_often_it_works() {
    let rig = Rig::start().await;
    for (several, used) in [(false, true), (true, true), (true, false)] {
        rig.cluster.approves_everybody(several);
        let made = rig.create(&[], "").await;
        let (id, token) = (made.text_at("/id"), public(&made));
        assert_eq!(said(&rig, id, "issued").await.unwrap().contains(WORDS), several);
        assert_eq!(said(&rig, id, "issued").await.unwrap().contains("one-time"), !several);
        if used {
            assert!(rig.tell(&token, Happened::Bound(rig.cluster.use_by(&token, "n1"))).await);
            let bound = said(&rig, id, "bound").await.unwrap();
            let seen = (bound.contains(WORDS), bound.contains("nobody else"), bound.contains("n1"));
            assert_eq!(seen, (several, !several, true), "{bound}");
        }
        let done = revoked(&rig, id).await;
        let note = done.text_at("/response/note");
        assert_eq!(note.contains(WORDS), several, "{note}");
        assert_eq!(note.contains("No other machine can") || note.contains("Nobody had"), !several, "{note}");
        assert_eq!(note.contains("n1"), used, "{note}");
        assert_eq!(said(&rig, id, "withdrawn").await.as_deref(), Some(note));
        assert_eq!(said(&rig, id, "multi_use").await, None, "it was said at the beginning");
    }
}

/// A role that is bound later: what was said of the token before is not left standing alone.
#[tokio::test]
async fn what_becomes_true_later_is_said_then() {
    let rig = Rig::start().await;
    let key = [("Idempotency-Key", "k")];
    let (replayed, seen) = (rig.create(&key, "").await, rig.create(&[], "").await);
    rig.cluster.approves_everybody(true);
    assert_eq!(rig.create(&key, "").await.at("/token"), replayed.at("/token"));
    let ids = [replayed.text_at("/id"), seen.text_at("/id")];
    assert!(said(&rig, ids[0], "multi_use").await.is_some_and(|text| text.contains(WORDS)));
    assert_eq!(said(&rig, ids[1], "multi_use").await, None, "nobody has looked");
    let store = rig.issuer.store();
    let mine = || place("ws_1", "clu_1");
    let other = "zzzzzz".to_owned();
    for (whose, token, count) in [
        (place("ws_2", "clu_2"), public(&seen), 0),
        (mine(), other, 0),
        (mine(), public(&seen), 1),
        (mine(), public(&seen), 0),
    ] {
        let exposed = Exposed { tokens: vec![TokenId::parse(&token).unwrap()], why: "a binding".into() };
        assert_eq!(store.multi_use(whose, exposed, super::rig::now()).await.unwrap(), count);
    }
    assert!(said(&rig, ids[1], "multi_use").await.is_some_and(|text| text.contains("a binding")));
    // What the cluster does by then does not unsay it.
    rig.cluster.approves_everybody(false);
    for id in ids {
        let done = revoked(&rig, id).await;
        assert!(done.text_at("/response/note").contains(WORDS), "{done:?}");
    }
}
