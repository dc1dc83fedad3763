//! Processes in explanations with the nodes that they talk to.

use crate::workload::Settings;

/// Adds to each line of a text, after the first mention of each process, the node that the process
/// talks to: `process 3 on n3`. Texts that say so already stay as they are, and so does everything
/// if the nodes are not known.
pub(super) fn name_nodes(text: &str, settings: &Settings) -> String {
    let lines: Vec<String> = text.lines().map(|line| in_line(line, settings)).collect();
    lines.join("\n")
}

fn in_line(line: &str, settings: &Settings) -> String {
    const NOUN: &str = "process ";
    let mut named = Vec::new();
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(NOUN) {
        let (before, after) = rest.split_at(at + NOUN.len());
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (process, after) = after.split_at(digits);
        text.push_str(before);
        text.push_str(process);
        rest = after;
        let node = process
            .parse()
            .ok()
            .and_then(|process| settings.node_of(process));
        let Some(node) = node else { continue };
        let is_said = rest.starts_with(&format!(" on {node}"));
        if !is_said && !named.contains(&process) {
            text.push_str(" on ");
            text.push_str(node);
        }
        named.push(process);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Echo;

    #[test]
    fn first_mention_of_a_process_gets_its_node() {
        let nodes = ["n0", "n1"].map(str::to_owned).to_vec();
        let settings = Settings::new(&Echo, nodes);
        for (text, expected) in [
            ("process 3 read 1", "process 3 on n1 read 1"),
            (
                "(process 2), then process 2",
                "(process 2 on n0), then process 2",
            ),
            ("process 3 on n1: 1", "process 3 on n1: 1"),
            ("process 0\nprocess 0", "process 0 on n0\nprocess 0 on n0"),
            ("every process failed", "every process failed"),
            ("processes 3 and 4", "processes 3 and 4"),
        ] {
            assert_eq!(name_nodes(text, &settings), expected);
        }
        let unknown = Settings::of_history(&Echo);
        assert_eq!(name_nodes("process 3", &unknown), "process 3");
    }
}
