use scenario::Latency;
use timing::Schedule;

use super::*;

fn settings(scenario: &str) -> Settings {
    Settings {
        scenario: scenario.into(),
        seed: 3,
        model: None,
        runtime: "auto".into(),
        graph: "all".into(),
        latency: Latency::Fixed(100.0),
        link: None,
        schedule: Schedule::Newest,
        cruise: Some(2.0),
        compensation: Compensation::Hold,
        deadline_ms: None,
        speed: 1.0,
    }
}

fn load(name: &str) -> Scenario {
    scenario::load(&assets::root().join("scenarios").join(name).with_extension("toml")).unwrap()
}

fn of(settings: &Settings) -> MapState {
    Mapper::new(Options::default(), false).map(settings, || Ok(load(&settings.scenario)))
}

#[test]
fn the_map_that_ships_belongs_to_the_scenarios_own_driver() {
    let own = of(&settings("braking")).shown.unwrap();
    assert_eq!(own.title, "braking, driven by brake_on_sight, 10 seeds a cell");
    assert_eq!(own.cells.len(), GRID.0 * GRID.1);
    // R_max at 2 m/s is 150 ms, all of it a pure delay.
    assert!((own.none_stops_at(2.0).unwrap() - 150.0).abs() < 0.1);
    // The seed, the speed, the latency and the queue rule make no difference.
    let other = Settings {
        seed: 9,
        cruise: Some(1.0),
        latency: Latency::Measured,
        schedule: Schedule::Skip,
        ..settings("braking")
    };
    assert_eq!(of(&other).shown.unwrap(), own);
    // Who drives does, and the formula stays.
    let straight = of(&Settings { model: Some("straight".into()), ..settings("braking") }).shown.unwrap();
    assert!(straight.cells.is_empty() && straight.boundary == own.boundary);
    assert!(straight.title.contains("driven by straight"));
    let governed = of(&Settings { compensation: Compensation::Governor, ..settings("braking") }).shown.unwrap();
    assert!(governed.cells.is_empty());
    assert!(governed.title.contains("brake_on_sight with governor"), "{}", governed.title);
}

#[test]
fn a_network_in_another_precision_has_a_map_of_its_own_and_says_so() {
    let int8 = Options { precision: Precision::Int8, ..Options::default() };
    let of_int8 = |name: &str| Mapper::new(int8.clone(), false).map(&settings(name), || Ok(load(name))).shown.unwrap();
    let lesson = of_int8("lesson");
    assert!(lesson.cells.is_empty() && lesson.title.contains("driven by pilot asked for in int8"), "{}", lesson.title);
    assert!(!of(&settings("lesson")).shown.unwrap().cells.is_empty());
    // No network, no precision.
    assert_eq!(of_int8("braking"), of(&settings("braking")).shown.unwrap());
}

#[test]
fn over_a_network_the_map_is_another_one_and_says_so() {
    let busy = launch::over(&load("braking"), "wifi-busy").unwrap();
    let mut mapper = Mapper::new(Options::default(), false);
    assert_eq!(mapper.map(&settings("braking"), || Ok(busy.clone())), MapState::default(), "what ships is not for it");
    mapper.refine(true);
    let give_up = 600;
    let drawn = (0..give_up).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        mapper.map(&settings("braking"), || unreachable!("the settings are the same")).shown
    });
    let title = drawn.unwrap().title.clone();
    assert_eq!(title, "braking, driven by brake_on_sight over wifi-busy, 10 seeds a cell");
}

#[test]
fn the_network_of_a_log_is_mapped_where_it_is_at_hand() {
    let braking = load("braking");
    let busy = launch::over(&braking, "wifi-busy").unwrap();
    let mut logged = busy.setup(1).unwrap().line.network.unwrap().as_ref().clone();
    let text = |network: &timing::Network| serde_json::to_string(network).unwrap();
    assert_eq!(launch::over(&braking, &text(&logged)).unwrap().text(), busy.text());
    logged.out.delay = timing::Span::from_ms(77.0);
    assert!(launch::over(&braking, &text(&logged)).unwrap_err().to_string().contains("wifi-busy"));
}

