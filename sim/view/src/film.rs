//! A short film of the window as a GIF, to share: ten pictures a second, half the size, at most twenty seconds. A thread of its
//! own makes pictures smaller, leaves out what did not change and writes; the frame only hands them over.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Capturing, Screenshot, ScreenshotCaptured};
use crossbeam_channel::{Receiver, Sender, bounded};
use gif::{DisposalMethod, Encoder, Frame, Repeat};

use crate::Desk;
use crate::app::{Newest, Shots, file_name};

/// Seconds between two pictures.
const EVERY: f32 = 0.1;
/// The longest film, seconds.
pub(crate) const LONGEST: f32 = 20.0;
/// The last picture stands so long before it begins again, hundredths of a second.
const LAST: u16 = 120;
/// Pictures that may wait for the thread; one more is left out, and the one before it stands longer.
const WAITING: usize = 12;
/// The widest film, pixels.
const WIDEST: u32 = 960;

/// What the desk knows of a film.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filming {
    /// Whether it is wanted that one is taken.
    pub on: bool,
    /// What to call it; by scenario and time if `None`.
    pub name: Option<String>,
    /// Seconds taken so far.
    pub seconds: Option<f32>,
    /// Whether one is still being written.
    pub busy: bool,
}

/// A picture and when it was taken, seconds.
struct Picture {
    at: f32,
    image: Image,
}

/// A film that is taken, or written.
struct Reel {
    path: PathBuf,
    began: f32,
    next: f32,
    /// Gone when the last picture was taken.
    pictures: Option<Sender<Picture>>,
    taken: usize,
    written: Arc<AtomicUsize>,
    thread: JoinHandle<Result<u64, String>>,
}

/// The film at hand.
#[derive(Resource, Default)]
pub(crate) struct Studio(Option<Reel>);

/// A screenshot that is a picture of a film.
#[derive(Component)]
pub(crate) struct Take;

/// Takes pictures while that is wanted, and tells how far the film is.
pub(crate) fn roll(
    mut commands: Commands,
    mut studio: ResMut<Studio>,
    mut desk: ResMut<Desk>,
    newest: Res<Newest>,
    shots: Res<Shots>,
    next: Query<(), (With<Screenshot>, Without<Capturing>)>,
    time: Res<Time<Real>>,
) {
    let now = time.elapsed_secs();
    if studio.0.is_none() {
        if !desk.film.on {
            return;
        }
        let name = desk.film.name.take().unwrap_or_else(|| file_name(&desk, &newest));
        match Reel::start(shots.0.join(name).with_extension("gif"), now) {
            Ok(reel) => studio.0 = Some(reel),
            Err(why) => {
                desk.film = Filming::default();
                desk.toast = why;
                return;
            }
        }
    }
    let Some(reel) = &mut studio.0 else { return };
    let seconds = now - reel.began;
    if !desk.film.on || seconds > LONGEST || reel.thread.is_finished() {
        reel.pictures = None;
        desk.film.on = false;
    }
    let rolling = reel.pictures.is_some();
    let film = Filming { on: rolling, name: None, seconds: rolling.then_some(seconds), busy: true };
    desk.film = film;
    if let Some(pictures) = &reel.pictures
        && seconds >= reel.next
        // Two of one frame would be one too many for the renderer. Those of earlier frames may still be on their way.
        && next.is_empty()
        && !desk.shot
    {
        reel.next = (reel.next + EVERY).max(seconds);
        reel.taken += 1;
        let (pictures, at) = (pictures.clone(), seconds);
        commands.spawn((Screenshot::primary_window(), Take)).observe(move |mut captured: On<ScreenshotCaptured>| {
            let _ = pictures.try_send(Picture { at, image: std::mem::take(&mut captured.image) });
        });
    } else if !rolling {
        desk.toast = format!("film: {} of {} pictures written", reel.written.load(Ordering::Relaxed), reel.taken);
    }
    if reel.thread.is_finished()
        && let Some(reel) = studio.0.take()
    {
        desk.film = Filming::default();
        desk.toast = match reel.thread.join() {
            Ok(Ok(bytes)) => format!("saved {} ({:.1} MB)", reel.path.display(), bytes as f64 / 1e6),
            Ok(Err(why)) => why,
            Err(_) => format!("{} could not be written", reel.path.display()),
        };
    }
}

impl Reel {
    fn start(path: PathBuf, began: f32) -> Result<Self, String> {
        let (sender, pictures) = bounded(WAITING);
        let written = Arc::<AtomicUsize>::default();
        let (count, to) = (written.clone(), path.clone());
        let thread = std::thread::Builder::new()
            .name("film".into())
            .spawn(move || write(&to, &pictures, &count).map_err(|why| format!("{}: {why}", to.display())))
            .map_err(|error| format!("no film: {error}"))?;
        Ok(Self { path, began, next: 0.0, pictures: Some(sender), taken: 0, written, thread })
    }
}

