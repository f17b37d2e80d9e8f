#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the preset engine and runs what tests/gpu holds: a list of figures, each with its
# limit. Says so where there is no GPU. Exit status: 0 good, 1 a figure is not, 77 no GPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cmake --preset engine
cmake --build --preset engine --parallel "$(nproc)"
status=0
for program in gpu_kernels gpu_runner gpu_training; do
  echo "== $program"
  here=0
  "build/engine/tests/gpu/argand_$program" || here=$?
  if [ "$here" = 77 ]; then
    status=77
  elif [ "$here" != 0 ]; then
    exit 1
  fi
done
[ "$status" = 77 ] && echo "run.sh: there is no GPU here; nothing above ran on one."
exit "$status"
