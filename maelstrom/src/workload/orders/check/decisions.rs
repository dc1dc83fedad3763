//! Decisions and payments: what was acknowledged must show, and must not change.

use super::ledger::{Attempt, Decision, Ledger, Moment, Order, Payment, status, text};
use crate::check::findings::{Example, Findings, place};
use crate::history::Operation;

/// The anomalies of decisions and payments, as they are found order by order.
#[derive(Default)]
pub(super) struct Contradictions {
    double_payment: Vec<Example>,
    lost_order: Vec<Example>,
    lost_payment: Vec<Example>,
    decision_changed: Vec<Example>,
    stale_status: Vec<Example>,
    phantom: Vec<Example>,
}

impl Contradictions {
    pub fn of(ledger: &Ledger<'_>) -> Contradictions {
        let mut found = Contradictions::default();
        for (id, order) in &ledger.orders {
            let about = About {
                id,
                order,
                payments: payments(ledger, order),
            };
            found.decision(&about);
            found.statuses(&about);
            found.payments(&about);
        }
        found
    }

    pub fn report(self, found: &mut Findings) {
        for (anomaly, meaning, examples) in [
            (
                "double-payment",
                "an order was paid by two payments. Only the first may be taken; the others are \
                 refunded.",
                self.double_payment,
            ),
            (
                "lost-order",
                "an acknowledged order is unknown in the end. It was acknowledged before it was safe.",
                self.lost_order,
            ),
            (
                "lost-payment",
                "a payment that was taken does not show in the end. It was acknowledged before it \
                 was safe, or a held payment was not applied when its order came.",
                self.lost_payment,
            ),
            (
                "decision-changed",
                "the same id got two final answers. A decision must be durable before a node replies with it.",
                self.decision_changed,
            ),
            (
                "phantom",
                "an answer shows an order or a payment that was never sent, or refused each time.",
                self.phantom,
            ),
            (
                "stale-status",
                "an answer does not show what had been acknowledged before it was asked for. Usually \
                 the node answered from a copy that was behind.",
                self.stale_status,
            ),
        ] {
            found.add(anomaly, meaning, examples);
        }
    }

    /// Whether anything is wrong with orders and payments.
    pub fn is_empty(&self) -> bool {
        [
            &self.double_payment,
            &self.lost_order,
            &self.lost_payment,
            &self.decision_changed,
            &self.stale_status,
            &self.phantom,
        ]
        .iter()
        .all(|examples| examples.is_empty())
    }

    fn decision(&mut self, about: &About<'_, '_>) {
        let (id, order) = (about.id, about.order);
        let [accepted, rejected] =
            [Decision::Accepted, Decision::Rejected].map(|decision| order.decided(decision));
        if let (Some(accepted), Some(rejected)) = (accepted, rejected) {
            self.decision_changed.push(Example::new(
                format!(
                    "order {id} was accepted ({}) and rejected ({})",
                    shown(accepted.completion),
                    shown(rejected.completion)
                ),
                [accepted.completion.index, rejected.completion.index],
            ));
        }
        if let Some(first) = order.evidence.first()
            && order
                .requests
                .possible_from()
                .is_none_or(|begun| begun >= first.completion.index)
        {
            self.phantom.push(Example::new(
                format!(
                    "order {id} is {} ({}), but no request for it can have had an effect by then",
                    first.decision.name(),
                    shown(first.completion)
                ),
                [first.completion.index],
            ));
        }
    }

    fn statuses(&mut self, about: &About<'_, '_>) {
        let (id, order) = (about.id, about.order);
        for reading in &order.statuses {
            let Some(answer) = reading.answer() else {
                continue;
            };
            let asked = reading.invoked();
            let shows = status(answer);
            let earlier = order.evidence.first().map(|first| first.completion);
            let earlier = earlier.filter(|earlier| earlier.index < asked);
            if let (Some(earlier), "unknown") = (earlier, shows) {
                let missing = if reading.invocation.is_final() {
                    &mut self.lost_order
                } else {
                    &mut self.stale_status
                };
                missing.push(Example::new(
                    format!(
                        "order {id} was decided ({}), and later unknown ({})",
                        shown(earlier),
                        shown(answer)
                    ),
                    [earlier.index, answer.index],
                ));
            } else if shows != "paid"
                && let Some((payment, taken)) = about.taken_before(asked)
            {
                let missing = if reading.invocation.is_final() {
                    &mut self.lost_payment
                } else {
                    &mut self.stale_status
                };
                missing.push(Example::new(
                    format!(
                        "payment {payment} of order {id} had been taken ({}), but the order was \
                         {shows} afterwards ({})",
                        shown(taken),
                        shown(answer)
                    ),
                    [taken.index, answer.index],
                ));
            }
        }
    }

    fn payments(&mut self, about: &About<'_, '_>) {
        let id = about.id;
        let paid = about.shown_as_paid();
        if let [(first, a), (second, b), ..] = paid[..] {
            self.double_payment.push(Example::new(
                format!(
                    "order {id} was paid by {first} ({}) and by {second} ({})",
                    shown(a),
                    shown(b)
                ),
                [a.index, b.index],
            ));
        }
        for (payment, answer) in paid {
            if !about.may_pay(payment, answer.index) {
                self.phantom.push(Example::new(
                    format!(
                        "order {id} was paid by {payment} ({}), but no such payment of it can have \
                         had an effect by then",
                        shown(answer)
                    ),
                    [answer.index],
                ));
            }
        }
        for (payment, entry) in &about.payments {
            self.answers(about, payment, entry);
        }
    }

