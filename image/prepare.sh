#!/usr/bin/env bash
# Prepares a machine to run, show and test the project: Debian packages and a private Python environment.
# Safe to repeat: what is there is left alone.    usage: image/prepare.sh [run.txt] [test.txt] …
set -euo pipefail
cd "$(dirname "$0")/.."
stop() { echo "prepare: $*" >&2; exit 1; }

wanted=()
for list in "$@"; do
  while read -r name; do wanted+=("$name"); done < <(grep -v -e '^#' -e '^$' "image/packages/$list")
done
missing=()
for name in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || command -v "$name" >/dev/null \
    || missing+=("$name")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "prepare: installing Debian packages: ${missing[*]}"
  command -v apt-get >/dev/null || stop "apt-get is not here; please install by hand: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || stop "neither root nor sudo; please install by hand: ${missing[*]}"
    as_root=(sudo)
  fi
  # The test peers are started by the tests themselves; their packages must not start services of their own.
  policy=/usr/sbin/policy-rc.d
  made_policy=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null && "${as_root[@]}" chmod 755 "$policy"
    made_policy=yes
  fi
  remove_policy() { if [ "$made_policy" = yes ]; then "${as_root[@]}" rm -f "$policy"; fi; }
  trap remove_policy EXIT
  log=$(mktemp)
  "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 -qq update >"$log" 2>&1 || { tail -5 "$log" >&2; stop "apt-get update failed"; }
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq \
    --no-install-recommends "${missing[@]}" >"$log" 2>&1 || { tail -20 "$log" >&2; stop "could not install: ${missing[*]}"; }
fi

python=${PYTHON:-python3}
command -v "$python" >/dev/null || stop "python3 is missing"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "Python 3.11 or newer is needed, this is $("$python" --version)"
stamp=.venv/stamp-$(sha256sum pyproject.toml | cut -c1-16)
if [ ! -e "$stamp" ]; then
  echo "prepare: making the Python environment (.venv)"
  "$python" -m venv .venv || stop "python3-venv is missing"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat \
    -e '.[systemd,test,check]' 2>.venv/pip.log \
    || { tail -20 .venv/pip.log >&2; stop "the Python packages could not be installed"; }
  rm -f .venv/stamp-*
  touch "$stamp"
fi
# Children start often; they must not compile the same files each time, whatever PYTHONDONTWRITEBYTECODE says.
.venv/bin/python -m compileall -q agent drivers tests/bench
