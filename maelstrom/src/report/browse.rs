//! The store as a web site: a list of runs, and the files of each.
//!
//! [`Browser::respond`] is a function from a request's target to a response; sockets are the
//! command line's business. Nothing outside the store is ever shown, whatever the target says and
//! wherever links lead.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::style::{PAGE, verdict_colour, verdict_name};
use crate::check::Verdict;
use crate::edn::{self, Value};

/// Shows a store.
pub struct Browser {
    root: PathBuf,
}

/// What a request gets.
#[derive(Debug)]
pub struct Response {
    /// The status code of HTTP.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// Where to look instead.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A response that says why there is none.
    pub fn refusal(status: u16, why: &str) -> Response {
        Response {
            status,
            content_type: "text/plain; charset=utf-8",
            location: None,
            body: why.as_bytes().to_owned(),
        }
    }

    fn page(title: &str, content: Markup) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { (title) }
                    style { (PreEscaped(PAGE)) }
                }
                body { h1 { (title) } (content) }
            }
        };
        Response {
            status: 200,
            content_type: "text/html; charset=utf-8",
            location: None,
            body: page.into_string().into_bytes(),
        }
    }
}

/// A run in the list.
struct Run {
    workload: String,
    time: String,
    /// None if it broke off, or is still going on.
    results: Option<Value>,
    finished: bool,
}

impl Browser {
    /// Shows the store in a directory.
    ///
    /// # Errors
    ///
    /// There is no such directory.
    pub fn open(root: &Path) -> Result<Browser> {
        let root = root
            .canonicalize()
            .with_context(|| format!("there is no store at {}", root.display()))?;
        Ok(Browser { root })
    }

    /// The response to a request for a target, such as `/broadcast/latest/`.
    pub fn respond(&self, target: &str) -> Response {
        let target = target.split(['?', '#']).next().unwrap_or_default();
        let Some(path) = decoded(target) else {
            return Response::refusal(400, "The path is not one.");
        };
        let relative = path.trim_start_matches('/');
        let Some(place) = self.locate(relative) else {
            return Response::refusal(404, "There is nothing here.");
        };
        if place == self.root {
            return Response::page("Runs", list(&self.runs()));
        }
        let read = if !place.is_dir() {
            file(&place)
        } else if !path.ends_with('/') {
            // So that relative links work.
            let location = Some(format!("/{}/", target.trim_start_matches('/')));
            return Response {
                location,
                ..Response::refusal(301, "With a final slash.")
            };
        } else if place.join("index.html").is_file() {
            file(&place.join("index.html"))
        } else {
            directory(&place, relative)
        };
        read.unwrap_or_else(|error| Response::refusal(500, &format!("{error:#}")))
    }

    /// The file or directory of this name; none outside the store.
    fn locate(&self, relative: &str) -> Option<PathBuf> {
        let place = self.root.join(relative).canonicalize().ok()?;
        place.starts_with(&self.root).then_some(place)
    }

    /// All runs, the last first.
    fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for workload in directories(&self.root) {
            for time in directories(&self.root.join(&workload)) {
                let place = self.root.join(&workload).join(&time);
                let results = fs::read_to_string(place.join("results.edn")).ok();
                let results = results.and_then(|text| edn::parse(&text).ok());
                let finished = place.join("history.edn").is_file();
                if finished || place.join("eddy.log").is_file() {
                    runs.push(Run {
                        workload: workload.clone(),
                        time,
                        results,
                        finished,
                    });
                }
            }
        }
        runs.sort_by(|a, b| b.time.cmp(&a.time));
        runs
    }
}

/// The directories in a directory, without those that are only linked to.
fn directories(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn list(runs: &[Run]) -> Markup {
    html! {
        @if runs.is_empty() { p { "There are none yet." } }
        table {
            tr { th { "time" } th { "workload" } th { "verdict" } th.n { "operations" }
                 th.n { "ok" } th.n { "msgs/op" } }
            @for run in runs { (row(run)) }
        }
    }
}

fn row(run: &Run) -> Markup {
    let figure = |path: &[&str]| {
        let results = run.results.as_ref()?;
        let value = path.iter().try_fold(results, |value, key| value.get(key))?;
        Some(value.to_string())
    };
    html! {
        tr {
            td { a href={ "/" (run.workload) "/" (run.time) "/" } { (run.time) } }
            td { (run.workload) }
            td { (badge(run)) }
            td.n { (figure(&["stats", "count"]).unwrap_or_default()) }
            td.n { (figure(&["availability", "ok-fraction"]).unwrap_or_default()) }
            td.n { (figure(&["net", "servers", "msgs-per-op"]).unwrap_or_default()) }
        }
    }
}

fn badge(run: &Run) -> Markup {
    let (colour, name) = match &run.results {
        Some(results) => {
            let verdict = Verdict::of_results(results);
            (verdict_colour(verdict), verdict_name(verdict))
        }
        None if run.finished => ("#d5d9dd", "broke off"),
        None => ("#eceef0", "not over"),
    };
    html! { span.verdict style={ "background:" (colour) } { (name) } }
}

fn directory(place: &Path, relative: &str) -> Result<Response> {
    let mut names = Vec::new();
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        let slash = if entry.path().is_dir() { "/" } else { "" };
        names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
    }
    names.sort_unstable();
    Ok(Response::page(
        relative.trim_end_matches('/'),
        html! {
            p { a href="../" { "up" } }
            @for name in &names { div { a href={ "./" (encoded(name)) } { (name) } } }
        },
    ))
}

fn file(place: &Path) -> Result<Response> {
    let extension = place.extension().and_then(|extension| extension.to_str());
    let content_type = match extension {
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "text/plain; charset=utf-8",
    };
    Ok(Response {
        status: 200,
        content_type,
        location: None,
        body: fs::read(place).with_context(|| format!("{}", place.display()))?,
    })
}

/// Undoes percent-encoding; none if that is not text.
fn decoded(target: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = target.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// Percent-encodes what has a meaning in links.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/+".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}
