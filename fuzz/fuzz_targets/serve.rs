//! Feeds a node arbitrary lines before and after `init`, and checks that it still answers.

#![no_main]

use glomers::prelude::*;
use glomers::{Link, Seams, serve};
use libfuzzer_sys::fuzz_target;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Echo { echo: Value },
    Ask { dest: String },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    EchoOk { echo: Value },
    AskOk,
}

struct TestNode;

impl Node for TestNode {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        match request {
            Request::Echo { echo } => Ok(Reply::EchoOk { echo }),
            Request::Ask { dest } => {
                let question = Reply::EchoOk { echo: Value::Null };
                cx.call_within::<Value>(Duration::from_secs(1), &dest, &question)
                    .await?;
                Ok(Reply::AskOk)
            }
        }
    }
}

const INIT: &str = concat!(
    r#"{"src":"c0","dest":"n1","body":"#,
    r#"{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1","n2"]}}"#
);
const ECHO: &str =
    r#"{"src":"c9","dest":"n1","body":{"type":"echo","msg_id":7,"echo":"alive"}}"#;
const ANSWER: &str =
    r#""dest":"c9","body":{"type":"echo_ok","echo":"alive","in_reply_to":7}}"#;

// The input is two batches of lines: one before `init`, one after.
fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(Default::default())
        .expect("a runtime");
    runtime.block_on(async {
        let (link, to_node, mut from_node) = Link::in_memory();
        let node = tokio::task::spawn_local(serve(link, Seams::simulated(1), |_: &Context| TestNode));
        let (before, after) = input;
        for part in [&before[..], INIT.as_bytes(), &after, ECHO.as_bytes()] {
            to_node.send(part.to_vec()).expect("the node is running");
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!node.is_finished(), "the node stopped");
        let said: Vec<String> = std::iter::from_fn(|| from_node.try_recv().ok()).collect();
        assert!(said.iter().any(|line| line.ends_with(ANSWER)), "{said:?}");
        node.abort();
    });
});
