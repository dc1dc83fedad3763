//! The store as a web site: a list of runs, and the files of each.
//!
//! [`Browser::respond`] is a function from a request's target to a response; the command line owns
//! the sockets. It never shows anything outside the store, whatever the target and whatever links
//! point to.

mod list;
mod run;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maud::{Markup, html};

use self::run::Runs;
use super::page::{self, Page};
use super::{Comparison, RunDirectory};

/// A web site that shows a store.
pub struct Browser {
    root: PathBuf,
    runs: Runs,
}

/// The response to a request.
#[derive(Debug)]
pub struct Response {
    /// The status code of HTTP.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The address to ask instead.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns a page with an error status and its reason.
    pub fn refusal(status: u16, why: &str) -> Response {
        Response {
            status,
            content_type: "text/plain; charset=utf-8",
            location: None,
            body: why.as_bytes().to_owned(),
        }
    }

    fn page(title: &str, nav: Markup, content: Markup, scripts: &[&str]) -> Response {
        let page = Page {
            title,
            style: "",
            nav,
            content: html! { h1 { (title) } (content) },
            scripts,
        };
        Response::html(page.render())
    }

    fn html(page: String) -> Response {
        Response {
            status: 200,
            content_type: "text/html; charset=utf-8",
            location: None,
            body: page.into_bytes(),
        }
    }
}

impl Browser {
    /// Opens the store in a directory.
    ///
    /// # Errors
    ///
    /// There is no such directory.
    pub fn open(root: &Path) -> Result<Browser> {
        let root = root
            .canonicalize()
            .with_context(|| format!("there is no store at {}", root.display()))?;
        let runs = Runs::default();
        Ok(Browser { root, runs })
    }

    /// Returns the response to a request for a target, such as `/broadcast/latest/`.
    pub fn respond(&self, target: &str) -> Response {
        let target = target.split('#').next().unwrap_or_default();
        let (target, query) = target.split_once('?').unwrap_or((target, ""));
        let Some(path) = decoded(target) else {
            return Response::refusal(400, "The path is malformed.");
        };
        let relative = path.trim_start_matches('/');
        if relative == "compare" {
            return self.compare(query);
        }
        let Some(place) = self.locate(relative) else {
            return Response::refusal(404, "There is no such page.");
        };
        if place == self.root {
            let content = list::content(&self.runs.read(&self.root));
            return Response::page("Runs", html! {}, content, &[list::SCRIPT]);
        }
        let read = if !place.is_dir() {
            file(&place)
        } else if !path.ends_with('/') {
            // Redirect to the address with a slash, so that relative links work.
            let location = Some(format!("/{}/", target.trim_start_matches('/')));
            return Response {
                location,
                ..Response::refusal(301, "The address ends with a slash.")
            };
        } else if place.join("index.html").is_file() {
            file(&place.join("index.html"))
        } else {
            directory(&place, relative)
        };
        read.unwrap_or_else(|error| Response::refusal(500, &format!("{error:#}")))
    }

    /// Returns the file or directory of this name; `None` outside the store.
    fn locate(&self, relative: &str) -> Option<PathBuf> {
        let place = self.root.join(relative).canonicalize().ok()?;
        place.starts_with(&self.root).then_some(place)
    }

    /// Compares the runs that a query names, such as `a=echo/TIME&b=echo/TIME`.
    fn compare(&self, query: &str) -> Response {
        let named = |name: &str| {
            let mut parameters = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = parameters.find(|(key, _)| *key == name)?;
            let place = self.locate(&decoded(value)?)?;
            run::Run::read(&self.root, &place).map(|_| RunDirectory::open(&place))
        };
        let (Some(a), Some(b)) = (named("a"), named("b")) else {
            return Response::refusal(404, "There are no such runs to compare.");
        };
        match Comparison::of([&a, &b]) {
            Ok(comparison) => Response::html(comparison.to_page()),
            Err(error) => Response::refusal(500, &format!("{error:#}")),
        }
    }
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
        page::home(),
        html! {
            p { a href="../" { "up" } }
            @for name in &names { div { a href={ "./" (encoded(name)) } { (name) } } }
        },
        &[],
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

/// Undoes percent-encoding; `None` if the result is not text.
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

/// Percent-encodes the characters that have a meaning in links.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/+".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}
