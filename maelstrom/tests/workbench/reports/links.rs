//! Checks that the links of a page have targets.

use std::collections::BTreeSet;

use super::rig::Reports;

/// Returns the addresses that a page links to.
pub fn of(page: &str) -> BTreeSet<String> {
    let parts = page.split(" href=\"").skip(1);
    let addresses = parts.filter_map(|part| part.split_once('"'));
    addresses.map(|(address, _)| address.to_owned()).collect()
}

/// Returns the operations that the timeline holds, by the index of their invocation.
pub fn operations(reports: &Reports) -> BTreeSet<u64> {
    let data = reports.data("timeline.html");
    let mut index = 0;
    let differences = data["ops"]["i"].as_array().expect("a column").iter();
    differences
        .map(|difference| {
            index += difference.as_u64().expect("indices grow");
            index
        })
        .collect()
}

/// Panics unless an address of a page leads to something that exists.
pub fn check(reports: &Reports, operations: &BTreeSet<u64>, address: &str) {
    let (file, place) = address.split_once('#').unwrap_or((address, ""));
    // The list of runs is outside of the run's directory, and results are written after the
    // reports.
    if matches!(file, "data:," | "../../" | "results.edn" | "results.json") {
        return;
    }
    assert!(reports.directory().join(file).exists(), "{address}");
    match file {
        "timeline.html" if !place.is_empty() => {
            let index = place.trim_start_matches('i').parse();
            assert!(operations.contains(&index.expect("an index")), "{address}");
        }
        "anomalies.html" if !place.is_empty() => {
            let page = reports.read(file);
            assert!(page.contains(&format!("id=\"{place}\"")), "{address}");
        }
        _ => {}
    }
}
