// The view from above: what was, what the network saw, and the path driven since. No library; the data stands in the page.
"use strict";
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  // The last index whose key is at most `value`; -1 before the first.
  const last = (list, value, key) => {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (key(list[middle]) <= value) low = middle + 1; else high = middle;
    }
    return low - 1;
  };
  const mix = (a, b, part) => a + (b - a) * part;
  const mixPose = (a, b, part) => a.map((value, i) => mix(value, b[i], part));

  // The state at an instant: positions between samples lie on the line between them; the frame in force is exact.
  function stateAt(run, t) {
    const { samples, applied, frames } = run;
    const i = Math.max(0, last(samples, t, (sample) => sample.t));
    const from = samples[i], to = samples[Math.min(i + 1, samples.length - 1)];
    const part = to.t > from.t ? Math.min(1, Math.max(0, (t - from.t) / (to.t - from.t))) : 0;
    const odometer = mix(from.odometer, to.odometer, part);
    const k = last(applied, t, (entry) => entry[0]);
    const seen = k < 0 ? null : frames[applied[k][1]];
    return {
      at: mixPose(from.at, to.at, part),
      actors: from.actors.map((pose, n) => mixPose(pose, to.actors[n], part)),
      speed: mix(from.speed, to.speed, part),
      clearance: from.clearance === null || to.clearance === null ? null : mix(from.clearance, to.clearance, part),
      seen,
      age: seen ? (t - seen.t) * 1e3 : null,
      blind: seen ? Math.max(0, odometer - seen.odometer) : null,
    };
  }

  function start(root, number) {
    const run = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    if (!run.samples.length) return;
    const canvas = root.querySelector("canvas"), pen = canvas.getContext("2d");
    const [button, range, speed] = ["button", "input", "select"].map((tag) => root.querySelector(tag));
    const values = Object.fromEntries([...root.querySelectorAll("[data-is]")].map((b) => [b.dataset.is, b]));
    const first = run.samples[0].t, end = run.samples[run.samples.length - 1].t;
    const svg = root.querySelector("figure.timeline svg");
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    if (svg) {
      cursor.setAttribute("class", "cursor");
      cursor.setAttribute("y1", 14);
      cursor.setAttribute("y2", svg.viewBox.baseVal.height - 28);
      svg.append(cursor);
    }
    let now = Math.min(end, Math.max(first, run.focus)), playing = false, before = null;
    range.min = first;

    function draw() {
      const state = stateAt(run, now);
      const width = canvas.clientWidth, height = canvas.clientHeight, dense = window.devicePixelRatio || 1;
      if (!width || !height) return;
      if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
        canvas.width = Math.round(width * dense);
        canvas.height = Math.round(height * dense);
      }
      // Metres to pixels: the robot stands left of the middle, so that more of what is ahead is in view.
      const scale = width / (width < 520 ? 6.5 : 10);
      const ahead = 1.1 * Math.cos(state.at[2]);
      pen.setTransform(dense, 0, 0, dense, 0, 0);
      pen.fillStyle = colour("floor");
      pen.fillRect(0, 0, width, height);
      pen.translate(width / 2, height / 2);
      pen.scale(scale, -scale);
      pen.translate(-(state.at[0] + ahead), -state.at[1]);
      const pixel = 1 / scale;
      grid(state, width * pixel, height * pixel, ahead, pixel);
      if (run.goal) {
        pen.beginPath();
        pen.arc(run.goal[0], run.goal[1], run.goal[2], 0, 7);
        stroke("goal", 2 * pixel, [6 * pixel, 4 * pixel]);
      }
      for (const thing of run.things) outline(thing.size, thing.at, "thing", null);
      state.actors.forEach((pose, i) => outline(run.actors[i].size, pose, "actor", null));
      if (state.seen) {
        for (const [i, pose] of state.seen.actors) outline(run.actors[i].size, pose, null, "ghost", pixel);
        outline(run.robot, state.seen.at, null, "ghost", pixel);
      }
      outline(run.robot, state.at, "robot", null);
      if (state.seen) path(state, pixel);
      nose(state.at);
      say(state);
    }

    function stroke(name, width, dash) {
      pen.strokeStyle = colour(name);
      pen.lineWidth = width;
      pen.setLineDash(dash || []);
      pen.stroke();
    }

    function grid(state, wide, high, ahead, pixel) {
      pen.beginPath();
      const [cx, cy] = [state.at[0] + ahead, state.at[1]];
      for (let x = Math.ceil(cx - wide / 2); x <= cx + wide / 2; x++) { pen.moveTo(x, cy - high / 2); pen.lineTo(x, cy + high / 2); }
      for (let y = Math.ceil(cy - high / 2); y <= cy + high / 2; y++) { pen.moveTo(cx - wide / 2, y); pen.lineTo(cx + wide / 2, y); }
      stroke("faint", pixel);
    }

    function outline(size, [x, y, yaw], fill, line, pixel) {
      pen.save();
      pen.translate(x, y);
      pen.rotate(yaw);
      pen.beginPath();
      if (size.length === 1) pen.arc(0, 0, size[0], 0, 7);
      else pen.rect(-size[0] / 2, -size[1] / 2, size[0], size[1]);
      if (fill) { pen.fillStyle = colour(fill); pen.fill(); }
      if (line) stroke(line, 2.5 * pixel, [5 * pixel, 3 * pixel]);
      pen.restore();
    }

    function nose([x, y, yaw]) {
      pen.save();
      pen.translate(x, y);
      pen.rotate(yaw);
      const [length, width] = run.robot;
      pen.beginPath();
      pen.moveTo(length * 0.42, 0);
      pen.lineTo(length * 0.12, width * 0.3);
      pen.lineTo(length * 0.12, -width * 0.3);
      pen.fillStyle = colour("paper");
      pen.fill();
      pen.restore();
    }

    // From where the network saw the world to where the robot is.
    function path(state, pixel) {
      const from = last(run.samples, state.seen.t, (sample) => sample.t) + 1;
      const to = last(run.samples, now, (sample) => sample.t);
      pen.beginPath();
      pen.moveTo(state.seen.at[0], state.seen.at[1]);
      for (let i = from; i <= to; i++) pen.lineTo(run.samples[i].at[0], run.samples[i].at[1]);
      pen.lineTo(state.at[0], state.at[1]);
      pen.lineCap = "round";
      stroke("real", 5 * pixel);
    }

    function say(state) {
      const text = (value, digits, unit) => (value === null ? "none yet" : value.toFixed(digits) + " " + unit);
      values.t.textContent = text(now, 2, "s");
      values.age.textContent = text(state.age, 0, "ms");
      values.blind.textContent = text(state.blind, 2, "m");
      values.speed.textContent = text(state.speed, 2, "m/s");
      values.clearance.textContent = state.clearance === null ? "-" : text(state.clearance, 2, "m");
      range.setAttribute("aria-valuetext", now.toFixed(2) + " s, age " + values.age.textContent);
      const { left, right } = root.dataset, x = +left + (now / end) * (right - left);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
    }

    function goTo(t) {
      now = Math.min(end, Math.max(first, t));
      range.value = now;
      draw();
    }

    function play(on) {
      playing = on;
      button.textContent = on ? "Pause" : "Play";
      if (!on) return;
      if (now >= end) goTo(first);
      before = null;
      requestAnimationFrame(step);
    }

    function step(at) {
      if (!playing) return;
      if (before !== null) goTo(now + ((at - before) / 1e3) * speed.value);
      before = at;
      if (now >= end) play(false); else requestAnimationFrame(step);
    }

    button.addEventListener("click", () => play(!playing));
    range.addEventListener("input", () => { play(false); goTo(+range.value); });
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1 / 60, ArrowRight: 1 / 60, PageUp: -1, PageDown: 1 };
      if (event.key === " ") play(!playing);
      else if (event.key in steps) { play(false); goTo(now + steps[event.key]); }
      else if (event.key === "Home") goTo(first);
      else if (event.key === "End") goTo(end);
      else return;
      event.preventDefault();
    });
    if (svg) {
      svg.addEventListener("click", (event) => {
        const box = svg.getBoundingClientRect(), { left, right } = root.dataset;
        const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
        play(false);
        goTo(((x - left) / (right - left)) * end);
      });
    }
    new ResizeObserver(draw).observe(canvas);
    for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", draw);
    goTo(now);
  }

  document.querySelectorAll(".replay").forEach(start);
})();
