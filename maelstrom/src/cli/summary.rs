//! The end of a run on one screen: what was run, its figures, the verdict and its cause, and where to
//! look next.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::perform::counted;
use crate::check::{Availability, Results, Verdict};
use crate::edn::{Float, Value};
use crate::history::History;
use crate::report::MESSAGES_FILE;

/// The most lines of a summary.
const LINES_MAX: usize = 25;

/// The longest line of an explanation; the page has all of it.
const LINE_CHARS_MAX: usize = 300;

/// The most warnings of a summary.
const WARNINGS_MAX: usize = 4;

/// What a summary is about: a run or a history that was judged.
pub(super) struct Summary<'a> {
    /// What was run, in one line.
    pub description: &'a str,
    /// The name of the workload.
    pub workload: &'a str,
    pub results: &'a Results,
    pub history: &'a History,
    /// What the user should know whatever the verdict is.
    pub warnings: &'a [String],
    /// The figures beside their official targets, if there are any.
    pub targets: Vec<String>,
    /// The command that repeats the run, if it can be repeated.
    pub command: Option<&'a str>,
    /// The page of the run, if there is one.
    pub page: Option<PathBuf>,
    /// The directory of the run, if there is one.
    pub directory: Option<&'a Path>,
    /// The time at which the user ended the run, if the user did.
    pub interrupted_after: Option<Duration>,
}

impl Summary<'_> {
    /// Returns the text, of at most 25 lines; in colour if standard output is a terminal.
    pub fn text(&self) -> String {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        self.lines(colour).join("\n")
    }

    fn lines(&self, colour: bool) -> Vec<String> {
        let verdict = self.results.verdict();
        let mut lines = vec![self.description.to_owned(), self.figures()];
        if let Some(after) = self.interrupted_after {
            lines.push(format!(
                "INTERRUPTED after {:.1} s: the verdict is about what was seen until then",
                after.as_secs_f64()
            ));
        }
        lines.extend(self.targets.iter().cloned());
        lines.push(paint(verdict, colour));
        let tail = self.tail(verdict);
        let room = LINES_MAX - lines.len() - tail.len();
        lines.extend(self.cause(room));
        lines.extend(tail);
        lines
    }

    /// Returns what follows the cause: warnings, the next step, and upstream's last line.
    fn tail(&self, verdict: Verdict) -> Vec<String> {
        let shown = self.warnings.iter().take(WARNINGS_MAX);
        let mut lines: Vec<String> = shown
            .map(|warning| shortened(&format!("warning: {warning}")))
            .collect();
        let hidden = self.warnings.len().saturating_sub(WARNINGS_MAX);
        if hidden > 0 {
            lines.push(format!("… and {hidden} more warnings, in results.json"));
        }
        if verdict != Verdict::Valid {
            let logs = self.directory.map(|directory| {
                let logs = directory.join("node-logs");
                let messages = match directory.join(MESSAGES_FILE).is_file() {
                    true => format!("; eddy messages {}", directory.display()),
                    false => String::new(),
                };
                format!("; what nodes wrote to stderr: {}{messages}", logs.display())
            });
            lines.push(format!(
                "next:   eddy workloads {} (what the checker demands){}",
                self.workload,
                logs.unwrap_or_default()
            ));
        }
        lines.extend(self.command.map(|command| format!("repeat: {command}")));
        let page = self.page.as_ref().map(|page| page.display());
        lines.extend(page.map(|page| format!("page:   {page}")));
        if let (None, Some(directory)) = (&self.page, self.directory) {
            lines.push(format!("files:  {}", directory.display()));
        }
        lines.push(verdict_line(verdict).to_owned());
        lines
    }

    /// Returns why the verdict is not `valid`, in at most `room` lines.
    fn cause(&self, room: usize) -> Vec<String> {
        let Some(why) = self.results.explanation() else {
            return Vec::new();
        };
        let mut lines: Vec<String> = why.lines().map(shortened).collect();
        if lines.len() > room {
            let hidden = lines.len() - (room - 1);
            lines.truncate(room - 1);
            lines.push(format!("… {hidden} more lines, on the page"));
        }
        lines
    }

    /// Returns the figures of the run, in one line.
    fn figures(&self) -> String {
        let stats = &self.results.stats().overall;
        let mut text = counted(stats.total(), "operation");
        let edn = self.results.to_edn();
        let at = |path: &[&str]| {
            let value = path.iter().try_fold(&edn, |value, key| value.get(key))?;
            as_number(value)
        };
        if let Some(ok) = at(&["availability", "ok-fraction"]) {
            let _ = write!(text, ", {} % ok", rounded(100.0 * ok));
            let demanded = match self.results.availability().required {
                None => None,
                Some(Availability::Total) => Some(100.0),
                Some(Availability::Fraction(fraction)) => Some(100.0 * fraction),
            };
            if let Some(demanded) = demanded {
                let _ = write!(text, " (at least {} demanded)", rounded(demanded));
            }
        }
        if let Some(per_op) = at(&["net", "servers", "msgs-per-op"]) {
            let _ = write!(
                text,
                ", {} messages between servers per operation",
                rounded(per_op)
            );
        }
        let latencies = self.history.ok_latencies(None);
        let ms = |quantile| {
            let latency = latencies.quantile(quantile)?;
            Some(rounded(latency.as_secs_f64() * 1000.0))
        };
        if let (Some(median), Some(p99), Some(max)) = (ms(0.5), ms(0.99), ms(1.0)) {
            let _ = write!(
                text,
                "; latency {median} ms median, {p99} ms 99 %, {max} ms max"
            );
        }
        if let (Some(median), Some(max)) = (stable_latency(&edn, 0.5), stable_latency(&edn, 1.0)) {
            let _ = write!(
                text,
                "; stable latency {} ms median, {} ms max",
                rounded(median),
                rounded(max)
            );
        }
        for figure in self.results.workload().figures() {
            if let Some(value) = figure.value {
                let _ = write!(text, "; {} {}", figure.name, rounded(value));
            }
        }
        text
    }
}

