use proptest::prelude::*;
use timing::{Rate, Span};

use super::*;
use crate::model::{Actor, DepthCamera, Goal, Lidar, Obstacle, Outline, Rover};
use crate::robots::{balancer_default, rover_default};
use crate::state::Contact;

fn open(hz: f64) -> World {
    World {
        tick: Rate::from_hz(hz).unwrap(),
        robot: Robot::Rover(rover_default()),
        start: Pose::default(),
        start_speed: 2.0,
        goal: None,
        obstacles: vec![],
        actors: vec![],
        lidar: Lidar { beams: 36, max_range: 10.0, height: 0.2, noise: 0.02 },
        camera: None,
        seed: 5,
    }
}

fn wall(front: f64) -> Obstacle {
    Obstacle {
        name: "wall".into(),
        outline: Outline::Box { length: 0.1, width: 8.0 },
        height: 1.0,
        pose: Pose { x: front + 0.05, ..Pose::default() },
    }
}

fn walker(path: &[[f64; 2]], speed: f64, trigger: Trigger) -> Actor {
    let outline = Outline::Cylinder { radius: 0.25 };
    Actor { name: "walker".into(), outline, height: 1.7, path: path.to_vec(), speed, trigger, repeat: false }
}

fn plant(world: World) -> Plant {
    Plant::new(Arc::new(world)).unwrap()
}

fn twist(linear: f64, angular: f64) -> Command {
    Command::Twist { linear, angular }
}

fn hold(plant: &Plant, command: Command) -> [Piece; 1] {
    [Piece { from: plant.tick_start(), command }]
}

/// Runs for `secs`, `before` until `cut`, then `after`; gives all contacts.
fn run(plant: &mut Plant, secs: f64, cut: SimTime, before: Command, after: Command) -> Vec<Contact> {
    let mut contacts = vec![];
    while plant.tick_start().secs() < secs {
        let command = if cut <= plant.tick_start() { after } else { before };
        let mut pieces = hold(plant, command).to_vec();
        if plant.tick_start() < cut && cut < plant.tick_end() {
            pieces.push(Piece { from: cut, command: after });
        }
        let report = plant.step(&pieces);
        assert!(!report.invalid);
        contacts.extend(report.contacts);
    }
    contacts
}

fn digest(plant: &Plant) -> u64 {
    let mut hasher = Xxh3::new();
    plant.digest(&mut hasher);
    hasher.digest()
}

const RATES: [f64; 3] = [60.0, 240.0, 1000.0];
const FRONT: f64 = 0.254;

#[test]
fn braking_stops_where_the_formula_says_at_any_tick_rate() {
    for hz in RATES {
        let mut plant = plant(open(hz));
        let cut = SimTime(123_456_789);
        run(&mut plant, 2.0, cut, twist(2.0, 0.0), Command::STOP);
        assert_eq!(plant.robot().linear, 0.0);
        assert!((plant.robot().pose.x - (2.0 * cut.secs() + 1.0)).abs() < 1e-9, "{hz} Hz: {:?}", plant.robot());
    }
}

#[test]
fn stopping_a_millimetre_short_is_no_contact_and_overshooting_is() {
    for hz in RATES {
        for (spare, hits) in [(1e-3, 0), (1e-6, 0), (-1e-6, 1), (-2e-3, 1)] {
            let mut plant = plant(World { obstacles: vec![wall(FRONT + 1.0 + spare)], ..open(hz) });
            let contacts = run(&mut plant, 2.0, SimTime::ZERO, Command::STOP, Command::STOP);
            assert_eq!(contacts.len(), hits, "{hz} Hz, {spare} m to spare: {contacts:?}");
            if hits == 0 {
                assert!((plant.clearance() - spare).abs() < 1e-9);
            } else {
                // v^2 = 2 b (overshoot): what is left of the speed at the wall.
                let expected = (2.0f64 * 2.0 * -spare).sqrt();
                assert!((contacts[0].impact_speed - expected).abs() < 1e-3, "{hz} Hz: {contacts:?} {expected}");
            }
        }
    }
}

