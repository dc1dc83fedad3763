//! A test rig: a node on an in-memory link, with its clock, seed and log under the test's control.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use glomers::{IntoNode, Link, Seams, serve};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

/// Runs a test on tokio's paused clock, which advances only when every task waits for it.
pub fn in_virtual_time(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(Default::default())
        .unwrap();
    // As a trait object, so that the runtime is compiled once and not for every test.
    let test: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async { test().await });
    runtime.block_on(test);
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Node `n1` of three, with its output and its log.
pub struct Rig {
    to_node: Option<UnboundedSender<Vec<u8>>>,
    from_node: UnboundedReceiver<String>,
    served: JoinHandle<anyhow::Result<()>>,
    log: Rc<RefCell<Vec<String>>>,
    pub wall_clock: Rc<Cell<Duration>>,
}

impl Rig {
    /// Starts a node without sending `init`.
    pub fn new<M: IntoNode + 'static>(make: impl FnOnce(&Context) -> M + 'static) -> Self {
        Self::with_seed(1, make)
    }

    /// Starts a node without sending `init`, with this seed.
    pub fn with_seed<M: IntoNode + 'static>(
        seed: u64,
        make: impl FnOnce(&Context) -> M + 'static,
    ) -> Self {
        let (link, to_node, from_node) = Link::in_memory();
        let log = Rc::new(RefCell::new(Vec::new()));
        let wall_clock = Rc::new(Cell::new(Duration::ZERO));
        let seams = Seams {
            wall_clock: Rc::new({
                let wall_clock = Rc::clone(&wall_clock);
                move || wall_clock.get()
            }),
            seed,
            log: Rc::new({
                let log = Rc::clone(&log);
                move |line| log.borrow_mut().push(line.to_owned())
            }),
        };
        let served: Pin<Box<dyn Future<Output = anyhow::Result<()>>>> =
            Box::pin(serve(link, seams, make));
        let served = tokio::task::spawn_local(served);
        Self {
            to_node: Some(to_node),
            from_node,
            served,
            log,
            wall_clock,
        }
    }

    /// Starts a node and sends `init`.
    pub async fn started<M: IntoNode + 'static>(
        make: impl FnOnce(&Context) -> M + 'static,
    ) -> Self {
        let mut rig = Self::new(make);
        rig.send("c0", init());
        assert_eq!(
            rig.output().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
        rig
    }

    /// Sends the node a message.
    pub fn send(&self, src: &str, body: Value) {
        self.line(json!({"src": src, "dest": "n1", "body": body}).to_string());
    }

    /// Sends the node a raw line.
    pub fn line(&self, line: impl Into<Vec<u8>>) {
        let to_node = self.to_node.as_ref().expect("the input is open");
        to_node.send(line.into()).expect("the node is running");
    }

    /// Returns the messages that the node sends within 1 ms, each in the form `dest body`.
    pub async fn output(&mut self) -> Vec<String> {
        let lines = self.output_lines().await;
        let output = lines.iter().map(|line| {
            let message = line
                .strip_prefix(r#"{"src":"n1","dest":""#)
                .expect("the sender is n1");
            let (dest, body) = message
                .split_once(r#"","body":"#)
                .expect("a message has a body");
            format!(
                "{dest} {}",
                body.strip_suffix('}').expect("a message ends with a brace")
            )
        });
        output.collect()
    }

    /// Returns the raw lines that the node sends within 1 ms.
    pub async fn output_lines(&mut self) -> Vec<String> {
        tokio::time::sleep(ms(1)).await;
        std::iter::from_fn(|| self.from_node.try_recv().ok()).collect()
    }

    /// Advances the clock, then returns the node's messages since the previous call.
    pub async fn output_after(&mut self, time: Duration) -> Vec<String> {
        tokio::time::sleep(time).await;
        self.output().await
    }

    /// Returns and clears the node's log.
    pub fn take_log(&self) -> Vec<String> {
        self.log.take()
    }

    /// Ends the node's input.
    pub fn close_input(&mut self) {
        self.to_node = None;
    }

    /// Closes the receiving end of the node's output.
    pub fn close_output(&mut self) {
        self.from_node.close();
    }

    /// Kills the node.
    pub fn kill(&self) {
        self.served.abort();
    }

    /// Returns whether the node has stopped.
    pub fn is_stopped(&self) -> bool {
        self.served.is_finished()
    }

    /// Waits for the node to stop and returns its result.
    pub async fn outcome(self) -> anyhow::Result<()> {
        self.served
            .await
            .expect("the node must not panic or be killed")
    }
}

/// Returns the `init` body for node `n1` of three.
pub fn init() -> Value {
    json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1", "n2", "n3"]})
}

/// A node whose behaviour each request determines.
pub struct ScriptedNode;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Echo { echo: Value },
    Nap { ms: u64 },
    Panic { after_ms: u64 },
    Fail { code: ErrorCode },
    Whisper,
    Ask { dest: String, times: u64 },
    Insist { dest: String, within_ms: u64 },
    Stray,
    Number { number: u8 },
    Broken,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    EchoOk {
        echo: Value,
    },
    NapOk {
        ms: u64,
    },
    AskOk {
        answers: Vec<Value>,
        open: usize,
        late: u64,
    },
    NumberOk {
        number: u8,
    },
    BrokenOk {
        map: std::collections::BTreeMap<(u8, u8), u8>,
    },
}

impl Node for ScriptedNode {
    type Request = Command;
    type Reply = Option<Reply>;

    async fn handle(&self, command: Command, cx: &Context) -> Result<Option<Reply>> {
        Ok(Some(match command {
            Command::Echo { echo } => Reply::EchoOk { echo },
            Command::Nap { ms } => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Reply::NapOk { ms }
            }
            Command::Panic { after_ms } => {
                if after_ms > 0 {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                }
                panic!("requested panic");
            }
            Command::Fail { code } => return Err(Error::new(code, "requested failure")),
            Command::Whisper => return Ok(None),
            Command::Ask { dest, times } => {
                let question = json!({"type": "question"});
                let calls: Vec<_> = (0..times).map(|_| cx.call(&dest, &question)).collect();
                let mut answers = Vec::new();
                for call in calls {
                    answers.push(call.await.unwrap_or_else(|e: Error| json!(e.to_string())));
                }
                Reply::AskOk {
                    answers,
                    open: cx.calls_waiting(),
                    late: cx.late_replies(),
                }
            }
            Command::Insist { dest, within_ms } => {
                let backoff = Backoff::default().within(Duration::from_millis(within_ms));
                let question = json!({"type": "question"});
                let answer = cx
                    .retry(backoff, async || cx.call(&dest, &question).await)
                    .await?;
                Reply::AskOk {
                    answers: vec![answer],
                    open: cx.calls_waiting(),
                    late: 0,
                }
            }
            Command::Stray => {
                let cx = cx.clone();
                cx.clone().spawn(async move {
                    cx.send(cx.sender(), &json!({"type": "stray"}));
                    panic!("requested panic");
                });
                return Ok(None);
            }
            Command::Number { number } => Reply::NumberOk { number },
            Command::Broken => Reply::BrokenOk {
                map: [((1, 2), 3)].into(),
            },
        }))
    }
}
