"""A closed loop in MuJoCo with a network in ONNX Runtime, whose commands come as late as a trace says."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import json
import sys
import time

import mujoco
import numpy as np
import onnxruntime

TICK = 0.001
PERIOD = 50  # ticks between captures
BEAMS = 360
RANGE = 10.0
CRUISE = 2.0
GOAL = np.array([55.0, 0.0])
SPEEDS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
YAW_RATES = np.linspace(-2.0, 2.0, 13)


def places(rng, count, side, apart, taken):
    """Centres as far from each other as the scenario asks."""
    low, high = sorted((side * 1.0, side * 7.0))
    found = []
    while len(found) < count:
        at = np.array([rng.uniform(3, 52), rng.uniform(low, high)])
        if all(np.hypot(*(at - other)) > apart for other in taken):
            taken.append(at)
            found.append(at)
    return found


def hall(seed):
    """The scene as MJCF, and the walkers' speeds and reaches."""
    rng = np.random.default_rng(seed)
    taken, things, walkers = [], [], []
    for side in (1, -1):
        for x, y in places(rng, 15, side, 1.2, taken):
            half = rng.uniform(0.2, 0.4)
            things.append(f'<geom type="box" pos="{x} {y} 0.5" size="{half} {half} 0.5" contype="2" conaffinity="1"/>')
        for x, y in places(rng, 10, side, 1.2, taken):
            things.append(
                f'<geom type="cylinder" pos="{x} {y} 0.5" size="{rng.uniform(0.15, 0.3)} 0.5" contype="2" conaffinity="1"/>'
            )
    for side in (1, -1):
        for x, y in places(rng, 5, side, 0.8, []):
            i = len(walkers)
            things.append(
                f'<body pos="{x} {y} 0.9"><joint name="walk{i}" type="slide" axis="1 0 0"/>'
                '<geom type="cylinder" size="0.25 0.9" mass="80" contype="2" conaffinity="1"/></body>'
            )
            walkers.append((rng.uniform(0.5, 0.8), rng.uniform(2, 5)))
    axes = (("slide", "1 0 0", "x"), ("slide", "0 1 0", "y"), ("hinge", "0 0 1", "yaw"))
    joints = "".join(f'<joint name="{name}" type="{kind}" axis="{axis}"/>' for kind, axis, name in axes)
    drives = "".join(f'<velocity joint="{name}" kv="{kv}"/>' for name, kv in (("x", 400), ("y", 400), ("yaw", 40)))
    return (
        f'<mujoco><option timestep="{TICK}" gravity="0 0 0"/><worldbody>{"".join(things)}'
        f'<body name="robot" pos="0 0 0.3">{joints}'
        '<geom name="robot" type="box" size="0.254 0.215 0.15" mass="17" contype="1" conaffinity="2"/>'
        f"</body></worldbody><actuator>{drives}</actuator></mujoco>",
        walkers,
    )


def moved(scan, ahead):
    """An earlier scan as it would look from the newest pose, given in the earlier one's frame; things stand still."""
    (x, y, yaw), bearing = ahead, -np.pi + 2 * np.pi * (np.arange(BEAMS) + 0.5) / BEAMS
    px, py = scan * np.cos(bearing) - x, scan * np.sin(bearing) - y
    beam = np.floor(((np.arctan2(py, px) - yaw + np.pi) % (2 * np.pi)) / (2 * np.pi) * BEAMS).astype(int) % BEAMS
    out = np.full(BEAMS, RANGE)
    np.minimum.at(out, beam, np.hypot(px, py))
    return out


