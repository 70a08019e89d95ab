//! The strip at the bottom, its right half: every inference as a bar from capture to application, by stage. The wheel zooms in
//! time, a drag moves, a double click goes back to the last inferences.

use bevy_egui::egui::{
    self, Align2, Color32, FontId, Painter, Pos2, Rangef, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui,
};
use timing::{Fate, SimTime, Span, Stage};

use crate::limit::Limit;
use crate::plots::{heading, nice, parts};
use crate::snapshot::Life;
use crate::{Action, panel, theme};

/// A stretch of time that is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// How long it is, milliseconds.
    pub span: f64,
    /// How long before now it ends, milliseconds.
    pub back: f64,
}

impl Stretch {
    /// The shortest and the longest, milliseconds.
    const SPANS: [f64; 2] = [2.0, 20_000.0];

    /// Shorter or longer by a factor, with the instant at this share of it (0 is its begin, 1 its end) kept in place.
    #[must_use]
    pub fn zoomed(self, factor: f64, at: f64) -> Self {
        let span = (self.span * factor).clamp(Self::SPANS[0], Self::SPANS[1]);
        Self { span, back: (self.back + (self.span - span) * (1.0 - at)).max(0.0) }
    }

    /// Later by a share of itself.
    #[must_use]
    pub fn moved(self, share: f64) -> Self {
        Self { back: (self.back - share * self.span).clamp(0.0, Self::SPANS[1]), ..self }
    }
}

/// Inferences shown at first, and how many of them have ended, however many are on the way.
const ROWS: usize = 10;
const ENDED_ROWS: usize = 4;
/// Room on the right for the number behind a bar, and below for marks and drops, points.
const NUMBER: f32 = 40.0;
const FOOT: f32 = 12.0;
const TICKS: f32 = 9.0;

/// Where things are drawn: plain numbers, worked out before anything is.
struct View<'a> {
    /// Inferences, oldest first.
    bars: Vec<&'a Life>,
    dropped: Vec<&'a Life>,
    /// Each bar begins at its capture.
    aligned: bool,
    /// The time at the left edge.
    from: SimTime,
    /// Milliseconds across.
    span: f64,
    /// The time at the right edge is not now, but so many milliseconds ago.
    back: f64,
    area: Rect,
    pitch: f32,
    rows: usize,
}

impl<'a> View<'a> {
    fn of(lives: &'a [Life], now: SimTime, stretch: Option<Stretch>, area: Rect) -> Self {
        let inferred = |life: &&Life| life.fate != Some(Fate::Dropped);
        let (lives, from, span, aligned) = match stretch {
            Some(Stretch { span, back }) => {
                let to = now - Span::from_ms(back);
                let from = to - Span::from_ms(span);
                let near = lives.iter().filter(|life| life.captured <= to && end(life) >= from);
                (near.collect::<Vec<_>>(), from, span, false)
            }
            None => last(lives, now),
        };
        let (bars, dropped): (Vec<_>, Vec<_>) = lives.into_iter().partition(inferred);
        let room = area.height() - TICKS - FOOT;
        let pitch = (room / bars.len().max(6) as f32).clamp(4.0, 15.0);
        let back = stretch.map_or(0.0, |stretch| stretch.back);
        Self { rows: ((room / pitch) as usize).max(1), bars, dropped, aligned, from, span, back, area, pitch }
    }

    fn width(&self) -> f32 {
        (self.area.width() - NUMBER).max(1.0)
    }

    fn x(&self, captured: SimTime, t: SimTime) -> f32 {
        let since = if self.aligned { t - captured } else { t - self.from };
        self.area.left() + (since.ms() / self.span) as f32 * self.width()
    }

    /// From top to bottom; where there are more bars than rows they begin again at the top.
    fn row(&self, index: usize) -> Rangef {
        let top = self.area.top() + 1.0 + (index % self.rows) as f32 * self.pitch;
        Rangef::new(top, top + (self.pitch - 2.0).max(2.0))
    }

    /// The stretch that is shown, or where each begins at its capture, the one that holds them all.
    fn stretch(&self, now: SimTime) -> Stretch {
        let span = if self.aligned { (now - self.from).ms() } else { self.span };
        Stretch { span, back: self.back }
    }

