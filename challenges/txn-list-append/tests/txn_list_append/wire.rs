//! Values on the wire: keys and elements of any size come back unchanged.

use std::time::Duration;

use glomers::{Context, Link, Seams, serve};
use raft::{Disks, Options};
use tokio::task::LocalSet;
use txn_list_append::OnLog;

/// Sends transactions to a single node, one after the other, and returns its replies.
fn exchange(txns: &[&str]) -> Vec<String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let scenario = async {
        let (link, to_node, mut from_node) = Link::in_memory();
        let make = |cx: &Context| {
            let disk = Disks::default().open(cx.id(), &mut cx.rng());
            let options = Options::with_request_timeout(Duration::from_secs(4));
            OnLog::new(cx, disk, options)
        };
        let node = tokio::task::spawn_local(serve(link, Seams::simulated(1), make));
        let init = r#""type":"init","node_id":"n1","node_ids":["n1"]"#.to_owned();
        let txns = txns
            .iter()
            .map(|txn| format!(r#""type":"txn","txn":{txn}"#));
        let mut replies = Vec::new();
        for (msg_id, body) in [init].into_iter().chain(txns).enumerate() {
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
fn keys_and_elements_of_any_size_are_kept_exactly() {
    let replies = exchange(&[
        r#"[["append",18446744073709551616,36893488147419103233],["append",9,-1]]"#,
        r#"[["r",18446744073709551616,null],["append",9,9007199254740993],["r",9,null]]"#,
        r#"[["r",18446744073709551617,null],["r","9",null]]"#,
    ]);
    let expected = [
        r#"[["append",18446744073709551616,36893488147419103233],["append",9,-1]]"#,
        concat!(
            r#"[["r",18446744073709551616,[36893488147419103233]],"#,
            r#"["append",9,9007199254740993],["r",9,[-1,9007199254740993]]]"#,
        ),
        r#"[["r",18446744073709551617,null],["r","9",null]]"#,
    ];
    for (reply, expected) in replies.iter().zip(expected) {
        assert!(reply.contains(expected), "{reply} lacks {expected}");
    }
}
