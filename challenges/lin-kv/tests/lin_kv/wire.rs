//! Values on the wire: what a client stores comes back unchanged, whatever its size.

use glomers::{Context, Link, Seams, serve};
use lin_kv::LinKv;
use raft::Disks;
use tokio::task::LocalSet;

use crate::cluster::options;

/// Sends requests to a single node, one after the other, and returns the bodies of the replies.
pub fn exchange(bodies: &[&str]) -> Vec<String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let scenario = async {
        let (link, to_node, mut from_node) = Link::in_memory();
        let make = |cx: &Context| {
            let disk = Disks::default().open(cx.id(), &mut cx.rng());
            LinKv::new(cx, disk, options())
        };
        let node = tokio::task::spawn_local(serve(link, Seams::simulated(1), make));
        let mut replies = Vec::new();
        let init = r#""type":"init","node_id":"n1","node_ids":["n1"]"#;
        for (msg_id, body) in [init].iter().chain(bodies).enumerate() {
            let body = format!(r#"{{"msg_id":{msg_id},{body}}}"#);
            let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
            to_node.send(line.into_bytes()).expect("the node listens");
            replies.push(from_node.recv().await.expect("every request is answered"));
        }
        node.abort();
        replies.split_off(1)
    };
    let runtime = runtime.expect("a runtime");
    runtime.block_on(LocalSet::new().run_until(scenario))
}

#[test]
fn integers_of_any_size_are_stored_and_compared_exactly() {
    let replies = exchange(&[
        r#""type":"write","key":36893488147419103232,"value":18446744073709551616"#,
        r#""type":"read","key":36893488147419103232"#,
        r#""type":"read","key":36893488147419103233"#,
        r#""type":"cas","key":36893488147419103232,"from":18446744073709551617,"to":1"#,
        r#""type":"cas","key":36893488147419103232,"from":18446744073709551616,"to":-9007199254740993"#,
        r#""type":"read","key":36893488147419103232"#,
    ]);
    let expected = [
        r#""type":"write_ok""#,
        r#""value":18446744073709551616,"#,
        r#""code":20,"#,
        r#""code":22,"#,
        r#""type":"cas_ok""#,
        r#""value":-9007199254740993,"#,
    ];
    for (reply, expected) in replies.iter().zip(expected) {
        assert!(reply.contains(expected), "{reply} lacks {expected}");
    }
}

#[test]
fn values_of_any_type_are_compared_as_json() {
    let replies = exchange(&[
        r#""type":"write","key":"k","value":{"a":[1,null],"b":"x"}"#,
        r#""type":"cas","key":"k","from":{"b":"x", "a":[1, null]},"to":null"#,
        r#""type":"cas","key":"k","from":0,"to":1"#,
        r#""type":"read","key":"k""#,
        r#""type":"write","key":"k""#,
        r#""type":"increment","key":"k""#,
    ]);
    let expected = [
        r#""type":"write_ok""#,
        r#""type":"cas_ok""#,
        r#""code":22,"#,
        r#""value":null,"#,
        r#""code":12,"#,
        r#""code":10,"#,
    ];
    for (reply, expected) in replies.iter().zip(expected) {
        assert!(reply.contains(expected), "{reply} lacks {expected}");
    }
}
