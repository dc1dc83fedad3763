//! A run of nodes that send hostile text, and its reports.

use std::cell::Cell;
use std::fs;

use eddy::check::{self, Results};
use eddy::history::History;
use eddy::internal::{self, RunSummary};
use eddy::nemesis::{Fault, Kill, Partition};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload::{self, Settings, Workload};
use glomers::prelude::*;
use roxmltree::Document;
use serde_json::json;

pub const HOSTILE: &str = "</text></title><script>alert(1)</script>\" ' & \u{1} \u{ffff} ]]> 🦀";

/// A node of the broadcast workload that gossips hostile values, and refuses every third read.
#[derive(Default)]
struct Gossip {
    reads: Cell<u64>,
}

impl Node for Gossip {
    type Request = Value;
    type Reply = Value;

    async fn handle(&self, request: Value, cx: &Context) -> Result<Value> {
        match request["type"].as_str().unwrap_or_default() {
            "broadcast" => {
                let gossip = json!({ "type": "gossip", HOSTILE: HOSTILE });
                for peer in cx.peers() {
                    cx.send(peer, &gossip);
                }
                Ok(json!({ "type": "broadcast_ok" }))
            }
            "read" => {
                self.reads.set(self.reads.get() + 1);
                match self.reads.get() % 3 {
                    0 => Err(Error::new(ErrorCode::TemporarilyUnavailable, HOSTILE)),
                    _ => Ok(json!({ "type": "read_ok", "messages": [HOSTILE] })),
                }
            }
            "topology" => Ok(json!({ "type": "topology_ok" })),
            _ => Ok(json!({ "type": "gossip_ok" })),
        }
    }
}

pub fn gossip(rate: f64) -> Run {
    let load = Load::of(workload::Broadcast).rate(rate).time_limit(secs(5));
    Simulation::new(7)
        .nodes(3, |_: &Context| Gossip::default())
        .latency(Latency::constant(ms(5)))
        .nemesis(Partition::one().every(secs(1)))
        .nemesis(Kill::one().between(secs(1), secs(2)))
        .record_all_messages()
        .run(load)
}

/// The reports of a run, by file name.
pub struct Reports {
    directory: tempfile::TempDir,
    pub results: Results,
    pub warnings: Vec<String>,
}

impl Reports {
    pub fn of(run: &Run) -> Reports {
        Reports::write(run.history(), Some(run), &workload::Broadcast)
    }

    pub fn write(history: &History, run: Option<&Run>, workload: &dyn Workload) -> Reports {
        let directory = tempfile::tempdir().unwrap();
        let mut results = check::check(history, workload, &Settings::of_history(workload), None);
        let summary = RunSummary {
            workload: workload.name(),
            description: HOSTILE,
            command: Some(HOSTILE),
            history,
            journal: run.map(Run::journal),
            failure: None,
        };
        let warnings = internal::write(directory.path(), &summary, Some(&mut results));
        Reports {
            directory,
            results,
            warnings,
        }
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Returns the data that a page holds.
    pub fn data(&self, name: &str) -> serde_json::Value {
        let text = unpack(&self.read(name), "data");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn size(&self, name: &str) -> u64 {
        fs::metadata(self.directory.path().join(name))
            .unwrap()
            .len()
    }
}

/// Counts the elements with this name and this class.
pub fn count(svg: &Document<'_>, name: &str, class: &str) -> usize {
    svg.descendants()
        .filter(|node| node.has_tag_name(name))
        .filter(|node| {
            let classes = node.attribute("class").unwrap_or_default();
            classes.split(' ').any(|found| found == class)
        })
        .count()
}

pub fn parse(svg: &str) -> Document<'_> {
    Document::parse(svg).unwrap_or_else(|error| panic!("{error}:\n{svg:.2000}"))
}

/// Returns the text that an element of a page holds compressed and encoded.
pub fn unpack(page: &str, id: &str) -> String {
    let start = format!("<script id=\"{id}\" type=\"application/octet-stream\">");
    let (_, rest) = page.split_once(&start).expect("the page has such data");
    let (encoded, _) = rest.split_once("</script>").expect("the element ends");
    let mut bytes = Vec::new();
    for digits in encoded.as_bytes().chunks(4) {
        let value = |digit: u8| match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let bits = digits
            .iter()
            .fold(0u32, |bits, &digit| bits << 6 | u32::from(value(digit)));
        let kept = 3 - digits.iter().filter(|&&digit| digit == b'=').count();
        bytes.extend_from_slice(&bits.to_be_bytes()[1..=kept]);
    }
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&bytes[..]);
    std::io::Read::read_to_string(&mut decoder, &mut text).expect("the data is gzip");
    text
}