/// Writes pictures as they come; gives the size of the file.
fn write(path: &Path, pictures: &Receiver<Picture>, written: &AtomicUsize) -> Result<u64, String> {
    let mut film: Option<Film<BufWriter<File>>> = None;
    while let Ok(Picture { at, image }) = pictures.recv() {
        let rgb = image.try_into_dynamic().map_err(|e| e.to_string())?.into_rgb8();
        let small = Small::of(rgb.as_raw(), rgb.dimensions());
        if film.is_none() {
            let file = File::create(path).map_err(|e| e.to_string())?;
            film = Some(Film::new(BufWriter::new(file), small.size).map_err(|e| e.to_string())?);
        }
        if let Some(film) = &mut film {
            film.add(at, small).map_err(|e| e.to_string())?;
            written.fetch_add(1, Ordering::Relaxed);
        }
    }
    let film = film.ok_or("no picture was taken")?;
    film.end().map_err(|e| e.to_string())?;
    std::fs::metadata(path).map(|meta| meta.len()).map_err(|e| e.to_string())
}

/// A picture of half the size, or less.
#[derive(Clone, Debug, PartialEq)]
struct Small {
    size: [u16; 2],
    pixels: Vec<[u8; 3]>,
}

impl Small {
    /// Every pixel is the mean of those it stands for.
    fn of(rgb: &[u8], (width, height): (u32, u32)) -> Self {
        let by = width.div_ceil(WIDEST).max(2);
        let [w, h] = [(width / by).max(1), (height / by).max(1)];
        let at = |x: u32, y: u32| {
            let i = (y.min(height - 1) * width + x.min(width - 1)) as usize * 3;
            [rgb[i], rgb[i + 1], rgb[i + 2]]
        };
        let mean = |x: u32, y: u32| {
            let mut sum = [0; 3];
            for (dx, dy) in (0..by).flat_map(|dy| (0..by).map(move |dx| (dx, dy))) {
                let pixel = at(x * by + dx, y * by + dy);
                sum = [0, 1, 2].map(|i| sum[i] + u32::from(pixel[i]));
            }
            sum.map(|sum| (sum / (by * by)) as u8)
        };
        let pixels = (0..h).flat_map(|y| (0..w).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect();
        Self { size: [w as u16, h as u16], pixels }
    }
}

/// A GIF in the making. A picture is written when the next is there, for only then it is known how long it stands.
struct Film<W: std::io::Write> {
    encoder: Encoder<W>,
    size: [u16; 2],
    shown: Vec<[u8; 3]>,
    waiting: Option<(f32, Frame<'static>)>,
}

impl<W: std::io::Write> Film<W> {
    fn new(to: W, size: [u16; 2]) -> Result<Self, gif::EncodingError> {
        let mut encoder = Encoder::new(to, size[0], size[1], &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        Ok(Self { encoder, size, shown: Vec::new(), waiting: None })
    }

    /// The next picture. One of another size, from a window that was resized meanwhile, is left out.
    fn add(&mut self, at: f32, small: Small) -> Result<(), gif::EncodingError> {
        if small.size != self.size {
            return Ok(());
        }
        if let Some(frame) = difference(&self.shown, &small) {
            self.flush(Some(at))?;
            self.waiting = Some((at, frame));
            self.shown = small.pixels;
        }
        Ok(())
    }

    /// Writes the picture that waits; it stands until `until`.
    fn flush(&mut self, until: Option<f32>) -> Result<(), gif::EncodingError> {
        let Some((since, mut frame)) = self.waiting.take() else { return Ok(()) };
        frame.delay = until.map_or(LAST, |until| ((until - since) * 100.0).round().clamp(2.0, 6000.0) as u16);
        self.encoder.write_frame(&frame)
    }

    fn end(mut self) -> Result<(), gif::EncodingError> {
        self.flush(None)?;
        Ok(self.encoder.into_inner()?.flush()?)
    }
}

/// What of a picture is not on the screen already: the smallest rectangle, in which what is the same is transparent. `None` if
/// all is the same.
fn difference(shown: &[[u8; 3]], new: &Small) -> Option<Frame<'static>> {
    let width = usize::from(new.size[0]);
    let differs = |i: usize| shown.get(i) != Some(&new.pixels[i]);
    let changed = (0..new.pixels.len()).filter(|&i| differs(i));
    let bounds = changed.fold(None, |bounds: Option<[usize; 4]>, i| {
        let (x, y) = (i % width, i / width);
        let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
        Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
    });
    let [left, top, right, bottom] = bounds?;
    let cells = (top..=bottom).flat_map(|y| (left..=right).map(move |x| y * width + x));
    let mut pixels: Vec<u8> = cells
        .flat_map(|i| {
            let [r, g, b] = new.pixels[i];
            if differs(i) { [r, g, b, 255] } else { [0; 4] }
        })
        .collect();
    let [w, h] = [right - left + 1, bottom - top + 1].map(|n| n as u16);
    // Of 1, the best, to 30, the fastest.
    let frame = Frame::from_rgba_speed(w, h, &mut pixels, 15);
    Some(Frame { left: left as u16, top: top as u16, dispose: DisposalMethod::Keep, ..frame })
}

#[cfg(test)]
#[path = "film_tests.rs"]
mod tests;
