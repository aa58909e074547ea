//! The fields of foreign text, asked for by name. For forms of which a few fields count: a reader of its own
//! for each of them would be as large as the one of our own document.

use super::{Fault, harmless};
use serde_json::{Map, Value};

/// A mapping, and where it stands.
#[derive(Debug)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The mapping that the whole text is.
    ///
    /// # Errors
    /// It is none.
    pub fn of(value: &'a Value) -> Result<Self, Fault> {
        Fields::at(value, String::new())
    }

    fn at(value: &'a Value, path: String) -> Result<Self, Fault> {
        match value.as_object() {
            Some(map) => Ok(Fields { map, path }),
            None => Err(fault(path, "expected fields with values".to_owned())),
        }
    }

    /// No other fields than these.
    ///
    /// # Errors
    /// There is another.
    pub fn only(self, names: &[&str]) -> Result<Self, Fault> {
        match self.map.keys().find(|key| !names.contains(&key.as_str())) {
            None => Ok(self),
            Some(key) => {
                let key = harmless(key).map_or_else(String::new, |key| format!(" {key}"));
                Err(fault(self.path, format!("unknown field{key}; expected {}", names.join(", "))))
            }
        }
    }

    /// The text of a field, where it is there.
    ///
    /// # Errors
    /// It is no text.
    pub fn text_if_any(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(fault(self.place(name), "expected text".to_owned())),
        }
    }

    /// The text of a field.
    ///
    /// # Errors
    /// It is missing, or no text.
    pub fn text(&self, name: &str) -> Result<&'a str, Fault> {
        self.text_if_any(name)?.ok_or_else(|| self.missing(name))
    }

    /// The text of a field, read by `parse`, whose errors say what was expected.
    ///
    /// # Errors
    /// It is missing, no text, or not what was expected.
    pub fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Fault> {
        parse(self.text(name)?).map_err(|what| fault(self.place(name), what))
    }

    /// The mapping in a field.
    ///
    /// # Errors
    /// It is missing, or no mapping.
    pub fn inside(&self, name: &str) -> Result<Fields<'a>, Fault> {
        Fields::at(self.map.get(name).ok_or_else(|| self.missing(name))?, self.place(name))
    }

    /// The elements of a field, each a mapping.
    ///
    /// # Errors
    /// It is missing, no list, or an element is no mapping.
    pub fn list(&self, name: &str) -> Result<Vec<Fields<'a>>, Fault> {
        let value = self.map.get(name).ok_or_else(|| self.missing(name))?;
        let list = value.as_array().ok_or_else(|| fault(self.place(name), "expected a list".to_owned()))?;
        let element = |(index, value)| Fields::at(value, format!("{}[{index}]", self.place(name)));
        list.iter().enumerate().map(element).collect()
    }

    /// All of it.
    pub fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    fn missing(&self, name: &str) -> Fault {
        fault(self.path.clone(), format!("the field {name} is missing"))
    }

    fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn fault(field: String, what: String) -> Fault {
    Fault { excessive: false, at: None, field, what }
}
