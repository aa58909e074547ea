//! Lists: pages that nothing moves, whatever is created meanwhile.

use super::rig::{CLUSTER, Mood, Rig, now, place, public};
use bootstrap_issuer::cluster::Happened;
use bootstrap_issuer::master_key::MasterKey;
use bootstrap_issuer::names::BootstrapId;
use bootstrap_issuer::store::create::{Begun, New};
use serde_json::{Value, json};

fn ids(page: &super::wire::Answer) -> Vec<String> {
    page.at("/data").as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_hold_every_one_once_in_the_order_of_creation() {
    let rig = Rig::start().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(rig.create(&[], "").await.text_at("/id").to_owned());
    }
    made.reverse();
    rig.send(&rig.stranger, "POST", "/v1/clusters/clu_2/worker_bootstraps", &[], "").await;
    for limit in 1..=8 {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = rig.get(&format!("{CLUSTER}?limit={limit}&cursor={cursor}")).await;
            assert_eq!(page.code, 200, "{page:?}");
            // What comes while somebody turns pages is on none of the ones to come.
            rig.cluster.mood(Mood::Willing);
            let new = rig.create(&[], "").await;
            assert_eq!(new.code, 201);
            seen.extend(ids(&page).into_iter().filter(|id| made.contains(id)));
            match page.at("/next_cursor") {
                Value::String(next) => cursor = next.clone(),
                end => {
                    assert_eq!((end, page.at("/has_more")), (&Value::Null, &json!(false)));
                    break;
                }
            }
            assert_eq!(page.at("/has_more"), &json!(true));
        }
        assert_eq!(seen, made, "limit {limit}");
    }
    let first = rig.get(CLUSTER).await;
    assert!(first.at("/data/0/token").is_null() && !first.text.contains("cloud_init"));
}

#[tokio::test]
async fn what_is_asked_for() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let theirs = rig.send(&rig.stranger, "POST", "/v1/clusters/clu_2/worker_bootstraps", &[], "").await;
    // A cursor of another list, as that list would give it.
    let foreign = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(theirs.text_at("/id"))
    };
    let foreign = format!("cursor={foreign}");
    #[rustfmt::skip]
    let rows: [(&str, u16, &str); 17] = [
        ("",                  200, ""),
        ("limit=1",           200, ""),
        ("limit=100",         200, ""),
        ("cursor=",           200, ""),
        ("status=active",     200, ""),
        ("limit=0",           400, "query.limit"),
        ("limit=101",         400, "query.limit"),
        ("limit=-1",          400, "query.limit"),
        ("limit=%2B1",        400, "query.limit"),
        ("limit=",            400, "query.limit"),
        ("limit=1e1",         400, "query.limit"),
        ("limit=99999999999", 400, "query.limit"),
        ("limit=1&limit=2",   400, "query.limit"),
        ("cursor=x",          404, "query.cursor"),
        (&foreign,            404, "query.cursor"),
        ("status=gone",       400, "query.status"),
        ("limt=1",            400, "query.limt"),
    ];
    for (query, code, path) in rows {
        let answer = rig.get(&format!("{CLUSTER}?{query}")).await;
        assert_eq!(answer.code, code, "{query}: {answer:?}");
        if code != 200 {
            let number = if code == 404 { 7002 } else { 7001 };
            assert_eq!(answer.refusal(), (code, number, path.to_owned()), "{query}");
        }
    }
    let item = format!("{CLUSTER}/{}?expand=all", made.text_at("/id"));
    assert_eq!(rig.get(&item).await.refusal(), (400, 7001, "query.expand".into()));
}

#[tokio::test]
async fn status_is_a_fact_of_time_and_of_use() {
    let rig = Rig::start().await;
    let alive = rig.create(&[], "").await.text_at("/id").to_owned();
    let revoked = rig.create(&[], "").await.text_at("/id").to_owned();
    assert_eq!(rig.revoke(&revoked, "1").await.code, 202);
    let joined = rig.create(&[], "").await;
    let token = public(&joined);
    rig.tell(&token, Happened::Joined(rig.cluster.use_by(&token, "n1"))).await;
    let joined = joined.text_at("/id").to_owned();
    rig.eventually(&format!("{CLUSTER}/{joined}"), |answer| answer.text_at("/status") == "expired").await;
    // One that ended a second ago, and no timer ran.
    let master = MasterKey::open(&rig.directory.path().join("master.key")).unwrap();
    let id = BootstrapId::random();
    let new = New {
        token: master.token(&id).id().clone(),
        id: id.clone(),
        place: place("ws_1", "clu_1"),
        created_at: now() - 61,
        expires_at: now() - 1,
        key: None,
    };
    assert!(matches!(rig.issuer.store().begin(new).await.unwrap(), Begun::Is(_)));
    assert!(rig.issuer.store().activate(id.clone(), None, 0).await.unwrap().is_some());

    let item = format!("{CLUSTER}/{id}");
    let seen = rig.get(&item).await;
    assert_eq!(
        (seen.text_at("/status"), seen.text_at("/etag")),
        ("expired", "2"),
        "a visible change like any"
    );
    assert_eq!(seen.at("/updated_at"), seen.at("/expires_at"));
    for (status, expected) in [
        ("active", vec![alive.clone()]),
        ("revoked", vec![revoked.clone()]),
        ("expired", vec![id.to_string(), joined.clone()]),
    ] {
        let page = rig.get(&format!("{CLUSTER}?status={status}")).await;
        assert_eq!(ids(&page), expected, "{status}");
        assert!(page.at("/data").as_array().unwrap().iter().all(|row| row["status"] == status));
    }
    let all = rig.get(CLUSTER).await;
    assert_eq!(ids(&all), [id.to_string(), joined, revoked, alive]);
    // One that is over can be revoked like any other, by whoever knows that it is.
    let before = rig.revoke(id.as_str(), "1").await;
    assert_eq!((before.code, before.text_at("/errors/0/metadata/etag")), (409, "2"));
    assert_eq!(rig.revoke(id.as_str(), "2").await.code, 202);
    let seen = rig.eventually(&item, |answer| answer.at("/reconciling") == false).await;
    assert_eq!((seen.text_at("/status"), seen.text_at("/etag")), ("revoked", "4"), "revoked, and withdrawn");
}
