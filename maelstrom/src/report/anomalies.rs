//! The anomalies that checkers find: what each name means, the usual mistake behind it, and an
//! example.
//!
//! The table is data. The page `anomalies.html` and the sentences after an explanation are written
//! from it, and [`text`] returns it for a terminal.

mod common;
mod logs;
mod services;
mod transactions;

use std::fmt::Write;

use maud::html;

use super::page::{self, Page};

/// An anomaly that a checker can report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// The name in results.
    pub name: &'static str,
    /// The words by which an explanation names the anomaly, if it does not begin a line with the
    /// name or name it with a count: `unseen (13)`.
    pub sign: Option<&'static str>,
    /// The meaning, in complete sentences.
    pub meaning: &'static str,
    /// The usual mistake behind it.
    pub mistake: &'static str,
    /// A short history that shows it.
    pub example: &'static str,
}

/// Creates an anomaly that explanations show by its name.
const fn anomaly(
    name: &'static str,
    meaning: &'static str,
    mistake: &'static str,
    example: &'static str,
) -> Anomaly {
    Anomaly {
        name,
        sign: None,
        meaning,
        mistake,
        example,
    }
}

/// The anomalies of a group of workloads.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// The workloads; empty for all.
    pub workloads: &'static [&'static str],
    /// The anomalies, the simplest first.
    pub anomalies: &'static [Anomaly],
}

/// Every anomaly, by workload.
pub const GROUPS: [&Group; 11] = [
    &common::ECHO,
    &common::UNIQUE_IDS,
    &common::SETS,
    &common::COUNTERS,
    &common::REGISTERS,
    &logs::LOGS,
    &transactions::TRANSACTIONS,
    &services::ELECTION,
    &services::ORDERS,
    &services::JOBS,
    &common::ALL,
];

impl Group {
    /// Returns the identifier of an anomaly in the page.
    fn id(&self, anomaly: &Anomaly) -> String {
        match self.workloads.first() {
            Some(workload) => format!("{workload}-{}", anomaly.name),
            None => anomaly.name.to_owned(),
        }
    }

    fn is_about(&self, workload: &str) -> bool {
        self.workloads.is_empty() || self.workloads.contains(&workload)
    }
}

/// Returns the anomalies that the explanation of a run names, with their identifiers in the page.
pub(super) fn named_in(workload: &str, explanation: &str) -> Vec<(String, &'static Anomaly)> {
    let groups = GROUPS.iter().filter(|group| group.is_about(workload));
    let anomalies = groups.flat_map(|group| group.anomalies.iter().map(move |a| (group, a)));
    anomalies
        .filter(|(_, anomaly)| anomaly.is_named_in(explanation))
        .map(|(group, anomaly)| (group.id(anomaly), anomaly))
        .collect()
}

impl Anomaly {
    fn is_named_in(&self, explanation: &str) -> bool {
        if let Some(sign) = self.sign {
            return explanation.contains(sign);
        }
        explanation.lines().any(|line| {
            let line = line.trim_start_matches("workload: ").trim_start();
            let after = line.strip_prefix(self.name);
            after.is_some_and(|after| after.starts_with([':', ' ']))
                || line.contains(&format!(" {} (", self.name))
        })
    }
}

/// Returns the page of all anomalies, beside the other pages of a run.
pub(super) fn page(has_messages: bool) -> String {
    let content = html! {
        h1 { "Anomalies" }
        p.quiet { "What checkers find, the usual mistake behind it, and an example of each." }
        @for group in GROUPS {
            h2 { (group.title) }
            @for anomaly in group.anomalies {
                section id=(group.id(anomaly)) {
                    h3 { (anomaly.name) }
                    p { (anomaly.meaning) }
                    p { b { "Usual mistake. " } (anomaly.mistake) }
                    pre { (anomaly.example) }
                }
            }
        }
    };
    let page = Page {
        title: "Anomalies · Eddy",
        style: "h3 { margin: 1.3rem 0 .2rem; font-size: 1rem; } p { margin: .2rem 0; }
section:target { outline: 2px solid var(--link); outline-offset: 6px; border-radius: 2px; }",
        nav: page::nav("anomalies.html", has_messages),
        content,
        scripts: &[],
    };
    page.render()
}

/// Returns all anomalies as text; only those called `name`, if one is given.
pub fn text(name: Option<&str>) -> String {
    let mut text = String::new();
    for group in GROUPS {
        let wanted = |anomaly: &&Anomaly| name.is_none_or(|name| anomaly.name == name);
        let mut anomalies = group.anomalies.iter().filter(wanted).peekable();
        if anomalies.peek().is_some() {
            writeln!(text, "{}\n", group.title.to_uppercase())
                .expect("writing to a string cannot fail");
        }
        for anomaly in anomalies {
            let Anomaly {
                name,
                meaning,
                mistake,
                example,
                ..
            } = anomaly;
            let example = example.replace('\n', "\n      ");
            writeln!(
                text,
                "{name}\n  {meaning}\n  Usual mistake: {mistake}\n\n      {example}\n"
            )
            .expect("writing to a string cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_anomaly_has_a_unique_identifier_and_complete_sentences() {
        let mut ids = BTreeSet::new();
        for group in GROUPS {
            for anomaly in group.anomalies {
                assert!(ids.insert(group.id(anomaly)), "{}", anomaly.name);
                for sentence in [anomaly.meaning, anomaly.mistake] {
                    assert!(sentence.ends_with('.'), "{}: {sentence}", anomaly.name);
                }
                assert!(!anomaly.example.is_empty(), "{}", anomaly.name);
            }
        }
    }

    #[test]
    fn explanation_names_the_anomalies_of_its_workload() {
        let names = |workload, text| -> Vec<String> {
            let named = named_in(workload, text).into_iter();
            named.map(|(id, _)| id).collect()
        };
        let text = "workload: G1a (2): op 3 …\nlost-write (1): …";
        assert_eq!(names("kafka", text), ["kafka-lost-write", "kafka-G1a"]);
        assert_eq!(
            names("broadcast", "21 values\nlost elements: 21"),
            ["broadcast-lost"]
        );
        assert_eq!(names("echo", "G1a: …"), [""; 0]);
    }

    #[test]
    fn text_contains_only_the_named_anomaly() {
        let found = text(Some("split-brain"));
        assert!(found.starts_with("LEADER ELECTION"), "{found}");
        assert!(!found.contains("G1a"));
        assert!(text(None).contains("G1a") && text(Some("nothing")).is_empty());
    }
}
