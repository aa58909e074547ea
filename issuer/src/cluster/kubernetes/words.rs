//! The words this backend writes into the cluster and reads from it. They outlive a release: what one
//! issuer wrote another must understand.

/// The group of our tokens. It may create certificate requests, and nothing approves them but this backend.
pub const GROUP: &str = "system:bootstrappers:worker-bootstrap";

/// The label of every Secret of ours, and its value.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "bootstrap-issuer");
/// The label with a hash of the node's name on the Secret of a used token.
pub(super) const NODE_HASH: &str = "bootstrap.akua.dev/node-hash";
/// The annotation with the id of the bootstrap whose token it is.
pub(super) const BOOTSTRAP: &str = "bootstrap.akua.dev/bootstrap-id";
/// The annotation that says who used the token: it binds the token, and is never changed.
pub(super) const USED_BY: &str = "bootstrap.akua.dev/used-by";

/// The namespace of the accounts that stand in for tokens, where the cluster approves every token's machine.
pub(super) const ACCOUNTS: &str = "worker-bootstrap";
/// Their group. It may do what [`GROUP`] may.
pub(super) const ACCOUNTS_GROUP: &str = "system:serviceaccounts:worker-bootstrap";
/// What their user names begin with.
pub(super) const ACCOUNT_USER: &str = "system:serviceaccount:worker-bootstrap:";
/// The type of the Secrets of tokens that accounts stand in for.
pub(super) const ACCOUNT_TYPE: &str = "bootstrap.akua.dev/account";

/// The type of the Secrets that hold bootstrap tokens.
pub(super) const TOKEN_TYPE: &str = "bootstrap.kubernetes.io/token";
/// What the user name of a token's bearer begins with.
pub(super) const TOKEN_USER: &str = "system:bootstrap:";
/// The signer of the kubelets' client certificates.
pub(super) const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";

/// Reasons of the conditions that end a request.
pub(super) mod reason {
    /// Approved: the token is bound to this use.
    pub(in super::super) const BOUND: &str = "WorkerBootstrap";
    /// Denied: another use was first. Agents know this word.
    pub const ALREADY_USED: &str = "TokenAlreadyUsed";
    /// Denied: the token was withdrawn before it was used.
    pub(in super::super) const REVOKED: &str = "TokenRevoked";
    /// Denied: the token expired before it was used.
    pub(in super::super) const EXPIRED: &str = "TokenExpired";
    /// Denied: the token has gone, and nothing tells why.
    pub(in super::super) const GONE: &str = "TokenGone";
    /// Denied: a node of this name exists, or another token's machine is joining under it.
    pub(in super::super) const NAME_TAKEN: &str = "NodeNameTaken";
    /// Denied: it is not a kubelet's request for its client certificate.
    pub(in super::super) const NOT_A_KUBELETS: &str = "NotAKubeletRequest";

    /// Every reason with which this backend denies.
    pub(in super::super) const DENIALS: [&str; 6] =
        [ALREADY_USED, REVOKED, EXPIRED, GONE, NAME_TAKEN, NOT_A_KUBELETS];
}