#[test]
fn a_wall_stops_the_robot_and_reports_the_impact() {
    for hz in RATES {
        for gap in [0.501, 0.512_345, 0.533] {
            let mut plant = plant(World { obstacles: vec![wall(FRONT + gap)], ..open(hz) });
            let contacts = run(&mut plant, 3.0, SimTime::NEVER, twist(2.0, 0.0), Command::STOP);
            assert_eq!(contacts.len(), 1);
            let contact = &contacts[0];
            assert_eq!((contact.with.as_str(), contact.index), ("wall", 0));
            assert!((contact.impact_speed - 2.0).abs() < 1e-9 && contact.robot_speed == 2.0);
            let touch = Rate::from_hz(hz).unwrap();
            assert_eq!(contact.at, touch.event(touch.first_at_or_after(SimTime::ZERO + Span::from_secs(gap / 2.0))));
            assert!((plant.robot().pose.x - gap).abs() < 5e-3, "{hz} Hz: {:?}", plant.robot());
            assert!(plant.robot().linear.abs() <= 2.0 / hz + 1e-3, "{hz} Hz: {:?}", plant.robot());
            assert!(plant.clearance() < 1e-3);
        }
    }
}

#[test]
fn an_oblique_impact_counts_the_normal_speed() {
    let yaw = 0.5;
    let mut plant = plant(World { start: Pose { yaw, ..Pose::default() }, obstacles: vec![wall(1.5)], ..open(240.0) });
    let contacts = run(&mut plant, 1.5, SimTime::NEVER, twist(2.0, 0.0), Command::STOP);
    assert!((contacts[0].impact_speed - 2.0 * libm::cos(yaw)).abs() < 1e-6, "{contacts:?}");
    assert_eq!(contacts[0].robot_speed, 2.0);
    assert!(plant.robot().pose.x < 1.5 && plant.robot().pose.x.is_finite());
}

#[test]
fn an_actor_runs_into_a_standing_robot() {
    for hz in RATES {
        let actor = walker(&[[2.0, 0.0], [-2.0, 0.0]], 1.5, Trigger::At(Span::ZERO));
        let mut plant = plant(World { start_speed: 0.0, actors: vec![actor], ..open(hz) });
        let contacts = run(&mut plant, 1.5, SimTime::ZERO, Command::STOP, Command::STOP);
        assert_eq!(contacts.len(), 1);
        assert!((contacts[0].impact_speed - 1.5).abs() < 1e-9 && contacts[0].robot_speed == 0.0);
        assert!(plant.robot().pose.x < -0.2, "it is pushed away: {:?}", plant.robot());
        let touching = plant.actors()[0].pose.x - 0.25 - FRONT - plant.robot().pose.x;
        assert!(touching > -0.01, "{hz} Hz: {touching}");
    }
}

#[test]
fn a_robot_crushed_against_a_wall_stays_a_number() {
    for hz in RATES {
        let actor = walker(&[[3.0, 0.05], [-3.0, 0.05]], 1.5, Trigger::At(Span::ZERO));
        let behind = Obstacle { pose: Pose { x: -FRONT - 0.3, ..Pose::default() }, ..wall(0.0) };
        let mut plant = plant(World { start_speed: 0.0, actors: vec![actor], obstacles: vec![behind], ..open(hz) });
        let contacts = run(&mut plant, 6.0, SimTime::ZERO, Command::STOP, Command::STOP);
        assert_eq!(contacts.iter().map(|contact| contact.with.as_str()).collect::<Vec<_>>(), ["walker", "wall"]);
        assert!(plant.robot().pose.x.abs() < 20.0 && plant.robot().linear.abs() < 20.0, "{:?}", plant.robot());
    }
}

#[test]
fn a_trigger_is_seen_at_the_tick_end() {
    let actor = walker(&[[3.0, 5.0], [3.0, -5.0]], 1.0, Trigger::RobotWithin(2.0));
    let mut plant = plant(World { actors: vec![actor], ..open(60.0) });
    run(&mut plant, 1.0, SimTime::NEVER, twist(2.0, 0.0), Command::STOP);
    // At 2 m/s the robot passes x = 1 at 0.5 s, the end of tick 29 (or of the next, by rounding).
    let started = plant.actors()[0].started.unwrap();
    assert!([30, 31].map(|k| plant.world().tick.event(k)).contains(&started), "{started}");
    let (pose, velocity) = plant.actor_poses_at(plant.tick_end()).next().unwrap();
    assert!((pose.y - (5.0 - (plant.tick_end() - started).secs())).abs() < 1e-12);
    assert_eq!(velocity, [0.0, -1.0]);
}

