//! A node on a link in memory, and its whole surroundings in a test's hands.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use glomers::{IntoNode, Link, Seams, serve};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

/// Runs a test where tokio's clock stands still unless everything waits for it.
pub fn in_virtual_time(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(Default::default())
        .unwrap();
    runtime.block_on(async { test().await });
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A node `n1` of three, and everything it says and logs.
pub struct Rig {
    to_node: Option<UnboundedSender<Vec<u8>>>,
    from_node: UnboundedReceiver<String>,
    served: JoinHandle<anyhow::Result<()>>,
    log: Rc<RefCell<Vec<String>>>,
    pub wall_clock: Rc<Cell<Duration>>,
}

impl Rig {
    /// A node that has not got its `init`.
    pub fn new<M: IntoNode + 'static>(make: impl FnOnce(&Context) -> M + 'static) -> Self {
        Self::of(1, make)
    }

    /// The same, from another seed.
    pub fn of<M: IntoNode + 'static>(
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
        let served = tokio::task::spawn_local(serve(link, seams, make));
        Self {
            to_node: Some(to_node),
            from_node,
            served,
            log,
            wall_clock,
        }
    }

    /// A node that has answered its `init`.
    pub async fn started<M: IntoNode + 'static>(
        make: impl FnOnce(&Context) -> M + 'static,
    ) -> Self {
        let mut rig = Self::new(make);
        rig.tell("c0", init());
        assert_eq!(
            rig.said().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
        rig
    }

    /// Sends the node a message.
    pub fn tell(&self, src: &str, body: Value) {
        self.line(json!({"src": src, "dest": "n1", "body": body}).to_string());
    }

    /// Sends the node a line, whatever it is.
    pub fn line(&self, line: impl Into<Vec<u8>>) {
        let to_node = self.to_node.as_ref().expect("the input is open");
        to_node.send(line.into()).expect("the node listens");
    }

    /// All that the node has to say until it waits for time to pass: `dest body`, line by line.
    pub async fn said(&mut self) -> Vec<String> {
        let lines = self.said_whole().await;
        let said = lines.iter().map(|line| {
            let message = line
                .strip_prefix(r#"{"src":"n1","dest":""#)
                .expect("it speaks as n1");
            let (dest, body) = message
                .split_once(r#"","body":"#)
                .expect("a message has a body");
            format!("{dest} {}", body.strip_suffix('}').expect("it ends"))
        });
        said.collect()
    }

    /// As [`said`](Self::said), in whole lines: before `init` a node has no name of its own.
    pub async fn said_whole(&mut self) -> Vec<String> {
        tokio::time::sleep(ms(1)).await;
        std::iter::from_fn(|| self.from_node.try_recv().ok()).collect()
    }

    /// As [`said`](Self::said), after so much time.
    pub async fn said_after(&mut self, time: Duration) -> Vec<String> {
        tokio::time::sleep(time).await;
        self.said().await
    }

    /// What the node has logged since this was called last.
    pub fn logged(&self) -> Vec<String> {
        self.log.take()
    }

    /// Ends the node's input.
    pub fn close_input(&mut self) {
        self.to_node = None;
    }

    /// Stops listening to the node.
    pub fn close_output(&mut self) {
        self.from_node.close();
    }

    /// Kills the node.
    pub fn kill(&self) {
        self.served.abort();
    }

    /// Whether the node has come to an end.
    pub fn is_over(&self) -> bool {
        self.served.is_finished()
    }

    /// How the node ended.
    pub async fn outcome(self) -> anyhow::Result<()> {
        self.served
            .await
            .expect("the node neither panics nor is killed")
    }
}

/// The `init` of node `n1` of three.
pub fn init() -> Value {
    json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1", "n2", "n3"]})
}

/// A node that does as it is told.
pub struct Puppet;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Order {
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
pub enum Answer {
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

impl Node for Puppet {
    type Request = Order;
    type Reply = Option<Answer>;

    async fn handle(&self, order: Order, cx: &Context) -> Result<Option<Answer>> {
        Ok(Some(match order {
            Order::Echo { echo } => Answer::EchoOk { echo },
            Order::Nap { ms } => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Answer::NapOk { ms }
            }
            Order::Panic { after_ms } => {
                if after_ms > 0 {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                }
                panic!("told to panic");
            }
            Order::Fail { code } => return Err(Error::new(code, "told to fail")),
            Order::Whisper => return Ok(None),
            Order::Ask { dest, times } => {
                let question = json!({"type": "question"});
                let calls: Vec<_> = (0..times).map(|_| cx.call(&dest, &question)).collect();
                let mut answers = Vec::new();
                for call in calls {
                    answers.push(call.await.unwrap_or_else(|e: Error| json!(e.to_string())));
                }
                Answer::AskOk {
                    answers,
                    open: cx.calls_waiting(),
                    late: cx.late_replies(),
                }
            }
            Order::Insist { dest, within_ms } => {
                let backoff = Backoff::default().within(Duration::from_millis(within_ms));
                let question = json!({"type": "question"});
                let answer = cx
                    .retry(backoff, async || cx.call(&dest, &question).await)
                    .await?;
                Answer::AskOk {
                    answers: vec![answer],
                    open: cx.calls_waiting(),
                    late: 0,
                }
            }
            Order::Stray => {
                let cx = cx.clone();
                cx.clone().spawn(async move {
                    cx.send(cx.sender(), &json!({"type": "stray"}));
                    panic!("gone astray");
                });
                return Ok(None);
            }
            Order::Number { number } => Answer::NumberOk { number },
            Order::Broken => Answer::BrokenOk {
                map: [((1, 2), 3)].into(),
            },
        }))
    }
}
