//! What the API is, for programs: the contract as it was given, and what this issuer adds to it.
//!
//! `contract.json` is the contract's own file, `additions.json` lies on it: objects are united, lists go
//! on, and nothing that the contract says is said otherwise. Pure; the server's URL is put in last.

use serde_json::{Value, json};

const CONTRACT: &str = include_str!("contract.json");
const ADDITIONS: &str = include_str!("additions.json");

/// The document of an issuer that is reached at `url`, as JSON text.
///
/// # Errors
/// One of the two files is not JSON: a fault of the build.
pub fn document(url: &str) -> Result<String, serde_json::Error> {
    let mut document: Value = serde_json::from_str(CONTRACT)?;
    add(&mut document, serde_json::from_str(ADDITIONS)?);
    document["servers"] = json!([{"url": format!("{url}/v1"), "description": "This issuer"}]);
    Ok(document.to_string())
}

fn add(to: &mut Value, addition: Value) {
    match (to, addition) {
        (Value::Object(to), Value::Object(addition)) => {
            for (name, value) in addition {
                match to.get_mut(&name) {
                    Some(known) => add(known, value),
                    None => drop(to.insert(name, value)),
                }
            }
        }
        (Value::Array(to), Value::Array(addition)) => to.extend(addition),
        // What is there stands.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether all of `small` is in `large`, with nothing said otherwise.
    fn holds(large: &Value, small: &Value, place: &str) {
        match (large, small) {
            (Value::Object(large), Value::Object(small)) => {
                for (name, value) in small {
                    let place = format!("{place}/{name}");
                    holds(large.get(name).unwrap_or_else(|| panic!("{place} is missing")), value, &place);
                }
            }
            (Value::Array(large), Value::Array(small)) => {
                // Lists of schemas' parts are closed: only parameters may follow.
                assert!(large.len() == small.len() || place.ends_with("/parameters"), "{place} is longer");
                for (index, value) in small.iter().enumerate() {
                    holds(&large[index], value, &format!("{place}/{index}"));
                }
            }
            _ => assert_eq!(large, small, "{place}"),
        }
    }

    #[test]
    fn it_is_the_contract_and_additions_only() {
        let ours: Value = serde_json::from_str(&document("https://issuer.example").unwrap()).unwrap();
        let mut contract: Value = serde_json::from_str(CONTRACT).unwrap();
        contract.as_object_mut().unwrap().remove("servers");
        holds(&ours, &contract, "");
        for (name, schema) in contract["components"]["schemas"].as_object().unwrap() {
            assert_eq!(ours["components"]["schemas"][name], *schema, "{name} is the contract's");
        }
        let path = &ours["paths"]["/clusters/{id}/worker_bootstraps"]["post"]["responses"];
        assert!(path["400"].is_object() && path["201"]["headers"]["Location"].is_object());
        assert_eq!(ours["servers"][0]["url"], "https://issuer.example/v1");
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let text = document("https://issuer.example").unwrap();
        let ours: Value = serde_json::from_str(&text).unwrap();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(ours.pointer(pointer).is_some(), "{pointer}");
        }
        for part in text.split("\"operationId\":\"").skip(1) {
            let id = part.split('"').next().unwrap();
            let defined =
                ours["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
            assert!(defined.into_iter().any(|(_, operation)| operation["operationId"] == id), "{id}");
        }
    }
}