    /// The answers to one payment and its repeats.
    fn answers(&mut self, about: &About<'_, '_>, payment: &str, entry: &Payment<'_>) {
        let (id, order) = (about.id, about.order);
        let answers: Vec<(Moment, &Operation)> = entry
            .requests
            .0
            .iter()
            .filter_map(|attempt| Some((attempt.invoked(), attempt.answer()?)))
            .collect();
        let first = |wanted: &str| {
            let mut answers = answers.iter();
            answers.find(|(_, answer)| status(answer) == wanted)
        };
        if let (Some((_, paid)), Some((_, refunded))) = (first("paid"), first("refunded")) {
            self.decision_changed.push(Example::new(
                format!(
                    "payment {payment} of order {id} was taken ({}) and refunded ({})",
                    shown(paid),
                    shown(refunded)
                ),
                [paid.index, refunded.index],
            ));
        }
        let settled = answers
            .iter()
            .filter(|(_, answer)| status(answer) != "held");
        let settled = settled
            .map(|(_, answer)| *answer)
            .min_by_key(|answer| answer.index);
        for &(asked, answer) in &answers {
            match status(answer) {
                "held" => {
                    let known = order.evidence.first().map(|first| first.completion);
                    let earlier = [known, settled].into_iter().flatten();
                    if let Some(earlier) = earlier.min_by_key(|earlier| earlier.index)
                        && earlier.index < asked
                    {
                        self.stale_status.push(Example::new(
                            format!(
                                "payment {payment} was held ({}) after order {id} was known ({})",
                                shown(answer),
                                shown(earlier)
                            ),
                            [earlier.index, answer.index],
                        ));
                    }
                }
                "refunded" if about.has_no_reason_to_refund(payment, answer.index) => {
                    self.lost_payment.push(Example::new(
                        format!(
                            "payment {payment} of order {id} was refunded ({}), although the order \
                             was accepted and no other payment was sent",
                            shown(answer)
                        ),
                        [answer.index],
                    ));
                }
                _ => {}
            }
        }
    }
}

/// An order and its payments.
struct About<'l, 'a> {
    id: &'l str,
    order: &'l Order<'a>,
    payments: Vec<(&'l str, &'l Payment<'a>)>,
}

fn payments<'l, 'a>(
    ledger: &'l Ledger<'a>,
    order: &'l Order<'a>,
) -> Vec<(&'l str, &'l Payment<'a>)> {
    let payments = order.payments.iter();
    payments
        .filter_map(|&id| Some((id, ledger.payments.get(id)?)))
        .collect()
}

impl<'l, 'a> About<'l, 'a> {
    /// A payment that was certainly taken before a moment, with the answer that proves it: it was
    /// paid, or held and the order accepted.
    fn taken_before(&self, moment: Moment) -> Option<(&'l str, &'a Operation)> {
        let accepted = self.order.decided(Decision::Accepted);
        let accepted = accepted.is_some_and(|found| found.completion.index < moment);
        for (payment, entry) in &self.payments {
            let before = entry.requests.0.iter().filter_map(Attempt::answer);
            for answer in before.filter(|answer| answer.index < moment) {
                match status(answer) {
                    "paid" => return Some((payment, answer)),
                    "held" if accepted => return Some((payment, answer)),
                    _ => {}
                }
            }
        }
        let mut shown = self.order.statuses.iter().filter_map(Attempt::answer);
        let shown = shown.find(|answer| answer.index < moment && status(answer) == "paid")?;
        Some((text(&shown.value, "payment"), shown))
    }

    /// Every payment that an answer shows as the one that paid, with the first such answer.
    fn shown_as_paid(&self) -> Vec<(&'l str, &'a Operation)> {
        let answers = |requests: &'l [Attempt<'a>]| {
            let answers = requests.iter().filter_map(Attempt::answer);
            answers.filter(|answer| status(answer) == "paid")
        };
        let payments = self.payments.iter().flat_map(|&(payment, entry)| {
            answers(&entry.requests.0).map(move |answer| (payment, answer))
        });
        let statuses = answers(&self.order.statuses);
        let statuses = statuses.map(|answer| (text(&answer.value, "payment"), answer));
        let mut paid: Vec<(&str, &Operation)> = Vec::new();
        for (payment, answer) in payments.chain(statuses) {
            if !paid.iter().any(|(known, _)| *known == payment) {
                paid.push((payment, answer));
            }
        }
        paid
    }

    /// Whether a payment of this order may have taken effect before a moment.
    fn may_pay(&self, payment: &str, moment: Moment) -> bool {
        let mut payments = self.payments.iter();
        let entry = payments.find(|(id, entry)| *id == payment && entry.order == self.id);
        entry.is_some_and(|(_, entry)| {
            let begun = entry.requests.possible_from();
            begun.is_some_and(|begun| begun < moment)
        })
    }

    /// The order was accepted and never rejected, and no other payment of it was sent in time.
    fn has_no_reason_to_refund(&self, payment: &str, moment: Moment) -> bool {
        let mut others = self.payments.iter().filter(|(id, _)| *id != payment);
        self.order.decided(Decision::Accepted).is_some()
            && self.order.decided(Decision::Rejected).is_none()
            && !others.any(|(id, _)| self.may_pay(id, moment))
    }
}

/// What an answer says, and where: `n1 said paid, operation 17 at 3.214 s`.
fn shown(answer: &Operation) -> String {
    format!(
        "{} said {}, {}",
        text(&answer.value, "node"),
        status(answer),
        place(answer)
    )
}
