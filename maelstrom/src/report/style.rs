//! The colours and type that all reports share.

use crate::check::Verdict;
use crate::history::Kind;

/// The typeface of diagrams and pages.
pub(super) const FONT: &str = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/// The colour of an operation by how it ended; one that never did is like one of which nobody
/// knows.
pub(super) fn outcome_colour(outcome: Kind) -> &'static str {
    match outcome {
        Kind::Ok => "#81BFFC",
        Kind::Info | Kind::Invoke => "#FFA400",
        Kind::Fail => "#FF1E90",
    }
}

/// A colour by verdict: blue for valid, orange for unknown, pink for invalid.
pub(super) fn verdict_colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => outcome_colour(Kind::Ok),
        Verdict::Unknown => outcome_colour(Kind::Info),
        Verdict::Invalid => outcome_colour(Kind::Fail),
    }
}

/// What a verdict is called.
pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Unknown => "unknown",
        Verdict::Invalid => "invalid",
    }
}

/// The style sheet of the pages.
pub(super) const PAGE: &str = "\
:root { color-scheme: light; }
body { margin: 2rem auto; max-width: 66rem; padding: 0 1.5rem; color: #222; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
a { color: #0b62b0; text-decoration: none; }
a:hover { text-decoration: underline; }
.verdict { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; color: #111; }
.quiet { color: #666; }
pre, code { font: 13px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; }
pre { background: #f6f7f8; border-left: 3px solid #d5d9dd; padding: .7rem 1rem; margin: .6rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
td .verdict { font-size: .85em; line-height: 1.35; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid #e7e9eb;
  vertical-align: top; }
th { font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td code { overflow-wrap: anywhere; }
img, iframe { display: block; max-width: 100%; border: 1px solid #e7e9eb; margin: .6rem 0; }
iframe { width: 100%; height: 28rem; }
";
