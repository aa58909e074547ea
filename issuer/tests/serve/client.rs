//! The command line as a user of the API: what is printed, what is kept to whom, and answers that are lost.

use super::rig::{Rig, Serving, mode, read, write};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `bootstrap COMMAND... --url ... --cluster clu_01`
fn with_api<'a>(command: &[&'a str], url: &'a str) -> Vec<&'a str> {
    let api = ["--url", url, "--token-file", "token", "--ca-file", "ca.crt", "--cluster", "clu_01"];
    [&["bootstrap"], command, &api].concat()
}

fn started() -> (Rig, Serving) {
    let rig = Rig::new();
    rig.token("token", &[]);
    let serving = rig.serve();
    (rig, serving)
}

#[test]
fn from_create_to_revoke() {
    let (rig, serving) = started();
    let url = serving.url();
    let made = rig.done(&with_api(&["create", "--ttl", "10m", "--output", "command"], &url));
    let command = read(&rig.path("command"));
    assert_eq!(mode(&rig.path("command")), 0o600);
    assert!(command.contains("kind: \"WorkerBootstrap\""), "{command}");
    let id = made.lines().next().unwrap().split_whitespace().nth(1).unwrap();
    assert!(
        id.starts_with("wbs_") && made.contains("\nstatus   active\n") && !made.contains("token"),
        "{made}"
    );

    let cloud_init = rig.done(&with_api(&["create", "--only", "cloud-init"], &url));
    assert!(cloud_init.starts_with("#cloud-config"), "{cloud_init}");
    let token = rig.done(&with_api(&["create", "--only", "token"], &url));
    assert!(token.len() == 24 && token.as_bytes()[6] == b'.', "one line of six, a dot and sixteen");

    let list = rig.done(&with_api(&["list"], &url));
    assert_eq!(list.lines().count(), 4, "a head and three bootstraps: {list}");
    assert_eq!(rig.done(&with_api(&["list", "--limit", "2"], &url)).lines().count(), 3);
    let one: serde_json::Value =
        serde_json::from_str(&rig.done(&with_api(&["get", id, "--json"], &url))).unwrap();
    assert_eq!((one["id"].as_str(), one["token"].as_str()), (Some(id), None));
    assert_eq!(one["expires_at"].as_i64().unwrap() - one["created_at"].as_i64().unwrap(), 600);

    let heard = rig.fails(&with_api(&["revoke", id, "--etag", "77"], &url));
    assert!(heard.contains("409 Conflict: 7006 "), "{heard}");
    let revoked = rig.done(&with_api(&["revoke", id, "--wait"], &url));
    assert!(revoked.contains("\nstatus   revoked\n"), "{revoked}");
    assert!(revoked.ends_with("Nobody had used the token, and nobody can now.\n"), "{revoked}");
}

#[test]
fn refusals_are_the_apis_own_words() {
    let (rig, serving) = started();
    let url = serving.url();
    for (command, said) in [
        (vec!["get", "wbs_unknown"], "cannot get the bootstrap: 404 Not Found: 7002 "),
        (vec!["get", "../../x"], "cannot get the bootstrap: 404 Not Found: 7002 "),
        (
            vec!["create", "--ttl", "59"],
            "cannot create the bootstrap: 400 Bad Request: 7001 body.ttl_seconds ",
        ),
        (vec!["list", "--workspace", "ws_other"], "403 Forbidden: 7004 header.akua-context "),
    ] {
        let heard = rig.fails(&with_api(&command, &url));
        assert!(heard.contains(said), "{said} in {heard}");
    }
    let heard = rig.fails(&with_api(&["list"], &format!("{url}/elsewhere")));
    assert!(heard.contains("404"), "{heard}");
}

#[test]
fn a_token_that_others_may_read_and_a_server_that_is_not_trusted_are_refused() {
    let (rig, serving) = started();
    let url = serving.url();
    let text = read(&rig.path("token"));
    write(&rig.path("open"), &text, 0o644);
    std::os::unix::fs::symlink("token", rig.path("link")).unwrap();
    for (file, ca, said) in [
        ("open", "ca.crt", "open to others (mode 0644)"),
        ("link", "ca.crt", "cannot open link"),
        ("absent", "ca.crt", "cannot open absent"),
        (".", "ca.crt", "not a regular file"),
        ("token", "tls.crt", "(attempts: 1): "),
    ] {
        let api = [
            "bootstrap",
            "list",
            "--url",
            &url,
            "--cluster",
            "clu_01",
            "--token-file",
            file,
            "--ca-file",
            ca,
        ];
        let heard = rig.fails(&api);
        assert!(heard.contains(said), "{said} in {heard}");
        assert!(!heard.contains(text.trim()));
    }
    // Not in the clear, but to this machine itself.
    let output = rig.run(&with_api(&["list"], "http://issuer.example"));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_create_whose_answer_is_lost_happens_once() {
    let (rig, serving) = started();
    let (url, lost) = losing(&serving.address, 2);
    let made = rig.done(&with_api(&["create", "--json"], &url));
    assert_eq!(lost.load(Ordering::SeqCst), 2, "two answers were lost");
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert!(made["token"].is_string(), "the third answer is whole");
    let list = rig.done(&with_api(&["list", "--json"], &serving.url()));
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
}

/// A network that takes whole requests and loses the answers on its first `count` connections, after the
/// server has given them. Also counts those.
fn losing(server: &str, count: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let lost = Arc::new(AtomicUsize::new(0));
    let (server, losses) = (server.to_owned(), Arc::clone(&lost));
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let upstream = TcpStream::connect(&server).unwrap();
            let lose = losses.load(Ordering::SeqCst) < count;
            let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || {
                std::io::copy(&mut from, &mut to).ok();
                to.shutdown(Shutdown::Write).ok();
            });
            let losses = Arc::clone(&losses);
            std::thread::spawn(move || relay(upstream, client, lose.then_some(&*losses)));
        }
    });
    (url, lost)
}

/// Of an answer that is to be lost only what TLS needs to begin comes through; a bootstrap's answer is larger.
fn relay(mut from: TcpStream, mut to: TcpStream, lose: Option<&AtomicUsize>) {
    let mut buffer = [0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => return drop(to.shutdown(Shutdown::Both)),
            Ok(length) => match lose {
                Some(count) if length > 4000 => {
                    count.fetch_add(1, Ordering::SeqCst);
                    from.shutdown(Shutdown::Both).ok();
                    return drop(to.shutdown(Shutdown::Both));
                }
                _ if to.write_all(&buffer[..length]).is_err() => return,
                _ => {}
            },
        }
    }
}
