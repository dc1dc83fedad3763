//! Axes: the position of a value, and the values that are written beside an axis.

use std::fmt;

/// The approximate number of ticks of a linear axis.
const TICKS: f64 = 8.0;

/// The range of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// From one number, below 0, to another.
    Signed(f64, f64),
    /// From one power of ten to another.
    Log(i32, i32),
}

impl fmt::Display for Scale {
    /// Writes the range as the scripts of the pages read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scale::Linear(end) => write!(f, "linear,0,{end}"),
            Scale::Signed(from, to) => write!(f, "linear,{from},{to}"),
            Scale::Log(from, to) => write!(f, "log,{from},{to}"),
        }
    }
}

/// A value that an axis marks.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Tick {
    /// The value.
    pub value: f64,
    /// Its text; `None` for a line without a label.
    pub label: Option<String>,
}

impl Scale {
    /// Creates a scale from 0 to `end`, which is positive.
    pub fn linear(end: f64) -> Scale {
        Scale::Linear(end)
    }

    /// Creates a scale from 0 to a round number above `greatest`.
    pub fn linear_above(greatest: f64) -> Scale {
        let step = round_step(greatest.max(1e-3) / TICKS);
        Scale::Linear((greatest.max(1e-3) / step).floor() * step + step)
    }

    /// Creates a scale that contains 0 and these values: the least, which may be negative, and the
    /// greatest.
    pub fn linear_around(least: f64, greatest: f64) -> Scale {
        let Scale::Linear(to) = Scale::linear_above(greatest.max(-least / 4.0)) else {
            unreachable!("an axis from 0 is linear");
        };
        if least >= 0.0 {
            return Scale::Linear(to);
        }
        let step = round_step((to - least) / TICKS);
        Scale::Signed((least / step).floor() * step, to)
    }

    /// Returns the value at a position from 0 to 1.
    pub fn value(self, place: f64) -> f64 {
        match self {
            Scale::Linear(end) => place * end,
            Scale::Signed(from, to) => from + place * (to - from),
            Scale::Log(from, to) => 10f64.powf(f64::from(from) + place * f64::from(to - from)),
        }
    }

    /// Creates a scale of the powers of ten around these values, at least two decades. Values that
    /// are not positive are drawn at its lower end.
    pub fn log(values: impl Iterator<Item = f64>) -> Scale {
        let positive = values.filter(|value| *value > 0.0);
        let (least, greatest) = positive.fold((f64::INFINITY, 0.0f64), |(least, greatest), v| {
            (least.min(v), greatest.max(v))
        });
        if greatest == 0.0 {
            return Scale::Log(-1, 1);
        }
        let (from, to) = (least.log10().floor() as i32, greatest.log10().ceil() as i32);
        Scale::Log(from, to.max(from + 2))
    }

    /// Returns the position of a value, from 0 to 1.
    pub fn place(self, value: f64) -> f64 {
        let place = match self {
            Scale::Linear(end) => value / end,
            Scale::Signed(from, to) => (value - from) / (to - from),
            Scale::Log(from, to) if value > 0.0 => {
                (value.log10() - f64::from(from)) / f64::from(to - from)
            }
            Scale::Log(..) => 0.0,
        };
        place.clamp(0.0, 1.0)
    }

    /// Returns the values that are written beside the axis.
    pub fn ticks(self) -> Vec<Tick> {
        match self {
            Scale::Linear(end) => {
                let step = round_step(end / TICKS);
                let count = (end / step + 1e-6) as usize;
                (0..=count)
                    .map(|i| labelled(i as f64 * step, step))
                    .collect()
            }
            Scale::Signed(from, to) => {
                let step = round_step((to - from) / TICKS);
                let count = ((to - from) / step + 1e-6) as usize;
                let first = (from / step - 1e-6).ceil() * step;
                (0..=count)
                    .map(|i| labelled(first + i as f64 * step, step))
                    .filter(|tick| tick.value <= to + step * 1e-6)
                    .collect()
            }
            Scale::Log(from, to) => (from..=to).flat_map(|power| decade(power, to)).collect(),
        }
    }
}

fn labelled(value: f64, step: f64) -> Tick {
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    Tick {
        value,
        label: Some(format!("{value:.decimals$}")),
    }
}

/// Returns a power of ten, and the lines between it and the next, unless it is the last.
fn decade(power: i32, last: i32) -> impl Iterator<Item = Tick> {
    let value = 10f64.powi(power);
    let between = if power < last { 2..10 } else { 2..2 };
    let between = between.map(move |digit| Tick {
        value: value * f64::from(digit),
        label: None,
    });
    [labelled(value, value)].into_iter().chain(between)
}

/// Returns the least number not below `step` that is 1, 2 or 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let fits = |candidate: &f64| *candidate >= step * (1.0 - 1e-9);
    steps.into_iter().find(fits).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().filter_map(|t| t.label).collect()
    }

    #[test]
    fn ticks_of_a_linear_axis_are_round() {
        assert_eq!(labels(Scale::linear(20.4)), ["0", "5", "10", "15", "20"]);
        assert_eq!(labels(Scale::linear(0.3)).last().unwrap(), "0.30");
        assert_eq!(Scale::linear_above(100.0), Scale::Linear(120.0));
        assert_eq!(Scale::linear_above(0.0).place(0.0), 0.0);
        let signed = Scale::linear_around(-3.0, 10.0);
        assert_eq!(signed, Scale::Signed(-4.0, 12.0));
        assert_eq!(
            labels(signed),
            ["-4", "-2", "0", "2", "4", "6", "8", "10", "12"]
        );
        assert_eq!(signed.value(signed.place(5.0)), 5.0);
    }

    #[test]
    fn logarithmic_axis_has_whole_decades_around_its_values() {
        let scale = Scale::log([0.0, 0.3, 5012.0].into_iter());
        assert_eq!(scale, Scale::Log(-1, 4));
        assert_eq!(labels(scale), ["0.1", "1", "10", "100", "1000", "10000"]);
        assert_eq!(scale.ticks().len(), 6 + 5 * 8);
        assert!((scale.place(1.0) - 0.2).abs() < 1e-9);
        assert_eq!(scale.place(0.0), 0.0);
        assert_eq!(Scale::log([7.0].into_iter()), Scale::Log(0, 2));
        assert_eq!(Scale::log([].into_iter()), Scale::Log(-1, 1));
    }
}
