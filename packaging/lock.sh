#!/usr/bin/env bash
# Resolves what the package carries, for every supported Python and architecture at once, with the hash of each wheel.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(python3 packaging/build.py --tools)
common=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --quiet)
"$uv" pip compile pyproject.toml --extra gpio "${common[@]}" --custom-compile-command "make lock" \
  "$@" -o packaging/requirements.lock
