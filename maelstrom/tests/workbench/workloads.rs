//! Runs every workload that stores something, from its generator to its checker, against small
//! nodes that are correct by construction. A failure here is a bug of the workbench.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use eddy::check::Verdict;
use eddy::history::Kind;
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, for_seeds, ms, secs};
use eddy::workload::{self, AnyWorkload};
use glomers::prelude::*;
use serde_json::json;

/// A node that answers each request with a function of it and of all requests before.
struct Plain<F>(RefCell<F>);

impl<F: FnMut(&Value) -> Value + 'static> Node for Plain<F> {
    type Request = Value;
    type Reply = Value;

    async fn handle(&self, request: Value, _: &Context) -> Result<Value> {
        let mut reply = (self.0.borrow_mut())(&request);
        if reply.get("type").is_none() {
            reply["type"] = json!(format!("{}_ok", kind(&request)));
        }
        Ok(reply)
    }
}

fn kind(request: &Value) -> &str {
    request["type"].as_str().expect("a request has a type")
}

/// Runs a load against a single node.
fn alone<F>(load: Load, seed: eddy::seed::Seed, node: fn() -> F) -> Run
where
    F: FnMut(&Value) -> Value + 'static,
{
    let run = Simulation::new(seed)
        .nodes(1, move |_: &Context| Plain(RefCell::new(node())))
        .run(load);
    assert!(run.failure().is_none(), "{:?}", run.failure());
    assert_eq!(run.protocol_violations(), 0);
    run
}

/// Asserts that all operations ended ok, except those of these functions.
fn assert_ok_but(run: &Run, exceptions: &[&str]) {
    for operation in run.history().clients() {
        let excepted = exceptions.contains(&operation.f.as_ref());
        let ended_ok = matches!(operation.kind, Kind::Invoke | Kind::Ok);
        assert!(ended_ok || excepted, "{operation:?}");
    }
    assert_ne!(run.verdict(), Verdict::Invalid);
}

#[test]
fn correct_set_is_accepted_by_g_set() {
    let node = || {
        let mut elements = BTreeSet::new();
        move |request: &Value| match kind(request) {
            "add" => {
                elements.insert(request["element"].as_u64());
                json!({})
            }
            _ => json!({ "value": elements }),
        }
    };
    for_seeds(5, |seed| {
        let run = alone(Load::of(workload::GSet).rate(50.0), seed, node);
        assert_ok_but(&run, &[]);
        run.assert_valid();
    });
}

#[test]
fn correct_sum_is_accepted_by_both_counters() {
    let node = || {
        let mut sum = 0;
        move |request: &Value| match kind(request) {
            "add" => {
                sum += request["delta"].as_i64().expect("an integer");
                json!({})
            }
            _ => json!({ "value": sum }),
        }
    };
    let workloads: [AnyWorkload; 2] = [Arc::new(workload::GCounter), Arc::new(workload::PnCounter)];
    for workload in workloads {
        for_seeds(5, |seed| {
            let run = alone(Load::of_any(workload.clone()).rate(50.0), seed, node);
            assert_ok_but(&run, &[]);
            run.assert_valid();
        });
    }
}

#[test]
fn serial_transactions_are_accepted() {
    let node = || {
        let mut store = BTreeMap::<String, Value>::new();
        move |request: &Value| {
            let micro_ops = request["txn"].as_array().expect("a list").iter();
            let done = micro_ops.map(|micro_op| {
                let value = store.entry(micro_op[1].to_string()).or_default();
                match micro_op[0].as_str() {
                    Some("r") => return json!(["r", micro_op[1], value]),
                    Some("w") => *value = micro_op[2].clone(),
                    _ if value.is_null() => *value = json!([micro_op[2]]),
                    _ => value
                        .as_array_mut()
                        .expect("a list")
                        .push(micro_op[2].clone()),
                }
                micro_op.clone()
            });
            json!({ "txn": done.collect::<Vec<_>>() })
        }
    };
    let workloads: [AnyWorkload; 2] = [
        Arc::new(workload::TxnListAppend),
        Arc::new(workload::TxnRwRegister),
    ];
    for workload in workloads {
        for_seeds(5, |seed| {
            let run = alone(
                Load::of_any(workload.clone()).rate(100.0).concurrency(4),
                seed,
                node,
            );
            assert_ok_but(&run, &[]);
        });
    }
}

#[test]
fn correct_logs_are_accepted_with_every_message_read() {
    let node = || {
        let mut logs = BTreeMap::<String, Vec<Value>>::new();
        let mut committed = BTreeMap::<String, Value>::new();
        move |request: &Value| match kind(request) {
            "send" => {
                let key = request["key"].as_str().expect("a key").to_owned();
                let log = logs.entry(key).or_default();
                log.push(json!([log.len(), request["msg"]]));
                json!({ "offset": log.len() - 1 })
            }
            "poll" => {
                let offsets = request["offsets"].as_object().expect("an object");
                let found = offsets.iter().filter_map(|(key, from)| {
                    let from = from.as_u64().expect("an offset") as usize;
                    let messages = logs.get(key)?.get(from..).filter(|tail| !tail.is_empty())?;
                    Some((key, messages))
                });
                json!({ "msgs": found.collect::<BTreeMap<_, _>>() })
            }
            "commit_offsets" => {
                let offsets = request["offsets"].as_object().expect("an object");
                committed.extend(offsets.clone());
                json!({})
            }
            _ => json!({ "offsets": committed }),
        }
    };
    for_seeds(5, |seed| {
        let load = Load::of(workload::Kafka).rate(200.0).concurrency(4);
        let run = alone(load, seed, node);
        assert_ok_but(&run, &["crash"]);
        run.assert_valid();
        // The final phase ends as soon as every client has polled every message.
        let last = run.history().iter().last().expect("operations");
        assert_eq!((last.f.as_ref(), last.kind), ("poll", Kind::Ok));
        assert!(last.time < secs(21), "{last:?}");
    });
}

/// A node that forwards every request to the service `lin-kv`.
struct Proxy;

impl Node for Proxy {
    type Request = Value;
    type Reply = Value;

    async fn handle(&self, mut request: Value, cx: &Context) -> Result<Value> {
        if let Some(request) = request.as_object_mut() {
            request.remove("msg_id");
        }
        let mut reply: Value = cx.call("lin-kv", &request).await?;
        if let Some(reply) = reply.as_object_mut() {
            reply.remove("in_reply_to");
        }
        Ok(reply)
    }
}

#[test]
fn lin_kv_service_behind_three_nodes_is_accepted() {
    for_seeds(5, |seed| {
        let run = Simulation::new(seed)
            .nodes(3, |_: &Context| Proxy)
            .latency(Latency::exponential(ms(5)))
            .run(Load::of(workload::LinKv).rate(100.0).concurrency(12));
        assert!(run.failure().is_none(), "{:?}", run.failure());
        assert_eq!(run.protocol_violations(), 0);
        // A compare-and-set fails if the key has another value, and a read if it has none.
        assert_ok_but(&run, &["cas", "read"]);
        let denied = run.history().clients().filter_map(|op| op.error.as_ref());
        for error in denied {
            let name = error.as_seq().and_then(|error| error[0].as_keyword());
            assert!(
                matches!(name, Some("precondition-failed" | "key-does-not-exist")),
                "{error}"
            );
        }
        assert!((1.8..2.2).contains(&run.messages_per_op()));
    });
}
