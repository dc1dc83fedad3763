//! Drawings of cycles of transactions, with the reason why each comes before the next.

use std::f64::consts::TAU;

use maud::{Markup, PreEscaped, html};

use crate::edn::Value;
use crate::report::style::PLOT;
use crate::report::svg::{Svg, px, shortened};

const WIDTH: f64 = 900.0;
const BOX_WIDTH: f64 = 250.0;
const BOX_HEIGHT: f64 = 44.0;

/// The maximum number of drawings, and of transactions in one drawing.
const MAX_CYCLES: usize = 6;
const MAX_TRANSACTIONS: usize = 8;

/// The maximum length of a transaction's text, in characters.
const MAX_TEXT_CHARS: usize = 38;

/// Draws the first cycle of each anomaly among the results of a workload; nothing without cycles.
pub(super) fn drawings(workload: &Value) -> Markup {
    let anomalies = workload.get("anomalies").and_then(Value::as_map);
    let cycles = anomalies
        .into_iter()
        .flatten()
        .filter_map(|(name, examples)| {
            let example = examples.as_seq()?.first()?;
            let cycle = example.get("cycle")?.as_seq()?;
            let steps = example.get("steps")?.as_seq()?;
            draw(&name.to_string(), cycle, steps)
        });
    let cycles: Vec<String> = cycles.take(MAX_CYCLES).collect();
    html! {
        @if !cycles.is_empty() {
            h2 { "Cycles" }
            p.quiet {
                "Each arrow says that a transaction comes before another: ww, it wrote a version that "
                "the other replaced; wr, the other read what it wrote; rw, the other replaced what it "
                "read; process and realtime, the order of a client and of time."
            }
            @for cycle in &cycles { div.scroll { (PreEscaped(cycle)) } }
        }
    }
}

/// Draws a cycle, whose last transaction is its first; `None` if it is too long to be read.
fn draw(name: &str, cycle: &[Value], steps: &[Value]) -> Option<String> {
    let count = cycle.len().checked_sub(1)?;
    if !(2..=MAX_TRANSACTIONS).contains(&count) {
        return None;
    }
    let height = if count == 2 {
        260.0
    } else {
        130.0 + 75.0 * count as f64
    };
    let centre = (WIDTH / 2.0, height / 2.0 + 14.0);
    let radius = (
        WIDTH / 2.0 - BOX_WIDTH / 2.0 - 70.0,
        height / 2.0 - BOX_HEIGHT - 8.0,
    );
    let place = |number: usize| {
        let start = if count == 2 { TAU / 2.0 } else { -TAU / 4.0 };
        let angle = start + TAU * number as f64 / count as f64;
        (
            centre.0 + radius.0 * angle.cos(),
            centre.1 + radius.1 * angle.sin(),
        )
    };
    let attributes = [
        ("class", "plot".to_owned()),
        ("role", "img".to_owned()),
        ("aria-label", format!("cycle {name}")),
    ];
    let mut svg = Svg::new(WIDTH, height, &attributes, PLOT);
    let rect = svg.element("rect").with("class", "paper");
    rect.with("width", "100%").with("height", "100%").empty();
    svg.text("title", (16.0, 26.0), name.trim_start_matches(':'));
    for (number, step) in steps.iter().enumerate().take(count) {
        let bend = if count == 2 { 46.0 } else { 0.0 };
        arrow(
            &mut svg,
            place(number),
            place((number + 1) % count),
            bend,
            step,
        );
    }
    for (number, transaction) in cycle.iter().enumerate().take(count) {
        transaction_box(&mut svg, place(number), transaction);
    }
    Some(svg.finish())
}

