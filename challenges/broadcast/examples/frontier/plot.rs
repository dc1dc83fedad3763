//! A scatter plot with logarithmic axes, as SVG.

use std::fmt::Write;

/// The origin of a point, which determines its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A solution that others have published.
    Published,
    /// One of the simpler strategies of this project.
    Step,
    /// The solution of this project.
    Rounds,
}

/// A point of the plot: the cost of a solution and its greatest latency.
pub struct Point {
    name: &'static str,
    kind: Kind,
    messages: f64,
    max_ms: f64,
}

impl Point {
    /// Creates a point from messages per operation and greatest latency in ms.
    pub fn new(name: &'static str, kind: Kind, messages: f64, max_ms: f64) -> Self {
        Self {
            name,
            kind,
            messages,
            max_ms,
        }
    }
}

/// A logarithmic axis: its range in values and in pixels, and its labelled values.
struct Axis {
    values: (f64, f64),
    pixels: (f64, f64),
    ticks: &'static [f64],
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let (low, high) = (self.values.0.ln(), self.values.1.ln());
        let share = (value.ln() - low) / (high - low);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }
}

const X_AXIS: Axis = Axis {
    values: (0.25, 80.0),
    pixels: (70.0, 740.0),
    ticks: &[0.3, 1.0, 3.0, 10.0, 30.0],
};

const Y_AXIS: Axis = Axis {
    values: (80.0, 2500.0),
    pixels: (430.0, 30.0),
    ticks: &[100.0, 200.0, 500.0, 1000.0, 2000.0],
};

/// The limits of challenges 3d and 3e: messages per operation and greatest latency in ms.
const LIMITS: [(&str, f64, f64); 2] = [("3d", 30.0, 600.0), ("3e", 20.0, 2000.0)];

/// Draws the plot.
pub fn svg(points: &[Point]) -> String {
    let mut picture = String::from(concat!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 480" "#,
        r##"font-family="sans-serif" font-size="12" fill="#333">"##,
        "\n<rect width=\"780\" height=\"480\" fill=\"white\"/>\n"
    ));
    frame(&mut picture);
    for point in points {
        mark(&mut picture, point);
    }
    picture.push_str("</svg>\n");
    picture
}

/// Adds one SVG element to the picture, on a line of its own.
macro_rules! draw {
    ($picture:expr, $($part:tt)*) => {
        writeln!($picture, $($part)*).expect("writing to a string cannot fail")
    };
}

fn frame(picture: &mut String) {
    let ((left, right), (bottom, top)) = (X_AXIS.pixels, Y_AXIS.pixels);
    for &tick in X_AXIS.ticks {
        let x = X_AXIS.place(tick);
        draw!(
            picture,
            r##"<path d="M{x:.1} {bottom}V{top}" stroke="#e5e5e5"/>"##
        );
        draw!(
            picture,
            r#"<text x="{x:.1}" y="448" text-anchor="middle">{tick}</text>"#
        );
    }
    for &tick in Y_AXIS.ticks {
        let (y, base) = (Y_AXIS.place(tick), Y_AXIS.place(tick) + 4.0);
        draw!(
            picture,
            r##"<path d="M{left} {y:.1}H{right}" stroke="#e5e5e5"/>"##
        );
        draw!(
            picture,
            r#"<text x="62" y="{base:.1}" text-anchor="end">{tick}</text>"#
        );
    }
    for (name, messages, max_ms) in LIMITS {
        let (x, y) = (X_AXIS.place(messages), Y_AXIS.place(max_ms));
        draw!(
            picture,
            r##"<path d="M{left} {y:.1}H{x:.1}V{bottom}" fill="none" stroke="#999" stroke-dasharray="5 4"/>"##
        );
        let (x, y) = (x - 4.0, y - 5.0);
        draw!(
            picture,
            r##"<text x="{x:.1}" y="{y:.1}" text-anchor="end" fill="#777">Fly {name}</text>"##
        );
    }
    draw!(
        picture,
        r#"<text x="405" y="470" text-anchor="middle">messages between servers per operation</text>"#
    );
    draw!(
        picture,
        r#"<text transform="translate(20 230) rotate(-90)" text-anchor="middle">greatest latency, ms</text>"#
    );
}

fn mark(picture: &mut String, point: &Point) {
    let (x, y) = (X_AXIS.place(point.messages), Y_AXIS.place(point.max_ms));
    let (colour, weight) = match point.kind {
        Kind::Published => ("#8a8a8a", "normal"),
        Kind::Step => ("#3b78b5", "normal"),
        Kind::Rounds => ("#c8372d", "bold"),
    };
    // Published names are placed lower, so that both names are legible where two points are close.
    let lower = if point.kind == Kind::Published {
        12.0
    } else {
        2.0
    };
    let (text_x, text_y) = (x + 8.0, y + lower);
    draw!(
        picture,
        r#"<circle cx="{x:.1}" cy="{y:.1}" r="4.5" fill="{colour}"/>"#
    );
    draw!(
        picture,
        r#"<text x="{text_x:.1}" y="{text_y:.1}" fill="{colour}" font-weight="{weight}">{}</text>"#,
        point.name
    );
}
