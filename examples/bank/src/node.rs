//! Nodes: the first node of the cluster keeps all accounts, the others forward to it.

use std::cell::RefCell;
use std::time::Duration;

use glomers::prelude::*;

#[derive(Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    Transfer { from: usize, to: usize, amount: i64 },
    Balances {},
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    TransferOk {},
    BalancesOk { balances: Vec<i64> },
}

/// A node that performs each transfer in one step.
pub struct Teller {
    balances: RefCell<Vec<i64>>,
}

impl Teller {
    /// Creates a node with this number of accounts, each with the opening balance.
    pub fn new(accounts: usize) -> Teller {
        Teller {
            balances: RefCell::new(vec![100; accounts]),
        }
    }
}

impl Node for Teller {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        if let Some(keeper) = keeper(cx) {
            return cx.call(&keeper, &request).await;
        }
        let mut balances = self.balances.borrow_mut();
        Ok(match request {
            Request::Transfer { from, to, amount } => {
                balances[from] -= amount;
                balances[to] += amount;
                Reply::TransferOk {}
            }
            Request::Balances {} => Reply::BalancesOk {
                balances: balances.clone(),
            },
        })
    }
}

/// A node that takes the money from one account, waits, and then pays it into the other. While it
/// waits, the money is in neither.
pub struct CarelessTeller(Teller);

impl CarelessTeller {
    /// Creates a node with this number of accounts, each with the opening balance.
    pub fn new(accounts: usize) -> CarelessTeller {
        CarelessTeller(Teller::new(accounts))
    }
}

impl Node for CarelessTeller {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        match request {
            Request::Transfer { from, to, amount } if keeper(cx).is_none() => {
                self.0.balances.borrow_mut()[from] -= amount;
                tokio::time::sleep(Duration::from_millis(5)).await;
                self.0.balances.borrow_mut()[to] += amount;
                Ok(Reply::TransferOk {})
            }
            request => self.0.handle(request, cx).await,
        }
    }
}

/// Returns the node that keeps the accounts, or `None` if that is this node.
fn keeper(cx: &Context) -> Option<NodeId> {
    let first = cx.nodes().first().expect("a cluster has nodes");
    (**first != *cx.id()).then(|| first.clone())
}
