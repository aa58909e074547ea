use super::*;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use messages::{LinuxRuntimeConfiguration, RuntimeCondition, RuntimeStatus};
use prost::Message;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixSocket};

const LONG: Duration = Duration::from_secs(60);

/// What a stand-in for a runtime answers to one call: a message, or a status of gRPC.
type Reply = Result<Vec<u8>, u32>;

/// A runtime, as far as it is asked.
struct StandIn {
    version: Reply,
    status: Reply,
    config: Reply,
}

fn version() -> Reply {
    let (name, version) = ("containerd".to_owned(), "1.6.20".to_owned());
    Ok(VersionResponse { runtime_name: name, runtime_version: version }.encode_to_vec())
}

fn status(conditions: &[(&str, bool, &str)], config: Option<&str>) -> Reply {
    let conditions = conditions.iter().map(|(kind, status, reason)| RuntimeCondition {
        r#type: (*kind).to_owned(),
        status: *status,
        reason: (*reason).to_owned(),
        message: String::new(),
    });
    let info: HashMap<String, String> =
        config.map(|config| ("config".to_owned(), config.to_owned())).into_iter().collect();
    let status = Some(RuntimeStatus { conditions: conditions.collect() });
    Ok(StatusResponse { status, info }.encode_to_vec())
}

fn config(driver: Option<CgroupDriverCode>) -> Reply {
    let linux = driver.map(|driver| LinuxRuntimeConfiguration { cgroup_driver: driver as i32 });
    Ok(RuntimeConfigResponse { linux }.encode_to_vec())
}

/// Listens for one connection and answers it for as long as it lasts.
fn serve(stand_in: StandIn) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runtime.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let stand_in = Arc::new(stand_in);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(move |request: http::Request<Incoming>| {
            let stand_in = Arc::clone(&stand_in);
            async move { Ok::<_, Infallible>(answer(&stand_in, request).await) }
        });
        server::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await.ok();
    });
    (dir, path)
}

