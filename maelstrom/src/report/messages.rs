//! The viewer of messages: one page that holds every message of a run.
//!
//! The page contains its data as compressed columns and draws them on a canvas: a lane for each
//! endpoint, and time from left to right. It needs only a browser.

mod encode;
mod table;

use maud::{Markup, PreEscaped, html};

use super::RunSummary;
use super::faults::Interval;
use super::page::{self, Page};

pub use self::table::{MessageRow, MessageTable};
pub(super) use encode::{operation_columns, packed, shown_fault};
pub(super) use table::{EndpointRole, role};

use self::encode::Encoded;

const STYLE: &str = include_str!("assets/viewer.css");
pub(super) const UNPACK: &str = include_str!("assets/unpack.js");
const SCRIPTS: [&str; 6] = [
    UNPACK,
    include_str!("assets/viewer-model.js"),
    include_str!("assets/viewer-canvas.js"),
    include_str!("assets/viewer-frame.js"),
    include_str!("assets/viewer-controls.js"),
    include_str!("assets/viewer-input.js"),
];

/// Returns the page of a run's messages. It opens at the first of the operations that show something
/// wrong.
pub(super) fn page(
    summary: &RunSummary<'_>,
    table: &MessageTable,
    faults: &[Interval],
    anomalies: &[usize],
) -> String {
    let encoded = Encoded::new(summary.history, table, faults, anomalies);
    let hidden = table.rows.len() - encoded.shown;
    let page = Page {
        title: &format!("Messages · {}", summary.workload),
        style: STYLE,
        nav: page::nav("messages.html", true),
        content: content(&encoded, hidden),
        scripts: &SCRIPTS,
    };
    page.render()
}

fn content(encoded: &Encoded, hidden: usize) -> Markup {
    html! {
        (controls())
        @if hidden > 0 {
            p.notice {
                (hidden) " further messages are not on this page: eddy messages prints them all."
            }
        }
        div.stage {
            canvas #canvas tabindex="0" aria-label="Messages over time" {}
            aside #details hidden {}
            pre #tip hidden {}
        }
        script #data type="application/octet-stream" { (PreEscaped(&encoded.columns)) }
        script #bodies type="application/octet-stream" { (PreEscaped(&encoded.bodies)) }
    }
}

fn controls() -> Markup {
    html! {
        form.controls onsubmit="return false" {
            label { "Node " select #node { option value="" { "all" } } }
            label { "Type " select #kind { option value="" { "all" } } }
            label { "Fate " select #fate { option value="" { "all" } } }
            label { "Key " input #key size="5"; }
            label { "Operation " input #op size="5" inputmode="numeric"; }
            label { "Text " input #text type="search" size="10"; }
            label { input #clients type="checkbox"; " clients apart" }
            span.buttons {
                button #in type="button" title="Zoom in (+)" { "+" }
                button #out type="button" title="Zoom out (-)" { "−" }
                button #all type="button" title="Whole run (0)" { "all" }
                button #clear type="button" title="No filter, no selection (Esc)" { "clear" }
            }
            output #count { "loading" }
        }
    }
}
