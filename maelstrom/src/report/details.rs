//! The files of some workloads only: a history for each key, and anomalies in full.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

use crate::check::txn::TxnAnalysis;
use crate::check::{Results, Verdict};
use crate::edn::Value;
use crate::history::{History, Operation};

/// The maximum number of keys with their own files. Keys that are not valid come first.
const MAX_KEYS: usize = 500;

/// Writes `independent/<key>/{history,results}.edn` where results are by key, and
/// `elle/<anomaly>.txt` where transactions show anomalies.
pub(super) fn write(directory: &Path, history: &History, results: &Results) -> Result<()> {
    if let Some(analysis) = results.workload_as::<TxnAnalysis>() {
        for (anomaly, text) in analysis.descriptions() {
            save(&directory.join("elle"), &format!("{anomaly}.txt"), |file| {
                file.write_all(text.as_bytes())
            })?;
        }
    }
    let workload = results.workload().to_edn();
    let Some(by_key) = workload.get("results").and_then(Value::as_map) else {
        return Ok(());
    };
    let mut by_key: Vec<(&Value, &Value)> = by_key.iter().collect();
    by_key.sort_by_key(|(_, results)| Verdict::of_results(results) == Verdict::Valid);
    by_key.truncate(MAX_KEYS);
    let histories = by_keys(history);
    for (key, results) in by_key {
        let directory = directory.join("independent").join(file_name(key));
        save(&directory, "results.edn", |file| {
            writeln!(file, "{results:#}")
        })?;
        let operations = histories.of(key);
        save(&directory, "history.edn", |file| {
            operations
                .into_iter()
                .try_for_each(|op| writeln!(file, "{}", op.edn_line()))
        })?;
    }
    Ok(())
}

fn save(
    directory: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let path = directory.join(name);
    let written = fs::create_dir_all(directory).and_then(|()| {
        let mut file = BufWriter::new(File::create(&path)?);
        write(&mut file)?;
        file.flush()
    });
    written.with_context(|| format!("{}", path.display()))
}

/// The operations of a history, by key.
struct Histories<'a> {
    by_key: BTreeMap<&'a Value, Vec<(&'a Operation, &'a Value)>>,
    faults: Vec<&'a Operation>,
}

fn by_keys(history: &History) -> Histories<'_> {
    let mut histories = Histories {
        by_key: BTreeMap::new(),
        faults: Vec::new(),
    };
    for op in history.iter() {
        match op.value.as_seq() {
            _ if !op.is_client() => histories.faults.push(op),
            Some([key, value]) => histories.by_key.entry(key).or_default().push((op, value)),
            _ => {}
        }
    }
    histories
}

impl Histories<'_> {
    /// Returns the operations on one key, without the key, and the faults meanwhile.
    fn of(&self, key: &Value) -> Vec<Operation> {
        let on_key = self.by_key.get(key).into_iter().flatten();
        let on_key = on_key.map(|(op, value)| Operation {
            value: (*value).clone(),
            ..(*op).clone()
        });
        let faults = self.faults.iter().map(|op| (*op).clone());
        let mut operations: Vec<Operation> = on_key.chain(faults).collect();
        operations.sort_by_key(|op| op.index);
        operations
    }
}

/// Returns the text of a key as a safe file name.
fn file_name(key: &Value) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    key.to_string().chars().map(plain).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    #[test]
    fn history_of_a_key_omits_the_key_and_includes_the_nemesis() {
        let history = history(
            "0 invoke read [1 nil]
             1 invoke write [2 7]
             nemesis info start-partition nil
             0 ok read [1 3]",
        );
        let found: Vec<_> = by_keys(&history)
            .of(&value("1"))
            .into_iter()
            .map(|op| (op.index, op.value))
            .collect();
        assert_eq!(found, [(0, Value::Nil), (2, Value::Nil), (3, value("3"))]);
    }

    #[test]
    fn file_name_of_a_key_stays_in_its_directory() {
        assert_eq!(file_name(&value("12")), "12");
        assert_eq!(file_name(&value("\"../x\"")), "____x_");
    }
}
