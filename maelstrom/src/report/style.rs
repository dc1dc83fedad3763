//! The colours and the style sheet of plots.

use crate::check::Verdict;
use crate::history::Kind;

/// Returns the colour of an operation by its outcome. A failure has a neutral colour, since it is
/// often expected.
pub(super) fn outcome_colour(outcome: Kind) -> &'static str {
    match outcome {
        Kind::Ok => "#3D8FDD",
        Kind::Info | Kind::Invoke => "#E08A1E",
        Kind::Fail => "#8B949E",
    }
}

/// Returns the name of a verdict, which is also the class of its badge.
pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Unknown => "unknown",
        Verdict::Invalid => "invalid",
    }
}

/// The style sheet of plots, both in their own files and in pages.
pub(super) const PLOT: &str = include_str!("assets/plot.css");
