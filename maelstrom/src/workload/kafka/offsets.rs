//! What the history tells about offsets: how far keys were written, and how far they were read.

use std::collections::BTreeMap;

use crate::edn::Value;
use crate::history::{Kind, Operation};

/// The offsets that sends were acknowledged with and that polls returned.
#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    /// The highest offset of each key that anybody sent or polled.
    highest: BTreeMap<u64, i64>,
    /// The keys with an acknowledged message that no poll has reached yet.
    unseen: BTreeMap<u64, Unseen>,
}

/// How far a key was written and read since it was last read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unseen {
    /// The highest offset that a send was acknowledged with; -1 for none.
    pub sent: i64,
    /// The highest offset that a poll returned; -1 for none.
    pub polled: i64,
}

impl Offsets {
    /// Takes note of an entry of the history.
    pub fn observe(&mut self, operation: &Operation) {
        for (key, sent) in reached(operation, "send") {
            self.note(key, Unseen { sent, polled: -1 });
        }
        for (key, polled) in reached(operation, "poll") {
            self.note(key, Unseen { sent: -1, polled });
        }
    }

    /// A key that was read to where it is known to be written is forgotten altogether, so that a
    /// send which is acknowledged only after it was polled counts as unseen, as upstream.
    fn note(&mut self, key: u64, new: Unseen) {
        let highest = self.highest.entry(key).or_insert(-1);
        *highest = (*highest).max(new.sent).max(new.polled);
        let unseen = self.unseen.entry(key).or_insert(Unseen {
            sent: -1,
            polled: -1,
        });
        unseen.sent = unseen.sent.max(new.sent);
        unseen.polled = unseen.polled.max(new.polled);
        if unseen.polled >= unseen.sent {
            self.unseen.remove(&key);
        }
    }

    /// The highest offset of each key that anybody sent or polled.
    pub fn highest(&self) -> &BTreeMap<u64, i64> {
        &self.highest
    }

    /// The keys with an acknowledged message that no poll has reached yet.
    pub fn unseen(&self) -> &BTreeMap<u64, Unseen> {
        &self.unseen
    }
}

/// The highest offset of each key in the steps `f` of an operation that succeeded. Keys that are no
/// integers are not ours, and left out.
pub(super) fn reached(operation: &Operation, f: &str) -> Vec<(u64, i64)> {
    if operation.kind != Kind::Ok || operation.f != f {
        return Vec::new();
    }
    let steps = operation.value.as_seq().unwrap_or_default().iter();
    let steps = steps.filter_map(Value::as_seq);
    steps.flat_map(reached_in_step).collect()
}

/// Of `[:send "7" [5 9]]` and of `[:poll {"7" [[5 9]]}]`: key 7, offset 5.
fn reached_in_step(step: &[Value]) -> Vec<(u64, i64)> {
    let number = |key: &Value| key.as_str()?.parse::<u64>().ok();
    let offset = |pair: &Value| pair.as_seq()?.first()?.as_int();
    match step {
        [_, key, pair] => number(key).zip(offset(pair)).into_iter().collect(),
        [_, Value::Map(logs)] => {
            let log = |(key, log): (&Value, &Value)| {
                let highest = log.as_seq()?.iter().filter_map(offset).max();
                number(key).zip(highest)
            };
            logs.iter().filter_map(log).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::history::{History, read_file};

    fn recorded() -> Vec<(String, History)> {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let runs = std::fs::read_dir(golden).expect("golden histories");
        let names = runs.map(|run| run.expect("a folder").path());
        let kafka = names.filter(|path| path.to_string_lossy().contains("/kafka-"));
        kafka
            .map(|path| {
                let history = read_file(&path.join("history.edn.gz")).expect("a history");
                (path.display().to_string(), history)
            })
            .collect()
    }

    fn extra<'a>(operation: &'a Operation, name: &str) -> Option<&'a Value> {
        let mut extra = operation.extra.iter();
        extra.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    #[test]
    fn unseen_keys_are_those_that_upstream_recorded() {
        let mut assigns = 0;
        for (name, history) in recorded() {
            let mut offsets = Offsets::default();
            for operation in history.iter() {
                if let (Kind::Invoke, Some(unseen)) = (operation.kind, extra(operation, "unseen")) {
                    let expected = offsets.unseen().iter().map(|(&key, unseen)| {
                        let sent = ("sent", unseen.sent.into());
                        let polled = ("polled", unseen.polled.into());
                        (Value::from(key), Value::map([sent, polled]))
                    });
                    let expected = Value::Map(expected.collect());
                    assert_eq!(*unseen, expected, "{name}, {operation:?}");
                    assigns += 1;
                }
                offsets.observe(operation);
            }
        }
        assert!(assigns > 40, "only {assigns} assigns were compared");
    }

    #[test]
    fn the_final_phase_reads_the_keys_that_upstream_read() {
        let mut assigns = 0;
        for (name, history) in recorded() {
            let mut offsets = Offsets::default();
            for operation in history.iter() {
                let seeks = extra(operation, "seek-to-beginning?").is_some();
                if seeks && operation.kind == Kind::Invoke {
                    let expected = offsets.highest().keys().map(u64::to_string);
                    assert_eq!(operation.value, Value::vector(expected), "{name}");
                    assigns += 1;
                }
                offsets.observe(operation);
            }
        }
        assert!(assigns > 40, "only {assigns} assigns were compared");
    }
}
