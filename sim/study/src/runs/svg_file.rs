//! SVG files of others on a page of ours: as part of it where they hold nothing but drawing, else as an image, which can
//! neither run nor load anything.

use std::fmt::Write;

/// What a drawing is made of.
const ELEMENTS: [&str; 16] = [
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title", "desc",
    "defs", "clipPath", "marker",
];
/// What its parts may say. No links, no styles that could load something, no handlers, no names that scripts look for.
const ATTRIBUTES: [&str; 50] = [
    "xmlns",
    "version",
    "width",
    "height",
    "viewBox",
    "preserveAspectRatio",
    "role",
    "aria-label",
    "fill",
    "fill-opacity",
    "fill-rule",
    "stroke",
    "stroke-width",
    "stroke-opacity",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "opacity",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "d",
    "points",
    "transform",
    "dx",
    "dy",
    "font-family",
    "font-size",
    "font-weight",
    "font-style",
    "text-anchor",
    "dominant-baseline",
    "letter-spacing",
    "markerWidth",
    "markerHeight",
    "refX",
    "refY",
    "orient",
    "clipPathUnits",
    "text-rendering",
    "shape-rendering",
    "xml:space",
];
/// What our own charts say of their size.
const OUR_STYLE: &str = "max-width:100%;height:auto";

/// The file as HTML.
pub(super) fn embed(text: &str) -> String {
    let start = text.find("<svg").filter(|start| harmless_head(&text[..*start]));
    let drawing = start.map(|start| text[start..].trim()).filter(|drawing| drawing_only(drawing));
    drawing.map_or_else(|| image(text), str::to_owned)
}

/// A declaration and comments may stand before the drawing.
fn harmless_head(head: &str) -> bool {
    !head.contains("<!DOCTYPE") && !head.contains("<!ENTITY")
}

/// Whether every tag and attribute is known, and tags are closed as they were opened.
fn drawing_only(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        if (open.is_empty() && !rest[..at].trim().is_empty()) || rest[..at].contains('>') {
            return false;
        }
        rest = &rest[at + 1..];
        let Some(end) = rest.find('>') else { return false };
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim_end()) {
                return false;
            }
        } else {
            let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let name = tag.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
            if !ELEMENTS.contains(&name) || !attributes_known(&tag[name.len()..]) {
                return false;
            }
            if !empty {
                open.push(name);
            }
        }
        if open.is_empty() {
            return rest.trim().is_empty();
        }
    }
    false
}

/// ` name="value"`, again and again.
fn attributes_known(text: &str) -> bool {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, tail)) = rest.split_once('=') else { return false };
        let Some(quote) = tail.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return false };
        let Some((value, tail)) = tail[1..].split_once(quote) else { return false };
        let known = ATTRIBUTES.contains(&name.trim_end()) || (name.trim_end() == "style" && value == OUR_STYLE);
        // A paint or a clip may point elsewhere.
        if !known || value.contains("url(") || value.contains('<') {
            return false;
        }
        rest = tail.trim_start();
    }
    true
}

/// An image that is its own address.
fn image(text: &str) -> String {
    let mut address = String::from("data:image/svg+xml,");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/:=,; ".contains(&byte) && byte != b' ' {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    format!("<img alt=\"\" src=\"{address}\">")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "<svg width=\"9\" xmlns=\"http://www.w3.org/2000/svg\"><g fill='#000'>\n<text x=\"1\">a &lt; b</text></g><rect/></svg>";

    #[test]
    fn a_drawing_becomes_part_of_the_page() {
        assert_eq!(embed(PLAIN), PLAIN);
        assert_eq!(embed(&format!("<?xml version=\"1.0\"?>\n<!-- by hand -->\n{PLAIN}\n")), PLAIN);
        let ours = crate::chart::svg(40, 40, |area| {
            crate::chart::words(area, "a < b", (2, 2), plotters::style::text_anchor::HPos::Left, crate::chart::INK)?;
            crate::chart::dot(area, (9, 9), crate::chart::REAL, true)
        })
        .unwrap();
        assert_eq!(embed(&ours), ours.trim());
    }

    #[test]
    fn anything_else_is_an_image_that_can_do_nothing() {
        for bad in [
            "<svg><script>alert(1)</script></svg>",
            "<svg onload=\"alert(1)\"></svg>",
            "<svg><rect/ onclick='x'/></svg>",
            "<svg><image href=\"http://there/x.png\"/></svg>",
            "<svg><use href=\"#a\"/></svg>",
            "<svg><rect fill=\"url(http://there)\"/></svg>",
            "<svg><style>@import 'x'</style></svg>",
            "<svg><rect style=\"background:url(x)\"/></svg>",
            "<svg><foreignObject><body/></foreignObject></svg>",
            "<svg></svg><script>alert(1)</script>",
            "<svg><g></svg></g>",
            "<svg><rect x=\"a>b\"/></svg>",
            "<svg id=\"play\"></svg>",
            "<svg><!-- --><rect/></svg>",
            "<svg",
            "",
            "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg>&a;</svg>",
        ] {
            let html = embed(bad);
            assert!(html.starts_with("<img alt=\"\" src=\"data:image/svg+xml,"), "{bad}: {html}");
            assert_eq!((html.matches('<').count(), html.matches('"').count()), (1, 4), "{html}");
        }
    }
}
