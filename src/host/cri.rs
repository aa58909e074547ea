//! The container runtime, asked over its own interface: CRI v1, gRPC on a unix socket.
//!
//! The few messages are written by hand from kubernetes/cri-api `pkg/apis/runtime/v1/api.proto`; unknown
//! fields are skipped by protobuf's own rules. Trusted: whoever may listen on the socket is root.

mod messages;

use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use messages::{
    CgroupDriverCode, RuntimeConfigRequest, RuntimeConfigResponse, StatusRequest, StatusResponse,
};
use messages::{VersionRequest, VersionResponse};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::UnixStream;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

/// Where the common runtimes listen, as the machine sees it.
pub const SOCKETS: [&str; 2] = ["/run/containerd/containerd.sock", "/run/crio/crio.sock"];

/// The largest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Who manages cgroups. Runtime and kubelet must agree, or pods die without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupDriver {
    /// systemd does.
    Systemd,
    /// The runtime writes below `/sys/fs/cgroup` itself.
    Cgroupfs,
}

impl CgroupDriver {
    /// The word in a kubelet's configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            CgroupDriver::Systemd => "systemd",
            CgroupDriver::Cgroupfs => "cgroupfs",
        }
    }
}

/// What the runtime says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeAnswer {
    /// As in `containerd`, `cri-o`.
    pub name: String,
    /// As in `1.6.20`.
    pub version: String,
    /// Its condition RuntimeReady. NetworkReady is left out: no machine has it before it has joined.
    pub ready: bool,
    /// Its own reason and message, when it is not ready.
    pub not_ready_why: Option<String>,
    /// Its cgroup driver, where it tells.
    pub cgroup_driver: Option<CgroupDriver>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CriError {
    /// No such socket.
    #[error("{} is not there", .0.display())]
    Absent(PathBuf),
    /// The socket file is there, and nobody listens (or this user may not connect).
    #[error("{} refuses the connection", socket.display())]
    Refused {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Somebody listens and does not answer.
    #[error("{} accepts the connection and gives no answer within {deadline:.1?}", socket.display())]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// How long it had.
        deadline: Duration,
    },
    /// A runtime answers, without the interface for Kubernetes.
    #[error("{} answers, but its CRI plugin is disabled or does not speak CRI v1", .0.display())]
    NoCri(PathBuf),
    /// Anything else.
    #[error("{} answers {said}", socket.display())]
    Other {
        /// The socket.
        socket: PathBuf,
        /// What it said, in one bounded line.
        said: String,
    },
}

/// Asks the runtime who it is, whether it is ready, and which cgroup driver it uses. The deadline is for
/// all of it.
pub async fn ask(socket: &Path, deadline: Duration) -> Result<RuntimeAnswer, CriError> {
    match tokio::time::timeout(deadline, talk(socket)).await {
        Ok(answer) => answer,
        Err(_) => Err(CriError::Silent { socket: socket.to_owned(), deadline }),
    }
}

async fn talk(socket: &Path) -> Result<RuntimeAnswer, CriError> {
    let stream = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CriError::Absent(socket.to_owned()),
        _ => CriError::Refused { socket: socket.to_owned(), source },
    })?;
    let other = |said: &dyn std::fmt::Display| CriError::Other {
        socket: socket.to_owned(),
        said: crate::failure::one_line(&said.to_string()),
    };
    let refused = |status: Status| match status.code() {
        Code::Unimplemented => CriError::NoCri(socket.to_owned()),
        _ => other(&format_args!("{:?}: {}", status.code(), status.message())),
    };
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(|error| other(&error))?;
    let _driver = Driver(tokio::spawn(async move {
        // Its end is seen by the request that waits on it.
        connection.await.ok();
    }));
    let mut runtime = Runtime::new(Connection(sender));

    let version = runtime.version().await.map_err(refused)?;
    let status = runtime.status().await.map_err(refused)?;
    let cgroup_driver = match runtime.cgroup_driver().await {
        Ok(driver) => driver,
        // Runtimes older than the request (containerd 1.x) show their configuration in the verbose status.
        Err(status_code) if status_code.code() == Code::Unimplemented => {
            status.info.get("config").and_then(|config| cgroup_driver_of_config(config))
        }
        Err(status_code) => return Err(refused(status_code)),
    };
    let condition =
        status.status.into_iter().flat_map(|status| status.conditions).find(|it| it.r#type == "RuntimeReady");
    let ready = condition.as_ref().is_some_and(|it| it.status);
    let why = condition.map_or_else(
        || "it reports no condition RuntimeReady".to_owned(),
        |it| crate::failure::one_line(&format!("{} {}", it.reason, it.message)),
    );
    Ok(RuntimeAnswer {
        name: crate::failure::one_line(&version.runtime_name),
        version: crate::failure::one_line(&version.runtime_version),
        ready,
        not_ready_why: (!ready).then_some(why),
        cgroup_driver,
    })
}

/// containerd 1.x, `info["config"]` of its verbose status: the option `SystemdCgroup` of the default
/// runtime; containerd's own default is cgroupfs.
fn cgroup_driver_of_config(config: &str) -> Option<CgroupDriver> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    let containerd = config.get("containerd")?;
    let default = containerd.get("defaultRuntimeName").and_then(|name| name.as_str()).unwrap_or("runc");
    let runtime = containerd.get("runtimes")?.get(default)?;
    let systemd = runtime.get("options").and_then(|options| options.get("SystemdCgroup"));
    if systemd.and_then(serde_json::Value::as_bool).unwrap_or(false) {
        Some(CgroupDriver::Systemd)
    } else {
        Some(CgroupDriver::Cgroupfs)
    }
}

/// The three calls of `runtime.v1.RuntimeService` that are needed.
struct Runtime(Grpc<Connection>);

impl Runtime {
    fn new(connection: Connection) -> Self {
        let origin = http::Uri::from_static("http://localhost");
        Runtime(Grpc::with_origin(connection, origin).max_decoding_message_size(ANSWER_LIMIT))
    }

    async fn version(&mut self) -> Result<VersionResponse, Status> {
        self.call("/runtime.v1.RuntimeService/Version", VersionRequest { version: "v1".to_owned() }).await
    }

    async fn status(&mut self) -> Result<StatusResponse, Status> {
        self.call("/runtime.v1.RuntimeService/Status", StatusRequest { verbose: true }).await
    }

    async fn cgroup_driver(&mut self) -> Result<Option<CgroupDriver>, Status> {
        let answer: RuntimeConfigResponse =
            self.call("/runtime.v1.RuntimeService/RuntimeConfig", RuntimeConfigRequest {}).await?;
        Ok(answer.linux.map(|linux| match linux.cgroup_driver() {
            CgroupDriverCode::Systemd => CgroupDriver::Systemd,
            CgroupDriverCode::Cgroupfs => CgroupDriver::Cgroupfs,
        }))
    }

    async fn call<Q, A>(&mut self, path: &'static str, request: Q) -> Result<A, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let lost = |error: hyper::Error| Status::unavailable(error.to_string());
        self.0.ready().await.map_err(lost)?;
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(path);
        self.0.unary(tonic::Request::new(request), path, codec).await.map(tonic::Response::into_inner)
    }
}

/// The HTTP/2 connection as tonic wants it.
struct Connection(SendRequest<Body>);

impl tower_service::Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// The task that moves the connection's bytes; it ends with the question.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
