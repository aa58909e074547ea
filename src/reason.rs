//! Every way a run can end, in one table: reason code, exit code, journal message id, and the words
//! for the person who reads it at night. `explain`, the journal catalog, the manual and the unit's
//! restart rules are all derived from here; nothing else in the program invents a code.

mod exit;

pub use exit::Exit;

use std::fmt;

/// One row of the table.
#[derive(Debug)]
pub struct Entry {
    /// Stable snake_case word.
    pub code: &'static str,
    /// What the process returns when it ends for this reason.
    pub exit: Exit,
    /// journald `MESSAGE_ID`, 32 hex digits.
    pub message_id: &'static str,
    /// What it means, one sentence without a full stop.
    pub meaning: &'static str,
    /// The usual causes.
    pub causes: &'static [&'static str],
    /// What to do next.
    pub next: &'static str,
}

macro_rules! reasons {
    ($($name:ident = $code:literal, $exit:ident, $id:literal,
        $meaning:literal, [$($cause:literal),+ $(,)?], $next:literal;)+) => {
        /// Why a run ended the way it did.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        impl Reason {
            /// The whole table, in the order of the flow.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),+];

            /// The row of this reason.
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Reason::$name => &Entry {
                        code: $code, exit: Exit::$exit, message_id: $id,
                        meaning: $meaning, causes: &[$($cause),+], next: $next,
                    },)+
                }
            }
        }
    };
}

