//! `lin-tso`: a timestamp oracle.

use serde_json::{Value as Json, json};

use super::{Answer, Service, unknown_type};
use crate::seed::ChaCha8Rng;

/// Hands out 0, 1, 2, …: each request gets the next number.
#[derive(Clone, Debug, Default)]
pub struct LinTso {
    next: u64,
}

impl Service for LinTso {
    fn handle(&mut self, _: &str, body: &Json, _: &mut ChaCha8Rng) -> Answer {
        if body.get("type").and_then(Json::as_str) != Some("ts") {
            return unknown_type("lin-tso", body);
        }
        let ts = self.next;
        self.next += 1;
        Answer::Reply(json!({ "type": "ts_ok", "ts": ts }))
    }
}
