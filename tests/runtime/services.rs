//! The clients of Maelstrom's services, against scripted services.

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Rig, in_virtual_time, ms};

/// A node that performs one operation of a service client and replies with its outcome.
struct Client;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Read,
    Write,
    Cas,
    CasOrCreate,
    Create,
    Update,
    Next,
    Stores,
}

impl Node for Client {
    type Request = Request;
    type Reply = Value;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Value> {
        let kv = cx.lin_kv();
        let outcome = match request {
            Request::Read => json!(kv.read::<i64>("k").await?),
            Request::Write => json!(kv.write(["a", "key"], 1.5).await?),
            Request::Cas => json!(kv.compare_and_set("k", 1, 2).await?),
            Request::CasOrCreate => json!(kv.compare_and_set_or_create("k", 1, 2).await?),
            Request::Create => json!(kv.create_if_absent("k", 1).await?),
            Request::Update => {
                json!(
                    kv.update("k", |old: Option<f64>| old.unwrap_or(0.0) + 1.0)
                        .await?
                )
            }
            Request::Next => json!(cx.lin_tso().next().await?),
            Request::Stores => {
                cx.seq_kv().write(1, 2).await?;
                json!(cx.lww_kv().within(ms(10)).write(1, 2).await?)
            }
        };
        Ok(json!({"type": "done", "outcome": outcome}))
    }
}

/// Runs one operation against a service that follows the script of (request, reply) pairs. Returns the
/// outcome or the error code.
async fn play(operation: &str, service: &str, script: &[(Value, Value)]) -> Value {
    let mut rig = Rig::started(|_| Client).await;
    rig.send("c1", json!({"type": operation, "msg_id": 5}));
    for (request, reply) in script {
        let output = rig.output_after(ms(500)).await;
        let body = output[0]
            .strip_prefix(&format!("{service} "))
            .expect("the request goes to the service");
        let mut body: Value = serde_json::from_str(body).unwrap();
        let mut reply = reply.clone();
        reply["in_reply_to"] = body.as_object_mut().unwrap().remove("msg_id").unwrap();
        assert_eq!(body, *request);
        rig.send(service, reply);
    }
    let output = rig.output_after(ms(1500)).await;
    let mut body: Value = serde_json::from_str(output[0].strip_prefix("c1 ").unwrap()).unwrap();
    match body["type"].as_str() {
        Some("done") => body["outcome"].take(),
        _ => body["code"].take(),
    }
}

fn error(code: i64) -> Value {
    json!({"type": "error", "code": code, "text": "no"})
}

#[test]
fn read_distinguishes_value_missing_key_and_failure() {
    in_virtual_time(async || {
        let read = || json!({"type": "read", "key": "k"});
        let value = json!({"type": "read_ok", "value": 7});
        assert_eq!(play("read", "lin-kv", &[(read(), value)]).await, json!(7));
        assert_eq!(
            play("read", "lin-kv", &[(read(), error(20))]).await,
            json!(null)
        );
        assert_eq!(
            play("read", "lin-kv", &[(read(), error(11))]).await,
            json!(11)
        );
    });
}

#[test]
fn write_accepts_any_json_as_key_and_value() {
    in_virtual_time(async || {
        let write = json!({"type": "write", "key": ["a", "key"], "value": 1.5});
        let done = json!({"type": "write_ok"});
        assert_eq!(play("write", "lin-kv", &[(write, done)]).await, json!(null));
    });
}

#[test]
fn compare_and_set_creates_keys_only_on_request() {
    let cas = json!({"type": "cas", "key": "k", "from": 1, "to": 2});
    let mut create = cas.clone();
    create["create_if_not_exists"] = json!(true);
    let mut same = create.clone();
    same["to"] = json!(1);
    let done = json!({"type": "cas_ok"});
    in_virtual_time(async || {
        let table = [("cas", cas), ("cas_or_create", create), ("create", same)];
        for (operation, request) in table {
            let ok = [(request.clone(), done.clone())];
            assert_eq!(play(operation, "lin-kv", &ok).await, json!(null));
            let failed = [(request, error(22))];
            assert_eq!(play(operation, "lin-kv", &failed).await, json!(22));
        }
    });
}

#[test]
fn update_retries_conflicts_and_compares_the_raw_value() {
    let read = || json!({"type": "read", "key": "k"});
    let value = |value: Value| json!({"type": "read_ok", "value": value});
    let cas = |from: Value, to: f64| json!({"type": "cas", "key": "k", "from": from, "to": to});
    let create = |to: f64| json!({"type": "cas", "key": "k", "from": null, "to": to, "create_if_not_exists": true});
    let done = || json!({"type": "cas_ok"});
    in_virtual_time(async || {
        // The integer 4 is read as a float, but compared as an integer.
        let quiet = [(read(), value(json!(4))), (cas(json!(4), 5.0), done())];
        assert_eq!(play("update", "lin-kv", &quiet).await, json!(5.0));

        let contended = [
            (read(), error(20)),
            (create(1.0), error(22)),
            (read(), value(json!(7.5))),
            (cas(json!(7.5), 8.5), error(22)),
            (read(), value(json!(8.5))),
            (cas(json!(8.5), 9.5), error(20)),
            (read(), value(json!(1))),
            (cas(json!(1), 2.0), done()),
        ];
        assert_eq!(play("update", "lin-kv", &contended).await, json!(2.0));
    });
}

#[test]
fn update_stops_at_errors_other_than_conflicts() {
    let read = || json!({"type": "read", "key": "k"});
    let create =
        json!({"type": "cas", "key": "k", "from": null, "to": 1.0, "create_if_not_exists": true});
    in_virtual_time(async || {
        for code in [0, 11, 13, 14, 20, 99] {
            let script = [(read(), error(20)), (create.clone(), error(code))];
            assert_eq!(play("update", "lin-kv", &script).await, json!(code));
        }
    });
}

#[test]
fn timestamp_oracle_returns_the_timestamp() {
    in_virtual_time(async || {
        let script = [(json!({"type": "ts"}), json!({"type": "ts_ok", "ts": 17}))];
        assert_eq!(play("next", "lin-tso", &script).await, json!(17));
    });
}

#[test]
fn each_store_uses_its_own_name_and_time_limit() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Client).await;
        rig.send("c1", json!({"type": "stores", "msg_id": 5}));
        let body = r#"{"type":"write","key":1,"value":2,"msg_id":1}"#;
        assert_eq!(rig.output().await, [format!("seq-kv {body}")]);
        rig.send("seq-kv", json!({"type": "write_ok", "in_reply_to": 1}));
        let body = r#"{"type":"write","key":1,"value":2,"msg_id":2}"#;
        assert_eq!(rig.output().await, [format!("lww-kv {body}")]);
        let text = "no reply from lww-kv within 10ms";
        let error = format!(r#"c1 {{"type":"error","code":0,"text":"{text}","in_reply_to":5}}"#);
        assert_eq!(rig.output_after(ms(10)).await, [error]);
    });
}
