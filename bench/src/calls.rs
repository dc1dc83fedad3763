//! The cost of calls: two nodes in one process, without a network.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use glomers::prelude::*;
use glomers::{Link, Seams};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::figures::{Table, Target, per_second, processor_time};

/// Calls in a round.
const CALLS: u64 = 200_000;

/// Measures calls and adds their rows to the table.
///
/// # Errors
///
/// A node stops early or a call fails.
pub fn measure(table: &mut Table, rounds: u32) -> anyhow::Result<()> {
    let widths = [1, 100];
    let mut rates = widths.map(|_| Vec::new());
    for _ in 0..rounds {
        for (width, rates) in widths.iter().zip(&mut rates) {
            rates.push(per_second(CALLS, time_of_calls(*width)?));
        }
    }
    for (width, rates) in widths.iter().zip(&rates) {
        let what = match width {
            1 => "calls between two nodes, one at a time".to_owned(),
            _ => format!("calls between two nodes, {width} concurrent"),
        };
        table.row(&what, "calls/s", rates, Target::None);
    }
    Ok(())
}

/// Returns the processor time of all calls, made by `concurrency` tasks.
fn time_of_calls(concurrency: u64) -> anyhow::Result<Duration> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(Default::default())?;
    runtime.block_on(async {
        let (to_caller, callers_inbox) = mpsc::unbounded_channel();
        let (to_callee, callees_inbox) = mpsc::unbounded_channel();
        for (name, inbox) in [("n2", &to_callee), ("n1", &to_caller)] {
            let body =
                json!({"type": "init", "msg_id": 1, "node_id": name, "node_ids": ["n1", "n2"]});
            let init = json!({"src": "c0", "dest": name, "body": body});
            inbox.send(init.to_string().into_bytes())?;
        }
        let (done, time) = oneshot::channel();
        let task = RefCell::new(Some((concurrency, done)));
        let link = |inbound, other| Link {
            inbound,
            outbound: Box::new(Wire(other)),
        };
        let seams = || Seams {
            log: Rc::new(|_| {}),
            ..Seams::simulated(1)
        };
        let (caller, callee) = (
            link(callers_inbox, to_callee),
            link(callees_inbox, to_caller),
        );
        let mut nodes = JoinSet::new();
        nodes.spawn_local(glomers::serve(callee, seams(), |_| Speaker::default()));
        nodes.spawn_local(glomers::serve(caller, seams(), |_| Speaker { task }));
        time.await.context("a call failed")
    })
}

/// A writer that sends its batches to the other node.
struct Wire(mpsc::UnboundedSender<Vec<u8>>);

impl Write for Wire {
    fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
        let sent = self.0.send(batch.to_vec());
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(batch.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A node that answers calls, and makes calls if it has a task.
#[derive(Default)]
struct Speaker {
    /// The concurrency of the calls, and the channel for their total time.
    task: RefCell<Option<(u64, oneshot::Sender<Duration>)>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { a: u64, b: u64 },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "add")]
struct Add {
    a: u64,
    b: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    AddOk { sum: u64 },
}

impl Node for Speaker {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Add { a, b }: Request, _: &Context) -> Result<Reply> {
        Ok(Reply::AddOk { sum: a + b })
    }

    async fn background(&self, cx: &Context) {
        let Some((concurrency, done)) = self.task.take() else {
            return;
        };
        let begin = processor_time();
        let mut callers = JoinSet::new();
        for _ in 0..concurrency {
            callers.spawn_local(call_repeatedly(cx.clone(), CALLS / concurrency));
        }
        while let Some(outcome) = callers.join_next().await {
            if !matches!(outcome, Ok(Ok(()))) {
                return;
            }
        }
        // The receiver is gone if the measurement was aborted.
        let _ = done.send(processor_time() - begin);
    }
}

async fn call_repeatedly(cx: Context, times: u64) -> Result<()> {
    for n in 0..times {
        let Reply::AddOk { sum } = cx.call("n2", &Add { a: n, b: 1 }).await?;
        if sum != n + 1 {
            return Err(Error::crash("the sum is wrong"));
        }
    }
    Ok(())
}
