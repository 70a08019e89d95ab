//! Markdown in panels: CommonMark and tables, drawn with egui.

use bevy_egui::egui::{self, FontId, RichText, Stroke, TextFormat, Ui, text::LayoutJob};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::theme;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Heading(Line),
    Paragraph(Line),
    /// How deep its list lies in others, from 0; its bullet or number, empty where an item goes on; its words.
    Item(usize, String, Line),
    Code(String),
    /// Rows of cells; the first is the head.
    Table(Vec<Vec<Line>>),
    Rule,
}

/// Runs of letters.
type Line = Vec<(Style, String)>;

/// How a run of letters is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Strong,
    Emphasis,
    Code,
    /// And where it leads.
    Link(String),
}

/// Draws a text, as wide as there is room.
pub(crate) fn markdown(ui: &mut Ui, text: &str) {
    for block in blocks(text) {
        match block {
            Block::Heading(line) => {
                ui.add_space(3.0);
                let words: String = line.into_iter().map(|(_, word)| word).collect();
                ui.label(theme::strong(words));
            }
            Block::Paragraph(line) => words(ui, &line, 13.0),
            Block::Item(depth, mark, line) => point(ui, depth, &mark, &line),
            Block::Code(text) => {
                egui::Frame::NONE.fill(theme::well()).inner_margin(6.0).corner_radius(4.0).show(ui, |ui| {
                    ui.label(RichText::new(text).monospace().size(11.5));
                });
            }
            Block::Table(rows) => table(ui, &rows),
            Block::Rule => {
                ui.separator();
            }
        }
    }
}

/// A point of a list.
pub(crate) fn item(ui: &mut Ui, text: &str) {
    for block in blocks(text) {
        if let Block::Paragraph(line) | Block::Item(_, _, line) = block {
            point(ui, 0, BULLET, &line);
        }
    }
}

const BULLET: &str = "\u{2022}";

fn point(ui: &mut Ui, depth: usize, mark: &str, line: &Line) {
    ui.horizontal_top(|ui| {
        ui.add_space(depth as f32 * 14.0);
        // An item that goes on stands below its own words.
        ui.label(if mark.is_empty() { "  " } else { mark });
        ui.vertical(|ui| words(ui, line, 13.0));
    });
}

fn table(ui: &mut Ui, rows: &[Vec<Line>]) {
    let columns = rows.first().map_or(1, Vec::len).max(1);
    let gap = 8.0;
    let width = ((ui.available_width() - gap * (columns - 1) as f32) / columns as f32).max(20.0);
    // Two tables with the same words are the same table.
    let grid = egui::Grid::new(("table", format!("{rows:?}"))).num_columns(columns).striped(true).spacing([gap, 3.0]);
    grid.max_col_width(width).show(ui, |ui| {
        for (i, row) in rows.iter().enumerate() {
            for cell in row {
                let strong = |(style, word): &(Style, String)| match style {
                    Style::Plain if i == 0 => (Style::Strong, word.clone()),
                    style => (style.clone(), word.clone()),
                };
                ui.vertical(|ui| {
                    ui.set_max_width(width);
                    words(ui, &cell.iter().map(strong).collect(), 12.0);
                });
            }
            ui.end_row();
        }
    });
}

/// Draws runs of letters; where links lead is told on hover.
fn words(ui: &mut Ui, line: &Line, size: f32) {
    let mut job = LayoutJob::default();
    job.wrap.max_width = ui.available_width();
    for (style, text) in line {
        let font = match style {
            Style::Strong => FontId::new(size, theme::strong_family()),
            Style::Code => FontId::monospace(size - 1.5),
            _ => FontId::proportional(size),
        };
        let mut format = TextFormat::simple(font, theme::ink());
        match style {
            Style::Code => format.background = theme::well(),
            Style::Emphasis => format.italics = true,
            Style::Link(_) => {
                format.color = theme::ACCENT;
                format.underline = Stroke::new(1.0, theme::ACCENT);
            }
            _ => {}
        }
        job.append(text, 0.0, format);
    }
    let mut targets: Vec<&str> = Vec::new();
    for (style, _) in line {
        if let Style::Link(target) = style {
            targets.push(target);
        }
    }
    let label = ui.label(job);
    if !targets.is_empty() {
        label.on_hover_text(targets.join("\n"));
    }
}

/// What has been read of a text so far.
#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    line: Line,
    /// The next number of each list that is open; none where it has bullets.
    lists: Vec<Option<u64>>,
    /// Of the item whose words come next.
    mark: String,
    code: Option<String>,
    table: Vec<Vec<Line>>,
    strong: usize,
    emphasis: usize,
    link: Option<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        reader.take(event);
    }
    reader.end_line();
    reader.blocks
}

