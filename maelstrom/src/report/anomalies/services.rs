//! The anomalies of Eddy's own workloads: leader election, orders and jobs.

use super::{Group, anomaly};

pub(super) const ELECTION: Group = Group {
    title: "Leader election",
    workloads: &["leader-election"],
    anomalies: &[
        anomaly(
            "two-leaders-in-a-term",
            "Replies name different leaders of the same term.",
            "Two nodes counted the same votes, or a node forgot its vote in a restart and voted again.",
            "0 ok leader n1 (term 4)\n1 ok leader n2 (term 4)",
        ),
        anomaly(
            "split-brain",
            "Two nodes claimed to lead at the same time, whatever their terms.",
            "A leader does not stop when it loses contact with its majority: its lease ends later \
             than the time after which others elect.",
            "n1 claims to lead at 1.0 s and 2.0 s (term 4)\nn2 claims to lead at 1.5 s (term 5)",
        ),
        anomaly(
            "term-went-back",
            "A node answered with a lower term than before.",
            "The term was used before it was on disk.",
            "0 ok leader n1 (term 5)\n… n0 restarts …\n0 ok leader n1 (term 4)",
        ),
        anomaly(
            "no-agreement",
            "After all faults had ended, the nodes did not agree on one leader that claims to lead.",
            "Elections disturb each other because timeouts are not random, or a deposed leader does \
             not learn of its successor.",
            "final: n0 names n1, n1 names n1, n2 names n2",
        ),
    ],
};

pub(super) const ORDERS: Group = Group {
    title: "Orders",
    workloads: &["orders"],
    anomalies: &[
        anomaly(
            "oversold",
            "Accepted orders exceed all goods that were ever in stock.",
            "Two nodes decide orders at the same time: without a majority, or with one that they no \
             longer have.",
            "restock p0 5\nok order p0 × 3 accepted\nok order p0 × 3 accepted",
        ),
        anomaly(
            "stock-out-of-bounds",
            "A reading of stock contradicts what was restocked and sold.",
            "The node answers from an old copy.",
            "restock p0 5\nok stock p0 7",
        ),
        anomaly(
            "unjustified-rejection",
            "An order was rejected although every line of it could be met during the whole operation.",
            "An order is counted twice after a repetition, or stock is reserved and not given back.",
            "restock p0 5\nok order p0 × 3 rejected",
        ),
        anomaly(
            "double-payment",
            "An order was paid for twice.",
            "A payment is repeated after a timeout without a key that makes the repetition harmless.",
            "order 7 accepted\npayments of order 7: 2",
        ),
        anomaly(
            "lost-payment",
            "An accepted order was not paid for.",
            "The order is acknowledged before its payment is certain, and the node that owed it died.",
            "order 7 accepted\npayments of order 7: 0",
        ),
        anomaly(
            "lost-order",
            "An order whose decision was acknowledged is not known later.",
            "The decision was acknowledged before a majority stored it.",
            "ok order 7 accepted\nok status 7 unknown",
        ),
        anomaly(
            "decision-changed",
            "An order was accepted according to one answer and rejected according to another.",
            "A repeated request is decided again instead of being answered with the first decision.",
            "ok order 7 accepted\nok status 7 rejected",
        ),
        anomaly(
            "stale-status",
            "The answers about an order contradict each other: they are not linearizable.",
            "A node answers from its copy without asking the leader.",
            "ok status 7 accepted\nok status 7 undecided   (later)",
        ),
        anomaly(
            "lost-restock",
            "Goods that were acknowledged as restocked are missing from the stock.",
            "The restock was acknowledged before a majority stored it.",
            "ok restock p0 5\nfinal stock p0 0",
        ),
        anomaly(
            "counted-twice",
            "An order or a restock changed the stock twice.",
            "A request was repeated after a timeout and applied again.",
            "restock p0 5 (repeated once)\nfinal stock p0 10",
        ),
        anomaly(
            "nodes-disagree",
            "Final answers differ between nodes.",
            "A node missed entries of the log and does not fetch them, or applied them in another order.",
            "final stock p0: 3 on n0, 4 on n2",
        ),
        anomaly(
            "wrong-statistics",
            "Final statistics do not count the accepted orders.",
            "A round of the aggregation was lost, or an order was counted by two nodes.",
            "accepted orders: 40\nfinal statistics: 39",
        ),
        anomaly(
            "no-final-answer",
            "A node did not answer a final question, although all faults had ended.",
            "A node does not rejoin after a restart, or waits for a leader that it never finds.",
            "final stock p0 on n2: no answer",
        ),
    ],
};

pub(super) const JOBS: Group = Group {
    title: "Jobs",
    workloads: &["jobs"],
    anomalies: &[
        anomaly(
            "lost",
            "A job was acknowledged, and no worker executed it.",
            "The balancer acknowledges before a worker accepted the job, and the worker died or the \
             message was dropped.",
            "0 ok job 7 by n2\nfinal: n2 did not run job 7",
        ),
        anomaly(
            "repeated",
            "A job ran more than once, and no fault hit a worker while it ran.",
            "The balancer gives a slow job to a second worker before it knows that the first one failed.",
            "job 7 ran on n1 and on n2, without a fault",
        ),
        anomaly(
            "wrong-worker",
            "An answer names a worker that did not run the job.",
            "The answer contains the worker to which the job was sent first, not the one that ran it.",
            "0 ok job 7 by n1\nfinal: n2 ran job 7",
        ),
        anomaly(
            "refused-but-run",
            "A job was refused with a definite error, but it ran.",
            "A timeout is reported as a definite error. Its outcome is not certain.",
            "0 fail job 7 (temporarily unavailable)\nfinal: n1 ran job 7",
        ),
        anomaly(
            "too-fast",
            "A worker did more than its slots can do.",
            "A job ends before its time, or a worker runs more jobs at once than it has slots.",
            "slots: 2\njobs 4, 5 and 6 at the same time on n1",
        ),
        anomaly(
            "no-final-answer",
            "A node did not answer the final question, although all faults had ended.",
            "A node does not rejoin after a restart.",
            "final question to n2: no answer",
        ),
    ],
};
