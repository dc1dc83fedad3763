//! The anomalies of echoes, identifiers, sets, counters and registers, and those of every workload.

use super::{Anomaly, Group};

pub(super) const ECHO: Group = Group {
    title: "Echo",
    workloads: &["echo"],
    anomalies: &[Anomaly {
        name: "wrong-echo",
        sign: Some("did not come back as they were sent"),
        meaning: "The reply does not contain what the request contained.",
        mistake: "The handler answers with another field than echo, with the message of another \
                  request, or with a value that its JSON library changed.",
        example: "0 invoke echo \"please 35\"\n0 ok     echo \"please 34\"",
    }],
};

pub(super) const UNIQUE_IDS: Group = Group {
    title: "Unique identifiers",
    workloads: &["unique-ids"],
    anomalies: &[Anomaly {
        name: "duplicate-id",
        sign: Some("ids handed out more than once"),
        meaning: "Two requests received the same identifier.",
        mistake: "The identifier is made from a clock, or from a counter that does not contain the \
                  name of the node or starts again at 0 after a restart.",
        example: "0 ok generate 1700000000123   (node n0)\n1 ok generate 1700000000123   (node n1)",
    }],
};

pub(super) const SETS: Group = Group {
    title: "Sets: broadcast and g-set",
    workloads: &["broadcast", "g-set"],
    anomalies: &[
        Anomaly {
            name: "lost",
            sign: Some("lost elements"),
            meaning: "A value was acknowledged or was visible to a read, and a later read that no \
                      other one follows does not contain it.",
            mistake: "The node forwards a value once and does not repeat what a partition dropped. \
                      Send it until the neighbour acknowledges it, or compare states periodically.",
            example: "0 ok broadcast 7\n1 ok read [7]\n2 ok read []   (last read of n2)",
        },
        Anomaly {
            name: "stale",
            sign: Some(":stale"),
            meaning: "A read that began after a value was acknowledged does not contain it, but \
                      later reads do. This is allowed; the time until then is the stable latency.",
            mistake: "None: propagation takes time. A long stable latency comes from many hops, \
                      from slow retries, or from a flush interval that is too long.",
            example: "0 ok add 7\n1 ok read []\n1 ok read [7]",
        },
        Anomaly {
            name: "no-stable-value",
            sign: Some("no element is stable"),
            meaning: "No value was in a read at the end, so the run proves nothing and its verdict \
                      is unknown.",
            mistake: "Reads fail, or they answer with an empty list under another name than the \
                      protocol demands.",
            example: "0 ok   add 7\n0 fail read",
        },
    ],
};

pub(super) const COUNTERS: Group = Group {
    title: "Counters: g-counter and pn-counter",
    workloads: &["g-counter", "pn-counter"],
    anomalies: &[Anomaly {
        name: "wrong-sum",
        sign: Some("a final read may show"),
        meaning: "A final read differs from the sum of all acknowledged additions, with or without \
                  those whose outcome is unknown.",
        mistake: "The node reads a value from a store and writes it back without compare-and-set, \
                  repeats an addition whose first attempt took effect, or answers from a cache.",
        example: "0 ok add 2\n1 ok add 3\n0 ok read 3   (final)",
    }],
};

pub(super) const REGISTERS: Group = Group {
    title: "Registers: lin-kv",
    workloads: &["lin-kv"],
    anomalies: &[Anomaly {
        name: "not-linearizable",
        sign: Some("is not linearizable"),
        meaning: "No order of the operations on a key agrees both with real time (an operation that \
                  ended before another began comes first) and with what a register answers.",
        mistake: "A node answers reads from its own copy without asking a majority, a deposed leader \
                  still answers, or a write is acknowledged before a majority stores it.",
        example: "0 ok write 1\n0 ok write 2\n1 invoke read   (after both)\n1 ok read 1",
    }],
};

pub(super) const ALL: Group = Group {
    title: "Every workload",
    workloads: &[],
    anomalies: &[
        Anomaly {
            name: "malformed-reply",
            sign: None,
            meaning: "A reply does not have the form that the protocol of the workload demands.",
            mistake: "A field is missing, has another name, or has another type: in_reply_to must be \
                      the integer of the request's msg_id.",
            example: "sent     {\"type\": \"read\", \"msg_id\": 4}\nreceived {\"type\": \"read_ok\", \
                      \"in_reply_to\": 4}   (without value)",
        },
        Anomaly {
            name: "never-ok",
            sign: Some("ended ok"),
            meaning: "No operation of some kind succeeded, so that this part of the workload was not \
                      tested.",
            mistake: "The node does not know the type of the request, answers each with an error, or \
                      does not answer in time.",
            example: "0 invoke read\n0 info   read   :net-timeout",
        },
        Anomaly {
            name: "availability",
            sign: Some("availability:"),
            meaning: "A smaller fraction of operations succeeded than the run demanded.",
            mistake: "The node waits for nodes that it cannot reach, although the workload lets it \
                      answer alone.",
            example: "--availability total\n0 invoke add 1\n0 info   add 1   :net-timeout",
        },
        Anomaly {
            name: "no-evidence",
            sign: Some("evidence:"),
            meaning: "The history does not contain what a verdict needs: it has no operations, \
                      operations of another workload, or mostly requests without an answer.",
            mistake: "The wrong workload was given, or nearly no request was answered.",
            example: "eddy analyze kafka-history.edn --workload lin-kv",
        },
    ],
};
