#!/bin/sh
# Installs what the browser tests and the demo page need from npm, when the lock files changed, and bundles both.
set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
for d in "$root/web" "$root/tests/browser"; do
  cd "$d"
  [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci
  node build.mjs
done
