//! What the issuer serves without a token.

use crate::counter::Counter;
use crate::order::stocked;
use reqwest::{Client, Response, StatusCode};
use std::collections::BTreeMap;

struct Shop {
    client: Client,
    url: String,
}

impl Shop {
    async fn open(architectures: &[&str]) -> Shop {
        let counter = Counter::open().await;
        let renderer = stocked(&counter.url, Some(&counter.authority), architectures);
        let authority = reqwest::Certificate::from_pem(counter.authority.as_bytes()).unwrap();
        // Another one than the issuer's own is not installed; a second install is refused and harmless.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().tls_certs_only([authority]).build().unwrap();
        let shop = Shop { client, url: counter.url.clone() };
        counter.serve(renderer.router());
        shop
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn sums(&self) -> BTreeMap<String, String> {
        let list = self.get("/artifacts/SHA256SUMS").await.text().await.unwrap();
        list.lines()
            .map(|line| line.split_once("  ").map(|(sum, name)| (name.into(), sum.into())).unwrap())
            .collect()
    }
}

fn head<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn archives_script_and_sums_are_at_their_addresses() {
    let shop = Shop::open(&["amd64", "arm64"]).await;
    let sums = shop.sums().await;
    let names: Vec<&str> = sums.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["install.sh", "worker-bootstrap-linux-amd64.tar.gz", "worker-bootstrap-linux-arm64.tar.gz"]
    );
    for (name, sum) in &sums {
        let path = format!("/artifacts/{sum}/{name}");
        let response = shop.get(&path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(head(&response, "cache-control"), "public, max-age=31536000, immutable");
        let etag = head(&response, "etag").to_owned();
        let bytes = response.bytes().await.unwrap();
        let seen = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let seen: String = seen.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&seen, sum);

        let response = shop.client.head(format!("{}{path}", shop.url)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(head(&response, "content-length"), bytes.len().to_string());

        let again = shop.client.get(format!("{}{path}", shop.url)).header("if-none-match", etag).send().await;
        assert_eq!(again.unwrap().status(), StatusCode::NOT_MODIFIED);
    }
    assert_eq!(head(&shop.get("/artifacts/SHA256SUMS").await, "cache-control"), "no-cache");
}

#[tokio::test]
async fn nothing_else_is_there() {
    let shop = Shop::open(&["amd64"]).await;
    let sums = shop.sums().await;
    assert_eq!(sums.len(), 2);
    let sum = &sums["install.sh"];
    for path in [
        "/artifacts/".to_owned(),
        "/artifacts/install.sh".to_owned(),
        format!("/artifacts/{sum}"),
        format!("/artifacts/{sum}/"),
        format!("/artifacts/{sum}/worker-bootstrap-linux-amd64.tar.gz"),
        format!("/artifacts/{}/install.sh", sum.to_uppercase()),
        format!("/artifacts/{sum}/..%2f..%2f..%2fetc%2fpasswd"),
        format!("/artifacts/{sum}/%2e%2e/install.sh"),
        "/artifacts/%2fetc%2fpasswd".to_owned(),
    ] {
        let response = shop.get(&path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let post = shop.client.post(format!("{}/artifacts/{sum}/install.sh", shop.url)).send().await.unwrap();
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
}
