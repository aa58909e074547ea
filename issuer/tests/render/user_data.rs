//! The user-data, and the field `artifacts`.

use crate::order::{Case, EXPIRES, TOKEN, authority, bare, nasty, stocked};
use bootstrap_issuer::cluster::Promise;
use bootstrap_issuer::names::ClusterId;
use bootstrap_issuer::render::{LARGEST_USER_DATA, RenderError};
use serde_json::{Value, json};
use worker_bootstrap::document;

/// As YAML reads it: `tests/machine` has cloud-init itself read it.
fn read(text: &str) -> Value {
    assert!(text.starts_with("#cloud-config\n"));
    serde_yaml::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn it_holds_the_document_and_a_script_and_starts_it_and_no_more() {
    let rendered = Case::new(&nasty()).render(&bare()).unwrap();
    let data = read(rendered.cloud_init.expose());
    let fields: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["runcmd", "write_files"]);
    let [bootstrap, start] = &data["write_files"].as_array().unwrap()[..] else { panic!("{data}") };
    assert_eq!(bootstrap["path"], worker_bootstrap::find::WELL_KNOWN[0]);
    assert_eq!((&bootstrap["permissions"], &bootstrap["owner"]), (&json!("0600"), &json!("root:root")));
    assert_eq!(bootstrap["content"], rendered.document.expose());
    let parsed = document::parse(bootstrap["content"].as_str().unwrap().as_bytes(), "it").unwrap();
    assert_eq!(Value::from(parsed.document.kubelet.config), nasty());
    assert_eq!(parsed.document.id.as_deref(), Some("wbs_01"));
    assert_eq!(parsed.document.cluster_id.as_deref(), Some("clu_01"));
    assert_eq!(parsed.document.expires_at.get(), u64::try_from(EXPIRES).unwrap());
    let script = start["content"].as_str().unwrap();
    assert!(script.starts_with("#!/bin/sh\n") && !script.contains(TOKEN));
    let [command] = &data["runcmd"].as_array().unwrap()[..] else { panic!("{data}") };
    let words: Vec<&str> = command.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!((words[0], words[1]), ("systemd-run", "--no-block"));
    assert_eq!(words.last().copied(), start["path"].as_str());
}

/// Every text of it is a form of the same bootstrap for the agent; so is the API's answer as a whole.
#[test]
fn the_agent_reads_each_of_its_texts() {
    let rendered =
        Case::new(&nasty()).render(&stocked("https://a.example", Some(&authority().0), &["amd64"])).unwrap();
    let whole = document::parse(rendered.document.expose().as_bytes(), "document").unwrap();
    let answer = json!({
        "id": "wbs_01", "cluster_id": "clu_01", "status": "active", "expires_at": EXPIRES, "token": TOKEN,
        "command": rendered.command.expose(), "cloud_init": rendered.cloud_init.expose(),
        "artifacts": rendered.artifacts(),
    })
    .to_string();
    for (name, text) in [
        ("command", rendered.command.expose()),
        ("cloud_init", rendered.cloud_init.expose()),
        ("answer", answer.as_str()),
    ] {
        let read =
            document::parse(text.as_bytes(), name).unwrap_or_else(|failure| panic!("{}", failure.line()));
        assert!(read == whole, "{name}");
    }
}

/// No character of it means anything to a terminal, and nothing was left unfilled.
#[test]
fn everything_is_plain() {
    for renderer in [bare(), stocked("https://issuer.example/it's", Some(&authority().0), &["amd64"])] {
        let rendered = Case::new(&nasty()).render(&renderer).unwrap();
        for text in [&rendered.command, &rendered.cloud_init, &rendered.document] {
            let text = text.expose();
            let strange = text.chars().find(|c| !c.is_ascii_graphic() && *c != ' ' && *c != '\n');
            assert_eq!(strange, None, "{text}");
            let left: Vec<&str> = text.lines().filter(|line| line.contains('@')).collect();
            assert!(
                left.iter().all(|line| line.starts_with("kubelet: ") || line.starts_with("    kubelet: ")),
                "{left:?}"
            );
        }
    }
}

