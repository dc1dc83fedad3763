//! The table of results, and conversions to its units.

use std::time::Duration;

/// The target of a figure.
#[derive(Clone, Copy)]
pub enum Target {
    /// No target.
    None,
    /// At least this much.
    AtLeast(f64),
    /// At most this much.
    AtMost(f64),
}

/// Prints rows as they are measured, and counts missed targets.
#[derive(Default)]
pub struct Table {
    begun: bool,
    missed: usize,
}

impl Table {
    /// Adds a row with the median, the least and the most of the figures, and the target.
    pub fn row(&mut self, what: &str, unit: &str, figures: &[f64], target: Target) {
        if !std::mem::replace(&mut self.begun, true) {
            println!(
                "{:<58} {:>12} {:>12} {:>12}  {:<11} target",
                "", "median", "min", "max", "unit"
            );
        }
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let [least, .., most] = sorted[..] else {
            return self.print(what, unit, sorted[0], None, target);
        };
        self.print(what, unit, median(figures), Some((least, most)), target);
    }

    fn print(
        &mut self,
        what: &str,
        unit: &str,
        figure: f64,
        range: Option<(f64, f64)>,
        target: Target,
    ) {
        let (met, target) = match target {
            Target::None => (true, String::new()),
            Target::AtLeast(least) => (figure >= least, format!("≥ {}", number(least))),
            Target::AtMost(most) => (figure <= most, format!("≤ {}", number(most))),
        };
        let verdict = match (target.is_empty(), met) {
            (true, _) => "",
            (false, true) => " met",
            (false, false) => " MISSED",
        };
        self.missed += usize::from(!met);
        let (least, most) = range.map_or_else(Default::default, |(least, most)| {
            (number(least), number(most))
        });
        println!(
            "{what:<58} {:>12} {least:>12} {most:>12}  {unit:<11} {target}{verdict}",
            number(figure)
        );
    }

    /// Returns whether all targets were met.
    pub fn all_met(&self) -> bool {
        self.missed == 0
    }
}

/// Returns the median; of an even number of figures, the upper one of the middle two.
///
/// # Panics
///
/// If there are no figures.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Returns a rate per second.
pub fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Converts to milliseconds with fractions.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Returns the processor time of this process so far.
///
/// If one thread does all the work, this approximates the elapsed time on an idle core, even on a busy
/// machine.
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("processor time is not negative")
}

/// Formats numbers from 1000 on as integers in groups of three digits, others with up to two decimals.
fn number(x: f64) -> String {
    if x < 1000.0 {
        let text = format!("{x:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{x:.0}");
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_or_rounded() {
        for (x, text) in [
            (0.0, "0"),
            (0.6, "0.6"),
            (12.345, "12.35"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (1_234_567.8, "1,234,568"),
        ] {
            assert_eq!(number(x), text);
        }
    }

    #[test]
    fn missed_target_is_counted() {
        let mut table = Table::default();
        table.row("fast enough", "x", &[1.0, 9.0, 2.0], Target::AtLeast(2.0));
        table.row("for information", "x", &[1.0], Target::None);
        assert!(table.all_met());
        table.row("too slow", "x", &[1.0, 2.0, 9.0], Target::AtLeast(2.1));
        table.row("small enough", "x", &[1.0], Target::AtMost(1.0));
        assert!(!table.all_met());
    }
}