/// Returns upstream's last line, which scripts search for.
pub(super) fn verdict_line(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "Everything looks good! ヽ(‘ー`)ノ",
        Verdict::Invalid => "Analysis invalid! (ﾉಥ益ಥ）ﾉ ┻━┻",
        Verdict::Unknown => "Errors occurred during analysis, but no anomalies found. ಠ~ಠ",
    }
}

fn paint(verdict: Verdict, colour: bool) -> String {
    let (name, code) = match verdict {
        Verdict::Valid => ("VALID", 32),
        Verdict::Invalid => ("INVALID", 31),
        Verdict::Unknown => ("UNKNOWN", 33),
    };
    match colour {
        true => format!("\u{1b}[1;{code}m{name}\u{1b}[0m"),
        false => name.to_owned(),
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

fn stable_latency(results: &Value, quantile: f64) -> Option<f64> {
    let latencies = results.get("workload")?.get("stable-latencies")?.as_map()?;
    let (_, latency) = latencies
        .iter()
        .find(|(key, _)| as_number(key) == Some(quantile))?;
    as_number(latency)
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number.get() as f64),
        Value::Float(Float(number)) => Some(*number),
        _ => None,
    }
}

/// Returns a number with at most two decimals, without trailing zeros.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::check::tests::history;
    use crate::workload::{GSet, Settings};

    fn lines(text: &str, warnings: &[String]) -> Vec<String> {
        let history = history(text);
        let results = check::check(&history, &GSet, &Settings::of_history(&GSet), None);
        let summary = Summary {
            description: "a test",
            workload: "g-set",
            results: &results,
            history: &history,
            warnings,
            targets: Vec::new(),
            command: Some("eddy test -w g-set"),
            page: Some("store/index.html".into()),
            directory: Some(Path::new("store")),
            interrupted_after: None,
        };
        summary.lines(false)
    }

    #[test]
    fn valid_run_ends_with_the_page_and_the_words_of_upstream() {
        let text = "0 invoke add 1\n0 ok add 1\n0 invoke read nil\n0 ok read [1]";
        let lines = lines(text, &[]);
        assert_eq!(
            lines,
            [
                "a test",
                "2 operations, 100 % ok; latency 10 ms median, 10 ms 99 %, 10 ms max; stable latency \
                 0 ms median, 0 ms max; stable-latency-bound-median-ms 20; \
                 stable-latency-bound-max-ms 20",
                "VALID",
                "repeat: eddy test -w g-set",
                "page:   store/index.html",
                "Everything looks good! ヽ(‘ー`)ノ",
            ]
        );
    }

    #[test]
    fn invalid_run_with_many_findings_fits_on_a_screen() {
        let adds: String = (0..500)
            .map(|i| format!("0 invoke add {i}\n0 ok add {i}\n"))
            .collect();
        let text = adds + "0 invoke read nil\n0 ok read []";
        let warnings: Vec<String> = (0..9).map(|i| format!("number {i}")).collect();
        let lines = lines(&text, &warnings);
        assert!(lines.len() <= LINES_MAX, "{}", lines.len());
        assert_eq!(lines[2], "INVALID");
        assert!(
            lines
                .iter()
                .any(|line| line == "… and 5 more warnings, in results.json")
        );
        let next = "next:   eddy workloads g-set (what the checker demands); what nodes wrote to \
                    stderr: store/node-logs";
        assert!(lines.iter().any(|line| line == next), "{lines:?}");
        assert!(lines.last().unwrap().starts_with("Analysis invalid!"));
    }
}
