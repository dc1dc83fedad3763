//! What the user should know about a run, whatever its verdict.

use std::collections::BTreeMap;
use std::fmt;

/// The kind of a [`Warning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WarningKind {
    /// A line on standard output that is not a message.
    MalformedLine,
    /// A message from an endpoint that does not exist.
    UnknownSource,
    /// A message to an endpoint that does not exist.
    UnknownDestination,
    /// A message to a client that is gone: it got its answer, or gave up.
    ReplyToGoneClient,
    /// A request to a service that is malformed, or of a type that the service does not know.
    BadServiceRequest,
    /// A line with something after its message; only the message counts.
    TextAfterMessage,
    /// A reply with fields that the protocol forbids, or without those that it demands.
    MalformedReply,
    /// A message to a waiting client that does not answer its request.
    NoReply,
    /// An answer to a request that its client no longer waits for.
    LateReply,
    /// A second answer to a request.
    DuplicateReply,
    /// An answer from another node than the one that was asked.
    ForeignReply,
    /// A message that a node sent before it answered `init`.
    MessageBeforeInit,
    /// Standard error that did not fit into the node's log.
    UnloggedOutput,
    /// A fault that could not have an effect.
    IneffectiveFault,
}

impl WarningKind {
    /// Every kind.
    pub const ALL: [WarningKind; 14] = [
        WarningKind::MalformedLine,
        WarningKind::UnknownSource,
        WarningKind::UnknownDestination,
        WarningKind::ReplyToGoneClient,
        WarningKind::BadServiceRequest,
        WarningKind::TextAfterMessage,
        WarningKind::MalformedReply,
        WarningKind::NoReply,
        WarningKind::LateReply,
        WarningKind::DuplicateReply,
        WarningKind::ForeignReply,
        WarningKind::MessageBeforeInit,
        WarningKind::UnloggedOutput,
        WarningKind::IneffectiveFault,
    ];

    /// Returns the name for programs, such as `malformed-line`.
    pub fn name(self) -> &'static str {
        match self {
            WarningKind::MalformedLine => "malformed-line",
            WarningKind::UnknownSource => "unknown-source",
            WarningKind::UnknownDestination => "unknown-destination",
            WarningKind::ReplyToGoneClient => "reply-to-gone-client",
            WarningKind::BadServiceRequest => "bad-service-request",
            WarningKind::TextAfterMessage => "text-after-message",
            WarningKind::MalformedReply => "malformed-reply",
            WarningKind::NoReply => "no-reply",
            WarningKind::LateReply => "late-reply",
            WarningKind::DuplicateReply => "duplicate-reply",
            WarningKind::ForeignReply => "foreign-reply",
            WarningKind::MessageBeforeInit => "message-before-init",
            WarningKind::UnloggedOutput => "unlogged-output",
            WarningKind::IneffectiveFault => "ineffective-fault",
        }
    }

    /// Returns what was counted, in the plural, such as `lines that are not messages`.
    pub fn label(self) -> &'static str {
        match self {
            WarningKind::MalformedLine => "lines that are not messages",
            WarningKind::UnknownSource => "messages from endpoints that do not exist",
            WarningKind::UnknownDestination => "messages to endpoints that do not exist",
            WarningKind::ReplyToGoneClient => "messages to clients that are gone",
            WarningKind::BadServiceRequest => "requests that a service does not understand",
            WarningKind::TextAfterMessage => "lines with something after the message",
            WarningKind::MalformedReply => "malformed replies",
            WarningKind::NoReply => "messages to clients that answer no request",
            WarningKind::LateReply => "late replies",
            WarningKind::DuplicateReply => "duplicate replies",
            WarningKind::ForeignReply => "replies from another node than the one asked",
            WarningKind::MessageBeforeInit => "messages before the answer to init",
            WarningKind::UnloggedOutput => "bytes of stderr left out of the log",
            WarningKind::IneffectiveFault => "faults without effect",
        }
    }

    /// Whether upstream ignores every later line of the node, so that a run that is valid here would
    /// fail there.
    pub fn is_fatal_upstream(self) -> bool {
        matches!(
            self,
            WarningKind::MalformedLine
                | WarningKind::UnknownSource
                | WarningKind::UnknownDestination
                | WarningKind::ReplyToGoneClient
        )
    }

    /// Whether the protocol forbids it. A reply to a client that gave up is only late.
    pub fn is_violation(self) -> bool {
        matches!(
            self,
            WarningKind::MalformedLine
                | WarningKind::UnknownSource
                | WarningKind::UnknownDestination
                | WarningKind::BadServiceRequest
                | WarningKind::TextAfterMessage
                | WarningKind::MalformedReply
                | WarningKind::MessageBeforeInit
        )
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that the user should know about a run, with how often it happened.
///
/// It prints as `n0: 3 late replies, the first: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// What happened.
    pub kind: WarningKind,
    /// The name of the node that it happened to; `None` if it concerns the whole run.
    pub node: Option<String>,
    /// How often it happened, or how many bytes there were.
    pub count: u64,
    /// The first time, explained in a sentence or two.
    pub first: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "{node}: ")?;
        }
        let Warning {
            kind, count, first, ..
        } = self;
        write!(f, "{count} {}, the first: {first}", kind.label())
    }
}

/// The warnings of a run, collected by kind and node.
#[derive(Debug, Default)]
pub(super) struct Warnings(BTreeMap<(WarningKind, Option<usize>), (u64, String)>);

impl Warnings {
    /// Counts a warning about a node, or about the whole run. Returns how many of this kind there
    /// are now.
    pub(super) fn add(&mut self, kind: WarningKind, node: Option<usize>, text: &str) -> u64 {
        self.add_many(kind, node, 1, text)
    }

    /// Counts a warning as often as given.
    pub(super) fn add_many(
        &mut self,
        kind: WarningKind,
        node: Option<usize>,
        count: u64,
        text: &str,
    ) -> u64 {
        let entry = self.0.entry((kind, node));
        let (total, _) = entry.or_insert_with(|| (0, text.to_owned()));
        *total += count;
        *total
    }

    /// Returns all warnings, by kind and node.
    pub(super) fn into_list(self, nodes: &[String]) -> Vec<Warning> {
        let warnings = self.0.into_iter();
        warnings
            .map(|((kind, node), (count, first))| Warning {
                kind,
                node: node.map(|node| nodes[node].clone()),
                count,
                first,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn warnings_are_counted_by_kind_and_node_and_keep_the_first_example() {
        let mut warnings = Warnings::default();
        warnings.add(WarningKind::LateReply, Some(1), "a");
        warnings.add(WarningKind::LateReply, Some(0), "b");
        let total = warnings.add(WarningKind::LateReply, Some(1), "c");
        assert_eq!(total, 2);
        warnings.add(WarningKind::MalformedLine, Some(1), "d");
        let nodes = ["n0".to_owned(), "n1".to_owned()];
        let shown: Vec<String> = warnings
            .into_list(&nodes)
            .iter()
            .map(Warning::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "n1: 1 lines that are not messages, the first: d",
                "n0: 1 late replies, the first: b",
                "n1: 2 late replies, the first: a",
            ]
        );
    }

    #[test]
    fn names_of_kinds_are_distinct() {
        let names: BTreeSet<_> = WarningKind::ALL.map(WarningKind::name).into();
        let labels: BTreeSet<_> = WarningKind::ALL.map(WarningKind::label).into();
        assert_eq!((names.len(), labels.len()), (14, 14));
    }
}