fn transaction_box(svg: &mut Svg, (x, y): (f64, f64), transaction: &Value) {
    let index = transaction
        .get("index")
        .and_then(Value::as_int)
        .unwrap_or_default();
    let field = |name: &str| transaction.get(name).map(Value::to_string);
    let value = field("value").unwrap_or_default();
    let process = field("process").unwrap_or_default();
    let link = svg
        .element("a")
        .with("href", format_args!("timeline.html#i{index}"));
    link.holding(|svg| {
        let rect = svg.element("rect").with("class", "node");
        rect.with("x", px(x - BOX_WIDTH / 2.0))
            .with("y", px(y - BOX_HEIGHT / 2.0))
            .with("width", px(BOX_WIDTH))
            .with("height", px(BOX_HEIGHT))
            .with("rx", 5)
            .holding(|svg| svg.hover(&value));
        svg.text(
            "mid",
            (x, y - 5.0),
            &format!("operation {index}, process {process}"),
        );
        svg.text("mid", (x, y + 12.0), &shortened(&value, MAX_TEXT_CHARS));
    });
}

fn arrow(svg: &mut Svg, from: (f64, f64), to: (f64, f64), bend: f64, step: &Value) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    let middle = (
        (from.0 + to.0) / 2.0 - dy / length * bend * 2.0,
        (from.1 + to.1) / 2.0 + dx / length * bend * 2.0,
    );
    let [start, end] = [(from, middle), (to, middle)].map(|(a, b)| edge(a, b));
    let path = format!(
        "M{} {}Q{} {} {} {}",
        px(start.0),
        px(start.1),
        px(middle.0),
        px(middle.1),
        px(end.0),
        px(end.1)
    );
    svg.element("path")
        .with("class", "link")
        .with("d", path)
        .empty();
    let (tx, ty) = (end.0 - middle.0, end.1 - middle.1);
    let scale = 9.0 / tx.hypot(ty).max(1.0);
    let (ux, uy) = (tx * scale, ty * scale);
    let tip = format!(
        "M{} {}L{} {}L{} {}z",
        px(end.0),
        px(end.1),
        px(end.0 - ux - uy * 0.45),
        px(end.1 - uy + ux * 0.45),
        px(end.0 - ux + uy * 0.45),
        px(end.1 - uy - ux * 0.45)
    );
    svg.element("path")
        .with("class", "tip")
        .with("d", tip)
        .empty();
    let at = (
        (start.0 + end.0) / 4.0 + middle.0 / 2.0,
        (start.1 + end.1) / 4.0 + middle.1 / 2.0 - 5.0,
    );
    svg.text("mid", at, &reason(step));
}

/// Returns the point at which a line from the middle of a box leaves it.
fn edge(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let across = (BOX_WIDTH / 2.0 + 3.0) / dx.abs().max(1e-6);
    let down = (BOX_HEIGHT / 2.0 + 3.0) / dy.abs().max(1e-6);
    let share = across.min(down).min(1.0);
    (from.0 + dx * share, from.1 + dy * share)
}

/// Returns why one transaction comes before the next: `rw key 11: 4 → 5`.
fn reason(step: &Value) -> String {
    let field = |name: &str| step.get(name).map(Value::to_string);
    let kind = field("type").unwrap_or_default();
    let mut text = kind.trim_start_matches(':').to_owned();
    if let (Some(key), Some(value)) = (field("key"), field("value")) {
        let value = value.replace(":elle.list-append/init", "nothing");
        text += &format!(" key {key}: {value}");
        if let Some(next) = field("value'") {
            text += &format!(" → {next}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::value;

    #[test]
    fn cycle_is_drawn_with_the_reason_of_each_link() {
        let workload = value(
            "{:anomalies {:G-single-item [{:cycle [{:index 7 :process 0 :value [[:append 12 14]]}
                                                   {:index 5 :process 3 :value [[:r 12 [1]]]}
                                                   {:index 7 :process 0 :value [[:append 12 14]]}]
                           :steps ({:type :rw :key 11 :value 4 :value' 5} {:type :realtime})}]
                          :internal [{:op {:index 3}}]}}",
        );
        let text = drawings(&workload).into_string();
        assert_eq!(text.matches("<svg").count(), 1, "{text}");
        for part in [
            "timeline.html#i7",
            "timeline.html#i5",
            "rw key 11: 4 → 5",
            ">realtime<",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(drawings(&value("{:valid? true}")).into_string(), "");
    }
}
