//! File names for nodes.

use std::fmt::Write;

/// The longest file name made from a node's name, in bytes. File systems allow 255; extensions need
/// some of that.
const MAX_BYTES: usize = 200;

/// Returns a file name for the node called `name`, which may be any text. The file name never leads
/// out of its directory, and different names give different file names.
///
/// Letters, digits, `-`, `_` and inner dots stay as they are; every other byte becomes `%` and two
/// hexadecimal digits: `../x` becomes `%2E.%2Fx`. Names that would be too long end in a hash of the
/// whole name.
pub fn safe_file_name(name: &str) -> String {
    let mut file_name = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if is_plain || (byte == b'.' && at > 0) {
            file_name.push(char::from(byte));
        } else {
            write!(file_name, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    if file_name.is_empty() {
        return "%".to_owned();
    }
    if file_name.len() > MAX_BYTES {
        let hash = crate::seed::Seed(0).derive(name);
        file_name.truncate(MAX_BYTES);
        write!(file_name, "%{:016x}", hash.0).expect("writing to a string cannot fail");
    }
    file_name
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Component, Path};

    use super::*;

    #[test]
    fn only_unusual_bytes_are_replaced() {
        assert_eq!(safe_file_name("n1"), "n1");
        assert_eq!(safe_file_name("../x"), "%2E.%2Fx");
    }

    #[test]
    fn any_name_becomes_one_distinct_path_component() {
        let long = "x".repeat(300);
        let longer = format!("{long}y");
        let names = [
            "n1", "N1", "", ".", "..", "../x", "a/b", "/etc", "a\0b", "%2E", "é", "a b", "a:b",
            &long, &longer,
        ];
        let mut seen = BTreeSet::new();
        for name in names {
            let file_name = safe_file_name(name);
            let components: Vec<_> = Path::new(&file_name).components().collect();
            assert!(
                matches!(components[..], [Component::Normal(_)]),
                "{name:?} becomes {file_name:?}"
            );
            assert!(file_name.len() < 250 && file_name.is_ascii());
            assert!(seen.insert(file_name), "{name:?} is not distinct");
        }
    }
}
