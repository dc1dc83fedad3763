//! `eddy workloads`, `eddy services` and `eddy anomalies`: the requests to nodes, the services that
//! nodes may use, and the meaning of what checkers find.

use anyhow::Result;
use clap::Args;

use super::EXIT_USAGE;
use super::console::print;
use crate::report::anomalies;
use crate::service::NAMES;
use crate::workload::Workloads;

/// The page about the services.
const SERVICES: &str = include_str!("../../docs/services.md");

#[derive(Args)]
pub(super) struct WorkloadsOptions {
    /// The workload whose protocol is shown; all workloads are listed if there is none
    name: Option<String>,
}

#[derive(Args)]
pub(super) struct ServicesOptions {
    /// The service that is shown: lin-kv, seq-kv, lww-kv or lin-tso; all of them by default
    name: Option<String>,
}

#[derive(Args)]
pub(super) struct AnomaliesOptions {
    /// The anomaly that is explained, such as lost-write; all of them by default
    name: Option<String>,
}

pub(super) fn anomalies(options: &AnomaliesOptions) -> Result<u8> {
    let text = anomalies::text(options.name.as_deref());
    if text.is_empty() {
        let name = options.name.as_deref().unwrap_or_default();
        eprintln!("eddy: there is no anomaly {name}; `eddy anomalies` lists them all");
        return Ok(EXIT_USAGE);
    }
    print(text.trim_end());
    Ok(0)
}

pub(super) fn workloads(options: &WorkloadsOptions, workloads: &Workloads) -> Result<u8> {
    let Some(name) = &options.name else {
        for workload in workloads.iter() {
            print(&format!("{:<17}{}", workload.name(), workload.summary()));
        }
        print("\n`eddy workloads NAME` shows its messages and what its checker demands.");
        return Ok(0);
    };
    match workloads.find(name) {
        Ok(workload) => {
            print(workload.protocol().trim_end());
            Ok(0)
        }
        Err(problem) => {
            eprintln!("eddy: {problem}");
            Ok(EXIT_USAGE)
        }
    }
}

pub(super) fn services(options: &ServicesOptions) -> Result<u8> {
    let Some(name) = &options.name else {
        print(SERVICES.trim_end());
        return Ok(0);
    };
    if !NAMES.contains(&name.as_str()) {
        eprintln!(
            "eddy: there is no service {name}; there are {}",
            NAMES.join(", ")
        );
        return Ok(EXIT_USAGE);
    }
    print(section_of(name).trim_end());
    Ok(0)
}

/// Returns the part of the page about one service: its line of the table, the sections that name it, and
/// the sections below them that are not about another service.
fn section_of(name: &str) -> String {
    let mut text = format!("# {name}\n");
    let mut shown = false;
    let mut parent_shown = false;
    for line in SERVICES.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            shown = title.contains(name);
            parent_shown = shown;
        } else if let Some(title) = line.strip_prefix("### ") {
            shown = parent_shown && title.starts_with(name);
        }
        if shown || line.starts_with(&format!("| `{name}`")) {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_a_part_for_every_service() {
        for service in NAMES {
            let text = section_of(service);
            assert!(text.lines().count() > 5, "{text}");
            assert!(text.contains("| request | reply |"), "{text}");
        }
        assert!(section_of("seq-kv").contains("32 newest states"));
        assert!(!section_of("lin-kv").contains("32 newest states"));
    }
}