impl Reader {
    fn take(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.run(self.style(), &text),
            },
            Event::Code(text) => self.run(Style::Code, &text),
            Event::SoftBreak => self.run(self.style(), " "),
            Event::HardBreak => self.run(self.style(), "\n"),
            Event::Rule => {
                self.end_line();
                self.blocks.push(Block::Rule);
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } | Tag::Table(_) => self.end_line(),
            Tag::CodeBlock(_) => {
                self.end_line();
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                self.end_line();
                self.lists.push(first);
            }
            Tag::Item => {
                self.end_line();
                self.mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}.", *number - 1)
                    }
                    _ => BULLET.to_owned(),
                };
            }
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            Tag::Strong => self.strong += 1,
            // An image is its description.
            Tag::Emphasis | Tag::Image { .. } => self.emphasis += 1,
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.into_string()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Item => self.end_line(),
            TagEnd::Heading(_) => {
                let line = std::mem::take(&mut self.line);
                self.blocks.push(Block::Heading(line));
            }
            TagEnd::List(_) => {
                self.end_line();
                self.lists.pop();
            }
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                self.blocks.push(Block::Code(code.trim_end_matches('\n').to_owned()));
            }
            TagEnd::TableCell => {
                let line = std::mem::take(&mut self.line);
                if let Some(row) = self.table.last_mut() {
                    row.push(line);
                }
            }
            TagEnd::Table => self.blocks.push(Block::Table(std::mem::take(&mut self.table))),
            TagEnd::Strong => self.strong -= 1,
            TagEnd::Emphasis | TagEnd::Image => self.emphasis -= 1,
            TagEnd::Link => self.link = None,
            _ => {}
        }
    }

    /// Of plain letters here.
    fn style(&self) -> Style {
        match (&self.link, self.strong, self.emphasis) {
            (Some(target), ..) => Style::Link(target.clone()),
            (None, 1.., _) => Style::Strong,
            (None, 0, 1..) => Style::Emphasis,
            (None, 0, 0) => Style::Plain,
        }
    }

    fn run(&mut self, style: Style, text: &str) {
        match self.line.last_mut() {
            Some((last, words)) if *last == style => words.push_str(text),
            _ => self.line.push((style, text.to_owned())),
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.line);
        self.blocks.push(match self.lists.len().checked_sub(1) {
            Some(depth) => Block::Item(depth, std::mem::take(&mut self.mark), line),
            None => Block::Paragraph(line),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Line {
        vec![(Style::Plain, text.to_owned())]
    }

    #[test]
    fn lines_become_blocks() {
        let text = "One\nparagraph.\n\nAnother.\n- first\n  goes on\n- second\n\n```\na  b\nc\n```\n### Title\nafter";
        let item = |text| Block::Item(0, BULLET.into(), plain(text));
        let expected = [
            Block::Paragraph(plain("One paragraph.")),
            Block::Paragraph(plain("Another.")),
            item("first goes on"),
            item("second"),
            Block::Code("a  b\nc".into()),
            Block::Heading(plain("Title")),
            Block::Paragraph(plain("after")),
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn words_stand_out_and_links_are_their_text() {
        let expected = vec![
            (Style::Plain, "see ".to_owned()),
            (Style::Link("a/b.md".into()), "ZOO".into()),
            (Style::Plain, " and ".into()),
            (Style::Strong, "this".into()),
            (Style::Plain, ": ".into()),
            (Style::Code, "a * [b](c)".into()),
            (Style::Plain, " or ".into()),
            (Style::Emphasis, "x[2]".into()),
        ];
        let text = "see [ZOO](a/b.md) and **this**: `a * [b](c)` or *x[2]*";
        assert_eq!(blocks(text), [Block::Paragraph(expected)]);
    }

    #[test]
    fn lists_lie_in_lists_and_have_numbers() {
        let item = |depth, mark: &str, text| Block::Item(depth, mark.into(), plain(text));
        let expected = [
            item(0, "3.", "three"),
            item(1, BULLET, "inner"),
            item(0, "4.", "four"),
            item(0, "", "goes on"),
            Block::Paragraph(plain("after")),
        ];
        assert_eq!(blocks("3. three\n   - inner\n4. four\n\n   goes on\n\nafter"), expected);
    }

    #[test]
    fn a_table_is_its_rows_and_an_image_its_description() {
        let expected = [
            Block::Table(vec![
                vec![plain("ms"), plain("stops")],
                vec![vec![(Style::Code, "100".into())], plain("yes")],
            ]),
            Block::Rule,
            Block::Paragraph(vec![(Style::Emphasis, "a wall".into())]),
        ];
        assert_eq!(blocks("| ms | stops |\n|---|---|\n| `100` | yes |\n\n---\n\n![a wall](wall.png)"), expected);
    }

    #[test]
    fn every_lab_that_ships_is_read_without_a_rest() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
        let texts = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        let texts: Vec<_> = texts.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
        assert!(texts.len() >= 8);
        for path in texts {
            let text = std::fs::read_to_string(&path).unwrap();
            let body = text.rsplit("+++").next().unwrap_or_default();
            for block in blocks(body) {
                if let Block::Paragraph(line) | Block::Item(_, _, line) = block {
                    let rest = line.iter().find(|(style, word)| *style == Style::Plain && word.contains("**"));
                    assert_eq!(rest, None, "{}", path.display());
                }
            }
        }
    }
}
