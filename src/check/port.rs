//! Whether the kubelet's port is free.

use super::{Host, Outcome, not_the_machine};
use crate::document::Document;
use crate::host::net;
use crate::reason::Reason;

/// The kubelet's own default.
const DEFAULT: u16 = 10250;

pub(super) fn check(host: &Host<'_>) -> Outcome {
    if !host.root.is_machine() {
        return not_the_machine("the kubelet's port");
    }
    match host.document.map_or(Ok(DEFAULT), port) {
        Ok(port) => free(port),
        Err(field) => Outcome::failed(
            Reason::CheckFailed,
            format!("reading {field} of the document: expected the number of a port, 1 to 65535"),
        ),
    }
}

/// The port that the document gives the kubelet, or the field that holds none. The flag wins over the
/// field, as in the kubelet.
fn port(document: &Document) -> Result<u16, &'static str> {
    let valid = |port: &u16| *port != 0;
    if let Some(text) = document.kubelet.extra_args.get("port") {
        return text.parse().ok().filter(valid).ok_or("kubelet.extraArgs.port");
    }
    let Some(value) = document.kubelet.config.get("port") else { return Ok(DEFAULT) };
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    number.filter(valid).ok_or("kubelet.config.port")
}

fn free(port: u16) -> Outcome {
    match net::port_free(port) {
        Ok(true) => Outcome::Passed(format!("nobody listens on {port}")),
        Ok(false) => {
            let holder =
                net::listener(port).unwrap_or_else(|| "a process that /proc does not show".to_owned());
            Outcome::failed(
                Reason::PortTaken,
                format!("trying to listen on port {port}: it is held by {holder}"),
            )
        }
        Err(error) => Outcome::Warned(format!("port {port} could not be tried: {error}")),
    }
}
