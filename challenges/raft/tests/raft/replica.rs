//! A replica on the node runtime, with a disk that fails.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use glomers::{Link, Seams, serve};
use raft::{Disk, Disks, MemoryDisk, Message, Options, Replica, StateMachine, Written};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

/// A disk whose syncs fail after a number of successes.
struct FailingDisk {
    disk: MemoryDisk,
    syncs_left: Rc<Cell<u32>>,
}

impl Disk for FailingDisk {
    fn name(&self) -> String {
        self.disk.name()
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.disk.read()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.truncate(length)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(bytes)
    }

    fn sync(&mut self) -> Written<'_> {
        match self.syncs_left.get().checked_sub(1) {
            Some(left) => {
                self.syncs_left.set(left);
                self.disk.sync()
            }
            None => Box::pin(async { Err(io::Error::other("input/output error")) }),
        }
    }

    fn replace(&mut self, contents: Vec<u8>) -> Written<'_> {
        self.disk.replace(contents)
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Total(i64);

impl StateMachine for Total {
    type Command = i64;
    type Output = i64;

    fn apply(&mut self, delta: &i64) -> i64 {
        self.0 += delta;
        self.0
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { delta: i64 },
    Raft(Message<Total>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    AddOk { value: i64 },
}

struct Counter(Replica<Total>);

impl Node for Counter {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        match request {
            Request::Add { delta } => {
                let value = self.0.execute(delta).await?;
                Ok(Some(Reply::AddOk { value }))
            }
            Request::Raft(message) => {
                self.0.receive(cx.sender(), message);
                Ok(None)
            }
        }
    }

    async fn background(&self, cx: &Context) {
        self.0.run(cx).await;
    }
}

/// After a failed sync the contents of the disk are unknown. The node ends with an error, and the
/// client does not receive a definite answer.
#[test]
fn node_whose_disk_fails_ends_with_an_error() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let scenario = async {
        let (link, to_node, mut from_node) = Link::in_memory();
        let syncs_left = Rc::new(Cell::new(10));
        let disk_syncs = Rc::clone(&syncs_left);
        let make = move |cx: &Context| {
            let disk = FailingDisk {
                disk: Disks::default().open(cx.id(), &mut cx.rng()),
                syncs_left: disk_syncs,
            };
            let options = Options::with_request_timeout(Duration::from_millis(900));
            Replica::new(cx, disk, options).map(Counter)
        };
        let node = tokio::task::spawn_local(serve(link, Seams::simulated(1), make));
        let send = |body: &str| {
            let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
            to_node.send(line.into_bytes()).expect("the node listens");
        };
        send(r#"{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}"#);
        from_node.recv().await.expect("init is answered");
        sleep(Duration::from_secs(1)).await;
        send(r#"{"type":"add","msg_id":2,"delta":5}"#);
        let reply = from_node.recv().await.expect("the command is answered");
        assert!(reply.contains(r#""value":5"#), "{reply}");

        syncs_left.set(0);
        send(r#"{"type":"add","msg_id":3,"delta":5}"#);
        let ended = timeout(Duration::from_secs(1), node).await;
        let ended = ended.expect("the node ends").expect("and does not panic");
        let error = ended.expect_err("it reports the failure").to_string();
        assert!(
            error.contains("the disk failed: input/output error"),
            "{error}"
        );
        let rest: Vec<String> = std::iter::from_fn(|| from_node.try_recv().ok()).collect();
        assert!(
            !rest.iter().any(|reply| reply.contains("add_ok")),
            "{rest:?}"
        );
    };
    runtime
        .expect("a runtime")
        .block_on(LocalSet::new().run_until(scenario));
}
