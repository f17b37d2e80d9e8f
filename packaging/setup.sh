#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what Argand is built with on Debian 12: Debian's packages by apt, and
# LibTorch with its CUDA libraries from the Python registry into a cache folder.
# Does only what is missing, so it may be run again at any time.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: packaging/setup.sh [--no-gui] [--cpu]
       packaging/setup.sh --engine-bundle
  --no-gui  without Qt and VTK: argand-cli only (cmake -DARGAND_GUI=OFF)
  --cpu     without NVIDIA's libraries and compiler
  --engine-bundle
            only copies the header-only libraries that the preset engine needs into the
            folder engine-bundle, which travels with the tree to a bare GPU server
The cache folder is $ARGAND_CACHE, else ~/.cache/argand.
TEXT
}

gui=yes
cuda=yes
bundle=no
for argument in "$@"; do
  case "$argument" in
    --no-gui) gui=no ;;
    --cpu) cuda=no ;;
    --engine-bundle) bundle=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ARGAND_CACHE:-$HOME/.cache/argand}
site=$cache/site

say() { echo "setup: $*"; }

# --- The engine's headers, to take along ---------------------------------------

if [ "$bundle" = yes ]; then
  to=$here/../engine-bundle
  for header in fmt/format.h tl/expected.hpp nlohmann/json.hpp; do
    if [ ! -f "/usr/include/$header" ]; then
      say "there is no /usr/include/$header: run packaging/setup.sh without options first"
      exit 1
    fi
  done
  rm -rf "$to"
  mkdir -p "$to/include"
  cp -r /usr/include/fmt /usr/include/tl /usr/include/nlohmann "$to/include/"
  for package in libfmt-dev libexpected-dev nlohmann-json3-dev; do
    cp "/usr/share/doc/$package/copyright" "$to/$package.copyright"
  done
  say "the engine's headers are in $(cd "$to" && pwd) ($(du -sh "$to" | cut -f1))"
  exit 0
fi

# --- Debian packages -----------------------------------------------------------

# Names of one section of packages.txt or wheels.txt: the lines below "# [name]".
section() { awk -v name="[$2]" '/^# \[/ { on = ($2 == name); next } on && NF && !/^#/' "$here/$1"; }

packages=$(section packages.txt build; section packages.txt test)
if [ "$gui" = yes ]; then
  packages+=$'\n'$(section packages.txt gui)
fi
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" { print $2 }')
missing=$(comm -23 <(sort -u <<<"$packages") <(sort -u <<<"$installed") | tr '\n' ' ')
if [ -n "${missing// /}" ]; then
  if [ "$(id -u)" != 0 ]; then
    say "these Debian packages are missing, and only root can install them. Run this, then setup.sh again:"
    echo "  sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${missing% }'"
    exit 1
  fi
  say "installing Debian packages: $missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  # shellcheck disable=SC2086
  apt-get install -q -y --no-install-recommends $missing
else
  say "the Debian packages are installed"
fi

# --- LibTorch and CUDA -----------------------------------------------------------

mkdir -p "$cache"
exec 9>"$cache/.setup-lock"
flock 9  # two set-ups at once would unpack over each other

# Fetches a section of wheels.txt, checks the hashes and unpacks it into the site
# folder. The layout must stay the wheels' own: the libraries find each other by it.
fetch() {
  local name=$1 stamp wanted folder wheel
  stamp=$site/.argand-$name
  wanted=$(section wheels.txt "$name" | sha256sum)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    say "in place: $2 ($site)"
    return
  fi
  say "fetching $2 into $site"
  rm -f "$stamp"
  mkdir -p "$site"
  folder=$(mktemp -d "$cache/download.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$folder'" EXIT
  section wheels.txt "$name" >"$folder/list"
  local platforms=(--platform manylinux1_x86_64 --platform manylinux2014_x86_64)
  for glibc in 12 17 18 24 25 26 27 28; do
    platforms+=(--platform "manylinux_2_${glibc}_x86_64")
  done
  /usr/bin/python3 -m pip --disable-pip-version-check download --quiet --no-cache-dir --no-deps \
    --require-hashes --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
    "${platforms[@]}" --dest "$folder" --requirement "$folder/list"
  for wheel in "$folder"/*.whl; do
    unzip -qo "$wheel" -d "$site"
    rm "$wheel"
  done
  link_libraries
  echo "$wanted" >"$stamp"
}

# The wheels hold libx.so.13 alone; a linker asks for libx.so, and nvcc for lib64.
link_libraries() {
  local library bare
  for library in "$site"/nvidia/*/lib/lib*.so.[0-9]*; do
    bare=${library%%.so.*}.so
    if [ -f "$library" ] && [ ! -e "$bare" ]; then
      ln -s "$(basename "$library")" "$bare"
    fi
  done
  if [ -d "$site/nvidia/cu13/lib" ] && [ ! -e "$site/nvidia/cu13/lib64" ]; then
    ln -s lib "$site/nvidia/cu13/lib64"
  fi
}

system_nvcc() {
  local nvcc
  for nvcc in "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
    if [ -x "$nvcc" ] && "$nvcc" --version | grep -q 'release 13\.'; then
      echo "$nvcc"
      return
    fi
  done
}

fetch base "LibTorch"
if [ "$cuda" = yes ]; then
  fetch cuda "NVIDIA's libraries"
  nvcc=$(system_nvcc)
  if [ -n "$nvcc" ]; then
    say "the CUDA compiler is the system's, $nvcc"
  else
    fetch toolkit "the CUDA compiler"
  fi
fi
say "done"
