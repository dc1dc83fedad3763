//! The names of nodes, from the options that name or count them.

use super::options::TestOptions;

/// The longest name of a node, in bytes: names are also names of files.
const NAME_BYTES_MAX: usize = 64;

/// Returns the nodes of a test: those that `--node-count` counts, or those that `--node`, `--nodes` and
/// `--nodes-file` name, or `n1` to `n5`. A count replaces names, as in upstream.
///
/// # Errors
///
/// A file that cannot be read or names no nodes, a name that cannot be used, or a name given twice.
pub(super) fn node_names(options: &TestOptions) -> Result<Vec<String>, String> {
    let names = match options.node_count {
        Some(count) => (0..count).map(|node| format!("n{node}")).collect(),
        None => named(options)?,
    };
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("node {:?} is named twice", twice[0]));
    }
    names.iter().try_for_each(|name| accept(name))?;
    Ok(names)
}

fn named(options: &TestOptions) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    if let Some(file) = &options.nodes_file {
        let place = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("--nodes-file {place}: {error}"))?;
        names.extend(text.split_whitespace().map(str::to_owned));
        if names.is_empty() {
            return Err(format!(
                "--nodes-file {place} names no nodes: expected one name on each line"
            ));
        }
    }
    if let Some(list) = &options.nodes {
        names.extend(list.split(',').map(|name| name.trim().to_owned()));
    }
    names.extend(options.node.iter().cloned());
    if names.is_empty() {
        names.extend((1..=5).map(|node| format!("n{node}")));
    }
    Ok(names)
}

/// Refuses names that cannot be used. A name is also the name of the node's log and data directory, so
/// it must not lead out of the run's directory.
fn accept(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.len() > NAME_BYTES_MAX {
        "it is longer than 64 bytes"
    } else if !name.chars().all(plain) || name.starts_with('.') {
        "names consist of letters, digits, hyphens, underscores and dots, and do not begin with a dot"
    } else if is_client(name) {
        "names of the form c1 belong to clients"
    } else if is_service(name) {
        "it is the name of a service"
    } else {
        return Ok(());
    };
    Err(format!("a node cannot be called {name:?}: {problem}"))
}

fn is_client(name: &str) -> bool {
    let digits = name.strip_prefix('c').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_service(name: &str) -> bool {
    crate::service::NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_run_or_belong_to_others_are_refused() {
        for (name, problem) in [
            ("../x", "letters, digits"),
            ("a/b", "letters, digits"),
            (r"a\b", "letters, digits"),
            ("..", "dot"),
            (".hidden", "dot"),
            ("a b", "letters"),
            ("a\n", "letters"),
            ("", "empty"),
            ("c0", "clients"),
            ("c17", "clients"),
            ("lin-kv", "service"),
        ] {
            let error = accept(name).expect_err(name);
            assert!(error.contains(problem), "{name:?}: {error}");
        }
        for name in ["n0", "c", "cat", "node-1.example", "Łódź"] {
            assert_eq!(accept(name), Ok(()), "{name}");
        }
        assert!(accept(&"n".repeat(65)).is_err());
    }
}