def think(session, seen, velocity):
    """Encodes the newest frame and those 100 and 200 ms before it, runs the network, decodes."""
    pose, scan = seen[0]
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    scans = [scan]
    for back in (2, 4):
        if back >= len(seen):
            scans.append(scan)
            continue
        then, old = seen[back]
        dx, dy = pose[:2] - then[:2]
        c, s = np.cos(then[2]), np.sin(then[2])
        scans.append(moved(old, (dx * c + dy * s, dy * c - dx * s, pose[2] - then[2])))
    to = GOAL - pose[:2]
    goal = np.array([to[0] * cos + to[1] * sin, to[1] * cos - to[0] * sin])
    far = np.hypot(*goal)
    forward = velocity[0] * cos + velocity[1] * sin
    state = [forward / 2, velocity[2] / 2, min(far / 5, 1), goal[0] / far, goal[1] / far, CRUISE / 2]
    feeds = {"scan": (np.array(scans, np.float32) / RANGE)[None], "state": np.array([state], np.float32)}
    best = int(session.run(None, feeds)[0][0].argmax())
    return SPEEDS[best // 13] * CRUISE, YAW_RATES[best % 13]


def load(model_path):
    """The network, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])


def run(session, trace, seed, seconds):
    """One episode. Simulated and wall seconds, inferences, whether it touched something. Without a network it drives straight on."""
    xml, walkers = hall(seed)
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    robot = model.body("robot").id
    walk = [model.joint(f"walk{i}").qposadr[0] for i in range(len(walkers))]
    walk_v = [model.joint(f"walk{i}").dofadr[0] for i in range(len(walkers))]
    speed = np.array([v for v, _ in walkers])
    reach = np.array([r for _, r in walkers])
    x, y, yaw = (model.joint(name).qposadr[0] for name in ("x", "y", "yaw"))
    vx, vy, w = (model.joint(name).dofadr[0] for name in ("x", "y", "yaw"))
    bearing = -np.pi + 2 * np.pi * (np.arange(BEAMS) + 0.5) / BEAMS
    ids, distances = np.zeros(BEAMS, np.int32), np.zeros(BEAMS)
    command, seen, pending = (0.0, 0.0), [], None
    direction = np.ones(len(walkers))
    inferences, hit, tick = 0, False, 0
    last = int(seconds / TICK)
    began = time.perf_counter()
    while tick < last and not hit:
        # Capture.
        pose = np.array([data.qpos[x], data.qpos[y], data.qpos[yaw]])
        if np.hypot(*(GOAL - pose[:2])) < 1.0:
            break
        angle = bearing + pose[2]
        rays = np.stack([np.cos(angle), np.sin(angle), np.zeros(BEAMS)], axis=1).ravel()
        at = np.array([pose[0], pose[1], 0.3])
        mujoco.mj_multiRay(model, data, at, rays, None, True, robot, ids, distances, None, BEAMS, RANGE)
        scan = np.where((distances < 0) | (distances > RANGE), RANGE, distances)
        seen = [(pose, scan), *seen[:4]]
        thought = think(session, seen, data.qvel[[vx, vy, w]]) if session else (CRUISE, 0.0)
        # Its command takes hold when the trace says, to the tick.
        due = max(1, round(trace[inferences % len(trace)] / TICK))
        inferences += 1
        pending = (tick + due, thought)
        # On to the next capture, or in two parts if a command takes hold before.
        end = min(tick + PERIOD, last)
        past = data.qpos[walk] / reach
        direction = np.where(past > 1, -1, np.where(past < 0, 1, direction))
        data.qvel[walk_v] = speed * direction
        while tick < end:
            if pending and pending[0] <= tick:
                command, pending = pending[1], None
            until = min(end, pending[0]) if pending else end
            heading = data.qpos[yaw]
            data.ctrl[:] = (command[0] * np.cos(heading), command[0] * np.sin(heading), command[1])
            mujoco.mj_step(model, data, until - tick)
            tick = until
            hit = hit or data.ncon > 0
    return tick * TICK, time.perf_counter() - began, inferences, bool(hit)


def service_times(path):
    """Seconds of every inference in a trace file of `deadtime measure`."""
    with open(path, encoding="utf-8") as file:
        samples = json.load(file)["samples"]
    stages = ("pre", "host_to_device", "compute", "device_to_host", "post")
    return [sum(sample[stage] for stage in stages) / 1e9 for sample in samples]


def main():
    """MODEL TRACE A..B: so many episodes, one after the other."""
    model_file, trace_file, seeds = sys.argv[1:4]
    session = None if model_file == "none" else load(model_file)
    first, beyond = map(int, seeds.split(".."))
    trace = service_times(trace_file)
    done = [run(session, trace, seed, 60.0) for seed in range(first, beyond)]
    simulated, wall, count = (sum(one[i] for one in done) for i in range(3))
    touched = sum(one[3] for one in done)
    print(json.dumps({"sim_seconds": simulated, "wall_seconds": wall, "inferences": count, "touched": touched}))


if __name__ == "__main__":
    main()
