//! Logs that are stored with a flaw.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use eddy::simulation::ms;
use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

use super::{Log, Logs, Right};

/// Reads and writes a log in two steps, between which other nodes may write.
#[derive(Default)]
pub struct RepeatsOffsets;

impl Logs for RepeatsOffsets {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let mut log: Log = cx.lin_kv().read(key).await?.unwrap_or_default();
        log.push(msg);
        cx.lin_kv().write(key, &log).await?;
        Ok(log.len() - 1)
    }
}

/// Acknowledges one message in a thousand without storing it, which leaves a hole.
#[derive(Default)]
pub struct LosesOneInAThousand;

impl Logs for LosesOneInAThousand {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let is_lost = cx.rng().random_ratio(1, 1000);
        let msg = if is_lost { Value::Null } else { msg };
        Right.send(key, msg, cx).await
    }

    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let mut found = Right.poll(key, from, cx).await?;
        found.retain(|(_, msg)| !msg.is_null());
        Ok(found)
    }
}

/// Repeats a send that may have succeeded.
#[derive(Default)]
pub struct RepeatsSends;

impl Logs for RepeatsSends {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let append = |log: Option<Log>| {
            let mut log = log.unwrap_or_default();
            log.push(msg.clone());
            log
        };
        let impatient = cx.lin_kv().within(ms(300));
        let send = async || impatient.update(key, append).await;
        Ok(cx.retry(Backoff::default(), send).await?.len() - 1)
    }
}

/// Reports a definite error for a send that may have succeeded.
#[derive(Default)]
pub struct DeniesSends;

impl Logs for DeniesSends {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let impatient = tokio::time::timeout(ms(400), Right.send(key, msg, cx)).await;
        impatient.unwrap_or_else(|_| Err(Error::temporarily_unavailable("lin-kv is slow")))
    }
}

/// Keeps logs in the memory of the first node. The other nodes forward every request to it.
#[derive(Clone, Default)]
pub struct KeptInMemory(Rc<RefCell<BTreeMap<String, Log>>>);

impl KeptInMemory {
    fn append(&self, key: &str, msg: Value) -> usize {
        let mut logs = self.0.borrow_mut();
        let log = logs.entry(key.to_owned()).or_default();
        log.push(msg);
        log.len() - 1
    }

    fn from(&self, key: &str, from: usize) -> Vec<(usize, Value)> {
        let logs = self.0.borrow();
        let log = logs.get(key).into_iter().flatten();
        log.cloned().enumerate().skip(from).collect()
    }
}

fn is_first(cx: &Context) -> bool {
    *cx.nodes()[0] == *cx.id()
}

/// Forwards a send to the first node.
async fn forward(key: &str, msg: &Value, cx: &Context) -> Result<usize> {
    #[derive(Deserialize)]
    struct SendOk {
        offset: usize,
    }
    let send = json!({ "type": "send", "key": key, "msg": msg });
    let sent: SendOk = cx.call(&cx.nodes()[0], &send).await?;
    Ok(sent.offset)
}

/// Asks the first node for the messages of a key.
async fn ask(key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
    #[derive(Deserialize)]
    struct PollOk {
        msgs: BTreeMap<String, Vec<(usize, Value)>>,
    }
    let poll = json!({ "type": "poll", "offsets": { key: from } });
    let mut polled: PollOk = cx.call(&cx.nodes()[0], &poll).await?;
    Ok(polled.msgs.remove(key).unwrap_or_default())
}

impl Logs for KeptInMemory {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        match is_first(cx) {
            true => Ok(self.append(key, msg)),
            false => forward(key, &msg, cx).await,
        }
    }

    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        match is_first(cx) {
            true => Ok(self.from(key, from)),
            false => ask(key, from, cx).await,
        }
    }
}

/// Keeps logs in the memory of the first node, with a copy in lin-kv that lags behind.
#[derive(Default)]
pub struct AcknowledgesFirst(KeptInMemory);

impl AcknowledgesFirst {
    async fn recover(&self, key: &str, cx: &Context) -> Result<()> {
        if !self.0.0.borrow().contains_key(key) {
            let log: Log = cx.lin_kv().read(key).await?.unwrap_or_default();
            let mut logs = self.0.0.borrow_mut();
            logs.entry(key.to_owned()).or_insert(log);
        }
        Ok(())
    }

    /// Stores a log in lin-kv after a delay.
    fn store(&self, key: &str, cx: &Context) {
        let (logs, key, context) = (Rc::clone(&self.0.0), key.to_owned(), cx.clone());
        cx.spawn(async move {
            sleep(ms(300)).await;
            let log = logs.borrow()[&key].clone();
            let stored = context.lin_kv().write(&key, &log).await;
            stored.expect("lin-kv returns no errors");
        });
    }
}

impl Logs for AcknowledgesFirst {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        if is_first(cx) {
            self.recover(key, cx).await?;
            self.store(key, cx);
        }
        self.0.send(key, msg, cx).await
    }

    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        if is_first(cx) {
            self.recover(key, cx).await?;
        }
        self.0.poll(key, from, cx).await
    }
}
