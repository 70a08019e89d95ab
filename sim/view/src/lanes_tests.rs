use crate::desk::tests::settings;

use super::*;

#[test]
fn what_sets_lanes_apart_is_what_differs_and_nothing_else() {
    let first = settings();
    let second = Settings { latency: Latency::Fixed(80.0), model: Some("student-int8".into()), ..settings() };
    let both = [&first, &second];
    assert_eq!(differences(&both, 0), ["model the scenario's", "latency fixed:100"]);
    assert_eq!(differences(&both, 1), ["model student-int8", "latency fixed:80"]);
    assert_eq!(differences(&[&first, &first], 1), Vec::<String>::new());
    // How fast it is played is no difference: it changes nothing.
    assert_eq!(differences(&[&first, &Settings { speed: 4.0, ..settings() }], 1), Vec::<String>::new());
}

#[test]
fn every_place_has_a_letter_and_colours_of_its_own() {
    assert_eq!([0, 1, 2, 3].map(letter), ['A', 'B', 'C', 'D']);
    for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        assert!(chip(a) != chip(b) && body(a) != body(b));
    }
}
