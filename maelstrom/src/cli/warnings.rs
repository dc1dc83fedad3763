//! The warnings of a run, in few lines.

use std::collections::BTreeMap;

use crate::runner::{Warning, WarningKind};

/// The most nodes that a warning names.
const NODES_MAX: usize = 3;

/// Returns a line for each kind of warning, with its count over all nodes and the first example. Kinds
/// that violate the protocol come first: they may be the cause of what the checkers found.
pub(super) fn by_kind(warnings: &[Warning]) -> Vec<String> {
    let mut kinds: BTreeMap<(bool, WarningKind), Vec<&Warning>> = BTreeMap::new();
    for warning in warnings {
        let key = (!warning.kind.is_violation(), warning.kind);
        kinds.entry(key).or_default().push(warning);
    }
    let lines = kinds.into_iter().map(|((_, kind), warnings)| {
        let total: u64 = warnings.iter().map(|warning| warning.count).sum();
        let nodes: Vec<&str> = warnings.iter().filter_map(|w| w.node.as_deref()).collect();
        let place = match nodes.len() {
            0 => String::new(),
            1..=NODES_MAX => format!(" ({})", nodes.join(", ")),
            more => format!(
                " ({} and {} other nodes)",
                nodes[..NODES_MAX - 1].join(", "),
                more - NODES_MAX + 1
            ),
        };
        format!(
            "{}: {total}{place}. The first: {}",
            kind.label(),
            warnings[0].first
        )
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(kind: WarningKind, node: Option<&str>, count: u64) -> Warning {
        Warning {
            kind,
            node: node.map(str::to_owned),
            count,
            first: format!("example {count}"),
        }
    }

    #[test]
    fn warnings_are_one_line_per_kind_with_violations_first() {
        let late = WarningKind::LateReply;
        let mut warnings = vec![
            warning(WarningKind::IneffectiveFault, None, 7),
            warning(WarningKind::MessageBeforeInit, Some("n1"), 1),
        ];
        assert_eq!(
            by_kind(&warnings),
            [
                "messages before the answer to init: 1 (n1). The first: example 1",
                "faults without effect: 7. The first: example 7",
            ]
        );
        warnings.clear();
        warnings.extend(["n0", "n1", "n2", "n3"].map(|node| warning(late, Some(node), 2)));
        assert_eq!(
            by_kind(&warnings),
            ["late replies: 8 (n0, n1 and 2 other nodes). The first: example 2"]
        );
    }
}
