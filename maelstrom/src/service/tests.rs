//! Tests of the services, one for each statement about them.

mod models;
mod seq_kv;

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, RngExt};
use serde_json::{Value as Json, json};

use super::*;
use crate::seed::Seed;

/// A client of one service, with the service's randomness.
struct TestClient<S> {
    service: S,
    rng: ChaCha8Rng,
}

impl<S: Service + Default> TestClient<S> {
    fn new(seed: u64) -> TestClient<S> {
        TestClient {
            service: S::default(),
            rng: Seed(seed).stream("service"),
        }
    }

    /// Returns the response to a request of `requester`, without its type unless it is an error.
    fn ask(&mut self, requester: &str, body: Json) -> Json {
        let response = self.service.handle(requester, &body, &mut self.rng);
        response.unwrap_or_else(|| panic!("no response to {body}"))
    }

    fn read(&mut self, requester: &str, key: impl Into<Json>) -> Json {
        let response = self.ask(requester, json!({ "type": "read", "key": key.into() }));
        match response["type"].as_str() {
            Some("read_ok") => response["value"].clone(),
            _ => response["code"].clone(),
        }
    }

    fn write(&mut self, requester: &str, key: impl Into<Json>, value: impl Into<Json>) {
        let body = json!({ "type": "write", "key": key.into(), "value": value.into() });
        assert_eq!(self.ask(requester, body), json!({ "type": "write_ok" }));
    }

    /// Performs a compare-and-set. Returns 0 if it succeeded, and the error code otherwise.
    fn cas(
        &mut self,
        requester: &str,
        key: &str,
        from: impl Into<Json>,
        to: impl Into<Json>,
    ) -> u64 {
        let (from, to) = (from.into(), to.into());
        let body = json!({ "type": "cas", "key": key, "from": from, "to": to });
        code(&self.ask(requester, body))
    }
}

impl TestClient<LwwKv> {
    fn merging(seed: u64) -> TestClient<LwwKv> {
        TestClient {
            service: LwwKv::new(Merges::Kept),
            ..TestClient::new(seed)
        }
    }
}

fn code(response: &Json) -> u64 {
    match response["type"].as_str() {
        Some("cas_ok") => 0,
        Some("error") => response["code"].as_u64().expect("an error has a code"),
        _ => panic!("neither cas_ok nor an error: {response}"),
    }
}

#[test]
fn run_has_the_four_services() {
    let names: Vec<_> = all(ServiceOptions::default())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["lin-kv", "lin-tso", "lww-kv", "seq-kv"]);
}

#[test]
fn request_of_unknown_type_gets_no_response() {
    let mut rng = Seed(0).stream("service");
    for (name, mut service) in all(ServiceOptions::default()) {
        for body in [json!({ "type": "delete", "key": 1 }), json!({}), json!(7)] {
            assert_eq!(
                service.handle("n0", &body, &mut rng),
                None,
                "{name}, {body}"
            );
        }
    }
}

#[test]
fn timestamps_count_from_zero_one_per_request() {
    let mut tso = TestClient::<LinTso>::new(0);
    for ts in 0..5 {
        let requester = ["n0", "n1"][ts % 2];
        let response = tso.ask(requester, json!({ "type": "ts" }));
        assert_eq!(response, json!({ "type": "ts_ok", "ts": ts }));
    }
}

#[test]
fn missing_key_is_error_20_and_mismatch_error_22() {
    let mut kv = TestClient::<LinKv>::new(0);
    assert_eq!(kv.read("n0", "k"), json!(20));
    assert_eq!(kv.cas("n0", "k", 1, 2), 20);
    kv.write("n0", "k", 41);
    let mismatch = kv.ask(
        "n0",
        json!({ "type": "cas", "key": "k", "from": 52, "to": 3 }),
    );
    assert_eq!(mismatch["code"], 22);
    assert_eq!(mismatch["text"], "current value 41 is not 52");
    assert_eq!(kv.cas("n0", "k", 41, 2), 0);
    assert_eq!(kv.read("n1", "k"), json!(2));
}

#[test]
fn cas_creates_a_missing_key_only_on_request() {
    let mut kv = TestClient::<LinKv>::new(0);
    let cas = |flag: Json| json!({ "type": "cas", "key": "k", "from": null, "to": 2, "create_if_not_exists": flag });
    assert_eq!(code(&kv.ask("n0", cas(json!(false)))), 20);
    assert_eq!(code(&kv.ask("n0", cas(json!(null)))), 20);
    assert_eq!(code(&kv.ask("n0", cas(json!(true)))), 0);
    assert_eq!(kv.read("n0", "k"), json!(2));
    // The flag has no effect if the key exists.
    assert_eq!(code(&kv.ask("n0", cas(json!(true)))), 22);
}

