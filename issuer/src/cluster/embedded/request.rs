//! What a request asks for, read from its method and URL alone: the attributes that authorization
//! and the audit log work on.

use http::Method;
use percent_encoding::percent_decode_str;

/// The attributes of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Kubernetes verb (get, list, watch, create, ...), or the lower-case method of a plain path.
    pub verb: String,
    /// The path as sent.
    pub path: String,
    /// Whether the path names a resource; the fields below are empty where it does not.
    pub is_resource: bool,
    /// API group, empty for core.
    pub group: String,
    /// API version.
    pub version: String,
    /// Namespace, empty for cluster-wide resources.
    pub namespace: String,
    /// Plural name of the resource.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Object name, or empty; a list or watch of one name by field selector has it too.
    pub name: String,
}

/// The parameters of a list, watch or write.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// Whether a list is to go on as a watch.
    pub watch: bool,
    /// `resourceVersion`, as sent.
    pub resource_version: String,
    /// `fieldSelector`, as sent.
    pub field_selector: String,
    /// `labelSelector`, as sent.
    pub label_selector: String,
    /// `timeoutSeconds`, as sent.
    pub timeout_seconds: String,
    /// Whether the watcher understands bookmarks.
    pub bookmarks: bool,
    /// `dryRun` was given.
    pub dry_run: bool,
}

impl Parameters {
    /// Reads a query string. Unknown parameters are ignored, as the real server does.
    pub fn parse(query: &str) -> Parameters {
        let mut parameters = Parameters::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let truth = !matches!(value.as_ref(), "0" | "false");
            match key.as_ref() {
                "watch" => parameters.watch = truth,
                "resourceVersion" => parameters.resource_version = value.into_owned(),
                "fieldSelector" => parameters.field_selector = value.into_owned(),
                "labelSelector" => parameters.label_selector = value.into_owned(),
                "timeoutSeconds" => parameters.timeout_seconds = value.into_owned(),
                "allowWatchBookmarks" => parameters.bookmarks = truth,
                "dryRun" => parameters.dry_run = true,
                _ => {}
            }
        }
        parameters
    }
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

impl Attributes {
    /// Reads method, path and parameters.
    pub fn of(method: &Method, path: &str, parameters: &Parameters) -> Attributes {
        let mut this = Attributes {
            verb: method.as_str().to_ascii_lowercase(),
            path: path.to_owned(),
            ..Attributes::default()
        };
        let segments: Vec<String> = path.split('/').filter(|one| !one.is_empty()).map(decode).collect();
        let rest = match segments.as_slice() {
            [api, version, rest @ ..] if api == "api" && !rest.is_empty() => {
                this.version.clone_from(version);
                rest
            }
            [apis, group, version, rest @ ..] if apis == "apis" && !rest.is_empty() => {
                this.group.clone_from(group);
                this.version.clone_from(version);
                rest
            }
            _ => return this,
        };
        this.is_resource = true;
        this.read_place(rest);
        this.read_verb(method, parameters);
        this
    }

    fn read_place(&mut self, rest: &[String]) {
        let rest = match rest {
            // /namespaces/NS/RESOURCE..., but /namespaces/NS itself and its subresources are the namespace.
            [word, namespace, rest @ ..]
                if word == "namespaces"
                    && !matches!(rest.first().map(String::as_str), None | Some("status" | "finalize")) =>
            {
                self.namespace.clone_from(namespace);
                rest
            }
            _ => rest,
        };
        let part = |at: usize| rest.get(at).cloned().unwrap_or_default();
        (self.resource, self.name, self.subresource) = (part(0), part(1), part(2));
    }

    fn read_verb(&mut self, method: &Method, parameters: &Parameters) {
        let collection = self.name.is_empty();
        self.verb = match *method {
            Method::POST => "create",
            Method::GET | Method::HEAD if collection && parameters.watch => "watch",
            Method::GET | Method::HEAD if collection => "list",
            Method::GET | Method::HEAD => "get",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if collection => "deletecollection",
            Method::DELETE => "delete",
            _ => "",
        }
        .to_owned();
        if matches!(self.verb.as_str(), "list" | "watch" | "deletecollection") {
            let exact = parameters.field_selector.split(',').find_map(|term| {
                let (field, value) = term.split_once("==").or_else(|| term.split_once('='))?;
                (field == "metadata.name").then(|| value.to_owned())
            });
            self.name = exact.unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_requests() {
        const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        let csr = format!("{CSRS}/x");
        let approval = format!("{CSRS}/x/approval");
        #[rustfmt::skip]
        let rows = [
            // method, path,                                     query,                           verb     group                 namespace      resource                      subresource  name
            ("GET",    "/version",                                "",                              "get",   "",                   "",            "",                           "",          ""),
            ("GET",    "/api/v1",                                 "",                              "get",   "",                   "",            "",                           "",          ""),
            ("POST",   CSRS,                                      "",                              "create","certificates.k8s.io","",            "certificatesigningrequests", "",          ""),
            ("GET",    CSRS,                                      "watch=true",                    "watch", "certificates.k8s.io","",            "certificatesigningrequests", "",          ""),
            ("GET",    CSRS,                                      "fieldSelector=metadata.name%3Dx","list", "certificates.k8s.io","",            "certificatesigningrequests", "",          "x"),
            ("GET",    &csr,                                      "",                              "get",   "certificates.k8s.io","",            "certificatesigningrequests", "",          "x"),
            ("PUT",    &approval,                                 "",                              "update","certificates.k8s.io","",            "certificatesigningrequests", "approval",  "x"),
            ("GET",    "/api/v1/namespaces/kube-public/configmaps/cluster-info", "",               "get",   "",                   "kube-public", "configmaps",                 "",          "cluster-info"),
            ("GET",    "/api/v1/namespaces/kube-public",          "",                              "get",   "",                   "",            "namespaces",                 "",          "kube-public"),
            ("PATCH",  "/api/v1/nodes/n/status",                  "",                              "patch", "",                   "",            "nodes",                      "status",    "n"),
            ("DELETE", "/api/v1/nodes",                           "",                              "deletecollection", "",        "",            "nodes",                      "",          ""),
        ];
        for (method, path, query, verb, group, namespace, resource, subresource, name) in rows {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let seen = Attributes::of(&method, path, &Parameters::parse(query));
            let seen = (
                seen.verb.as_str(),
                seen.group.as_str(),
                seen.namespace.as_str(),
                seen.resource.as_str(),
                seen.subresource.as_str(),
                seen.name.as_str(),
            );
            assert_eq!(
                seen,
                (verb, group, namespace, resource, subresource, name),
                "{method} {path}?{query}"
            );
        }
    }
}
