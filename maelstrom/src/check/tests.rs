//! Histories in a compact notation, for the tests of checkers.

use crate::edn;
use crate::history::{History, Operation, read_edn};

/// The history that `text` describes, one entry a line:
///
/// ```text
/// PROCESS KIND F VALUE [:field value …]
/// 0 invoke add 1
/// 0 ok add 1
/// 1 invoke read nil :final? true
/// ```
///
/// Entry *i* happens at 10·*i* ms, unless it has a `:time` (in nanoseconds).
pub(crate) fn history(text: &str) -> History {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let maps: Vec<String> = lines
        .enumerate()
        .map(|(i, line)| {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [process, kind, f, rest] = words[..] else {
                panic!("an entry is PROCESS KIND F VALUE, not {line:?}");
            };
            let process = process.replace("nemesis", ":nemesis");
            let time = i * 10_000_000;
            format!("{{:time {time} :process {process} :type :{kind} :f :{f} :value {rest}}}")
        })
        .collect();
    read_edn(&maps.join("\n")).expect("the notation is EDN")
}

/// The only entry of a history of one line.
pub(crate) fn operation(line: &str) -> Operation {
    history(line).get(0).expect("one line").clone()
}

/// EDN text as a value.
pub(crate) fn value(text: &str) -> edn::Value {
    edn::parse(text).expect("the text is EDN")
}
