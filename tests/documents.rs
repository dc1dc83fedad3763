//! What the READMEs point at is there.

use std::fs;
use std::path::{Path, PathBuf};

/// All READMEs of the project, but for what was built or installed.
fn readmes(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let skipped = ["target", "store", "upstream"].contains(&&*name) || name.starts_with('.');
        if path.is_dir() && !skipped {
            readmes(&path, found);
        } else if name == "README.md" {
            found.push(path);
        }
    }
}

/// The targets of links to files: what stands in `](…)`, without its anchor.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn links_in_readmes_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    readmes(root, &mut found);
    let mut count = 0;
    for readme in found {
        let text = fs::read_to_string(&readme).expect("a README is text");
        for link in links(&text) {
            let target = readme.with_file_name(link);
            assert!(target.exists(), "{}: {link}", readme.display());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links");
}
