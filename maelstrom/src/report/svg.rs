//! A writer of the subset of SVG that plots need: elements, attributes, and escaped text.

use std::fmt::{self, Display, Write};

const INFALLIBLE: &str = "writing to a string cannot fail";

/// An SVG document under construction.
pub(super) struct Svg {
    out: String,
}

impl Svg {
    /// Creates a document of this size in pixels, with attributes and a style sheet.
    pub fn new(width: f64, height: f64, attributes: &[(&str, String)], style: &str) -> Svg {
        let (width, height) = (px(width), px(height));
        let mut svg = Svg { out: String::new() };
        let root = format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\""
        );
        svg.out.write_fmt(root).expect(INFALLIBLE);
        for (name, value) in attributes {
            write!(svg.out, " {name}=\"").expect(INFALLIBLE);
            svg.write_text(value);
            svg.out.push('"');
        }
        svg.out.push_str(">\n<style>");
        svg.write_text(style);
        svg.out.push_str("</style>\n");
        svg
    }

    /// Begins an element. It must be closed by giving its content.
    pub fn element(&mut self, name: &'static str) -> Element<'_> {
        self.out.push('<');
        self.out.push_str(name);
        Element { svg: self, name }
    }

    /// Adds a straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.element("line")
            .with("class", class)
            .with("x1", px(from.0))
            .with("y1", px(from.1))
            .with("x2", px(to.0))
            .with("y2", px(to.1))
            .empty();
    }

    /// Adds a text at a point. Its class determines which part of the text is at the point.
    pub fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.element("text")
            .with("class", class)
            .with("x", px(at.0))
            .with("y", px(at.1))
            .holding_text(text);
    }

    /// Adds the text that browsers show while the pointer rests on the surrounding element.
    pub fn hover(&mut self, text: &str) {
        self.element("title").holding_text(text);
    }

    /// Returns the finished document.
    pub fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    fn write_text(&mut self, text: impl Display) {
        write!(Escape(&mut self.out), "{text}").expect(INFALLIBLE);
    }
}

/// An element whose attributes are being written.
#[must_use = "an element is not closed until its content is given"]
pub(super) struct Element<'a> {
    svg: &'a mut Svg,
    name: &'static str,
}

impl Element<'_> {
    /// Adds an attribute.
    pub fn with(self, attribute: &str, value: impl Display) -> Self {
        write!(self.svg.out, " {attribute}=\"").expect(INFALLIBLE);
        self.svg.write_text(value);
        self.svg.out.push('"');
        self
    }

    /// Closes the element without content.
    pub fn empty(self) {
        self.svg.out.push_str("/>\n");
    }

    /// Closes the element with a text.
    pub fn holding_text(self, text: &str) {
        let name = self.name;
        self.svg.out.push('>');
        self.svg.write_text(text);
        writeln!(self.svg.out, "</{name}>").expect(INFALLIBLE);
    }

    /// Closes the element with other elements.
    pub fn holding(self, draw: impl FnOnce(&mut Svg)) {
        let name = self.name;
        self.svg.out.push('>');
        draw(self.svg);
        writeln!(self.svg.out, "</{name}>").expect(INFALLIBLE);
    }
}

/// Rounds a length in pixels to a tenth.
pub(super) fn px(length: f64) -> Pixels {
    Pixels((length * 10.0).round() / 10.0 + 0.0)
}

/// A length in pixels; see [`px`].
#[derive(Clone, Copy)]
pub(super) struct Pixels(f64);

impl Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A writer that escapes the characters of markup, and replaces those that XML does not allow.
struct Escape<'a>(&'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\t' | '\n' | '\r' => self.0.push(c),
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// Returns at most `chars_max` characters of a text; an ellipsis takes the place of the rest.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
            kept + "…"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_cannot_become_markup() {
        let mut svg = Svg::new(10.0, 20.5, &[("class", "<x>".to_owned())], "text{fill:red}");
        svg.text("a\"b", (1.26, -0.01), "</text><script>&\u{0}");
        let text = svg.finish();
        assert!(
            text.contains(r#"<text class="a&quot;b" x="1.3" y="0">"#),
            "{text}"
        );
        assert!(
            text.contains("&lt;/text&gt;&lt;script&gt;&amp;\u{fffd}</text>"),
            "{text}"
        );
        assert!(text.contains(r#"height="20.5""#), "{text}");
        assert!(text.contains(r#" class="&lt;x&gt;">"#), "{text}");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }
}
