#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All benchmarks of this machine as Markdown: tests/bench/run.sh [BUILD [SIZE [ROUNDS]]] > figures.md
# BUILD is build/dev by default. PyTorch's part runs where a Python with torch and
# dynamic_network_architectures is: ARGAND_JUDGES, default ~/.cache/argand-judges.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build/dev}
size=${2:-128x128x128}
rounds=${3:-3}
python=${ARGAND_JUDGES:-$HOME/.cache/argand-judges}/bin/python
engine=$build/tests/bench/engine_bench
cli=$build/app/argand-cli

cat <<END
Date: $(date -u +%Y-%m-%d)
Machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)
END
"$engine" --size "$size" --rounds "$rounds"
if [ -x "$python" ] && "$python" -c 'import torch, dynamic_network_architectures' 2>/dev/null; then
  "$python" "$here/peers.py" --engine "$engine" --size "$size" --rounds "$rounds"
fi
if [ -x "$cli" ] && [ -f /usr/share/mricron/templates/ch2.nii.gz ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  printf '\n### The whole job: argand-cli demo, both hippocampi\n\n| devices | %s |\n|---|---|\n' 'seconds of each part'
  "$cli" demo --out "$work" --json --quiet | awk '
    /"seconds": \{/ { parts = ""; inside = 1; next }
    inside && /\}/ { print "| " (++n == 1 ? "one" : "two, each too small alone") " | " parts " |"; inside = 0 }
    inside { gsub(/[",:]/, ""); parts = parts (parts == "" ? "" : ", ") sprintf("%s %.2f", $1, $2) }'
fi
