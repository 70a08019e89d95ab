use super::*;

/// A picture of a square on a plain ground.
fn picture(size: [u16; 2], at: [u16; 2]) -> Small {
    let inside = |x: u16, y: u16| (at[0]..at[0] + 4).contains(&x) && (at[1]..at[1] + 4).contains(&y);
    let cells = (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
    let pixels = cells.map(|(x, y)| if inside(x, y) { [0xd5, 0x5e, 0x00] } else { [0xf7, 0xf8, 0xfa] }).collect();
    Small { size, pixels }
}

/// Pictures as a viewer shows them, each with how long it stands.
fn shown(bytes: &[u8]) -> Vec<(u16, Small)> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).unwrap();
    let size = [decoder.width(), decoder.height()];
    let mut screen = Small { size, pixels: vec![[0; 3]; usize::from(size[0]) * usize::from(size[1])] };
    let mut shown = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        for (i, pixel) in frame.buffer.chunks(4).enumerate() {
            let (x, y) = (i % usize::from(frame.width), i / usize::from(frame.width));
            let at = (usize::from(frame.top) + y) * usize::from(size[0]) + usize::from(frame.left) + x;
            if pixel[3] > 0 {
                screen.pixels[at] = [pixel[0], pixel[1], pixel[2]];
            }
        }
        shown.push((frame.delay, screen.clone()));
    }
    shown
}

#[test]
fn a_film_shows_what_was_taken_as_long_as_it_stood() {
    let size = [40, 30];
    let mut bytes = Vec::new();
    let mut film = Film::new(&mut bytes, size).unwrap();
    let places = [[2, 3], [5, 3], [30, 20]];
    for (at, place) in [0.0, 0.1, 0.45].into_iter().zip(places) {
        film.add(at, picture(size, place)).unwrap();
    }
    // The same again, and one of a window that was resized: neither is a picture of its own.
    film.add(0.6, picture(size, places[2])).unwrap();
    film.add(0.7, picture([50, 30], places[0])).unwrap();
    film.end().unwrap();
    let expected: Vec<_> = [10, 35, LAST].into_iter().zip(places.map(|place| picture(size, place))).collect();
    assert_eq!(shown(&bytes), expected);
}

#[test]
fn only_what_changed_is_written() {
    let size = [200, 200];
    let (a, b) = (picture(size, [10, 10]), picture(size, [12, 10]));
    let frame = difference(&a.pixels, &b).unwrap();
    assert_eq!([frame.left, frame.top, frame.width, frame.height], [10, 10, 6, 4]);
    assert!(difference(&a.pixels, &a).is_none());
    assert_eq!(difference(&[], &a).unwrap().width, 200);
}

#[test]
fn many_colours_come_out_near_to_what_they_were() {
    let size = [64, 64];
    let cells = (0..64u8).flat_map(|y| (0..64u8).map(move |x| [x * 4, y * 4, 255 - x * 2 - y * 2]));
    let many = Small { size, pixels: cells.collect() };
    let mut bytes = Vec::new();
    let mut film = Film::new(&mut bytes, size).unwrap();
    film.add(0.0, many.clone()).unwrap();
    film.end().unwrap();
    let off = |a: &[u8; 3], b: &[u8; 3]| (0..3).map(|i| f64::from(a[i].abs_diff(b[i]))).sum::<f64>();
    let all = shown(&bytes)[0].1.pixels.iter().zip(&many.pixels).map(|(a, b)| off(a, b)).sum::<f64>();
    assert!(all / 4096.0 < 30.0, "{all}");
}

#[test]
fn pictures_get_half_the_size_and_no_wider_than_a_page() {
    // Two by two: the mean of each four.
    let small = Small::of(&[0, 0, 0, 100, 0, 0, 50, 40, 0, 50, 0, 200], (2, 2));
    assert_eq!(small, Small { size: [1, 1], pixels: vec![[50, 10, 50]] });
    for (width, height, expected) in [(1280, 800, [640, 400]), (1921, 1081, [640, 360]), (2560, 1600, [853, 533])] {
        let rgb = vec![9; (width * height * 3) as usize];
        let small = Small::of(&rgb, (width, height));
        assert_eq!(small.size, expected);
        assert!(small.pixels.iter().all(|pixel| *pixel == [9; 3]));
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let mut reel = Reel::start("/no/such/folder/film.gif".into(), 0.0).unwrap();
    let image = Image::default();
    reel.pictures.as_ref().unwrap().send(Picture { at: 0.0, image }).unwrap();
    reel.pictures = None;
    let why = reel.thread.join().unwrap().unwrap_err();
    assert!(why.contains("film.gif"), "{why}");
    let mut reel = Reel::start("film.gif".into(), 0.0).unwrap();
    reel.pictures = None;
    assert!(reel.thread.join().unwrap().unwrap_err().contains("no picture"));
}