reasons! {
    Joined = "joined", Joined, "2c1f0a6d1f6b4b0f9a3c5d7e8f901201",
        "the machine is a node of the cluster",
        ["the join went through, or had gone through before"],
        "nothing";
    Internal = "internal_fault", Fault, "2c1f0a6d1f6b4b0f9a3c5d7e8f901202",
        "the program met a state it should never be in",
        ["a defect of worker-bootstrap", "a machine in a very unusual state"],
        "run it again with -v; if it happens again, report the line together with the version";
    LocalWrite = "local_write_failed", Fault, "2c1f0a6d1f6b4b0f9a3c5d7e8f901203",
        "a file on this machine could not be read or written",
        ["the disk is full", "the file system is read-only or failing", "the directory is immutable"],
        "make the named path writable, then run again; the token is kept until then";
    Usage = "usage", Usage, "2c1f0a6d1f6b4b0f9a3c5d7e8f901204",
        "the command line was not understood",
        ["an unknown flag", "flags that contradict each other"],
        "see worker-bootstrap --help";
    NotFound = "bootstrap_not_found", NotFound, "2c1f0a6d1f6b4b0f9a3c5d7e8f901205",
        "no bootstrap lies in any of the places that are searched",
        ["the document was not delivered", "it was wiped after an earlier join"],
        "put a document at /run/worker-bootstrap/bootstrap.yaml (root, mode 0600) or name one with --document";
    TwoFound = "two_bootstraps_found", Refused, "2c1f0a6d1f6b4b0f9a3c5d7e8f901206",
        "two different bootstraps were found and nothing says which one is meant",
        ["an old document was left behind beside a new one"],
        "remove the wrong one, or name the right one with --document";
    SourceUnsafe = "source_unsafe", Refused, "2c1f0a6d1f6b4b0f9a3c5d7e8f901207",
        "a file that should hold the bootstrap cannot be trusted with a secret",
        ["not a regular file", "owned by another user", "readable by others", "a symbolic link"],
        "make it a regular file owned by root with mode 0600 (chown root, chmod 600), then run again";
    DocumentTooLarge = "document_too_large", Refused, "2c1f0a6d1f6b4b0f9a3c5d7e8f901208",
        "the document is larger, deeper or more entangled than a bootstrap can be",
        ["another file was put in its place", "a hostile document"],
        "put the document as issued in its place; at most 1 MiB, 64 levels deep";
    DocumentInvalid = "document_invalid", Refused, "2c1f0a6d1f6b4b0f9a3c5d7e8f901209",
        "the document does not have the form of a bootstrap",
        ["a typing mistake", "a field of another version", "the file was cut off while it was written"],
        "correct the named field, or have the bootstrap issued again";
    DocumentUnsupported = "document_unsupported", Refused, "2c1f0a6d1f6b4b0f9a3c5d7e8f901210",
        "the document asks for something that this version does not do",
        ["a document made for a newer agent"],
        "install a newer worker-bootstrap, or change the named field";
    LabelForbidden = "label_forbidden", Refused, "2c1f0a6d1f6b4b0f9a3c5d7e8f901211",
        "a node may not give itself one of the labels the document names",
        ["a label under node-restriction.kubernetes.io or node-role.kubernetes.io, or another reserved kubernetes.io label"],
        "take the label out of the document and set it with kubectl label once the node is there";
    TokenExpired = "token_expired", Expired, "2c1f0a6d1f6b4b0f9a3c5d7e8f901212",
        "the bootstrap has expired",
        ["the machine booted later than the bootstrap lives", "an old document was delivered again"],
        "have a new bootstrap issued and put it in place of this one";
    ClockUnsynced = "clock_unsynced", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901213",
        "whether the bootstrap has expired cannot be judged: this machine's clock is not synchronized",
        ["no time server reached yet", "a machine without a battery-backed clock"],
        "make time synchronization work (timedatectl status), then run again";
    TokenRefused = "token_refused", TokenRefused, "2c1f0a6d1f6b4b0f9a3c5d7e8f901214",
        "every API server kept answering 401 to the token",
        ["the token was revoked", "it has expired there", "it belongs to another cluster"],
        "have a new bootstrap issued and put it in place of this one";
    TokenUsed = "token_already_used", Used, "2c1f0a6d1f6b4b0f9a3c5d7e8f901215",
        "this token has joined a machine before and cannot join another",
        ["the same bootstrap was given to two machines", "this machine joined with it and has lost its credential since"],
        "have a new bootstrap issued for this machine";
    TokenOtherMachine = "token_other_machine", Used, "2c1f0a6d1f6b4b0f9a3c5d7e8f901216",
        "the marks on this disk were made by another machine",
        ["the disk or image was captured from a machine that had begun to join"],
        "have a new bootstrap issued for this machine, and clean the image";
    CheckFailed = "host_check_failed", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901217",
        "this host is not ready to join",
        ["see the checks named in the line"],
        "fix what the line names and run again; worker-bootstrap check tries the host alone";
    NotRoot = "not_root", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901218",
        "a join or a reset needs the rights of root",
        ["started as another user"],
        "run it with sudo or from the unit";
    RuntimeNotReady = "runtime_not_ready", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901219",
        "the container runtime does not answer on its CRI socket",
        ["containerd or CRI-O is not installed or not started", "its CRI plugin is disabled in /etc/containerd/config.toml"],
        "systemctl status containerd; if disabled_plugins names cri, take it out and restart containerd";
    KubeletNotReady = "kubelet_unusable", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901220",
        "there is no kubelet here that may run in this cluster",
        ["the kubelet is not installed", "its version is not the one the document asks for", "built for another architecture"],
        "install a kubelet of the named version";
    KubeletTooNew = "kubelet_newer_than_server", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901221",
        "the kubelet is newer than the API server, which Kubernetes does not support",
        ["the image carries a newer kubelet than the cluster runs"],
        "install a kubelet of the server's minor version or older, or upgrade the control plane first";
    PackageMissing = "package_missing", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901222",
        "a package that the document requires is absent or of the wrong version",
        ["the image lacks it", "an upgrade moved it out of the range"],
        "install the named package in the named version";
    PathNotWritable = "path_not_writable", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901223",
        "a directory that the join writes to cannot be written",
        ["a read-only file system", "a full disk", "a sandbox that forbids it"],
        "make the named directory writable";
    PortTaken = "port_taken", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901224",
        "the port of the kubelet is in use",
        ["another kubelet runs on this machine"],
        "stop what listens there (ss -ltnp 'sport = :10250')";
    NodeNameInvalid = "node_name_invalid", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901225",
        "this machine has no name that could be a node's",
        ["the host name is still localhost", "it holds characters that a DNS name may not"],
        "set the host name (hostnamectl set-hostname) or node.name in the document";
    LockHeld = "lock_held", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901226",
        "another run of worker-bootstrap is under way",
        ["the unit and cloud-init both started one"],
        "wait for it: worker-bootstrap status";
    ServerUnreachable = "server_unreachable", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901227",
        "no API server could be reached",
        ["the network or a firewall", "the control plane is down", "a wrong address in the document"],
        "check the route from here (curl -k URL/version); the run is repeated until the bootstrap expires";
    NameNotResolved = "server_name_not_resolved", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901228",
        "the name of the API server could not be resolved",
        ["no DNS server yet", "the name does not exist"],
        "check name resolution on this machine (getent hosts NAME), or put an address into the document";
    ServerBusy = "server_busy", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901229",
        "the API servers kept answering that they are not able to answer",
        ["starting up", "overload", "a failing etcd"],
        "look at the control plane; the run is repeated until the bootstrap expires";
    TlsUntrusted = "server_not_trusted", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901230",
        "the server's certificate is not one the document vouches for",
        ["the document belongs to another cluster", "the CA was replaced", "something intercepts the connection"],
        "compare the CA of the document with the cluster's; have the bootstrap issued again";
    DiscoveryFailed = "discovery_failed", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901231",
        "no CA of the cluster matches the hashes of the document",
        ["the document belongs to another cluster", "the CA was replaced", "something intercepts the connection"],
        "compare caCertHashes with the cluster's CA; have the bootstrap issued again";
    DiscoveryUnsigned = "discovery_unsigned", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901232",
        "cluster-info carries no valid signature of this token",
        ["the token has expired or was revoked", "it belongs to another cluster", "the signer has not got to it yet", "the token was made without usage-bootstrap-signing"],
        "have a new bootstrap issued; or give the CA itself (certificateAuthorityData) in place of its hash";
    ServerNonsense = "server_answer_invalid", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901233",
        "the server answered something that no API server answers",
        ["the address is not an API server's", "a proxy or login page answers in its place"],
        "check the server address in the document (curl -k URL/version must show a Kubernetes version)";
    Forbidden = "forbidden", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901234",
        "the cluster knows the token but does not let it ask for a certificate",
        ["no binding of the token's group to system:node-bootstrapper"],
        "kubectl create clusterrolebinding ... --clusterrole=system:node-bootstrapper --group=<the token's group>";
    CsrDenied = "csr_denied", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901235",
        "the request for a certificate was denied",
        ["an approver or an administrator said no"],
        "ask the cluster's administrator; the reason they gave stands in the line";
    CsrFailed = "csr_failed", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901236",
        "the signer could not issue the certificate",
        ["the signer refuses the request", "its CA is broken"],
        "look at the kube-controller-manager's log for the named request";
    CsrConflict = "csr_conflict", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901237",
        "a certificate request of this name exists and is not ours, or ours was taken away",
        ["it was deleted while it was waited for", "somebody else created it"],
        "kubectl delete csr NAME, then run again";
    CsrPending = "csr_pending", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901238",
        "nobody has approved the certificate request in time",
        ["no approver for the token's group", "the approver is down", "approval is by hand in this cluster"],
        "kubectl certificate approve NAME; the run is repeated and waits for the same request";
    CertificateWrong = "certificate_wrong", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901239",
        "the certificate that was issued is not the one that was asked for",
        ["a signer that is not Kubernetes' own", "a hostile server"],
        "nothing was installed; have the cluster's administrator look at the signer";
    CredentialRefused = "credential_refused", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901240",
        "the cluster does not accept the certificate it issued",
        ["the API server's client CA is not the signer's"],
        "compare --client-ca-file of the API server with --cluster-signing-cert-file of the controller manager";
    NodeNameTaken = "node_name_taken", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901241",
        "another machine that is alive carries this node name",
        ["two machines with one host name", "a cloned image"],
        "give this machine another name, or kubectl delete node NAME if the other one is gone";
    KubeletFailed = "kubelet_failed", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901242",
        "the kubelet does not stay up",
        ["see the kubelet's own words in the line"],
        "journalctl -u kubelet; after the fix, run again: no new token is needed";
    NodeNotSeen = "node_not_seen", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901243",
        "the kubelet runs, but the node did not come to the awaited state in time",
        ["the network plug-in is not there yet (waiting for ready)", "the kubelet cannot register the node"],
        "journalctl -u kubelet; kubectl describe node NAME; run again to wait on: no new token is needed";
    ResidueLeft = "residue_left", ResidueLeft, "2c1f0a6d1f6b4b0f9a3c5d7e8f901244",
        "the node has joined, but a copy of the token that should have been erasable is still there",
        ["a read-only or immutable file", "an error of the disk"],
        "remove the named copy, or run again: it wipes again; revoke the token if that fails";
    Interrupted = "interrupted", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901245",
        "the run was told to stop",
        ["systemctl stop, a shutdown, or Ctrl-C"],
        "run again: it goes on where it was";
    DiscoveryForbidden = "discovery_forbidden", JoinFailed, "2c1f0a6d1f6b4b0f9a3c5d7e8f901246",
        "the cluster does not let anybody read cluster-info without a credential",
        ["the API server runs with --anonymous-auth=false", "kube-public/cluster-info is not open to system:anonymous"],
        "give the CA itself (certificateAuthorityData) in place of its hash: then nothing has to be discovered";
    NoRun = "no_run_known", NotFound, "2c1f0a6d1f6b4b0f9a3c5d7e8f901247",
        "nothing is known of a run on this machine",
        ["worker-bootstrap has not been run here", "--root names another directory than the run's"],
        "worker-bootstrap run makes one; worker-bootstrap plan shows what it would do";
    HostNotAnswering = "host_not_answering", Temporary, "2c1f0a6d1f6b4b0f9a3c5d7e8f901248",
        "a program of this host that the join needs is there and does not answer in time",
        ["a first boot on a slow disk", "the machine is overloaded", "the program hangs"],
        "the unit tries again by itself; where it stays so, look at the named program (systemctl status containerd; kubelet --version)";
    ResetIncomplete = "reset_incomplete", HostNotReady, "2c1f0a6d1f6b4b0f9a3c5d7e8f901249",
        "something that a run made is still there after a reset",
        ["somebody has changed it since", "a read-only file system, or an immutable file", "the kubelet could not be stopped"],
        "look at what the line names: move it away or make it writable, then reset again";
}

impl Reason {
    /// The stable word for programs.
    pub const fn code(self) -> &'static str {
        self.entry().code
    }

    /// What the process returns.
    pub const fn exit(self) -> Exit {
        self.entry().exit
    }

    /// The reason of this code, if there is one.
    pub fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_and_message_ids_are_unique_and_well_formed() {
        let mut codes = HashSet::new();
        let mut ids = HashSet::new();
        for reason in Reason::ALL {
            let entry = reason.entry();
            assert!(codes.insert(entry.code), "{} twice", entry.code);
            assert!(ids.insert(entry.message_id), "{} twice", entry.message_id);
            assert!(entry.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", entry.code);
            assert_eq!(entry.message_id.len(), 32);
            assert!(entry.message_id.bytes().all(|b| b.is_ascii_hexdigit()));
            assert_eq!(Reason::from_code(entry.code), Some(*reason));
        }
    }

    #[test]
    fn only_joined_ends_with_zero() {
        for reason in Reason::ALL {
            assert_eq!(reason.exit() == Exit::Joined, *reason == Reason::Joined, "{reason}");
        }
    }
}
