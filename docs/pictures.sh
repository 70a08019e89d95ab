#!/usr/bin/env bash
# Renews docs/scenarios/*.png, one picture a scenario, and the README's two, from the real window under a virtual display.
# Needs Debian's xvfb xauth mesa-vulkan-drivers libxcursor1 libxi6 libxkbcommon-x11-0 imagemagick, and a built program.
# With names, only those: docs/pictures.sh lesson crowd. `report` is docs/report.png, which needs chromium and no window.
set -euo pipefail
cd "$(dirname "$0")/.."
program="${CARGO_TARGET_DIR:-target}/release/deadtime"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p docs/scenarios
wanted=("$@")

skipped() { [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $1 "* ]]; }

# NAME SCALE SIZE COLOURS SCRIPT [options of the window]: plays the script and takes a picture at its end, of the scenario $of, into $to.
shoot() {
    local name=$1 scale=$2 size=$3 colours=$4 script=$5
    printf '%b\nframes 4\nshot %s\nquit\n' "$script" "$name" > "$work/script.txt"
    XDG_DATA_HOME="$work" WINIT_X11_SCALE_FACTOR=$scale timeout 600 xvfb-run -a -s "-screen 0 1280x800x24" \
        "$program" window "${of:-$name}" --size "$size" --script "$work/script.txt" --shots "$work" "${@:6}" \
        > "$work/said.txt" 2>&1 || { cat "$work/said.txt"; exit 1; }
    [ -f "$work/$name.png" ] || { cat "$work/said.txt"; exit 1; }
    ${CONVERT:-convert} "$work/$name.png" -filter box -resize "$size!" -strip -dither None -colors "$colours" "PNG8:${to:-docs/scenarios}/$name.png"
    du -b "${to:-docs/scenarios}/$name.png"
}

# NAME LATENCY SECONDS CAMERA (yaw and pitch in degrees, metres from the robot) [more options of the window]
picture() {
    if skipped "$1"; then return; fi
    # Drawn at twice the size, so that halving it smooths every edge.
    shoot "$1" 2 640x400 96 "speed 4\nkey P\ncamera $4\nuntil $3" --latency "$2" "${@:5}"
}

# NAME SCRIPT [options of the window]: with the panels, where it is they that show it.
whole() {
    if skipped "$1"; then return; fi
    shoot "$1" 1 1280x800 256 "$2" "${@:3}"
}

picture lesson   fixed:200 end  "-57 36 4.6"
picture braking  fixed:200 end  "-40 25 4.0"
picture step_out fixed:200 3.4  "-120 30 6"
picture slalom   fixed:150 3.0  "-30 50 8"
picture corridor fixed:150 4.0  "-50 55 8"
picture crowd    fixed:250 2.5  "-60 40 8"
picture warehouse zero     2.2  "-40 40 5"
picture balance  fixed:150 end  "-30 12 2.5"
picture empty_bench zero   1.0  "-57 36 5.2"
picture bench_60 zero      9.0  "-60 35 10"

whole offload "camera -57 36 4.6\nuntil 4.6" --network wifi-busy --seed 3
whole onboard "camera -57 36 4.6\nwhat-if device:agx-orin@15w:retinanet\nuntil 5.28" --seed 1
whole heat    "speed 4\ncamera -57 36 4.6\nuntil 41.2" --seed 2

to=docs of=lesson whole lesson "until end" --latency fixed:200
to=docs of=lesson whole lanes "until 2.2\nkey Space\nfork\nlatency fixed:60\nkey Space\nuntil 5.3" --latency fixed:200

# A page of `deadtime report`.
report() {
    if skipped report; then return; fi
    "$program" run lesson --latency fixed:200 --seed 1 --log "$work/lesson.mcap" --json > "$work/said.txt"
    "$program" report "$work/lesson.mcap" --out "$work/report.html" > "$work/said.txt"
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/browser" --window-size=800,1080 \
        --virtual-time-budget=2000 --screenshot="$work/report.png" "file://$work/report.html" 2> "$work/said.txt"
    ${CONVERT:-convert} "$work/report.png" -strip -dither None -colors 96 "PNG8:docs/report.png"
    du -b docs/report.png
}

report
