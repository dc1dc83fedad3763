//! The charts of a workload: lines, spans and distributions, all in one style.

use std::collections::BTreeMap;
use std::time::Duration;

use super::distribution;
use super::faults::Interval;
use super::plot::{COLOURS, Plot, Scale, Series};
use super::style::PLOT;
use super::svg::{Svg, px};
use crate::chart::{self, Chart, Span};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 980.0;
const TOP: f64 = 46.0;
const ROW: f64 = 24.0;

/// The approximate width of a character of a label, in pixels.
const CHARACTER: f64 = 6.4;

/// Draws a chart of a run that lasted until `end`; `None` if there is nothing to draw.
pub(super) fn draw(chart: &Chart, end: Duration, faults: &[Interval]) -> Option<String> {
    match chart {
        Chart::Lines {
            title,
            unit,
            series,
            marks,
        } => lines(title, unit, series, marks, end, faults),
        Chart::Spans { title, spans } => rows(title, spans, end, faults),
        Chart::Distribution {
            title,
            unit,
            groups,
        } => distribution::draw(title, unit, groups),
    }
}

fn lines(
    title: &str,
    unit: &str,
    series: &[chart::Series],
    marks: &[chart::Mark],
    end: Duration,
    faults: &[Interval],
) -> Option<String> {
    let values = series.iter().flat_map(|series| &series.points);
    let greatest = values.clone().map(|(_, value)| *value).fold(0.0, f64::max);
    values.clone().next()?;
    let least = values.map(|(_, value)| *value).fold(0.0, f64::min);
    let scale = Scale::linear_around(least, greatest);
    let mut plot = Plot::over_time(title, unit, end, scale, faults);
    for (number, line) in series.iter().enumerate() {
        let seconds = |(at, value): &(Duration, f64)| (at.as_secs_f64(), *value);
        let mut points: Vec<(f64, f64)> = line.points.iter().map(seconds).collect();
        if let (true, Some(last)) = (line.stepped, points.last().copied()) {
            points.push((end.as_secs_f64().max(last.0), last.1));
        }
        let drawn = Series {
            name: line.name.clone(),
            colour: COLOURS[number % COLOURS.len()],
            points,
            ..Series::default()
        };
        plot.curve(&drawn, line.stepped);
    }
    for mark in marks {
        plot.moment(mark.at, &mark.label, mark.operation);
    }
    Some(plot.finish())
}

/// Draws intervals, a row for each name.
fn rows(title: &str, spans: &[Span], end: Duration, faults: &[Interval]) -> Option<String> {
    if spans.is_empty() {
        return None;
    }
    let mut by_row: BTreeMap<(usize, &str), Vec<&Span>> = BTreeMap::new();
    for span in spans {
        by_row
            .entry((span.row.len(), span.row.as_str()))
            .or_default()
            .push(span);
    }
    let last = spans.iter().map(|span| span.to).max().unwrap_or(end);
    let scale = Scale::linear(last.max(end).as_secs_f64().max(0.001));
    let x = |at: Duration| LEFT + scale.place(at.as_secs_f64()) * (RIGHT - LEFT);
    let bottom = TOP + ROW * by_row.len() as f64;
    let attributes = [
        ("class", "plot".to_owned()),
        ("role", "img".to_owned()),
        ("aria-label", title.to_owned()),
    ];
    let mut svg = Svg::new(WIDTH, bottom + 48.0, &attributes, PLOT);
    let rect = svg.element("rect").with("class", "paper");
    rect.with("width", "100%").with("height", "100%").empty();
    svg.text("title", (LEFT, 26.0), title);
    for fault in faults {
        let width = (x(fault.to) - x(fault.from)).max(1.0);
        let rect = svg.element("rect").with("class", "fault");
        rect.with("x", px(x(fault.from)))
            .with("y", px(TOP))
            .with("width", px(width))
            .with("height", px(bottom - TOP))
            .with("fill", fault.family.colour)
            .holding(|svg| svg.hover(&format!("{}\n{}", fault.family.name, fault.place)));
    }
    for (number, ((_, name), spans)) in by_row.iter().enumerate() {
        let y = TOP + ROW * number as f64;
        svg.text("end", (LEFT - 8.0, y + 16.0), name);
        svg.line("grid", (LEFT, y + ROW), (RIGHT, y + ROW));
        for span in spans {
            draw_span(&mut svg, span, [x(span.from), x(span.to)], y);
        }
    }
    for tick in scale.ticks() {
        if let Some(label) = &tick.label {
            let x = LEFT + scale.place(tick.value) * (RIGHT - LEFT);
            svg.line("axis", (x, bottom), (x, bottom + 5.0));
            svg.text("mid", (x, bottom + 20.0), label);
        }
    }
    svg.text("mid", ((LEFT + RIGHT) / 2.0, bottom + 40.0), "time (s)");
    Some(svg.finish())
}

fn draw_span(svg: &mut Svg, span: &Span, [left, right]: [f64; 2], y: f64) {
    let class = if span.wrong { "span wrong" } else { "span" };
    let width = (right - left).max(1.5);
    let [from, to] = [span.from, span.to].map(|at| at.as_secs_f64());
    let rect = svg.element("rect").with("class", class);
    rect.with("x", px(left))
        .with("y", px(y + 3.0))
        .with("width", px(width))
        .with("height", px(ROW - 6.0))
        .holding(|svg| {
            svg.hover(&format!(
                "{}: {} from {from:.3} to {to:.3} s",
                span.row, span.label
            ))
        });
    if CHARACTER * span.label.chars().count() as f64 + 6.0 < width {
        svg.text("in-span", (left + 4.0, y + 16.0), &span.label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Mark, Series as Line};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn lines_hold_their_last_value_and_marks_lead_to_operations() {
        let chart = Chart::Lines {
            title: "Stock".to_owned(),
            unit: "pieces".to_owned(),
            series: vec![Line {
                name: "p0".to_owned(),
                points: vec![(Duration::ZERO, 5.0), (SECOND, -2.0)],
                stepped: true,
            }],
            marks: vec![Mark {
                at: SECOND,
                label: "oversold".to_owned(),
                operation: Some(7),
            }],
        };
        let text = draw(&chart, 2 * SECOND, &[]).unwrap();
        assert!(
            text.contains("timeline.html#i7") && text.contains("oversold"),
            "{text}"
        );
        assert!(text.contains("data-name=\"p0\""), "{text}");
        // The line reaches the right edge.
        assert!(text.contains("L812 "), "{text}");
    }

    #[test]
    fn spans_have_a_row_for_each_name_and_mark_wrong_ones() {
        let span = |row: &str, wrong| Span {
            row: row.to_owned(),
            label: "term 1".to_owned(),
            from: Duration::ZERO,
            to: SECOND,
            wrong,
        };
        let spans = vec![span("n10", false), span("n9", true), span("n9", false)];
        let chart = Chart::Spans {
            title: "Tenures".to_owned(),
            spans,
        };
        let text = draw(&chart, 2 * SECOND, &[]).unwrap();
        assert_eq!(text.matches("class=\"span wrong\"").count(), 1);
        assert!(text.find(">n9<").unwrap() < text.find(">n10<").unwrap());
        let empty = Chart::Spans {
            title: String::new(),
            spans: Vec::new(),
        };
        assert_eq!(draw(&empty, SECOND, &[]), None);
    }
}
