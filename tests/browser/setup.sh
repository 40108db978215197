#!/bin/sh
# Installs what the browser tests and the demo page need from npm, when the lock files changed, and bundles both.
set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/scripts/npm-install"
node "$root/web/build.mjs"
node "$root/tests/browser/build.mjs"
