//! The timeline: the operations of each process, in one column per process.
//!
//! Time runs downwards, with a row for each invocation and each completion. So operations that
//! overlap in time overlap on the page, and none is too short to see. The page holds the data of
//! every operation, and creates elements only for those in view.

use maud::{Markup, PreEscaped, html};
use serde_json::json;

use super::RunSummary;
use super::faults::Interval;
use super::links::Links;
use super::messages::{UNPACK, operation_columns, packed, shown_fault};
use super::page::{self, Page};

const STYLE: &str = include_str!("assets/timeline.css");
const SCRIPTS: [&str; 2] = [UNPACK, include_str!("assets/timeline.js")];

/// Returns the page of a history, on which these operations show something wrong.
pub(super) fn page(
    summary: &RunSummary<'_>,
    faults: &[Interval],
    anomalies: &[usize],
    links: &Links<'_>,
) -> String {
    let (columns, names) = operation_columns(summary.history, |_| -1);
    let data = json!({
        "ops": columns,
        "fs": names,
        "faults": faults.iter().map(shown_fault).collect::<Vec<_>>(),
        "anomalies": anomalies,
        "outcomes": ["ok", "info", "fail", "info"],
        "messages": links.has_messages(),
        "nodes": links.node_of_process(),
    });
    let page = Page {
        title: &format!("Timeline · {}", summary.workload),
        style: STYLE,
        nav: page::nav("timeline.html", links.has_messages()),
        content: content(&packed(&data.to_string())),
        scripts: &SCRIPTS,
    };
    page.render()
}

fn content(data: &str) -> Markup {
    html! {
        header {
            span { i.ok {} "ok" }
            span { i.fail {} "fail: did not happen" }
            span { i.info {} "info: may have happened" }
            span { i.wrong {} "shows an anomaly" }
            label { "Operation " input #goto size="6" inputmode="numeric"; }
            output #count { "loading" }
        }
        div #view tabindex="0" {
            div #names {}
            main #cells {}
        }
        script #data type="application/octet-stream" { (PreEscaped(data)) }
    }
}
