//! Reading the vectors that the companion is held to as well (`tests/vectors`). Every object of them is taken apart to its
//! last field: one that is not asked for fails the test.

#![allow(dead_code)] // each test takes what it needs

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// A file of vectors.
pub fn vectors(name: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors")
        .join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Object::new(&serde_json::from_str(&text).expect("JSON"))
}

/// An object that knows which of its fields were asked for.
pub struct Object {
    fields: Map<String, Value>,
    asked: RefCell<Vec<String>>,
}

impl Object {
    pub fn new(value: &Value) -> Self {
        Self {
            fields: value.as_object().expect("an object").clone(),
            asked: RefCell::default(),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.asked.borrow_mut().push(key.to_owned());
        self.fields.get(key)
    }

    pub fn field(&self, key: &str) -> &Value {
        self.get(key)
            .unwrap_or_else(|| panic!("{key} in {:?}", self.fields))
    }

    pub fn number(&self, key: &str) -> u64 {
        let value = self.field(key);
        value.as_u64().unwrap_or_else(|| panic!("{key}: {value}"))
    }

    /// The number, or `unknown` for null.
    pub fn known(&self, key: &str, unknown: u64) -> u64 {
        if self.field(key).is_null() {
            unknown
        } else {
            self.number(key)
        }
    }

    pub fn real(&self, key: &str) -> f64 {
        self.field(key).as_f64().expect("a number")
    }

    pub fn text(&self, key: &str) -> &str {
        self.field(key).as_str().expect("a text")
    }

    /// A list of objects; empty where there is none.
    pub fn objects(&self, key: &str) -> Vec<Object> {
        self.values(key).iter().map(Object::new).collect()
    }

    /// A list; empty where there is none.
    pub fn values(&self, key: &str) -> Vec<Value> {
        self.get(key)
            .map_or_else(Vec::new, |value| value.as_array().expect("a list").clone())
    }

    pub fn reals<const N: usize>(&self, key: &str) -> [f64; N] {
        let values = self.values(key);
        assert_eq!(values.len(), N, "{key}");
        std::array::from_fn(|i| values[i].as_f64().expect("a number"))
    }

    pub fn bytes(&self, key: &str) -> Vec<u8> {
        hex(self.field(key))
    }

    /// Nothing is left that the test did not look at.
    pub fn done(&self) {
        let asked = self.asked.borrow();
        let left: Vec<_> = self.fields.keys().filter(|k| !asked.contains(k)).collect();
        assert!(left.is_empty(), "{left:?} of {:?}", self.fields);
    }
}

pub fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex");
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex"))
        .collect()
}

/// As near as a float32 gets.
pub fn close<const N: usize>(a: [f32; N], b: [f64; N]) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| (f64::from(*a) - b).abs() < 2e-7 + 1e-6 * b.abs())
}