#[test]
fn values_and_keys_are_distinguished_by_type_and_compared_deeply() {
    let alike = [
        json!(1),
        json!(1.0),
        json!("1"),
        json!([1]),
        json!({ "a": [1] }),
    ];
    let mut kv = TestClient::<LinKv>::new(0);
    for (i, key) in alike.iter().enumerate() {
        kv.write("n0", key.clone(), i);
    }
    for (i, key) in alike.iter().enumerate() {
        assert_eq!(kv.read("n0", key.clone()), json!(i));
    }
    for value in &alike {
        kv.write("n0", "k", value.clone());
        for other in alike.iter().filter(|other| *other != value) {
            assert_eq!(
                kv.cas("n0", "k", other.clone(), 0),
                22,
                "{value} is not {other}"
            );
        }
        assert_eq!(kv.cas("n0", "k", value.clone(), 0), 0);
    }
}

#[test]
fn objects_are_equal_in_any_order_of_their_fields() {
    let parse = |text: &str| serde_json::from_str::<Json>(text).expect("valid JSON");
    let mut kv = TestClient::<LinKv>::new(0);
    kv.write("n0", parse(r#"{"a":1,"b":2}"#), parse(r#"{"c":1,"d":2}"#));
    assert_eq!(
        kv.read("n0", parse(r#"{"b":2,"a":1}"#)),
        json!({ "c": 1, "d": 2 })
    );
}

#[test]
fn lww_kv_never_creates_by_cas() {
    let mut kv = TestClient::<LwwKv>::new(0);
    let body = json!({
        "type": "cas", "key": "k", "from": 0, "to": 1, "create_if_not_exists": true
    });
    assert_eq!(code(&kv.ask("n0", body)), 20);
    assert_eq!(kv.read("n0", "k"), json!(20));
}

#[test]
fn lww_kv_replicas_never_converge() {
    for seed in 0..50 {
        let mut kv = TestClient::<LwwKv>::new(seed);
        // Until each replica has one value.
        for value in 0..20 {
            kv.write("n0", "k", value);
        }
        let read: BTreeSet<_> = (0..100).map(|_| kv.read("n0", "k").as_u64()).collect();
        let later: BTreeSet<_> = (0..100).map(|_| kv.read("n0", "k").as_u64()).collect();
        assert_eq!(read.len(), 2, "one value of each replica");
        assert_eq!(read, later, "no merge changes them");
    }
}

#[test]
fn merging_lww_kv_may_lose_an_acknowledged_write_to_the_other_replica() {
    let lost = (0..200).filter(|&seed| {
        let mut kv = TestClient::merging(seed);
        kv.write("n0", "k", 1);
        kv.write("n0", "k", 2);
        // Long after both, the replicas agree.
        for _ in 0..50 {
            kv.read("n0", "k");
        }
        kv.read("n0", "k") == json!(1)
    });
    assert!(lost.count() > 0, "the second write always won");
}

#[test]
fn lww_kv_key_is_readable_only_on_the_replica_that_wrote_it() {
    // The first request always writes to an empty store, so only the second's draws matter: the
    // value can be read unless the performer is the other replica, whatever was merged into it.
    for seed in 0..200 {
        for mut kv in [TestClient::new(seed), TestClient::merging(seed)] {
            let mut peek = Seed(seed).stream("service");
            let mut draw = || peek.random_range(0..2usize);
            let (_, _, writer) = (draw(), draw(), draw());
            let (_, _, reader) = (draw(), draw(), draw());
            kv.write("n0", "k", 7);
            let expected = if reader == writer {
                json!(7)
            } else {
                json!(20)
            };
            assert_eq!(kv.read("n0", "k"), expected);
            assert_eq!(peek.next_u32(), kv.rng.next_u32(), "three draws a request");
        }
    }
}

#[test]
fn mismatch_shows_values_as_clojure_does() {
    let mut kv = TestClient::<LinKv>::new(0);
    for (value, from, text) in [
        (
            json!("a"),
            json!([1, "b"]),
            r#"current value "a" is not [1 "b"]"#,
        ),
        (
            json!(1.5),
            json!({ "x": true }),
            r#"current value 1.5 is not {"x" true}"#,
        ),
        (json!(2), json!("x"), "current value 2 is not x"),
        (json!(null), json!(1), "current value nil is not 1"),
    ] {
        kv.write("n0", "k", value);
        let body = json!({ "type": "cas", "key": "k", "from": from, "to": 0 });
        assert_eq!(kv.ask("n0", body)["text"], text);
    }
}
