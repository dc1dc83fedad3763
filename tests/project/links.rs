//! Checks the links between documents.

use std::fs;
use std::path::{Path, PathBuf};

/// Collects all Markdown files, except in directories with build results or installed programs.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let skipped = ["target", "store", "upstream"].contains(&&*name) || name.starts_with('.');
        if path.is_dir() && !skipped {
            documents(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// Returns the targets of links to files, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn links_to_files_resolve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    documents(root, &mut found);
    let mut count = 0;
    for document in found {
        let text = fs::read_to_string(&document).expect("a document is UTF-8");
        for link in links(&text) {
            let target = document.with_file_name(link);
            assert!(target.exists(), "{}: {link}", document.display());
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links");
}
