//! `eddy serve`: past runs in a browser.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use super::EXIT_USAGE;
use super::console::{no_store, print};
use crate::report::{Browser, Response};

/// The longest time that a connection is waited for.
const IO_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest request line and header, in bytes.
const REQUEST_MAX_BYTES: u64 = 64 * 1024;

#[derive(Args)]
pub(super) struct ServeOptions {
    /// The address to listen on; 0.0.0.0 for all of them
    #[arg(short = 'b', long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,

    /// The port to listen on; 0 for any that is free
    #[arg(short, long, value_name = "PORT", default_value_t = 8080)]
    port: u16,

    /// The directory of the runs
    #[arg(long, value_name = "DIR", default_value = "store")]
    store: PathBuf,
}

pub(super) fn run(options: &ServeOptions) -> Result<u8> {
    let ServeOptions { host, port, store } = options;
    if !store.is_dir() {
        eprintln!("eddy: {}", no_store(store));
        return Ok(EXIT_USAGE);
    }
    let browser = Arc::new(Browser::open(store)?);
    let listener = TcpListener::bind((host.as_str(), *port))
        .with_context(|| format!("cannot listen on {host}:{port}"))?;
    print(&format!(
        "Showing the runs in {} at http://{}/ until Ctrl-C",
        store.display(),
        listener.local_addr()?
    ));
    for connection in listener.incoming() {
        // A connection that broke before it was accepted needs no answer.
        let Ok(connection) = connection else { continue };
        let browser = Arc::clone(&browser);
        thread::spawn(move || {
            // Nor does one that breaks while it is answered.
            let _ = answer(&browser, connection);
        });
    }
    Ok(0)
}

/// Reads one request, and writes the response to it.
fn answer(browser: &Browser, connection: TcpStream) -> io::Result<()> {
    connection.set_read_timeout(Some(IO_TIMEOUT))?;
    connection.set_write_timeout(Some(IO_TIMEOUT))?;
    let mut lines = BufReader::new((&connection).take(REQUEST_MAX_BYTES));
    let mut request = String::new();
    lines.read_line(&mut request)?;
    // Closing a connection with unread input would reset it, and the response could be lost.
    let mut header = String::new();
    while lines.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split(' ');
    let (method, target) = (words.next(), words.next());
    let response = match (method, target) {
        (Some("GET" | "HEAD"), Some(target)) => browser.respond(target),
        _ => Response::refusal(405, "Only GET and HEAD are supported."),
    };
    write_response(&connection, &response, method == Some("HEAD"))
}

fn write_response(mut to: impl Write, response: &Response, head_only: bool) -> io::Result<()> {
    let Response {
        status,
        content_type,
        location,
        body,
    } = response;
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\nConnection: close\r\n",
        body.len()
    );
    if let Some(location) = location {
        head += &format!("Location: {location}\r\n");
    }
    to.write_all(head.as_bytes())?;
    to.write_all(b"\r\n")?;
    if !head_only {
        to.write_all(body)?;
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_over_a_socket_gets_the_page_and_the_connection_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let browser = Browser::open(directory.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ask = |request: &'static [u8]| {
            let address = listener.local_addr().unwrap();
            let client = thread::spawn(move || {
                let mut connection = TcpStream::connect(address).unwrap();
                connection.write_all(request).unwrap();
                let mut text = String::new();
                connection.read_to_string(&mut text).unwrap();
                text
            });
            answer(&browser, listener.accept().unwrap().0).unwrap();
            client.join().unwrap()
        };
        let text = ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 200\r\n"), "{text}");
        assert!(text.ends_with("</html>"), "{text}");
        let text = ask(b"HEAD / HTTP/1.1\r\n\r\n");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
        let text = ask(b"DELETE / HTTP/1.1\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 405"), "{text}");
    }
}
