//! The anomalies of logs: the error types of the kafka workload.

use super::{Group, anomaly};

pub(super) const LOGS: Group = Group {
    title: "Logs: kafka",
    workloads: &["kafka"],
    anomalies: &[
        anomaly(
            "lost-write",
            "A message was acknowledged, and no poll returned it, although a poll got as far as a \
             later offset of its key.",
            "The message was acknowledged before it was stored where a new leader finds it, or two \
             sends received the same offset and one replaced the other.",
            "0 ok send k 5 → offset 3\n1 ok poll k [[2 4] [4 6]]",
        ),
        anomaly(
            "unseen",
            "Acknowledged messages were not polled by any client up to the end of the run.",
            "Polls do not reach the end of the log: a limit on their size without progress, or a node \
             that no longer learns of new messages. If later messages were seen, it is a lost write.",
            "0 ok send k 5 → offset 3\n… no poll of k reaches offset 3",
        ),
        anomaly(
            "inconsistent-offsets",
            "One offset of a key holds different messages.",
            "Two nodes hand out offsets for the same key: the offset comes from a local counter, or \
             from a read and a write without compare-and-set. Two leaders at once do the same.",
            "0 ok send k 5 → offset 3\n1 ok send k 6 → offset 3",
        ),
        anomaly(
            "duplicate",
            "One message has several offsets of its key.",
            "A send was repeated after a timeout although the first attempt took effect.",
            "0 ok send k 5 → offset 3\n1 ok poll k [[3 5] [4 5]]",
        ),
        anomaly(
            "poll-skip",
            "A client's next poll of a key begins after messages that it has not seen.",
            "An offset was visible before the ones below it were: a leader answered polls with \
             messages that are not committed, or a follower applied entries out of order.",
            "0 ok poll k [[1 3]]\n0 ok poll k [[4 6]]   (2 and 3 exist)",
        ),
        anomaly(
            "int-poll-skip",
            "Within one operation, a poll of a key leaves out messages that exist.",
            "The log has holes at the time of the poll: offsets were assigned before the messages \
             were stored.",
            "0 ok poll k [[1 3] [4 6]]   (2 and 3 exist)",
        ),
        anomaly(
            "nonmonotonic-poll",
            "A client's next poll of a key begins at or before the end of its last one.",
            "Nodes disagree about the log, or about committed offsets: the client reads from another \
             node or after a failover, and goes back.",
            "0 ok poll k [[3 5]]\n0 ok poll k [[2 4]]",
        ),
        anomaly(
            "int-nonmonotonic-poll",
            "Within one operation, a poll of a key goes backwards or stays in place.",
            "The messages of an answer are not sorted by offset, or one occurs twice.",
            "0 ok poll k [[3 5] [2 4]]",
        ),
        anomaly(
            "nonmonotonic-send",
            "A client's later send to a key received a smaller offset.",
            "Offsets come from several nodes that do not agree on the end of the log.",
            "0 ok send k 5 → offset 7\n0 ok send k 6 → offset 4",
        ),
        anomaly(
            "int-nonmonotonic-send",
            "Within one operation, sends to a key go backwards in the log.",
            "Requests of one client are handled concurrently, or by different leaders.",
            "0 ok txn [send k 5 → 7, send k 6 → 4]",
        ),
        anomaly(
            "int-send-skip",
            "Between two sends of one operation, the log has messages of other clients. This \
             is allowed.",
            "None: sends of different clients may interleave.",
            "0 ok txn [send k 5 → 3, send k 6 → 5]",
        ),
        anomaly(
            "G1a",
            "A poll returned a message whose send failed: an aborted read.",
            "The node answers with a definite error after it stored the message. If the outcome is \
             not certain, the error must be indefinite.",
            "0 fail send k 5\n1 ok   poll k [[3 5]]",
        ),
        anomaly(
            "precommitted-read",
            "An operation polled a message that the same operation sent.",
            "The effects of an operation are visible before it ends.",
            "0 ok txn [send k 5, poll k [[3 5]]]",
        ),
        anomaly(
            "G1c",
            "Operations form a cycle: each polled what the one before it sent.",
            "The parts of an operation become visible one by one, while others run between them.",
            "0 ok txn [send x 1, poll y [[0 2]]]\n1 ok txn [send y 2, poll x [[0 1]]]",
        ),
        anomaly(
            "G1c-realtime",
            "A cycle as in G1c that needs real time: a message was polled before its send began.",
            "Clocks or logs of nodes disagree about what happened first.",
            "0 ok poll k [[3 5]]\n1 invoke send k 5   (later)",
        ),
        anomaly(
            "PL-2-cycle-exists",
            "A cycle as in G1c exists, but the search for an example reached its limit.",
            "As for G1c.",
            "many operations that come before and after each other",
        ),
        anomaly(
            "strong-PL-2-cycle-exists",
            "A cycle as in G1c-realtime exists, but the search for an example reached its limit.",
            "As for G1c-realtime.",
            "many operations that come before and after each other",
        ),
        anomaly(
            "empty-transaction-graph",
            "No operation depends on another, so nothing was tested.",
            "Polls return nothing, or sends fail.",
            "0 ok send k 5\n1 ok poll {}",
        ),
    ],
};
