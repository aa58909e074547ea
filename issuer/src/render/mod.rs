//! The texts a bootstrap is handed out as: a document, a command to paste, user-data for cloud-init, and
//! what there is for which platform. Pure, but for the archives that are read at the start.
//!
//! A document is written by the agent's own writer, from the types that its parser fills. Everything that
//! is rendered is printable ASCII, and its templates are the files in `templates/`. Whoever has one of
//! these texts has the token.

mod artifacts;
mod platforms;
mod template;

pub use artifacts::{Architecture, Archives, ArtifactsError};
pub use platforms::Artifacts;

use crate::cluster::{Promise, Reach};
use crate::names::{BootstrapId, ClusterId};
use artifacts::Served;
use axum::Router;
use template::{Value, fill};
use time::{Duration, OffsetDateTime};
use worker_bootstrap::document::{
    self, Authorities, Cluster, Document, Fragment, ReportUrl, Reporting, ServerUrl, Trust, UnixSeconds,
};
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::Token;
use zeroize::Zeroizing;

/// The largest user-data that every provider takes, in bytes: the 16 KiB of EC2 (before base64) and of
/// Akamai. Others take more: Hetzner and Exoscale 32 KiB, DigitalOcean and Azure 64 KiB, OpenStack 65,535
/// bytes of base64, Google Cloud 256 KiB.
pub const LARGEST_USER_DATA: usize = 16 * 1024;

const SCRIPT: &str = "install.sh";
/// Where the machine of a bootstrap reports to; its id follows.
const REPORTS: &str = "/v1/reports/";
/// As long as a token of a ServiceAccount is, or longer, in bytes.
const CREDENTIAL: usize = 1400;
/// A moment that a document may name, for one that nobody will use.
const SOME_DAY: Duration = Duration::days(20_000);

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The cluster cannot be described in a document.
    #[error("the cluster's {field} cannot go into a document: {expected}")]
    Reach {
        /// What of it.
        field: &'static str,
        /// What was expected.
        expected: String,
    },
    /// The agent would refuse what the cluster's part of the document says.
    #[error("the agent would refuse the document of a bootstrap: {0}")]
    Refused(String),
    /// The user-data is larger than what every provider takes.
    #[error(
        "the user-data of a bootstrap would have {0} bytes, and {LARGEST_USER_DATA} are what every provider takes: \
         the certificate authorities and the cluster's part of the document must become smaller"
    )]
    TooLarge(usize),
}

/// One bootstrap that is to be handed out.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Its id.
    pub id: &'a BootstrapId,
    /// Its cluster's id.
    pub cluster: &'a ClusterId,
    /// How a machine reaches the cluster.
    pub reach: &'a Reach,
    /// What every document of this cluster says.
    pub fragment: &'a Fragment,
    /// When the token ends.
    pub expires: OffsetDateTime,
    /// The token.
    pub token: &'a Token,
    /// What can be promised of it.
    pub promise: &'a Promise,
}

/// The texts of one bootstrap.
#[derive(Debug)]
pub struct Rendered {
    /// The document alone.
    pub document: Secret,
    /// A command for bash.
    pub command: Secret,
    /// User-data for cloud-init.
    pub cloud_init: Secret,
    platforms: platforms::Platforms,
}

impl Rendered {
    /// What there is for which platform, as the API has it.
    pub fn artifacts(&self) -> Artifacts<'_> {
        self.platforms.with(self.command.expose(), self.cloud_init.expose())
    }
}

/// Renders all texts of one issuer.
#[derive(Debug, Default)]
pub struct Renderer {
    obtain: String,
    report: Option<(String, Authorities)>,
    script: String,
    served: Served,
    platforms: platforms::Platforms,
}

impl Renderer {
    /// `external` is the URL by which machines know this issuer, and `authority` the CA of its certificate
    /// where that is not one that machines know anyway. Without archives, or where `external` is not https,
    /// the texts download nothing and need a machine that has the agent. Without `authority` the machines
    /// report nothing: they ask no roots of the system.
    pub fn new(external: &str, authority: Option<&Authorities>, archives: &Archives) -> Self {
        let origin = ServerUrl::parse(external).ok().map(|origin| origin.to_string());
        let report = origin.clone().zip(authority.cloned());
        let Some(origin) = origin.filter(|_| !archives.is_empty()) else {
            let obtain = include_str!("templates/absent.sh").to_owned();
            return Renderer { obtain, report, ..Renderer::default() };
        };
        let authority = authority.map(Authorities::to_pem).unwrap_or_default();
        let authority = Value::Word(authority.trim_end());
        let fetch = Value::Lines(include_str!("templates/fetch.sh"));
        let sum = |architecture| Value::Word(archives.sum(architecture).unwrap_or_default());
        let script = fill(
            include_str!("templates/install.sh"),
            &[
                ("ORIGIN", Value::Word(&origin)),
                ("AMD64", sum(Architecture::Amd64)),
                ("ARM64", sum(Architecture::Arm64)),
                ("AUTHORITY", authority),
                ("SAY", Value::Lines(include_str!("templates/say.sh"))),
                ("FETCH", fetch),
            ],
        );
        let (served, sum) = Served::new(archives, SCRIPT, script.clone());
        let url = format!("{origin}/artifacts/{sum}/{SCRIPT}");
        let obtain = fill(
            include_str!("templates/obtain.sh"),
            &[
                ("SCRIPT", Value::Word(&url)),
                ("SUM", Value::Word(&sum)),
                ("AUTHORITY", authority),
                ("FETCH", fetch),
            ],
        );
        Renderer { obtain, report, script, served, platforms: platforms::Platforms::new(archives, url) }
    }