#[test]
fn a_look_inside_a_tick_uses_the_same_pieces() {
    let plant = plant(open(60.0));
    let mut pieces = hold(&plant, twist(2.0, 1.0)).to_vec();
    pieces.push(Piece { from: SimTime(7_000_000), command: Command::STOP });
    assert_eq!(plant.robot_at(&pieces, plant.tick_start()), plant.robot());
    let mut next = plant.clone();
    next.step(&pieces);
    assert_eq!(plant.robot_at(&pieces, plant.tick_end()), next.robot());
    let seen = plant.observe(&pieces, SimTime(10_000_000), 3);
    assert_eq!(seen.robot, plant.robot_at(&pieces, SimTime(10_000_000)));
    assert!((seen.robot.linear - (2.0 - 2.0 * 0.003)).abs() < 1e-12);
}

#[test]
fn an_observation_tells_what_lies_ahead() {
    let world = World {
        start: Pose { x: 1.0, y: 0.0, yaw: 0.0 },
        goal: Some(Goal { x: 1.0, y: 2.0, radius: 0.3 }),
        obstacles: vec![wall(4.0)],
        actors: vec![walker(&[[-3.0, 0.0]], 0.0, Trigger::At(Span::ZERO))],
        lidar: Lidar { beams: 360, ..open(240.0).lidar },
        camera: Some(DepthCamera { width: 8, height: 6, fov: 1.2, mount: 0.2, max_range: 5.0, noise: 0.01 }),
        ..open(240.0)
    };
    let plant = plant(world);
    let pieces = hold(&plant, Command::STOP);
    let seen = plant.observe(&pieces, SimTime::ZERO, 7);
    assert!((seen.gap - (3.0 - FRONT)).abs() < 1e-12);
    assert_eq!(seen.goal, [0.0, 2.0]);
    assert_eq!(seen.seen.iter().map(|thing| thing.index).collect::<Vec<_>>(), [0, 1]);
    let depth = seen.depth.as_ref().unwrap();
    assert!((depth.depth[3 * 8 + 4] - 2.0 / 1.0).abs() < 1.0);
    assert!((seen.scan[180] - 3.0).abs() < 0.1 && seen.scan[60] == 10.0);
    assert_eq!(seen, plant.observe(&pieces, SimTime::ZERO, 7));
    assert_ne!(seen.scan, plant.observe(&pieces, SimTime::ZERO, 8).scan);
    assert!(!plant.goal_reached());
}

#[test]
fn a_fork_stays_equal_through_contacts() {
    let mut world = World { obstacles: vec![wall(FRONT + 0.4)], ..open(1000.0) };
    world.actors = vec![
        walker(&[[0.0, 3.0], [0.0, -3.0]], 1.2, Trigger::At(Span::from_ms(200.0))),
        walker(&[[-4.0, 0.1], [4.0, 0.1]], 1.0, Trigger::RobotWithin(4.2)),
    ];
    let mut plant = plant(world);
    let command = |tick: u64| twist(libm::sin(tick as f64 * 0.002) * 2.0, libm::cos(tick as f64 * 0.003));
    for tick in 0..700 {
        plant.step(&hold(&plant, command(tick)));
    }
    let mut fork = plant.clone();
    let (mut contacts, mut moved) = (0, false);
    for tick in 700..3700 {
        let report = plant.step(&hold(&plant, command(tick)));
        assert_eq!(report, fork.step(&hold(&fork, command(tick))));
        assert_eq!(digest(&plant), digest(&fork), "tick {tick}");
        contacts += report.contacts.len();
        moved |= plant.robot().lateral != 0.0;
    }
    assert!(contacts > 0 && moved, "the test should have contacts in it: {contacts}");
}

#[test]
fn what_is_far_away_changes_no_bit() {
    let mut near = plant(World { obstacles: vec![wall(FRONT + 0.4)], ..open(240.0) });
    let mut both = plant(World { obstacles: vec![wall(FRONT + 0.4), wall(30.0)], ..open(240.0) });
    for _ in 0..500 {
        near.step(&hold(&near, twist(2.0, 0.3)));
        both.step(&hold(&both, twist(2.0, 0.3)));
        assert_eq!(near.robot(), both.robot());
    }
}

