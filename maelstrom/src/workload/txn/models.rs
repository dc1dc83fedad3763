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
            "models are separated by a comma with a space on both sides, not as in {name:?}"
        );
    }
    format!(
        "there is no model {name}; there are {}",
        txn::model_names().join(", ")
    )
}

/// As upstream: a comma separates only with white space on both sides, so that `a,b` is one name,
/// which the checker will not know.
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
