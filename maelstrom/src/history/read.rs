//! Reading saved histories.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{History, Kind, Operation, Process};
use crate::edn::{self, Value};

/// Reads a history from a file, gzipped or not: `*.jsonl` as Eddy writes it, anything else as
/// Jepsen's EDN.
///
/// # Errors
///
/// The error names the file and the line that cannot be read, and says what was expected there.
pub fn read_file(path: &Path) -> Result<History> {
    let named = || format!("history {}", path.display());
    let bytes = std::fs::read(path).with_context(named)?;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_end(&mut plain)
            .with_context(named)?;
        plain
    } else {
        bytes
    };
    let text = String::from_utf8(bytes)
        .context("not UTF-8")
        .with_context(named)?;
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy())
        .unwrap_or_default();
    if name.trim_end_matches(".gz").ends_with(".jsonl") {
        read_jsonl(&text).with_context(named)
    } else {
        read_edn(&text).with_context(named)
    }
}

/// Reads operations from EDN: one map a line, as Jepsen writes them, or one vector of maps.
pub fn read_edn(text: &str) -> Result<History> {
    let mut history = History::default();
    if text.trim_start().starts_with(['[', '(']) {
        let all = edn::parse(text)?;
        for (i, value) in all.as_seq().unwrap_or_default().iter().enumerate() {
            history.push(operation(value).with_context(|| format!("operation {i}"))?);
        }
        return Ok(history);
    }
    for (i, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let value = edn::parse(line).with_context(|| format!("line {}", i + 1))?;
        history.push(operation(&value).with_context(|| format!("line {}", i + 1))?);
    }
    Ok(history)
}

/// Reads operations from JSON lines, each holding the operation's EDN in its `edn` field.
///
/// JSON has no keywords, so each line holds the operation as EDN beside its readable fields.
pub fn read_jsonl(text: &str) -> Result<History> {
    let mut history = History::default();
    for (i, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let at = || format!("line {}", i + 1);
        let json: serde_json::Value = serde_json::from_str(line).with_context(at)?;
        let text = json.get("edn").and_then(|edn| edn.as_str());
        let text = text
            .context("expected a string field \"edn\"")
            .with_context(at)?;
        let value = edn::parse(text).with_context(at)?;
        history.push(operation(&value).with_context(at)?);
    }
    Ok(history)
}

fn operation(value: &Value) -> Result<Operation> {
    let entries = value
        .as_map()
        .with_context(|| format!("expected a map, found {value}"))?;
    let mut op = Operation {
        index: 0,
        time: Duration::ZERO,
        kind: Kind::Invoke,
        process: Process::Nemesis,
        f: Cow::Borrowed(""),
        value: Value::Nil,
        error: None,
        exception: None,
        extra: Vec::new(),
    };
    let (mut kind, mut process) = (None, None);
    for (key, value) in entries {
        let key = key
            .as_keyword()
            .with_context(|| format!("expected a keyword, found {key}"))?;
        match key {
            "index" => {}
            "time" => {
                // Jepsen's relative clock may start a few nanoseconds before its origin.
                let nanos = value.as_int().context(":time needs an integer")?.max(0);
                op.time = Duration::from_nanos(nanos as u64);
            }
            "type" => kind = Some(parse_kind(value)?),
            "process" => process = Some(parse_process(value)?),
            "f" => {
                let name = value.as_keyword().or(value.as_str());
                op.f = Cow::Owned(name.context(":f needs a keyword")?.to_owned());
            }
            "value" => op.value = value.clone(),
            "error" => op.error = Some(Box::new(value.clone())),
            "exception" => op.exception = Some(Box::new(value.clone())),
            other => op.extra.push((Cow::Owned(other.to_owned()), value.clone())),
        }
    }
    op.kind = kind.context("an operation needs a :type")?;
    op.process = process.context("an operation needs a :process")?;
    Ok(op)
}

fn parse_kind(value: &Value) -> Result<Kind> {
    Ok(match value.as_keyword() {
        Some("invoke") => Kind::Invoke,
        Some("ok") => Kind::Ok,
        Some("fail") => Kind::Fail,
        Some("info") => Kind::Info,
        _ => bail!(":type must be one of :invoke :ok :fail :info, not {value}"),
    })
}

fn parse_process(value: &Value) -> Result<Process> {
    match value {
        Value::Keyword(name) if **name == *"nemesis" => Ok(Process::Nemesis),
        Value::Int(id) if id.get() >= 0 => Ok(Process::Client(id.get() as u64)),
        other => bail!(":process must be an integer or :nemesis, not {other}"),
    }
}