#[test]
fn beside_a_target_the_map_is_that_of_the_file_here() {
    let setup = load("lesson").setup(1).unwrap();
    assert_eq!(Mapper::new(Options::default(), false).driven(&setup), "pilot");
    assert_eq!(Mapper::new(Options::default(), true).driven(&setup), "pilot (the file here, not the target's)");
}

#[test]
fn a_balancer_has_no_map_and_a_scenario_of_ones_own_an_empty_one() {
    assert!(matches!(of(&settings("balance")).work, MapWork::None(_)));
    let text = load("braking").text().replace("sight = 1.3", "sight = 1.2");
    let mine = scenario::parse(&text, "braking.toml").unwrap();
    let state = Mapper::new(Options::default(), false).map(&settings("braking"), || Ok(mine));
    assert_eq!(state, MapState::default(), "another sight is another map");
}

#[test]
fn it_is_refined_near_the_cross_first_and_stops_when_told() {
    let settings = Settings { latency: Latency::Fixed(150.0), ..settings("braking") };
    let mut mapper = Mapper::new(Options::default(), false);
    let before = mapper.map(&settings, || Ok(load("braking"))).shown.unwrap().cells.len();
    mapper.refine(true);
    let mut cells = before;
    for _ in 0..600 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        cells = mapper.map(&settings, || unreachable!("the settings are the same")).shown.unwrap().cells.len();
        if cells > before + 4 {
            break;
        }
    }
    assert!(cells > before + 4, "{cells} cells");
    mapper.refine(false);
    let state = mapper.map(&settings, || unreachable!());
    assert!(matches!(state.work, MapWork::Waits | MapWork::Done), "{:?}", state.work);
    let map = state.shown.unwrap();
    let first = &map.cells[before..];
    assert!(
        first.iter().take(4).all(|cell| (cell.speed - 2.0).abs() < 0.3 && (cell.latency_ms - 150.0).abs() < 50.0),
        "{first:?}"
    );
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(mapper.map(&settings, || unreachable!()).shown.unwrap().cells.len(), map.cells.len(), "nothing goes on");
}

#[test]
fn without_a_map_the_coarse_cells_come_first() {
    let mut subject = Mapper::new(Options::default(), false)
        .subject(&load("braking"), &settings("braking"))
        .map_err(|work| format!("{work:?}"))
        .unwrap();
    subject.speeds = vec![1.0, 2.0];
    subject.latencies = vec![0.0, 100.0];
    let mut map = PhaseMap::default();
    let mut order = Vec::new();
    while let Some((speed, latency_ms, size)) = next(&subject, &map, (2.0, 100.0)) {
        // Whatever is fast and late collides.
        let collided = if speed * latency_ms > 120.0 { 10 } else { 0 };
        order.push((speed, latency_ms));
        map.cells.push(PhaseCell { speed, latency_ms, size, collided, of: 10 });
        assert!(order.len() < 100);
    }
    assert_eq!(order[0], (2.0, 100.0));
    assert!(order[..4].iter().all(|(v, ms)| v.fract() == 0.0 && ms % 100.0 == 0.0), "{order:?}");
    // Divided twice where it turns, and nowhere outside.
    assert!(map.cells.iter().any(|cell| cell.size == [0.25, 25.0]));
    assert!(order.iter().all(|(v, ms)| (1.0..=2.0).contains(v) && (0.0..=100.0).contains(ms)), "{order:?}");
    assert_eq!(map.at(1.9, 90.0).map(PhaseCell::share), Some(1.0));
    assert_eq!(map.at(1.1, 20.0).map(PhaseCell::share), Some(0.0));
}
