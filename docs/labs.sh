#!/usr/bin/env bash
# Renews docs/labs/*.png, one picture a lab, settled in the real window under a virtual display: about ten minutes.
# Needs what docs/pictures.sh needs. With names, only those: docs/labs.sh fuse prune.
set -euo pipefail
cd "$(dirname "$0")/.."
program="${CARGO_TARGET_DIR:-target}/release/deadtime"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=("$@")

# NUMBER NAME THE_CHOICE_THAT_COMES_OUT SECONDS_OF_THE_RUN
lab() {
    local number=$1 name=$2 choice=$3 at=$4
    if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
    printf 'speed 8\nlab %s\npredict %s\nsettle\nsettled\nuntil %s\nframes 4\nshot %s\nquit\n' \
        "$number" "$choice" "$at" "$name" > "$work/script.txt"
    XDG_DATA_HOME="$work" timeout 900 xvfb-run -a -s "-screen 0 1280x800x24" \
        "$program" window lesson --script "$work/script.txt" --shots "$work" > "$work/said.txt" 2>&1 ||
        { cat "$work/said.txt"; exit 1; }
    [ -f "$work/$name.png" ] || { cat "$work/said.txt"; exit 1; }
    ${CONVERT:-convert} "$work/$name.png" -strip -dither None -colors 96 "PNG8:docs/labs/$name.png"
    du -b "docs/labs/$name.png"
}

lab 1 stale-predictions 3 end
lab 2 throughput        2 end
lab 3 quantise          2 end
lab 4 prune             2 end
lab 5 distil            3 end
lab 6 fuse              2 3.0
lab 7 edge-or-cloud     2 end
lab 8 maximum-latency   4 end
lab 9 memory-cliff      3 end
