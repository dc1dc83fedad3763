//! The anomalies of transactions, after Adya and elle.

use super::{Group, anomaly};

pub(super) const TRANSACTIONS: Group = Group {
    title: "Transactions: txn-list-append and txn-rw-register",
    workloads: &["txn-list-append", "txn-rw-register"],
    anomalies: &[
        anomaly(
            "internal",
            "A transaction's read contradicts its own earlier reads and writes.",
            "Each part of the transaction works on the current state, instead of on one snapshot plus \
             the transaction's own writes.",
            "0 ok txn [w x 1] [r x 2]",
        ),
        anomaly(
            "G1a",
            "A transaction read a value that a failed one wrote: an aborted read.",
            "Writes are visible before the transaction commits, or a transaction that took effect is \
             answered with a definite error.",
            "0 fail txn [w x 1]\n1 ok   txn [r x 1]",
        ),
        anomaly(
            "G1b",
            "A transaction read a value that its writer replaced before it committed: an \
             intermediate read.",
            "Writes are visible one by one, instead of all at the commit.",
            "0 ok txn [w x 1] [w x 2]\n1 ok txn [r x 1]",
        ),
        anomaly(
            "dirty-update",
            "A committed transaction depends on the write of a failed one.",
            "A write is not undone when its transaction fails.",
            "0 fail txn [append x 1]\n1 ok   txn [append x 2]\n2 ok   txn [r x [1 2]]",
        ),
        anomaly(
            "future-read",
            "A transaction read a value that it writes later.",
            "The parts of a transaction are not executed in their order.",
            "0 ok txn [r x [1]] [append x 1]",
        ),
        anomaly(
            "lost-update",
            "Several transactions read one version of a key and each replaced it.",
            "The commit does not check whether what was read is still current: a write where a \
             compare-and-set is needed.",
            "0 ok txn [r x 1] [w x 2]\n1 ok txn [r x 1] [w x 3]",
        ),
        anomaly(
            "duplicate-elements",
            "A list contains one element several times.",
            "An append was repeated after a timeout although the first attempt took effect.",
            "0 ok txn [append x 1]\n1 ok txn [r x [1 1]]",
        ),
        anomaly(
            "incompatible-order",
            "Two reads of a key disagree about the order of its elements: neither list is the \
             beginning of the other.",
            "Nodes hold copies to which appends come in different orders, or two leaders append at \
             the same time.",
            "0 ok txn [r x [1 2]]\n1 ok txn [r x [2 1]]",
        ),
        anomaly(
            "cyclic-versions",
            "The versions of a register follow each other in a cycle.",
            "Nodes apply writes of a register in different orders.",
            "0 ok txn [r x 1] [w x 2]\n1 ok txn [r x 2] [w x 1]",
        ),
        anomaly(
            "G0",
            "Writes of transactions form a cycle: a dirty write.",
            "Writes of different transactions interleave: they are applied without a lock or a common \
             order.",
            "0 ok txn [append x 1] [append y 1]\n1 ok txn [append x 2] [append y 2]\n\
             2 ok txn [r x [1 2]] [r y [2 1]]",
        ),
        anomaly(
            "G0-process",
            "A cycle as in G0 that needs the order in which a client ran its transactions.",
            "A client's next transaction runs on a node that has not seen its last one.",
            "0 ok txn [w x 1]\n0 ok txn [w x 2]   but the versions of x are 2, 1",
        ),
        anomaly(
            "G0-realtime",
            "A cycle as in G0 that needs real time.",
            "Nodes accept writes on their own and order them later, by clocks that disagree.",
            "0 ok txn [w x 1]   ends before\n1 ok txn [w x 2]   begins, but the versions of x are 2, 1",
        ),
        anomaly(
            "G1c",
            "Writes and reads of transactions form a cycle: each saw something of the next.",
            "Writes are visible before the commit.",
            "0 ok txn [w x 1] [r y 2]\n1 ok txn [w y 2] [r x 1]",
        ),
        anomaly(
            "G1c-process",
            "A cycle as in G1c that needs the order in which a client ran its transactions.",
            "A client's next transaction runs on a node that has not seen its last one.",
            "0 ok txn [r x 1]\n0 ok txn [w y 1]\n1 ok txn [r y 1] [w x 1]",
        ),
        anomaly(
            "G1c-realtime",
            "A cycle as in G1c that needs real time.",
            "A transaction takes effect before it begins or after it ends, by the clocks of the nodes.",
            "0 ok txn [r x 1]   ends before\n1 ok txn [w x 1]   begins",
        ),
        anomaly(
            "G-single-item",
            "A cycle with exactly one anti-dependency (a read of a version that another transaction \
             replaced): read skew.",
            "A transaction reads keys at different times instead of from one snapshot.",
            "0 ok txn [r x nil] [r y 1]\n1 ok txn [w x 1] [w y 1]",
        ),
        anomaly(
            "G-single-item-process",
            "A cycle as in G-single-item that needs the order of a client's transactions.",
            "A client does not see its own earlier transactions: it reads from another, older copy.",
            "0 ok txn [w x 1]\n0 ok txn [r x nil]",
        ),
        anomaly(
            "G-single-item-realtime",
            "A cycle as in G-single-item that needs real time: a stale read.",
            "A node answers reads from a copy without making sure that it is current.",
            "0 ok txn [w x 1]     ends before\n1 ok txn [r x nil]   begins",
        ),
        anomaly(
            "G-nonadjacent-item",
            "A cycle with several anti-dependencies, no two in a row: a long fork.",
            "Snapshots of different nodes contain writes in different orders.",
            "0 ok txn [w x 1]\n1 ok txn [w y 1]\n2 ok txn [r x 1] [r y nil]\n3 ok txn [r x nil] [r y 1]",
        ),
        anomaly(
            "G-nonadjacent-item-process",
            "A cycle as in G-nonadjacent-item that needs the order of a client's transactions.",
            "As for G-nonadjacent-item, seen by one client over several transactions.",
            "2 ok txn [r x 1]\n2 ok txn [r y nil]\n3 ok txn [r y 1]\n3 ok txn [r x nil]",
        ),
        anomaly(
            "G-nonadjacent-item-realtime",
            "A cycle as in G-nonadjacent-item that needs real time.",
            "Several nodes answer from copies that are old in different ways.",
            "2 ok txn [r x 1]   ends before\n3 ok txn [r x nil] [r y 1]   begins",
        ),
        anomaly(
            "G2-item",
            "A cycle with anti-dependencies in a row: write skew. Serializability forbids it, \
             snapshot isolation does not.",
            "The commit checks what was written, but not what was read.",
            "0 ok txn [r x nil] [w y 1]\n1 ok txn [r y nil] [w x 1]",
        ),
        anomaly(
            "G2-item-process",
            "A cycle as in G2-item that needs the order of a client's transactions.",
            "As for G2-item, with a client that does not see its own earlier transactions.",
            "0 ok txn [w x 1]\n0 ok txn [r y nil]\n1 ok txn [w y 1]\n1 ok txn [r x nil]",
        ),
        anomaly(
            "G2-item-realtime",
            "A cycle as in G2-item that needs real time. Strict serializability forbids it.",
            "Reads are answered from copies without making sure that they are current.",
            "0 ok txn [w x 1]     ends before\n1 ok txn [r x nil]   begins",
        ),
        anomaly(
            "empty-transaction-graph",
            "No transaction depends on another, so nothing was tested.",
            "Transactions fail, or each key is used by one transaction only.",
            "0 ok   txn [w x 1]\n1 fail txn [r x nil]",
        ),
    ],
};
