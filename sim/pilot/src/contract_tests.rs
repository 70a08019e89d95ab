use timing::SimTime;

use super::*;
use crate::expert::tests::{observation, scan_of, wall_ahead};

fn at(ms: i64, x: f64, range: f64) -> Observation {
    let mut seen = observation(&[], 2.0);
    seen.at = SimTime(ms * 1_000_000);
    seen.robot.pose.x = x;
    seen.scan = scan_of(&[wall_ahead(range)]).into();
    seen
}

#[test]
fn encoding_is_pinned() {
    let mut seen = at(0, 0.0, 3.0);
    seen.robot.angular = -0.5;
    seen.goal = [3.0, -4.0];
    let input = Input::new(&seen, std::iter::empty(), 1.5);
    let mut out = Vec::new();
    Contract::Rover.encode(&input, 10.0, &mut out);
    assert_eq!(out[0].spec, TensorSpec { name: "scan", shape: &[1, 3, 360] });
    assert_eq!(out[0].data.len(), 3 * 360);
    assert_eq!(out[1].data, [1.0, -0.25, 1.0, 0.6, -0.8, 0.75]);
    assert!((out[0].data[180] - 0.3).abs() < 1e-4);
    assert_eq!(out[0].data[0], 1.0);
    // Without a past, all three scans are the newest.
    assert_eq!(out[0].data[..360], out[0].data[360..720]);
    assert_eq!(out[0].data[..360], out[0].data[720..]);
}

#[test]
fn earlier_scans_are_moved_into_the_newest_frame() {
    // A wall that stands still, approached at 2 m/s, looks the same in all three channels.
    let (old, mid, now) = (at(0, 0.0, 3.0), at(100, 0.2, 2.8), at(200, 0.4, 2.6));
    let mut out = Vec::new();
    Contract::Rover.encode(&Input::new(&now, [&mid, &old].into_iter(), 2.0), 10.0, &mut out);
    let scan = &out[0].data;
    for beam in 165..195 {
        assert!((scan[beam] - scan[360 + beam]).abs() < 1e-3, "{beam}: {} {}", scan[beam], scan[360 + beam]);
        assert!((scan[beam] - scan[720 + beam]).abs() < 1e-3);
    }
}

#[test]
fn earlier_frames_are_picked_by_age_at_any_rate() {
    let frames: Vec<Observation> = (0..10).map(|k| at(50 * k, 0.0, 3.0)).collect();
    let input = Input::new(&frames[9], frames[..9].iter().rev(), 2.0);
    assert_eq!(input.earlier[0].at, SimTime(350_000_000));
    assert_eq!(input.earlier[1].at, SimTime(250_000_000));
}

#[test]
fn other_beam_counts_are_resampled() {
    let mut seen = at(0, 0.0, 3.0);
    let mut wide = vec![10.0f32; 720];
    wide[361] = 2.0;
    seen.scan = wide.into();
    let mut out = Vec::new();
    Contract::Rover.encode(&Input::new(&seen, std::iter::empty(), 2.0), 10.0, &mut out);
    assert_eq!((out[0].data[180], out[0].data[181]), (0.2, 1.0));
    seen.scan = vec![5.0; 8].into();
    Contract::Rover.encode(&Input::new(&seen, std::iter::empty(), 2.0), 10.0, &mut out);
    assert_eq!(out[0].data.len(), 3 * 360);
    assert!(out[0].data.iter().all(|&range| range == 0.5));
}

#[test]
fn what_is_no_number_is_refused() {
    let mut output = vec![0.0; 65];
    output[7] = f32::NAN;
    assert_eq!(Contract::Rover.decode(&output, 2.0), Err(NotFinite::At(7)));
    output[7] = f32::INFINITY;
    assert_eq!(Contract::Rover.decode(&output, 2.0), Err(NotFinite::At(7)));
    assert_eq!(Contract::Rover.decode(&[0.0; 3], 2.0).unwrap_err().to_string(), "found 3 outputs, expected 65");
    assert_eq!(Contract::Balancer.decode(&[f32::NAN], 2.0), Err(NotFinite::At(0)));
    assert_eq!(Contract::Balancer.decode(&[1.5], 2.0), Ok(Command::Acceleration { base: 1.5 }));
}

#[test]
fn contracts_are_told_by_their_inputs() {
    let named = |names: &[&str]| Contract::named(names.iter().copied());
    assert_eq!(named(&["state", "scan"]), Some(Contract::Rover));
    assert_eq!(named(&["scan", "depth", "state"]), Some(Contract::CameraRover));
    assert_eq!(named(&["body"]), Some(Contract::Balancer));
    for wrong in [&["images"][..], &["scan"], &["scan", "scan"], &["scan", "state", "image"], &[]] {
        assert_eq!(named(wrong), None, "{wrong:?}");
    }
}

/// A 64 x 48 image whose pixel i lies i millimetres ahead.
fn image(width: usize, height: usize) -> DepthImage {
    let depth = (0..width * height).map(|i| i as f32 * 1e-3).collect();
    DepthImage { width, height, depth, max_range: 3.0 }
}

fn depth_of(image: Option<DepthImage>) -> Vec<f32> {
    let mut seen = at(0, 0.0, 3.0);
    seen.depth = image;
    let mut out = Vec::new();
    Contract::CameraRover.encode(&Input::new(&seen, std::iter::empty(), 2.0), 10.0, &mut out);
    assert_eq!(out.iter().map(|tensor| tensor.spec.name).collect::<Vec<_>>(), ["scan", "state", "depth"]);
    assert_eq!(out[2].spec.shape, [1, 1, 48, 64]);
    // The other two are what a robot without a camera is fed.
    let mut without = Vec::new();
    Contract::Rover.encode(&Input::new(&seen, std::iter::empty(), 2.0), 10.0, &mut without);
    assert_eq!(out[..2], without);
    out.swap_remove(2).data
}

#[test]
fn a_depth_image_is_encoded_from_the_top_left_in_tens_of_metres() {
    let data = depth_of(Some(image(64, 48)));
    assert_eq!(data.len(), 48 * 64);
    assert!((data[63] - 0.0063).abs() < 1e-6 && (data[64] - 0.0064).abs() < 1e-6);
    // What lies at the camera's range or beyond is nothing.
    assert_eq!((data[3000], data[3071]), (1.0, 1.0));
    assert!((data[2999] - 0.2999).abs() < 1e-6);
}

#[test]
fn depth_images_are_resampled_to_the_nearest_depth() {
    let data = depth_of(Some(image(128, 96)));
    assert!((data[0] - 0.0).abs() < 1e-6 && (data[1] - 0.0002).abs() < 1e-6);
    assert!((data[64] - 0.0256).abs() < 1e-6, "two rows of 128 further on: {}", data[64]);
    assert_eq!(depth_of(Some(image(32, 24)))[64..66], [0.0, 0.0], "a coarse pixel covers four");
    assert_eq!(depth_of(Some(image(7, 5))).len(), 48 * 64);
}

#[test]
fn without_a_camera_nothing_is_met() {
    assert!(depth_of(None).iter().all(|&depth| depth == 1.0));
}
