//! HTML that every page of ours shares: the frame, the style, tables, escaping.

const STYLE: &str = include_str!("page.css");

/// A whole page. `title` is plain text, `body` HTML, `script` JavaScript that may be empty. The page may load nothing: its own
/// policy forbids it.
pub(crate) fn frame(title: &str, body: &str, script: &str) -> String {
    let script = if script.is_empty() { String::new() } else { format!("<script>\n{script}</script>\n") };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}{script}</body>\n</html>\n",
        escape(title)
    )
}

/// An image and what it shows.
pub(crate) fn figure(svg: &str, says: &str) -> String {
    format!("<figure>{svg}<figcaption>{}</figcaption></figure>\n", escape(says))
}

/// A list of sentences.
pub(crate) fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<ul>\n{}</ul>\n", items.concat())
}

/// A list of facts, as where something comes from.
pub(crate) fn facts(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("<li><code>{}</code></li>\n", escape(item))).collect();
    format!("<ul>\n{}</ul>\n", items.concat())
}

/// The first row is the heading.
pub(crate) fn table(cells: &[Vec<String>]) -> String {
    let row = |cells: &[String], tag: &str| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let Some((heading, rest)) = cells.split_first() else { return String::new() };
    let rest = rest.iter().map(|cells| row(cells, "td")).collect::<Vec<_>>().concat();
    format!(
        "<div class=\"wide\"><table>\n<thead>{}</thead>\n<tbody>\n{rest}</tbody></table></div>\n",
        row(heading, "th")
    )
}

/// Names and values, without a heading.
pub(crate) fn pairs(rows: &[(String, String)]) -> String {
    let row = |(name, value): &(String, String)| {
        format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape(name), escape(value))
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("<div class=\"wide\"><table>\n<tbody>\n{}</tbody></table></div>\n", rows.concat())
}

/// Plain text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out() {
        let cells = [vec!["h".to_owned()], vec!["<script>alert(\"1 & 2\")</script>".to_owned()]];
        assert!(table(&cells).contains("<td>&lt;script&gt;alert(&quot;1 &amp; 2&quot;)&lt;/script&gt;</td>"));
    }
}