#[test]
fn nonsense_from_a_pilot_is_a_stop() {
    let (mut sane, mut mad) = (plant(open(240.0)), plant(open(240.0)));
    for _ in 0..300 {
        sane.step(&hold(&sane, Command::STOP));
        mad.step(&hold(&mad, twist(f64::NAN, f64::INFINITY)));
    }
    assert_eq!(sane.robot(), mad.robot());
    assert_eq!(digest(&sane), digest(&mad));
}

#[test]
fn a_digest_tells_minus_zero_from_zero() {
    let a = plant(World { start_speed: 0.0, ..open(60.0) });
    let b = plant(World { start_speed: -0.0, ..open(60.0) });
    assert_ne!(digest(&a), digest(&b));
}

#[test]
fn a_balancer_left_alone_falls_and_a_pushed_one_hits_the_wall() {
    let robot = Robot::Balancer(balancer_default());
    let mut alone = plant(World { robot: robot.clone(), start_speed: 0.0, ..open(240.0) });
    let nothing = Command::Acceleration { base: 0.0 };
    run(&mut alone, 2.0, SimTime::NEVER, nothing, nothing);
    assert!(alone.fallen());

    let mut pushed = plant(World { robot, start_speed: 1.0, obstacles: vec![wall(0.6)], ..open(240.0) });
    let contacts = run(&mut pushed, 1.0, SimTime::NEVER, nothing, nothing);
    assert!((contacts[0].impact_speed - 1.0).abs() < 1e-9);
    assert!(pushed.robot().linear.abs() < 0.01 && pushed.robot().pose.x < 0.51);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn cuts_and_tick_rates_do_not_move_the_stop(cut in 0i64..900_000_000, lag in prop::sample::select(vec![0.0, 80.0])) {
        let robot = Robot::Rover(Rover { lag: Span::from_ms(lag), ..rover_default() });
        let stop = |hz: f64| {
            let mut plant = plant(World { robot: robot.clone(), ..open(hz) });
            run(&mut plant, 4.0, SimTime(cut), twist(1.2, 0.0), Command::STOP);
            plant.robot().pose.x
        };
        let fine = stop(1000.0);
        prop_assert!((stop(60.0) - fine).abs() < 1e-9 && (stop(240.0) - fine).abs() < 1e-9);
    }

    #[test]
    fn clearance_is_the_least_of_all_distances(
        places in prop::collection::vec((-9.0..9.0f64, -9.0..9.0f64, 0.1..6.0f64, 0.1..1.0f64), 1..30),
        steps in 1..200u32,
    ) {
        let obstacle = |&(x, y, length, yaw): &(f64, f64, f64, f64)| Obstacle {
            name: String::new(),
            outline: Outline::Box { length, width: 0.3 },
            height: 1.0,
            pose: Pose { x, y, yaw: yaw * 9.0 },
        };
        let world = World { obstacles: places.iter().map(obstacle).collect(), ..open(60.0) };
        let Ok(mut plant) = Plant::new(Arc::new(world)) else { return Ok(()) };
        for _ in 0..steps {
            let report = plant.step(&hold(&plant, twist(1.5, 0.7)));
            let base = Frame::of(&plant.robot().pose);
            let scene = &plant.scene;
            let least = scene.obstacles.iter().map(|thing| distance(scene.half, &thing.seen_from(&base)));
            let least = least.fold(f64::INFINITY, f64::min).max(0.0);
            if report.clearance > 0.0 {
                prop_assert_eq!(report.clearance, least);
            } else {
                prop_assert!(least < 0.01, "{}", least);
            }
        }
    }

    #[test]
    fn nothing_is_ever_driven_through(speed in 0.3..2.0f64, yaw in -1.2..1.2f64, turn in -2.0..2.0f64, x in 0.6..3.0f64) {
        let pose = Pose { yaw, ..Pose::default() };
        let mut plant = plant(World { start: pose, start_speed: speed, obstacles: vec![wall(x)], ..open(60.0) });
        for _ in 0..240 {
            let report = plant.step(&hold(&plant, twist(speed, turn)));
            prop_assert!(!report.invalid);
            prop_assert!(plant.robot().pose.x < x || plant.robot().pose.y.abs() > 3.5, "{:?}", plant.robot());
        }
    }
}

