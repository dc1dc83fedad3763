//! `eddy compare` and `eddy list`: runs side by side, and all runs of a store.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::console::print;
use super::{EXIT_USAGE, console};
use crate::report::{Comparison, RunDirectory, list_runs};

#[derive(Args)]
pub(super) struct CompareOptions {
    /// The directory of a run, such as store/broadcast/20261125T183000.000+0000
    a: PathBuf,

    /// The directory of another run, of the same program or of another
    b: PathBuf,

    /// Write the comparison as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct ListOptions {
    /// The directory of the runs
    #[arg(long, value_name = "DIR", default_value = "store")]
    store: PathBuf,

    /// The number of runs that are listed, the newest first; 0 for all
    #[arg(short, long, value_name = "N", default_value_t = 20)]
    number: usize,
}

pub(super) fn compare(options: &CompareOptions) -> Result<u8> {
    for path in [&options.a, &options.b] {
        if !path.is_dir() {
            eprintln!(
                "eddy: {} is not a directory: expected the directory of a run, such as store/latest",
                path.display()
            );
            return Ok(EXIT_USAGE);
        }
    }
    let [a, b] = [&options.a, &options.b].map(|path| RunDirectory::open(path));
    let comparison = Comparison::of([&a, &b])?;
    if let Some(path) = &options.html {
        std::fs::write(path, comparison.to_page())
            .with_context(|| format!("{}", path.display()))?;
    }
    match options.json {
        true => print(&format!("{:#}", comparison.to_json())),
        false => print(comparison.to_text().trim_end()),
    }
    Ok(0)
}

pub(super) fn list(options: &ListOptions) -> Result<u8> {
    if !options.store.is_dir() {
        eprintln!("eddy: {}", console::no_store(&options.store));
        return Ok(EXIT_USAGE);
    }
    let number = match options.number {
        0 => usize::MAX,
        number => number,
    };
    print(list_runs(&options.store, number).trim_end());
    Ok(0)
}
