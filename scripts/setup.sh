#!/usr/bin/env bash
# Installs the Debian packages of scripts/packages.txt that are missing. Does nothing, fast, when none is.
#   --oracles         also makes out/oracles, a virtual environment with the packages of scripts/oracles.txt: numpy and
#                     ml_dtypes, which the goldens are compared with. Without a package index it says so and goes on;
#                     the comparisons are then skipped.
#   --oracles=torch   the same with Debian's torch seen from it, for benchmarks beside it (100 packages more)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

oracles='' torch=''
for argument in "$@"; do
  case $argument in
    --oracles) oracles=1 ;;
    --oracles=torch) oracles=1 torch=1 ;;
    *)
      echo "setup: unknown argument '$argument'; expected --oracles or --oracles=torch" >&2
      exit 2
      ;;
  esac
done

install_packages() {
  local installed missing=() package as_root=()
  installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | awk '$1 == "ii" {print $2}' || true)
  for package in "$@"; do
    grep -qxF "$package" <<<"$installed" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null || {
      echo "setup: these packages are missing and there is neither root nor sudo: ${missing[*]}" >&2
      exit 3
    }
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The environment is complete when the list it was made from lies in it.
make_oracles() {
  local folder=$here/../out/oracles list=$here/oracles.txt options=()
  local made=$folder/made_from.txt
  [[ -n $torch ]] && options=(--system-site-packages)
  { cat "$list"; echo "${options[*]:-}"; } >"$folder.wanted"
  cmp -s "$folder.wanted" "$made" && rm "$folder.wanted" && return 0
  rm -rf "$folder"
  echo "setup: making out/oracles"
  if /usr/bin/python3 -m venv "${options[@]}" "$folder" &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check --timeout 15 --retries 1 --requirement "$list"; then
    mv "$folder.wanted" "$made"
  else
    rm -rf "$folder" "$folder.wanted"
    echo "setup: no out/oracles, because its packages cannot be had here; comparisons with them will be skipped" >&2
  fi
}

mapfile -t wanted < <(grep -vE '^\s*(#|$)' "$here/packages.txt")
install_packages "${wanted[@]}"
[[ -n $torch ]] && install_packages python3-torch
if [[ -n $oracles ]]; then
  mkdir -p "$here/../out"
  make_oracles
fi
