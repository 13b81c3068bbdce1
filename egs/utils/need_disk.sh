#!/usr/bin/env bash
# Fails unless there are so many GB free where a folder is or will be.
set -euo pipefail
[[ $# -eq 2 && $1 =~ ^[0-9]+$ ]] || { echo "Usage: utils/need_disk.sh <GB> <folder>" >&2; exit 1; }
dir=$2
while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
free=$(df -Pk "$dir" | awk 'NR == 2 { print int($4 / 1048576) }')
if ((free < $1)); then
  echo "$0: $2 needs $1 GB, and there are $free free: make room, or make $2 a link to a larger disk" >&2
  exit 1
fi
