//! Orders across shards, from their first step to their last.
//!
//! The node that a client asks drives the order:
//!
//! 1. *begin* at the home shard, and at the same time *reserve* at every product shard. If all products
//!    are in one shard, the reservation is a sale, and the client is answered;
//! 2. *settle* at every product shard: they sell, or they release if one of them refused. Then the
//!    client is answered;
//! 3. *decide* at the home shard, which ends the order.
//!
//! After step 1 the decision is determined, because shards never change their answer to *reserve*.
//! Steps are idempotent, and a shard that has done one of them keeps the order open until the last.
//! If the driving node fails, the leader of any such shard repeats all steps.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::node::ShopNode;
use crate::replicas::Replicas;
use crate::shop::{Command, OrderForm, Output, ShardId};

/// Period at which leaders look for open orders. An order that is open twice in a row is recovered.
/// A shorter period would recover orders that are still on their way.
const RECOVERY_INTERVAL: Duration = Duration::from_millis(500);

/// Maximum number of orders that a node recovers at the same time.
const MAX_RECOVERIES: usize = 100;

/// The orders that a node recovers.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Orders that were open at the last look.
    seen: RefCell<BTreeSet<String>>,
    running: RefCell<BTreeSet<String>>,
}

/// How far an order was brought.
struct Settled {
    accepted: bool,
    /// True if the home shard has recorded the decision.
    is_decided: bool,
}

impl<R: Replicas> ShopNode<R> {
    /// Brings an order so far that its client can be answered, and to its end after that. Returns
    /// whether it is accepted.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no shard has seen the order and none will. Otherwise a timeout:
    /// shards that have seen the order bring it to its end.
    pub(crate) async fn place(
        &self,
        cx: &Context,
        form: &Rc<OrderForm>,
        deadline: Instant,
    ) -> Result<bool> {
        let settled = self.settle(cx, form, deadline).await?;
        let accepted = settled.accepted;
        if !settled.is_decided {
            let (node, closing, form) = (self.clone(), cx.clone(), Rc::clone(form));
            cx.spawn(async move {
                // If this fails, the home shard recovers the order.
                let _ = node.close(&closing, &form, &settled, node.deadline()).await;
            });
        }
        Ok(accepted)
    }

    /// Brings an order to its end.
    ///
    /// # Errors
    ///
    /// A shard has not answered in time.
    pub(crate) async fn conclude(
        &self,
        cx: &Context,
        form: &Rc<OrderForm>,
        deadline: Instant,
    ) -> Result<()> {
        let settled = self.settle(cx, form, deadline).await?;
        self.close(cx, form, &settled, deadline).await
    }

    /// Steps 1 and 2.
    async fn settle(
        &self,
        cx: &Context,
        form: &Rc<OrderForm>,
        deadline: Instant,
    ) -> Result<Settled> {
        let mut commands = vec![(form.home, Command::Begin(Rc::clone(form)))];
        for shard in form.shards().filter(|shard| *shard != form.home) {
            commands.push((shard, Command::Reserve(Rc::clone(form))));
        }
        let outputs = self.execute_all(cx, commands, deadline).await?;
        let decision = |output: &Output| match output {
            Output::Decided(accepted) => Some(*accepted),
            _ => None,
        };
        if let Some(accepted) = outputs.iter().find_map(decision) {
            return Ok(Settled {
                accepted,
                is_decided: true,
            });
        }
        let accepted = outputs.iter().all(|it| *it == Output::Reserved(true));
        if form.spans_shards() {
            let settle = settle_all(form, accepted);
            let settled = self.execute_all(cx, settle, deadline).await;
            settled.map_err(|_| Error::timeout("a shard has not settled the order in time"))?;
        }
        Ok(Settled {
            accepted,
            is_decided: false,
        })
    }

    /// Step 3. A shard that has sold all products of the order also learns that it is settled.
    async fn close(
        &self,
        cx: &Context,
        form: &Rc<OrderForm>,
        settled: &Settled,
        deadline: Instant,
    ) -> Result<()> {
        let accepted = settled.accepted;
        let mut commands = match form.spans_shards() {
            true => Vec::new(),
            false => settle_all(form, accepted),
        };
        if !settled.is_decided {
            let order = form.order.clone();
            commands.push((form.home, Command::Decide { order, accepted }));
        }
        self.execute_all(cx, commands, deadline).await.map(drop)
    }

    /// Executes commands at several shards at the same time.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if none of them was or will be executed, otherwise a timeout.
    async fn execute_all(
        &self,
        cx: &Context,
        commands: Vec<(ShardId, Command)>,
        deadline: Instant,
    ) -> Result<Vec<Output>> {
        let mut outcomes = Vec::new();
        for (shard, command) in commands {
            let (sender, outcome) = oneshot::channel();
            let (node, asking) = (self.clone(), cx.clone());
            cx.spawn(async move {
                let output = node.execute(&asking, shard, command, deadline).await;
                // The receiver is gone if the request was cancelled.
                let _ = sender.send(output);
            });
            outcomes.push(outcome);
        }
        let (mut outputs, mut errors) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome.await {
                Ok(Ok(output)) => outputs.push(output),
                Ok(Err(e)) => errors.push(e),
                Err(_) => errors.push(Error::crash("the node is stopping")),
            }
        }
        if errors.is_empty() {
            return Ok(outputs);
        }
        Err(
            match outputs.is_empty() && errors.iter().all(Error::is_definite) {
                true => Error::temporarily_unavailable("no shard has a leader; nothing was done"),
                false => Error::timeout("a shard has not answered in time"),
            },
        )
    }

    /// Recovers open orders of the shards that this node leads.
    pub(crate) async fn run_recovery(&self, cx: &Context) {
        loop {
            sleep(RECOVERY_INTERVAL).await;
            for form in self.recovery().due(self.replicas().open_orders(cx)) {
                let (node, concluding) = (self.clone(), cx.clone());
                cx.spawn(async move {
                    // If this fails, the order is open at the next look, too.
                    let _ = node.conclude(&concluding, &form, node.deadline()).await;
                    node.recovery().running.borrow_mut().remove(&form.order);
                });
            }
        }
    }
}

impl Recovery {
    /// Returns the orders to recover now.
    fn due(&self, open: Vec<Rc<OrderForm>>) -> Vec<Rc<OrderForm>> {
        let ids = open.iter().map(|form| form.order.clone()).collect();
        let seen = self.seen.replace(ids);
        let mut running = self.running.borrow_mut();
        let mut due = Vec::new();
        for form in open {
            if running.len() < MAX_RECOVERIES
                && seen.contains(&form.order)
                && running.insert(form.order.clone())
            {
                due.push(form);
            }
        }
        due
    }
}

fn settle_all(form: &OrderForm, accepted: bool) -> Vec<(ShardId, Command)> {
    let order = &form.order;
    let settle = |shard: ShardId| {
        let order = order.clone();
        (shard, Command::Settle { order, accepted })
    };
    form.shards().map(settle).collect()
}
