//! Echo on a link in memory, line by line.

use echo::Echo;
use glomers::{Link, Seams};

/// Input lines after `>`, output lines after `<`.
const TRANSCRIPT: &str = r#"
> {"id":0,"src":"c0","dest":"n1","body":{"type":"init","node_id":"n1","node_ids":["n1"],"msg_id":1}}
< {"src":"n1","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}
> {"id":2,"src":"c2","dest":"n1","body":{"type":"echo","echo":"Please echo 35","msg_id":1}}
< {"src":"n1","dest":"c2","body":{"type":"echo_ok","echo":"Please echo 35","in_reply_to":1}}
> {"id":4,"src":"c2","dest":"n1","body":{"type":"echo","echo":{"b":[1,1.0,null],"a":"é"},"msg_id":2}}
< {"src":"n1","dest":"c2","body":{"type":"echo_ok","echo":{"a":"é","b":[1,1.0,null]},"in_reply_to":2}}
> {"id":6,"src":"c2","dest":"n1","body":{"type":"shout","echo":"?","msg_id":3}}
< {"src":"n1","dest":"c2","body":{"type":"error","code":10,"text":"unknown request type: shout","in_reply_to":3}}
"#;

#[test]
fn transcript_is_reproduced() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build_local(Default::default())
        .unwrap();
    runtime.block_on(async {
        let (link, to_node, mut from_node) = Link::in_memory();
        let served = tokio::task::spawn_local(glomers::serve(link, Seams::simulated(1), |_| Echo));
        for line in TRANSCRIPT.trim().lines() {
            match line.split_once(' ') {
                Some((">", line)) => to_node.send(line.into()).unwrap(),
                Some(("<", line)) => assert_eq!(from_node.recv().await.unwrap(), line),
                _ => panic!("not a line of a transcript: {line}"),
            }
        }
        drop(to_node);
        served.await.unwrap().unwrap();
        assert_eq!(from_node.recv().await, None, "there is no more output");
    });
}
