//! The option that names consistency models.

use crate::check::txn;

/// Accepts a list of known models.
pub(super) fn accept_models(text: &str) -> Result<(), String> {
    for model in parse_models(text) {
        if !txn::is_model(&model) {
            return Err(unknown_model(&model));
        }
    }
    Ok(())
}

fn unknown_model(name: &str) -> String {
    if name.contains(',') {
        return format!(
            "names models separated by \" , \", a comma with a space on both sides, not as in {name:?}"
        );
    }
    let names = txn::model_names();
    let wanted = name.to_lowercase();
    let nearest = names
        .iter()
        .max_by(|a, b| {
            let closeness = |model: &str| strsim::jaro_winkler(&wanted, model);
            closeness(a).total_cmp(&closeness(b))
        })
        .expect("there are models");
    format!(
        "must name known models, and {name} is none: did you mean {nearest}? There are {}",
        names.join(", ")
    )
}

/// As upstream: a comma separates only with white space on both sides, so that `a,b` is one name,
/// which is no model.
pub(super) fn parse_models(text: &str) -> Vec<String> {
    let mut models = vec![String::new()];
    let mut rest = text.trim();
    while let Some(comma) = rest.find(',') {
        let (before, after) = (&rest[..comma], &rest[comma + 1..]);
        let last = models.last_mut().expect("there is always a last one");
        let spaced =
            before.ends_with(char::is_whitespace) && after.starts_with(char::is_whitespace);
        if spaced {
            last.push_str(before.trim_end());
            models.push(String::new());
            rest = after.trim_start();
        } else {
            last.push_str(before);
            last.push(',');
            rest = after;
        }
    }
    models
        .last_mut()
        .expect("there is always a last one")
        .push_str(rest);
    models
        .into_iter()
        .map(|model| model.trim_start_matches(':').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_separated_by_a_comma_between_spaces() {
        assert_eq!(parse_models("a , b"), ["a", "b"]);
        assert_eq!(parse_models("a,b"), ["a,b"]);
        assert_eq!(parse_models("a, b"), ["a, b"]);
    }

    #[test]
    fn unknown_model_is_refused_with_the_nearest_name() {
        assert_eq!(accept_models("serializable , read-committed"), Ok(()));
        for (text, expected) in [
            ("serialisable", "did you mean serializable?"),
            ("SERIALIZABLE", "did you mean serializable?"),
            ("read-comitted", "did you mean read-committed?"),
            ("serializable,read-committed", "space on both sides"),
        ] {
            let error = accept_models(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
