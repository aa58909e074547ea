//! The one request that trusts nobody: the first sight of cluster-info, when only hashes of the CA
//! are known. It has no place for a credential, and whatever it brings proves itself by its signature
//! before it is believed.

use crate::document::ServerUrl;
use crate::failure::Failure;
use crate::kube::answer::{self, About};
use crate::kube::client;
use crate::kube::insist::{Patience, Servers, Verdicts, insist};
use crate::kube::objects::Object;
use crate::kube::tls;
use crate::kube::trouble::{Kind, Trouble};
use crate::reason::Reason;

/// Asks for `path` without knowing who answers. `judge` says what the object is worth; its trouble
/// is treated like the server's own.
///
/// # Errors
/// As [`insist`] judges; 401 and 403 are `discovery_forbidden`.
pub async fn ask<T: Object, V>(
    doing: &str,
    servers: &[ServerUrl],
    path: &str,
    patience: Patience<'_>,
    mut judge: impl FnMut(T) -> Result<V, Trouble>,
) -> Result<(V, ServerUrl), Failure> {
    let http = client::http_client(tls::unpinned()?)?;
    let verdicts =
        Verdicts { unauthorized: Reason::DiscoveryForbidden, forbidden: Reason::DiscoveryForbidden };
    insist(doing, &Servers::new(servers.to_vec()), verdicts, patience, async |server| {
        let response = http
            .get(format!("{server}{path}"))
            .header(http::header::ACCEPT, "application/json")
            .send()
            .await
            .map_err(|error| Trouble::met(&error))?;
        let about = About::of(&response);
        let status = response.status();
        let kind = match status.as_u16() {
            200 => {
                let body = answer::body(response).await?;
                let object = answer::decode(&body, &about)
                    .map_err(|what| Trouble::new(Kind::Nonsense, format!("answered 200 with {what}")))?;
                return Ok((judge(object)?, server.clone()));
            }
            401 => Kind::Unauthorized,
            403 => Kind::Forbidden,
            408 | 425 | 429 | 500.. => Kind::Busy,
            _ => Kind::Nonsense,
        };
        Err(Trouble::new(kind, format!("answered {status}")))
    })
    .await
}
