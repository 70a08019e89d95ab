//! As much Markdown as labs need: paragraphs, lists, code, words that stand out.

use bevy_egui::egui::{self, FontId, RichText, TextFormat, Ui, text::LayoutJob};

use crate::theme;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Heading(String),
    Paragraph(String),
    Item(String),
    Code(String),
}

/// Draws a text, as wide as there is room.
pub(crate) fn markdown(ui: &mut Ui, text: &str) {
    for block in blocks(text) {
        match block {
            Block::Heading(text) => {
                ui.add_space(3.0);
                ui.label(theme::strong(text));
            }
            Block::Paragraph(text) => {
                ui.label(line(ui, &text));
            }
            Block::Item(text) => item(ui, &text),
            Block::Code(text) => {
                egui::Frame::NONE.fill(theme::well()).inner_margin(6.0).corner_radius(4.0).show(ui, |ui| {
                    ui.label(RichText::new(text).monospace().size(11.5));
                });
            }
        }
    }
}

/// A point of a list.
pub(crate) fn item(ui: &mut Ui, text: &str) {
    ui.horizontal_top(|ui| {
        ui.label("\u{2022}");
        ui.vertical(|ui| ui.label(line(ui, text)));
    });
}

fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut code): (Vec<Block>, bool) = (Vec::new(), false);
    let mut fresh = true;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
            if code {
                blocks.push(Block::Code(String::new()));
            }
            fresh = true;
            continue;
        }
        if let (true, Some(Block::Code(text))) = (code, blocks.last_mut()) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
            continue;
        }
        let line = line.trim();
        let new = if line.is_empty() {
            fresh = true;
            continue;
        } else if let Some(title) = line
            .strip_prefix("# ")
            .or_else(|| line.trim_start_matches('#').strip_prefix(' '))
            .filter(|_| line.starts_with('#'))
        {
            Some(Block::Heading(title.to_owned()))
        } else if let Some(text) = line.strip_prefix("- ") {
            Some(Block::Item(text.to_owned()))
        } else if fresh {
            Some(Block::Paragraph(line.to_owned()))
        } else {
            None
        };
        fresh = matches!(new, Some(Block::Heading(_)));
        match (new, blocks.last_mut()) {
            (Some(block), _) => blocks.push(block),
            // A line that goes on.
            (None, Some(Block::Paragraph(text) | Block::Item(text))) => {
                text.push(' ');
                text.push_str(line);
            }
            (None, _) => blocks.push(Block::Paragraph(line.to_owned())),
        }
    }
    blocks
}

/// How a run of letters is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Strong,
    Code,
}

/// The runs of a line. A link is its text.
fn runs(text: &str) -> Vec<(Style, String)> {
    let mut runs = Vec::new();
    for (i, outer) in text.split('`').enumerate() {
        if i % 2 == 1 {
            runs.push((Style::Code, outer.to_owned()));
            continue;
        }
        for (j, inner) in unlinked(outer).split("**").enumerate() {
            if !inner.is_empty() {
                runs.push((if j % 2 == 1 { Style::Strong } else { Style::Plain }, inner.replace('*', "")));
            }
        }
    }
    runs
}

fn unlinked(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        let linked = after.split_once("](").and_then(|(words, after)| Some((words, after.split_once(')')?.1)));
        if let Some((words, after)) = linked {
            plain.push_str(words);
            rest = after;
        } else {
            plain.push('[');
            rest = after;
        }
    }
    plain + rest
}

fn line(ui: &Ui, text: &str) -> LayoutJob {
    let mut job = LayoutJob::default();
    job.wrap.max_width = ui.available_width();
    for (style, text) in runs(text) {
        let font = match style {
            Style::Plain => FontId::proportional(13.0),
            Style::Strong => FontId::new(13.0, theme::strong_family()),
            Style::Code => FontId::monospace(11.5),
        };
        let background = if style == Style::Code { theme::well() } else { egui::Color32::TRANSPARENT };
        job.append(&text, 0.0, TextFormat { background, ..TextFormat::simple(font, theme::ink()) });
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_blocks() {
        let text = "One\nparagraph.\n\nAnother.\n- first\n  goes on\n- second\n\n```\na  b\nc\n```\n### Title\nafter";
        let expected = [
            Block::Paragraph("One paragraph.".into()),
            Block::Paragraph("Another.".into()),
            Block::Item("first goes on".into()),
            Block::Item("second".into()),
            Block::Code("a  b\nc".into()),
            Block::Heading("Title".into()),
            Block::Paragraph("after".into()),
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn words_stand_out_and_links_are_their_text() {
        let expected = [
            (Style::Plain, "see ZOO and ".to_owned()),
            (Style::Strong, "this".into()),
            (Style::Plain, ": ".into()),
            (Style::Code, "a * [b](c)".into()),
            (Style::Plain, " or x[2]".into()),
        ];
        assert_eq!(runs("see [ZOO](a/b.md) and **this**: `a * [b](c)` or *x[2]*"), expected);
    }
}