#[test]
fn each_platform_says_what_there_is_for_it() {
    let url = "https://issuer.example";
    for (renderer, there) in [
        (bare(), &[][..]),
        (stocked(url, None, &["amd64"]), &["amd64"]),
        (stocked(url, None, &["arm64"]), &["arm64"]),
        (stocked(url, None, &["amd64", "arm64"]), &["amd64", "arm64"]),
        // Nothing is downloaded without TLS.
        (stocked("http://127.0.0.1:8080", None, &["amd64"]), &[]),
    ] {
        let rendered = Case::new(&json!({})).render(&renderer).unwrap();
        let artifacts = serde_json::to_value(rendered.artifacts()).unwrap();
        for (system, architecture) in
            [("linux", "amd64"), ("linux", "arm64"), ("windows", "amd64"), ("windows", "arm64")]
        {
            let artifact = &artifacts[system][architecture];
            if system == "linux" && there.contains(&architecture) {
                assert_eq!(artifact["supported"], true);
                assert_eq!(artifact["shell"], "bash");
                assert_eq!(artifact["command"], rendered.command.expose());
                assert_eq!(artifact["cloud_init"], rendered.cloud_init.expose());
                let address = artifact["download_url"].as_str().unwrap();
                assert!(
                    address.starts_with("https://issuer.example/artifacts/")
                        && address.ends_with("/install.sh")
                );
                assert!(rendered.command.expose().contains(address));
            } else {
                assert_eq!(artifact, &json!({"supported": false}));
            }
        }
    }
}

#[test]
fn it_fits_what_every_provider_takes_or_is_refused() {
    // A bundle of two 4096-bit RSA authorities in PEM has about this size; here it is text in the document.
    let ordinary = json!({"pad": "x".repeat(4000)});
    let renderer = stocked("https://issuer.example", Some(&authority().0), &["amd64", "arm64"]);
    let rendered = Case::new(&ordinary).render(&renderer).unwrap();
    assert!(rendered.cloud_init.expose().len() <= LARGEST_USER_DATA);
    let refused = Case::new(&json!({"pad": "x".repeat(LARGEST_USER_DATA)})).render(&renderer);
    assert!(matches!(refused, Err(RenderError::TooLarge(_))), "{refused:?}");
}

#[test]
fn a_cluster_that_no_document_can_describe_is_refused() {
    for (servers, authority, field) in [
        (vec!["http://api.example".to_owned()], authority().0, "servers"),
        (vec!["https://api.example".to_owned()], "nonsense".to_owned(), "certificate authority"),
    ] {
        let mut case = Case::new(&json!({}));
        case.reach = bootstrap_issuer::cluster::Reach { servers, authority };
        let error = case.render(&bare()).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
}

/// By the issuer's own authority, or not at all: a machine asks no other for this.
#[test]
fn machines_report_where_the_issuers_authority_is_known() {
    let authority = authority().0;
    for (renderer, url) in [
        (
            stocked("https://issuer.example", Some(&authority), &["amd64"]),
            Some("https://issuer.example/v1/reports/wbs_01"),
        ),
        (stocked("https://issuer.example", None, &["amd64"]), None),
        (stocked("http://127.0.0.1:80", Some(&authority), &["amd64"]), None),
    ] {
        let rendered = Case::new(&json!({})).render(&renderer).unwrap();
        let parsed = document::parse(rendered.document.expose().as_bytes(), "it").unwrap();
        let report = parsed.document.report;
        assert_eq!(report.as_ref().map(|report| report.url.to_string()).as_deref(), url);
        assert!(report.is_none_or(|report| report.certificate_authority_data.der().len() == 1));
    }
}

#[test]
fn what_can_be_promised_is_said() {
    let mut case = Case::new(&json!({}));
    for (promise, words, others) in [
        (Promise::OneTime, "one-time", "multi-use"),
        (Promise::MultiUse { why: "x".into() }, "multi-use until expiry", "one-time"),
    ] {
        case.promise = promise;
        let rendered = case.render(&bare()).unwrap();
        for text in [rendered.command.expose(), rendered.cloud_init.expose()] {
            assert!(text.contains(words) && !text.contains(others), "{text}");
        }
    }
}

#[test]
fn what_every_machine_would_refuse_is_found_out_before() {
    let good = Case::new(&nasty());
    let cluster = ClusterId::parse("clu_01").unwrap();
    assert!(bare().try_out(&cluster, &good.reach, &good.fragment).is_ok());
    let long = Case::new(&json!({"x".repeat(2000): 1}));
    let refused = bare().try_out(&cluster, &long.reach, &long.fragment);
    assert!(matches!(refused, Err(RenderError::Refused(_))), "{refused:?}");
}