#[test]
fn what_lies_below_the_scan_is_seen_by_a_camera_and_felt_by_all() {
    let pallet = Obstacle { name: "pallet".into(), height: 0.12, ..wall(2.0) };
    let blind = World { obstacles: vec![pallet], ..open(240.0) };
    let camera = DepthCamera { width: 64, height: 48, fov: 1.57, mount: 0.25, max_range: 10.0, noise: 0.0 };
    let seeing = World { camera: Some(camera), ..blind.clone() };
    for (world, seen) in [(blind, 0), (seeing, 1)] {
        let mut plant = plant(world);
        let view = plant.observe(&hold(&plant, Command::STOP), SimTime::ZERO, 0);
        assert_eq!(view.seen.len(), seen);
        assert!(view.scan.iter().all(|&range| range == 10.0));
        let contacts = run(&mut plant, 1.5, SimTime::ZERO, Command::STOP, twist(2.0, 0.0));
        assert_eq!(contacts.len(), 1);
        assert_eq!(contacts[0].with, "pallet");
    }
}

#[test]
fn the_way_is_free_up_to_what_stands_in_it() {
    let plant = plant(World { obstacles: vec![wall(FRONT + 1.3)], ..open(240.0) });
    let straight: Vec<Pose> = (0..60).map(|i| Pose { x: f64::from(i) * 0.05, ..Pose::default() }).collect();
    let free = plant.free_along(&straight, SimTime::ZERO);
    assert!((free - 1.3).abs() < 1e-4, "{free}");
    assert!((free - plant.observe(&hold(&plant, Command::STOP), SimTime::ZERO, 0).gap).abs() < 1e-4);
    // What ends before it, and what turns away from it, is free.
    assert_eq!(plant.free_along(&straight[..20], SimTime::ZERO), f64::INFINITY);
    let back: Vec<Pose> = straight.iter().map(|pose| Pose { x: -pose.x, ..*pose }).collect();
    assert_eq!(plant.free_along(&back, SimTime::ZERO), f64::INFINITY);
    assert_eq!(plant.free_along(&[Pose { x: FRONT + 1.3, ..Pose::default() }], SimTime::ZERO), 0.0);
    assert_eq!(plant.free_along(&[], SimTime::ZERO), f64::INFINITY);
}

#[test]
fn a_walker_is_met_where_it_stands_at_that_instant() {
    let actor = walker(&[[2.0, 3.0], [2.0, -3.0]], 60.0, Trigger::At(Span::ZERO));
    let plant = plant(World { actors: vec![actor], ..open(240.0) });
    let straight: Vec<Pose> = (0..60).map(|i| Pose { x: f64::from(i) * 0.05, ..Pose::default() }).collect();
    assert_eq!(plant.free_along(&straight, plant.tick_start()), f64::INFINITY);
    // Three metres further it stands in the middle of the way.
    let mut later = plant;
    for _ in 0..12 {
        later.step(&hold(&later, Command::STOP));
    }
    let (pose, _) = later.actor_poses_at(later.tick_start()).next().unwrap();
    assert!(pose.y.abs() < 0.1, "{pose:?}");
    let from: Vec<Pose> = straight.iter().map(|p| Pose { x: later.robot().pose.x + p.x, ..*p }).collect();
    let free = later.free_along(&from, later.tick_start());
    assert!((free - (2.0 - 0.25 - FRONT - later.robot().pose.x)).abs() < 1e-3, "{free}");
}

#[test]
fn the_truth_is_the_observation_without_noise() {
    let noisy = open(240.0);
    let quiet = World { lidar: Lidar { noise: 0.0, ..noisy.lidar }, ..noisy.clone() };
    let world = |world: World| plant(World { obstacles: vec![wall(2.0)], ..world });
    let (noisy, quiet) = (world(noisy), world(quiet));
    let pieces = hold(&noisy, Command::STOP);
    let before = digest(&noisy);
    assert_eq!(noisy.truth(&pieces, SimTime::ZERO, 3), quiet.observe(&pieces, SimTime::ZERO, 3));
    assert_ne!(noisy.truth(&pieces, SimTime::ZERO, 3), noisy.observe(&pieces, SimTime::ZERO, 3));
    assert_eq!(digest(&noisy), before);
    let stopped = noisy.extrapolate(noisy.robot(), Command::STOP, 5.0);
    assert!((stopped.pose.x - 1.0).abs() < 1e-9 && stopped.linear == 0.0);
}
