//! Agreement: in the end all nodes give the same answers.

use std::collections::BTreeMap;

use super::ledger::{Attempt, Ledger, Reading, status, text};
use crate::check::findings::{Example, Findings, place};
use crate::history::{History, Operation};

/// Final answers that differ between nodes, and final questions without an answer.
pub(super) fn check(found: &mut Findings, history: &History, ledger: &Ledger<'_>) {
    let mut examples = Vec::new();
    for (product, readings) in &ledger.stocks {
        // An operation that may still take effect explains a difference as large as itself.
        let open = open_quantity(ledger, product);
        differ(&mut examples, readings, |answers| {
            let stocks = || answers.iter().map(|reading| reading.number("stock"));
            let (least, most) = (stocks().min()?, stocks().max()?);
            (most - least > open).then(|| format!("the stock of {product}"))
        });
    }
    for (product, readings) in &ledger.statistics {
        let open = open_quantity(ledger, product);
        differ(&mut examples, readings, |answers| {
            let sold = || answers.iter().map(|reading| reading.number("sold"));
            let (least, most) = (sold().min()?, sold().max()?);
            (most - least > open).then(|| format!("the statistics of {product}"))
        });
    }
    for (id, order) in &ledger.orders {
        let requests = &order.requests;
        if requests.are_unknown() || unknown_payment(ledger, &order.payments) {
            continue;
        }
        let finals = order
            .statuses
            .iter()
            .filter(|read| read.invocation.is_final());
        let answers: Vec<&Operation> = finals.filter_map(Attempt::answer).collect();
        let says = |answer: &Operation| {
            (
                status(answer).to_owned(),
                text(&answer.value, "payment").to_owned(),
            )
        };
        let other = answers
            .iter()
            .find(|answer| says(answer) != says(answers[0]));
        if let Some(other) = other {
            examples.push(Example::new(
                format!(
                    "the status of order {id}: {}, but {}",
                    status_of(answers[0]),
                    status_of(other)
                ),
                [answers[0].index, other.index],
            ));
        }
    }
    found.add(
        "nodes-disagree",
        "final answers differ between nodes. After all faults ended and the cluster had time to \
         recover, every node must answer the same.",
        examples,
    );
    unanswered(found, history);
}

/// Final questions that no attempt got an answer to.
fn unanswered(found: &mut Findings, history: &History) {
    let mut open: BTreeMap<(&str, &str, &str), &Operation> = BTreeMap::new();
    for (invocation, completion) in history.pairs().filter(|(op, _)| op.is_final()) {
        let value = &invocation.value;
        let subjects = [text(value, "order"), text(value, "product")];
        let subject = subjects.into_iter().find(|name| !name.is_empty());
        let key = (
            text(value, "node"),
            &*invocation.f,
            subject.unwrap_or_default(),
        );
        let attempt = Attempt {
            invocation,
            completion,
        };
        match attempt.answer() {
            Some(_) => {
                open.remove(&key);
            }
            None => {
                open.insert(key, invocation);
            }
        }
    }
    let examples = open.iter().map(|((node, f, subject), question)| {
        Example::new(
            format!(
                "{node} did not answer the question for {f} of {subject} ({})",
                place(question)
            ),
            [question.index],
        )
    });
    found.add(
        "no-final-answer",
        "a node did not answer a final question, although all faults had ended and it was asked \
         several times.",
        examples.collect(),
    );
}

/// The quantity of a product in requests that may take effect at any time.
fn open_quantity(ledger: &Ledger<'_>, product: &str) -> i64 {
    let orders = ledger
        .orders
        .values()
        .filter(|order| order.requests.are_unknown());
    let lines = orders.flat_map(|order| &order.lines);
    let ordered = lines.filter(|line| line.product == product);
    let restocks = ledger.restocks.values();
    let restocks =
        restocks.filter(|restock| restock.product == product && restock.requests.are_unknown());
    ordered.map(|line| line.quantity).sum::<i64>()
        + restocks.map(|restock| restock.quantity).sum::<i64>()
}

fn unknown_payment(ledger: &Ledger<'_>, payments: &[&str]) -> bool {
    let mut payments = payments.iter().filter_map(|id| ledger.payments.get(id));
    payments.any(|payment| payment.requests.are_unknown())
}

/// Adds an example if `what` says that the final answers differ in something.
fn differ(
    examples: &mut Vec<Example>,
    readings: &[Reading<'_>],
    what: impl Fn(&[&Reading<'_>]) -> Option<String>,
) {
    let finals: Vec<&Reading<'_>> = readings
        .iter()
        .filter(|reading| reading.invocation.is_final())
        .collect();
    let Some(what) = what(&finals) else {
        return;
    };
    let answers = finals.iter().map(|reading| {
        let answer = reading.completion.value.to_json();
        let fields = ["stock", "orders", "sold"].into_iter().filter_map(|name| {
            let value = answer.get(name)?;
            Some(format!("{value} {name}"))
        });
        let fields: Vec<String> = fields.collect();
        format!("{} said {}", reading.node(), fields.join(", "))
    });
    let answers: Vec<String> = answers.collect();
    let operations: Vec<usize> = finals
        .iter()
        .map(|reading| reading.completion.index)
        .collect();
    examples.push(Example::new(
        format!("{what}: {}", answers.join("; ")),
        operations,
    ));
}

fn status_of(answer: &Operation) -> String {
    let payment = text(&answer.value, "payment");
    let by = match payment.is_empty() {
        true => String::new(),
        false => format!(" by {payment}"),
    };
    format!(
        "{} said {}{by}",
        text(&answer.value, "node"),
        status(answer)
    )
}