    /// `GET /artifacts/...`: what the texts download. Needs no token.
    pub fn router(&self) -> Router {
        self.served.router()
    }

    /// The script that installs the agent; empty where there is no archive. Holds no token.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// The texts of one bootstrap.
    ///
    /// # Errors
    /// The cluster cannot be described, or the user-data is too large.
    pub fn render(&self, order: &Order<'_>) -> Result<Rendered, RenderError> {
        let document = self.document(order)?;
        let lines = Value::Lines(document.expose());
        let about = [
            ("BOOTSTRAP", Value::Word(order.id.as_str())),
            ("CLUSTER", Value::Word(order.cluster.as_str())),
            ("USES", Value::Word(uses(order.promise))),
            ("SAY", Value::Lines(include_str!("templates/say.sh"))),
            ("OBTAIN", Value::Lines(&self.obtain)),
            ("DOCUMENT", lines),
        ];
        let command = fill(include_str!("templates/command.sh"), &about);
        // It lies beside the document, for whoever looks: it gets nothing of it.
        let start = fill(include_str!("templates/start.sh"), &about[..5]);
        let cloud_init = Zeroizing::new(fill(
            include_str!("templates/cloud-init.yaml"),
            &[("DOCUMENT", lines), ("START", Value::Lines(&start))],
        ));
        if cloud_init.len() > LARGEST_USER_DATA {
            return Err(RenderError::TooLarge(cloud_init.len()));
        }
        Ok(Rendered {
            command: Secret::new(command),
            cloud_init: Secret::new(cloud_init.to_string()),
            document,
            platforms: self.platforms.clone(),
        })
    }

    /// Renders a bootstrap of this cluster and has the agent's own parser read it: what a cluster's
    /// configuration does to a document is found out when the issuer starts, and not by a machine.
    ///
    /// # Errors
    /// What [`Renderer::render`] says, and what the parser says.
    pub fn try_out(
        &self,
        cluster: &ClusterId,
        reach: &Reach,
        fragment: &Fragment,
    ) -> Result<(), RenderError> {
        let Some(token) = Token::parse(Secret::new(format!("{}.{}", "x".repeat(6), "x".repeat(16)))) else {
            return Ok(()); // Never: that has the form of one.
        };
        // Nobody knows today whether the cluster will approve every token some day.
        let token = token.standing_for(Secret::new("x".repeat(CREDENTIAL)));
        let rendered = self.render(&Order {
            id: &BootstrapId::random(),
            cluster,
            reach,
            fragment,
            expires: OffsetDateTime::UNIX_EPOCH + SOME_DAY,
            token: &token,
            promise: &Promise::MultiUse { why: String::new() },
        })?;
        document::parse(rendered.document.expose().as_bytes(), "the cluster's documents")
            .map(|_| ())
            .map_err(|failure| RenderError::Refused(failure.line()))
    }

    fn document(&self, order: &Order<'_>) -> Result<Secret, RenderError> {
        let reach = |field| move |expected| RenderError::Reach { field, expected };
        let servers: Result<Vec<_>, _> =
            order.reach.servers.iter().map(|url| ServerUrl::parse(url)).collect();
        let authority = Authorities::from_pem(order.reach.authority.as_bytes());
        let cluster = Cluster {
            servers: servers.map_err(reach("servers"))?,
            trust: Trust::Authorities(authority.map_err(reach("certificate authority"))?),
        };
        let report = self.report.as_ref().map(|(origin, authority)| {
            let url = ReportUrl::parse(&format!("{origin}{REPORTS}{}", order.id));
            url.map(|url| Reporting { url, certificate_authority_data: authority.clone() })
        });
        let expires = UnixSeconds::new(u64::try_from(order.expires.unix_timestamp()).unwrap_or(0));
        let document = Document {
            report: report.transpose().map_err(reach("address for reports"))?,
            ..order.fragment.document(order.id.to_string(), order.cluster.to_string(), expires, cluster)
        };
        Ok(document::write(&document, order.token))
    }
}

fn uses(promise: &Promise) -> &'static str {
    match promise {
        Promise::OneTime => "one-time, for one machine",
        Promise::MultiUse { .. } => {
            "multi-use until expiry, as this cluster approves every machine that asks with its token"
        }
    }
}