async fn answer(
    stand_in: &StandIn,
    request: http::Request<Incoming>,
) -> http::Response<impl hyper::body::Body<Data = hyper::body::Bytes, Error = Infallible> + use<>> {
    let reply = match request.uri().path() {
        "/runtime.v1.RuntimeService/Version" => stand_in.version.clone(),
        "/runtime.v1.RuntimeService/Status" => stand_in.status.clone(),
        "/runtime.v1.RuntimeService/RuntimeConfig" => stand_in.config.clone(),
        _ => Err(12),
    };
    let question = request.into_body().collect().await.unwrap().to_bytes();
    assert!(question.len() >= 5 && question[0] == 0, "a message of gRPC, not compressed");
    let (code, message) = match reply {
        Ok(message) => (0, Some(message)),
        Err(code) => (code, None),
    };
    let mut bytes = Vec::new();
    if let Some(message) = message {
        bytes.push(0);
        bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend(message);
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from(code));
    let body = Full::new(hyper::body::Bytes::from(bytes)).with_trailers(async move { Some(Ok(trailers)) });
    http::Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

#[tokio::test]
async fn answers() {
    const UNIMPLEMENTED: u32 = 12;
    let ready = [("NetworkReady", false, "NoNetwork"), ("RuntimeReady", true, "")];
    let old = Some(r#"{"containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": true}}}}}"#);
    let (systemd, cgroupfs) = (Some(CgroupDriver::Systemd), Some(CgroupDriver::Cgroupfs));
    for (status, config, expected_ready, expected_driver) in [
        (status(&ready, None), config(Some(CgroupDriverCode::Systemd)), Ok(()), systemd),
        (status(&ready, None), config(Some(CgroupDriverCode::Cgroupfs)), Ok(()), cgroupfs),
        (status(&ready, None), config(None), Ok(()), None),
        (status(&ready, None), Err(UNIMPLEMENTED), Ok(()), None),
        (status(&ready, old), Err(UNIMPLEMENTED), Ok(()), systemd),
        (status(&ready, old), config(Some(CgroupDriverCode::Cgroupfs)), Ok(()), cgroupfs),
        (status(&[("RuntimeReady", false, "Starting")], None), config(None), Err("Starting"), None),
        (status(&[("NetworkReady", true, "")], None), config(None), Err("no condition RuntimeReady"), None),
        (status(&[], None), config(None), Err("no condition RuntimeReady"), None),
    ] {
        let (_dir, socket) = serve(StandIn { version: version(), status, config });
        let answer = ask(&socket, LONG).await.unwrap();
        assert_eq!((answer.name.as_str(), answer.version.as_str()), ("containerd", "1.6.20"));
        assert_eq!(answer.cgroup_driver, expected_driver);
        assert_eq!(answer.ready, expected_ready.is_ok());
        match (expected_ready, &answer.not_ready_why) {
            (Ok(()), None) => {}
            (Err(words), Some(why)) => assert!(why.contains(words), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn refusals() {
    let no_answer = || Ok(vec![0xff]);
    let ready = || status(&[("RuntimeReady", true, "")], None);
    for (stand_in, expected) in [
        (StandIn { version: Err(12), status: ready(), config: config(None) }, "does not speak CRI v1"),
        (StandIn { version: version(), status: Err(12), config: config(None) }, "does not speak CRI v1"),
        (StandIn { version: version(), status: Err(14), config: config(None) }, "answers Unavailable"),
        (StandIn { version: version(), status: ready(), config: Err(13) }, "answers Internal"),
        (StandIn { version: no_answer(), status: ready(), config: config(None) }, "answers Internal"),
        (
            StandIn { version: Ok(vec![0; ANSWER_LIMIT + 1]), status: ready(), config: config(None) },
            "answers OutOfRange",
        ),
    ] {
        let (_dir, socket) = serve(stand_in);
        let error = ask(&socket, LONG).await.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("runtime.sock"), "{expected}: {error}");
    }
}

#[tokio::test]
async fn sockets_without_a_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runtime.sock");
    assert!(matches!(ask(&path, LONG).await, Err(CriError::Absent(_))));
    let bound = UnixSocket::new_stream().unwrap();
    bound.bind(&path).unwrap();
    assert!(matches!(ask(&path, LONG).await, Err(CriError::Refused { .. })));

    let other = dir.path().join("other.sock");
    let listener = UnixListener::bind(&other).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
    });
    let error = ask(&other, LONG).await.unwrap_err();
    assert!(matches!(error, CriError::Other { .. }), "{error:?}");

    let silent = dir.path().join("silent.sock");
    let _listener = UnixListener::bind(&silent).unwrap();
    tokio::time::pause();
    let error = ask(&silent, LONG).await.unwrap_err();
    assert!(matches!(error, CriError::Silent { deadline: LONG, .. }), "{error:?}");
}

#[test]
fn cgroup_drivers_of_containerd_1() {
    let (systemd, cgroupfs) = (Some(CgroupDriver::Systemd), Some(CgroupDriver::Cgroupfs));
    for (config, expected) in [
        (r#"{"containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": true}}}}}"#, systemd),
        (r#"{"containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": false}}}}}"#, cgroupfs),
        (r#"{"containerd": {"runtimes": {"runc": {"options": {}}}}}"#, cgroupfs),
        (r#"{"containerd": {"runtimes": {"runc": {"options": null}}}}"#, cgroupfs),
        (
            r#"{"containerd": {"defaultRuntimeName": "crun", "runtimes":
                {"crun": {"options": {"SystemdCgroup": true}}, "runc": {"options": {}}}}}"#,
            systemd,
        ),
        (r#"{"containerd": {"defaultRuntimeName": "gone", "runtimes": {"runc": {}}}}"#, None),
        (r#"{"containerd": {}}"#, None),
        ("{}", None),
        ("no json", None),
    ] {
        assert_eq!(cgroup_driver_of_config(config), expected, "{config}");
    }
}
