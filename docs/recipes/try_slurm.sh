#!/usr/bin/env bash
# The Slurm recipe, run for real: a cluster of this machine alone (Debian: slurmctld slurmd slurm-client munge; as root), an array of
# four shards of which one is requeued on the way (which Slurm lets wait for two minutes), and a merge that must be the bytes of one unbroken run.
#   docs/recipes/try_slurm.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${1:-target/release/deadtime}")
dir=$(mktemp -d)
ln -s "$program" "$dir/deadtime"
export SLURM_CONF="$dir/slurm.conf" PATH="$dir:/usr/sbin:$PATH"
cat > "$SLURM_CONF" <<CONF
ClusterName=loopback
SlurmctldHost=localhost
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=localhost CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES State=UP
CONF
mkdir "$dir/state" "$dir/spool"
stop() {
    for pid in "$dir"/slurm*.pid; do kill "$(cat "$pid")" 2>/dev/null || true; done
    while compgen -G "$dir/slurm*.pid" > /dev/null; do sleep 0.2; done
    rm -rf "$dir"
}
trap stop EXIT
munge -n > /dev/null 2>&1 || { mkdir -p /run/munge && chown munge /run/munge && su munge -s /bin/sh -c munged && sleep 1; }
slurmctld && slurmd -N localhost
until sinfo -h -t idle | grep -q localhost; do sleep 1; done

cat > "$dir/plan.toml" <<'PLAN'
title = "try"
scenario = "braking"
seeds = "200"
[[axis]]
field = "speed"
from = 1.0
to = 2.2
steps = 13
[[axis]]
field = "latency"
from = 0
to = 300
steps = 16
PLAN
deadtime sweep run "$dir/plan.toml" --out "$dir/whole"
array=$(sbatch --parsable --array=1-4 --cpus-per-task=1 --chdir="$PWD" --output="$dir/%a.txt" docs/recipes/sweep.sbatch "$dir/plan.toml" "$dir/run")
# One is taken off the node in the midst of its work and put back into the queue.
until [ -s "$dir/run/shard-2-of-4.jsonl" ]; do sleep 0.05; done
scontrol requeue "${array}_2" && echo "shard 2 was requeued with $(wc -l < "$dir/run/shard-2-of-4.jsonl") lines in its journal"
sbatch --wait --dependency="afterok:$array" --output="$dir/merge.txt" --wrap "deadtime sweep merge '$dir/run'"
cat "$dir/merge.txt"
for file in sweep.csv sweep.parquet; do cmp "$dir/whole/$file" "$dir/run/$file"; done
echo "four shards by Slurm $(sinfo --version | cut -d' ' -f2), merged: the bytes of one unbroken run"
