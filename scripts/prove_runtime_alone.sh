#!/bin/sh
# Runs the main job once for each Python that the project promises and this machine has, in an environment that is
# thrown away: the runtime packages and the built project alone. What it finds is a dependency that pyproject.toml
# forgot, a data file that the package leaves out, or a word that an older Python does not know.
set -eu
cd "$(dirname "$0")/.."
. scripts/quiet_environment.sh
here=$(pwd)
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT INT TERM
proved=0

for version in 3.13 3.12 3.11; do
  [ -f "build/wheels-$version/done" ] && python=$(sh scripts/find_python.sh "$version") || continue
  "$python" -m venv --without-pip "$away/$version"
  into() { .venv/bin/python -m pip --python "$away/$version/bin/python" install -qq --no-index "$@"; }
  into --find-links "build/wheels-$version" --require-hashes --requirement requirements-laptop.txt
  into --no-deps --no-build-isolation .
  (
    cd "$away"
    "$away/$version/bin/triage" run "$here/examples/mailbox" --settings "$here/examples/triage.toml" \
      --store "$version/triage.sqlite" --out "$version/out" >"$version/said" || {
      cat "$version/said"
      echo "Python $version: the main job ended with an error."
      exit 1
    }
    "$away/$version/bin/python" - "$version/out/incidents.json" "$version" <<'PYTHON'
import json, sys, triage
incidents = json.load(open(sys.argv[1], encoding="utf-8"))
assert "site-packages" in triage.__file__, f"the installed package was not used but {triage.__file__}"
assert incidents, "the main job on the examples found no incident"
print(f"Python {sys.argv[2]}: {len(incidents)} incidents from the examples")
PYTHON
  )
  proved=$((proved + 1))
done
[ "$proved" -gt 0 ] || {
  echo "No Python was at hand with its runtime packages."
  exit 1
}
