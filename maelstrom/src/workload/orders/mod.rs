//! Orders: a shop that must never sell what it does not have.
//!
//! Products have stock; orders take from it, all of their lines or none; payments may come first,
//! twice, or for an order that was rejected; and every node answers everything. Every request that
//! changes something carries an id, and repeating it must change nothing more.

mod check;
mod finale;
mod generator;

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    Client, Fields, FinalPhase, Malformed, OptionSpec, Phases, Rules, Settings, Step, Workload,
};
use crate::check::Analysis;
use crate::edn::Value;
use crate::generator::{Invocation, Stagger};
use crate::history::History;
use finale::Finale;
use generator::{Shared, Traffic};

pub use check::OrdersAnalysis;

/// The final phase is cut off after this time: a node that has not answered everything by then has
/// lost something.
const FINALE_LIMIT: Duration = Duration::from_secs(60);

/// The functions that only read.
const READS: [&str; 3] = ["status", "stock", "statistics"];

/// The orders workload.
#[derive(Clone, Copy, Debug)]
pub struct Orders;

impl Workload for Orders {
    fn name(&self) -> &str {
        "orders"
    }

    fn summary(&self) -> &str {
        "a shop: orders take from stock that must never be oversold, and payments are never lost"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["restock", "order", "pay", "status", "stock", "statistics"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![
            OptionSpec::count("products", 10, "Number of products, popular by Zipf's law"),
            OptionSpec::count("max-lines", 3, "Lines per order, at most"),
        ]
    }

    fn validate(&self, settings: &Settings) -> Result<(), String> {
        let (threads, nodes) = (settings.concurrency, settings.nodes.len());
        match threads >= nodes {
            true => Ok(()),
            false => Err(format!(
                "orders asks every node at the end, so it needs at least one client thread for \
                 each: {threads} is less than {nodes} (try --concurrency 1n)"
            )),
        }
    }

    fn phases(&self, settings: &Settings) -> Phases {
        // The final phase asks about the orders that the main phase made.
        let shared = Shared::default();
        let traffic = Traffic::new(settings, shared.clone());
        Phases::main(Stagger::new(settings.rate, traffic)).then(FinalPhase {
            generator: Box::new(Finale::new(settings, shared)),
            limit: Some(FINALE_LIMIT),
        })
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(OrdersClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            idempotent: READS.map(Into::into).to_vec(),
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        Box::new(check::check(history, settings))
    }
}

/// The name of a product.
fn product(number: u64) -> String {
    format!("p{number}")
}

struct OrdersClient;

impl Client for OrdersClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        let mut request = json!({ "type": invocation.f });
        for (key, value) in invocation.value.as_map().into_iter().flatten() {
            // Which node is asked stands in the history only.
            if let Some(name) = key.as_keyword().filter(|name| *name != "node") {
                request[name] = value.to_json();
            }
        }
        Step::Call(request)
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let in_body = |Malformed(problem)| Malformed(format!("{problem}: {body}"));
        let mut fields = Fields::of(body, &format!("{}_ok", invocation.f))?;
        let answer = match &*invocation.f {
            "order" => vec![("status", word(&mut fields, &["accepted", "rejected"])?)],
            "pay" => vec![("status", word(&mut fields, &["paid", "held", "refunded"])?)],
            "status" => status(&mut fields).map_err(in_body)?,
            "stock" => vec![("stock", fields.take_integer("stock").map_err(in_body)?)],
            "statistics" => vec![
                ("orders", fields.take_integer("orders").map_err(in_body)?),
                ("sold", fields.take_integer("sold").map_err(in_body)?),
            ],
            _ => Vec::new(),
        };
        fields.end()?;
        let mut value = invocation.value.clone();
        if let Value::Map(entries) = &mut value {
            let answer = answer.into_iter();
            entries.extend(answer.map(|(name, value)| (Value::keyword(name), value)));
        }
        Ok(Step::Ok(value))
    }
}

/// The field `status`, which must be one of some words.
fn word(fields: &mut Fields<'_>, words: &[&str]) -> Result<Value, Malformed> {
    let status = fields.take("status")?;
    match status.as_str().filter(|status| words.contains(status)) {
        Some(status) => Ok(status.into()),
        None => Err(Malformed(format!(
            "status must be one of {}, not {status}",
            words.join(", ")
        ))),
    }
}

/// The answer to `status`: a paid order has a payment, and no other has one.
fn status(fields: &mut Fields<'_>) -> Result<Vec<(&'static str, Value)>, Malformed> {
    let status = word(fields, &["unknown", "accepted", "rejected", "paid"])?;
    let payment = fields.take("payment")?;
    let is_paid = status.as_str() == Some("paid");
    match (is_paid, payment) {
        (true, Json::String(_)) | (false, Json::Null) => Ok(vec![
            ("status", status),
            ("payment", Value::from_json(payment)),
        ]),
        (true, other) => Err(Malformed(format!(
            "payment of a paid order must be the payment's id, not {other}"
        ))),
        (false, other) => Err(Malformed(format!(
            "payment must be null unless the order is paid, not {other}"
        ))),
    }
}
