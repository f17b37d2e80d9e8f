#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Set-up, release build, and the main job: a real head is segmented over two
# devices and exported; then the window, where there is a display.
# Options are those of packaging/setup.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packaging/setup.sh "$@"
gui=ON
cuda=AUTO
for argument in "$@"; do
  case "$argument" in
    --no-gui) gui=OFF ;;
    --cpu) cuda=OFF ;;
  esac
done

cmake --preset release -DARGAND_GUI=$gui -DARGAND_CUDA=$cuda
cmake --build --preset release
build/release/app/argand-cli demo --out build/demo
if [ $gui = ON ]; then
  # A picture of what the window shows of it, drawn on a display of its own.
  xvfb-run -a -s "-screen 0 1600x1000x24 -noreset" build/release/app/argand build/demo/study \
    --labels build/demo/hippocampi.nii.gz --screenshot build/demo/window.png
  echo "Wrote build/demo/window.png"
fi
if [ $gui = ON ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  exec build/release/app/argand build/demo/study --labels build/demo/hippocampi.nii.gz
fi
