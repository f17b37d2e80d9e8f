#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Set-up, build and every test: what continuous integration runs.
# Options are those of packaging/setup.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packaging/setup.sh "$@"
options=()
for argument in "$@"; do
  case "$argument" in
    --no-gui) options+=(-DARGAND_GUI=OFF) ;;
    --cpu) options+=(-DARGAND_CUDA=OFF) ;;
  esac
done

# Objects of one clone serve the next one, wherever it lies.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1

since=$SECONDS
cmake --preset ci "${options[@]}"
cmake --build --preset ci
echo "test: built in $((SECONDS - since)) s"
ctest --preset ci
