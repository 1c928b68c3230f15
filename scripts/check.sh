#!/bin/sh
# All that CI checks, each under its heading, then a summary. Every check runs, whatever the one before it found.
# Ends with 1 if one failed; what the set-up could not get is listed, and is a failure only where CI=true.
set -u
cd "$(dirname "$0")/.."
. scripts/quiet_environment.sh
bin=.venv/bin
[ -f build/missing ] || {
  echo "Not set up for tests yet: run 'make test' once."
  exit 1
}
: >build/summary
failed=0

check() { # heading, command …
  heading=$1
  shift
  printf '\n==== %s\n' "$heading"
  began=$(date +%s)
  if "$@"; then word=passed; else
    word=FAILED
    failed=1
  fi
  printf '  %-6s  %s (%s s)\n' "$word" "$heading" "$(($(date +%s) - began))" >>build/summary
}

# The tests run in three parts side by side: what waits for storage, workers and commands; what waits and computes by
# turns; and all else, so that a new folder is never forgotten.
waiting="tests/cli tests/cloud tests/faults tests/functions tests/local"
between="tests/group tests/infra tests/intake tests/notify tests/upkeep"

# Tests that need what is missing here are left out by their marker; the closing lines of pytest are kept for the end.
tests() {
  left_out=$(cut -f 1 build/missing | grep needs_ | sort -u | sed 's/^/not /' | paste -s -d '&' - | sed 's/&/ and /g')
  rm -f .coverage .coverage.*
  part waiting $waiting >build/pytest-waiting.log 2>&1 &
  part between $between >build/pytest-between.log 2>&1 &
  part others tests $(printf ' --ignore=%s' $waiting $between) 2>&1 | tee build/pytest-others.log
  wait
  printf '\n'
  cat build/pytest-waiting.log build/pytest-between.log
  [ "$(cat build/pytest-waiting-code build/pytest-between-code build/pytest-others-code | tr -d '\n')" = 000 ]
}

part() { # name, what pytest runs …
  name=$1
  shift
  rm -f "build/pytest-$name-code"
  "$bin/coverage" run -m pytest --durations=8 -m "$left_out" "$@"
  echo $? >"build/pytest-$name-code"
}

coverage_report() {
  "$bin/coverage" combine --quiet &&
    "$bin/coverage" report --skip-covered --skip-empty
}

with_azure() { ! grep -q '^needs_functions' build/missing; }

check "Formatting (ruff format)" "$bin/ruff" format --check .
check "Lint (ruff check)" "$bin/ruff" check .
if with_azure; then
  check "Types (mypy, strict)" "$bin/mypy"
else
  check "Types (mypy, strict; function_app.py left out)" "$bin/mypy" triage tests scripts bench fuzz
fi
check "Import contract (import-linter)" "$bin/lint-imports"
check "Rule proof" "$bin/triage" rules check
check "Runbook proof" "$bin/triage" runbooks check
check "Tests, documentation examples among them" tests
check "Line coverage" coverage_report
check "The main job with runtime packages alone" sh scripts/prove_runtime_alone.sh
if with_azure; then
  check "The Functions app imports" "$bin/python" -W error -c 'import function_app; print("function_app is imported")'
fi

printf '\n==== Summary\n'
cat build/summary
if [ -s build/missing ]; then
  printf '\nNot proved:\n'
  cut -f 2 build/missing | sed 's/^/  - /'
  if [ "${CI:-}" = true ] && grep -qv '^may' build/missing; then
    echo "CI=true: a missing part is a failure."
    failed=1
  fi
elif [ "$failed" = 0 ]; then
  printf '\nEverything was proved.\n'
fi
printf '\n'
tail -q -n 1 build/pytest-waiting.log build/pytest-between.log build/pytest-others.log
exit "$failed"
