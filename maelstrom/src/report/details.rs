//! What only some workloads leave: a history for each key, and anomalies at length.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::check::Results;
use crate::check::txn::TxnAnalysis;
use crate::edn::Value;
use crate::history::{History, Operation};

/// Writes `independent/<key>/{history,results}.edn` where results are by key, and
/// `elle/<anomaly>.txt` where transactions show anomalies.
pub(super) fn write(directory: &Path, history: &History, results: &Results) -> Result<()> {
    if let Some(analysis) = results.workload_as::<TxnAnalysis>() {
        for (anomaly, text) in analysis.descriptions() {
            save(&directory.join("elle"), &format!("{anomaly}.txt"), &text)?;
        }
    }
    let workload = results.workload().to_edn();
    if let Some(by_key) = workload.get("results").and_then(Value::as_map) {
        for (key, results) in by_key {
            let directory = directory.join("independent").join(file_name(key));
            save(&directory, "results.edn", &format!("{results:#}\n"))?;
            let history: String = of_key(history, key)
                .map(|op| op.edn_line() + "\n")
                .collect();
            save(&directory, "history.edn", &history)?;
        }
    }
    Ok(())
}

fn save(directory: &Path, name: &str, text: &str) -> Result<()> {
    let path = directory.join(name);
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("{}", path.display()))
}

/// The operations on one key, without the key, and what the nemesis did meanwhile.
fn of_key<'a>(history: &'a History, key: &'a Value) -> impl Iterator<Item = Operation> + 'a {
    history.iter().filter_map(move |op| {
        if !op.is_client() {
            return Some(op.clone());
        }
        match op.value.as_seq() {
            Some([of, value]) if of == key => Some(Operation {
                value: value.clone(),
                ..op.clone()
            }),
            _ => None,
        }
    })
}

/// A key's text, as far as it can be a file's name.
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
    fn the_history_of_a_key_is_without_the_key_and_with_the_nemesis() {
        let history = history(
            "0 invoke read [1 nil]
             1 invoke write [2 7]
             nemesis info start-partition nil
             0 ok read [1 3]",
        );
        let found: Vec<_> = of_key(&history, &value("1"))
            .map(|op| (op.index, op.value))
            .collect();
        assert_eq!(found, [(0, Value::Nil), (2, Value::Nil), (3, value("3"))]);
    }

    #[test]
    fn a_key_cannot_leave_its_directory() {
        assert_eq!(file_name(&value("12")), "12");
        assert_eq!(file_name(&value("\"../x\"")), "____x_");
    }
}