    /// What lies under the pointer.
    fn at(&self, pointer: Pos2) -> Option<&'a Life> {
        let feet = Rangef::new(self.area.bottom() - FOOT - TICKS, self.area.bottom() - FOOT);
        if !self.aligned && feet.contains(pointer.y) {
            let near = |life: &&&Life| (self.x(life.captured, life.captured) - pointer.x).abs() < 3.0;
            return self.dropped.iter().find(near).copied();
        }
        let mut hit = self.bars.iter().enumerate().filter(|(i, life)| {
            let across =
                Rangef::new(self.x(life.captured, life.captured), self.x(life.captured, end(life))).expand(4.0);
            self.row(*i).expand(1.0).contains(pointer.y) && across.contains(pointer.x)
        });
        hit.next_back().map(|(_, life)| *life)
    }
}

/// The end of what is known of a life.
fn end(life: &Life) -> SimTime {
    life.bars.last().map_or(life.captured, |bar| bar.2)
}

/// The last inferences, those on the way among them, and the stretch of time that holds them; where they are so short that bars
/// on one axis of time would be specks, all begin at their capture.
fn last(lives: &[Life], now: SimTime) -> (Vec<&Life>, SimTime, f64, bool) {
    let on_the_way = lives.iter().filter(|life| life.fate.is_none()).count();
    let rows = on_the_way + ROWS.saturating_sub(on_the_way).max(ENDED_ROWS);
    let bars = || lives.iter().enumerate().filter(|(_, life)| life.fate != Some(Fate::Dropped));
    let first = bars().rev().take(rows).last().map_or(0, |(i, _)| i);
    // And the drops just before it.
    let drops = lives[..first].iter().rev().take_while(|life| life.fate == Some(Fate::Dropped)).count();
    let shown: Vec<&Life> = lives[first - drops.min(first)..].iter().collect();
    let to = shown.iter().map(|life| end(life)).max().unwrap_or(now).max(now);
    let from = shown.first().map_or(now, |life| life.captured);
    let longest =
        bars().skip_while(|(i, _)| *i < first).map(|(_, life)| (end(life) - life.captured).ms()).fold(0.0, f64::max);
    let whole = (to - from).ms();
    if longest < 0.06 * whole {
        return (shown, from, nice(longest), true);
    }
    let span = nice(whole * 1.02).max(20.0);
    (shown, to - Span::from_ms(span), span, false)
}

/// Draws the waterfall; what a person does there is added to `actions`.
pub(crate) fn waterfall(
    ui: &mut Ui,
    lives: &[Life],
    now: SimTime,
    stretch: Option<Stretch>,
    limit: Option<Limit>,
    actions: &mut Vec<Action>,
) {
    heading(ui, "Inferences, from capture to command", &remark(lives, now, stretch));
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    let area = Rect::from_min_max(rect.min, rect.max - egui::vec2(0.0, 16.0));
    let view = View::of(lives, now, stretch, area);
    let painter = ui.painter_at(rect);
    if view.bars.is_empty() && view.dropped.is_empty() {
        let words = if stretch.is_some() { "no inference in this time" } else { "no inference yet" };
        painter.text(area.center(), Align2::CENTER_CENTER, words, FontId::proportional(12.0), theme::faint());
    } else {
        draw(&painter, &view, limit);
        legend(&painter, Rect::from_min_max(Pos2::new(rect.left(), area.bottom()), rect.max), &view, limit);
    }
    hands(ui, &response, &view, now, stretch, actions);
    if let Some(life) = response.hover_pos().and_then(|pointer| view.at(pointer)) {
        response.on_hover_ui_at_pointer(|ui| numbers(ui, life));
    }
}

/// What stands on the right of the heading.
fn remark(lives: &[Life], now: SimTime, stretch: Option<Stretch>) -> String {
    if let Some(Stretch { span, back }) = stretch {
        let end = if back > 0.0 { format!(", until {} ms ago", panel::ms(back)) } else { String::new() };
        return format!("{} ms{end}; double click: back", panel::ms(span));
    }
    let (shown, .., aligned) = last(lives, now);
    let dropped = shown.iter().filter(|life| life.fate == Some(Fate::Dropped)).count();
    match (dropped, aligned) {
        (0, false) => "wheel: zoom".to_owned(),
        (0, true) => "each from its capture".to_owned(),
        (n, _) => format!("{n} dropped among them"),
    }
}

