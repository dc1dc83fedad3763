//! The parts that all pages share: the head, the style sheet, and the navigation.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style sheet of all pages.
pub(super) const STYLE: &str = include_str!("assets/page.css");

/// A page under construction.
pub(super) struct Page<'a> {
    /// The title, which the tab of the browser shows.
    pub title: &'a str,
    /// The styles that the page adds to the style sheet.
    pub style: &'a str,
    /// The links to other pages.
    pub nav: Markup,
    /// The content.
    pub content: Markup,
    /// The scripts, which run in this order.
    pub scripts: &'a [&'a str],
}

impl Page<'_> {
    /// Returns the text of the page.
    pub fn render(self) -> String {
        let script = self.scripts.concat();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) (PreEscaped(self.style)) }
                }
                body {
                    (self.nav)
                    (self.content)
                    @if !script.is_empty() { script { (PreEscaped(script)) } }
                }
            }
        }
        .into_string()
    }
}

/// The pages of a run, by the names of their files.
const RUN_PAGES: [(&str, &str); 4] = [
    ("index.html", "run"),
    ("messages.html", "messages"),
    ("timeline.html", "timeline"),
    ("anomalies.html", "anomalies"),
];

/// Returns the links from one page of a run to the others. The page of messages may be missing.
pub(super) fn nav(current: &str, has_messages: bool) -> Markup {
    let is_there = |(file, _): &(&str, &str)| has_messages || *file != "messages.html";
    html! {
        nav {
            a href="../../" title="The list of runs, where eddy serve shows them" { "all runs" }
            @for (file, name) in RUN_PAGES.into_iter().filter(is_there) {
                @if file == current { b { (name) } } @else { a href=(file) { (name) } }
            }
        }
    }
}

/// Returns the link to the list of runs.
pub(super) fn home() -> Markup {
    html! { nav { a href="/" { "all runs" } } }
}
