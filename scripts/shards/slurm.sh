#!/usr/bin/env bash
# An array of 16 shards: `sbatch scripts/shards/slurm.sh` in the root of this repository, which all nodes
# share. Build first, so that shards do not wait for each other: `make sim SEEDS=1`.
#SBATCH --job-name=glomers-seeds
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=06:00:00
#SBATCH --output=target/seeds-%a.log
set -euo pipefail
make sim SEEDS="${SEEDS:-10000}" SHARD="$SLURM_ARRAY_TASK_ID/16" \
    RESULTS="target/seeds-$SLURM_ARRAY_TASK_ID.jsonl"