/// Wheel, pinch, drag and double click.
fn hands(ui: &Ui, response: &Response, view: &View, now: SimTime, stretch: Option<Stretch>, actions: &mut Vec<Action>) {
    if response.double_clicked() {
        if stretch.is_some() {
            actions.push(Action::Stretch(None));
        }
        return;
    }
    let shown = view.stretch(now);
    let mut wanted = shown;
    if let Some(pointer) = response.hover_pos() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
        let at = f64::from((pointer.x - view.area.left()) / view.width()).clamp(0.0, 1.0);
        let factor = f64::from(-scroll.y / 250.0).exp() / f64::from(pinch);
        if factor != 1.0 {
            wanted = wanted.zoomed(factor, at);
        }
        if scroll.x != 0.0 {
            wanted = wanted.moved(-f64::from(scroll.x / view.width()));
        }
    }
    if response.dragged() && !view.aligned {
        wanted = wanted.moved(-f64::from(response.drag_delta().x / view.width()));
    }
    if wanted != shown {
        actions.push(Action::Stretch(Some(wanted)));
    }
}

fn draw(painter: &Painter, view: &View, limit: Option<Limit>) {
    time_grid(painter, view);
    for (i, life) in view.bars.iter().enumerate() {
        let row = view.row(i);
        let reached = limit.and_then(|limit| reached(life, view, limit));
        bar(painter, life, row, view, reached);
        if let Some(x) = reached {
            painter.extend(dashed([Pos2::new(x, row.min - 1.0), Pos2::new(x, row.max + 1.0)]));
        }
    }
    for life in view.dropped.iter().filter(|_| !view.aligned) {
        let at = view.x(life.captured, life.captured);
        let bottom = view.area.bottom() - FOOT;
        let tick = [Pos2::new(at, bottom - TICKS + 1.0), Pos2::new(at, bottom)];
        painter.line_segment(tick, Stroke::new(2.0, theme::ink()));
    }
}

fn time_grid(painter: &Painter, view: &View) {
    let View { area, span, aligned, back, .. } = *view;
    // Marks at round distances from now, or from the capture.
    let step = nice(span) / parts(nice(span));
    let first = (back / step - 1e-9).ceil() as i32;
    let last = ((back + span) / step + 1e-9).floor() as i32;
    for i in first..=last {
        let ms = f64::from(i) * step;
        let share = if aligned { ms / span } else { 1.0 - (ms - back) / span };
        let at = area.left() + view.width() * share as f32;
        let line = [Pos2::new(at, area.top()), Pos2::new(at, area.bottom() - FOOT)];
        painter.line_segment(line, Stroke::new(1.0, theme::rule()));
        let text = match (aligned, i) {
            (true, 0) => "capture".to_owned(),
            (true, _) => format!("+{} ms", panel::ms(ms)),
            (false, 0) => "now".to_owned(),
            (false, _) if step < 10.0 => format!("-{} ms", panel::ms(ms)),
            (false, _) => format!("-{ms:.0} ms"),
        };
        let text = painter.layout_no_wrap(text, FontId::proportional(10.5), theme::faint());
        let place = Align2::CENTER_BOTTOM.anchor_size(Pos2::new(at, area.bottom()), text.size());
        painter.galley(Pos2::new(place.left().max(area.left()), place.top()), text, theme::faint());
    }
}

/// An inference by stages, and what became of it; the word keeps clear of where it reaches its limit.
fn bar(painter: &Painter, life: &Life, row: Rangef, view: &View, reached: Option<f32>) {
    let x = |t: SimTime| view.x(life.captured, t);
    let start = x(life.captured);
    let mut end = start;
    for &(stage, from, to) in &life.bars {
        let colour = match life.fate {
            Some(Fate::Applied) => theme::stage(stage),
            None => theme::stage(stage).gamma_multiply(0.75),
            _ => theme::stage(stage).gamma_multiply(0.35),
        };
        let from = x(from);
        let rect = Rect::from_x_y_ranges(from..=x(to).max(from + 1.0), row);
        painter.rect_filled(rect, 1.0, colour);
        end = rect.right();
    }
    painter.vline(start, row, Stroke::new(1.5, theme::ink()));
    let right = view.area.left() + view.width();
    let behind = end.min(right);
    let word = |text: &str, colour: Color32| {
        if row.span() > 7.0 && end > view.area.left() {
            let text = painter.layout_no_wrap(text.to_owned(), FontId::proportional(10.5), colour);
            let room = behind - 2.0..behind + 4.0 + text.size().x;
            let behind = reached.filter(|x| room.contains(x)).unwrap_or(behind);
            // A long word at the right edge stands on the end of its faded bar.
            let left = (behind + 4.0).min(view.area.right() - text.size().x);
            painter.galley(Pos2::new(left, row.center() - text.size().y / 2.0), text, colour);
        }
    };
    match (life.fate, life.bars.last()) {
        (Some(Fate::Applied), Some(last)) => word(&panel::ms((last.2 - life.captured).ms()), theme::ink()),
        (Some(Fate::Lost), _) => word("lost", theme::words(theme::BLIND)),
        (Some(Fate::Superseded), _) => word("superseded", theme::faint()),
        (None, _) => {
            let rect = Rect::from_x_y_ranges(start..=end, row);
            painter.rect_stroke(rect, 1.0, Stroke::new(1.0, theme::ink()), StrokeKind::Inside);
        }
        _ => {}
    }
}

/// Where an inference reaches its limit, if one sees that.
fn reached(life: &Life, view: &View, limit: Limit) -> Option<f32> {
    let right = view.area.left() + view.width() + 2.0;
    let at = match limit {
        Limit::Budget(ms) => Some(life.captured + Span::from_ms(ms)),
        Limit::Deadline(ms) => started(life).map(|s| s + Span::from_ms(ms)),
    };
    at.map(|at| view.x(life.captured, at)).filter(|x| (view.area.left()..=right).contains(x))
}

fn dashed(ends: [Pos2; 2]) -> Vec<Shape> {
    Shape::dashed_line(&ends, Stroke::new(2.0, theme::ink()), 3.0, 2.0)
}

/// When its inference began.
fn started(life: &Life) -> Option<SimTime> {
    let waits = |stage: Stage| matches!(stage, Stage::Sensing | Stage::LinkOut | Stage::Queue);
    life.bars.iter().find(|bar| !waits(bar.0)).map(|bar| bar.1)
}

/// The stages that occur, the tick of dropped frames, the line of the limit.
fn legend(painter: &Painter, area: Rect, view: &View, limit: Option<Limit>) {
    let mut at = Pos2::new(area.left(), area.center().y);
    let mut entry = |colour: Color32, word: &str, width: f32| {
        let text = painter.layout_no_wrap(word.to_owned(), FontId::proportional(11.0), theme::ink());
        if at.x + 14.0 + text.size().x > area.right() {
            return;
        }
        let middle = at + egui::vec2(5.0, 0.0);
        if width > 0.0 {
            painter.rect_filled(Rect::from_center_size(middle, egui::vec2(width, 9.0)), 1.0, colour);
        } else {
            let ends = [middle - egui::vec2(0.0, 6.0), middle + egui::vec2(0.0, 6.0)];
            painter.extend(dashed(ends));
        }
        let next = 14.0 + text.size().x + 12.0;
        painter.galley(Pos2::new(at.x + 14.0, at.y - text.size().y / 2.0), text, theme::ink());
        at.x += next;
    };
    if let Some(limit) = limit {
        entry(theme::ink(), &limit.label(), 0.0);
    }
    for stage in Stage::ALL {
        if view.bars.iter().any(|life| life.bars.iter().any(|bar| bar.0 == stage)) {
            entry(theme::stage(stage), stage.label(), 10.0);
        }
    }
    if !view.dropped.is_empty() && !view.aligned {
        entry(theme::ink(), "dropped", 2.0);
    }
}

/// What became of a frame, by stage.
fn numbers(ui: &mut Ui, life: &Life) {
    let fate = match life.fate {
        None => "on the way",
        Some(Fate::Applied) => "applied",
        Some(Fate::Superseded) => "superseded: came after a newer one",
        Some(Fate::Dropped) => "dropped: never inferred",
        Some(Fate::Lost) => "lost",
    };
    ui.label(theme::strong(format!("Frame {}: {fate}", life.id)));
    ui.label(theme::small(format!("captured at {:.3} s", life.captured.secs())));
    if life.bars.is_empty() {
        return;
    }
    egui::Grid::new("numbers").num_columns(2).spacing([18.0, 1.0]).show(ui, |ui| {
        let mut row = |colour: Color32, word: &str, ms: f64| {
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(egui::vec2(8.0, 10.0), Sense::hover());
                ui.painter().rect_filled(rect.shrink2(egui::vec2(0.0, 1.0)), 1.0, colour);
                ui.label(theme::small(word));
            });
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(egui::RichText::new(format!("{ms:.2} ms")).monospace().size(12.0).color(theme::ink()));
            });
            ui.end_row();
        };
        for &(stage, from, to) in &life.bars {
            row(theme::stage(stage), stage.label(), (to - from).ms());
        }
        let whole = if life.fate.is_none() { "so far" } else { "capture to end" };
        row(Color32::TRANSPARENT, whole, (end(life) - life.captured).ms());
    });
}

#[cfg(test)]
#[path = "waterfall_tests.rs"]
mod tests;
