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

# What waits for other processes most of the time (storage, workers, browsers) runs beside what only computes.
waiting="tests/cli tests/cloud tests/faults tests/functions tests/local"

# Tests that need what is missing here are left out by their marker; the closing lines of pytest are kept for the end.
tests() {
  left_out=$(cut -f 1 build/missing | grep needs_ | sort -u | sed 's/^/not /' | paste -s -d '&' - | sed 's/&/ and /g')
  rm -f .coverage .coverage.*
  {
    "$bin/coverage" run -m pytest -m "$left_out" $waiting
    echo $? >build/pytest-waiting-code
  } >build/pytest-waiting.log 2>&1 &
  {
    "$bin/coverage" run -m pytest -m "$left_out" tests $(printf ' --ignore=%s' $waiting)
    echo $? >build/pytest-code
  } | tee build/pytest.log
  wait
  printf '\nTests that wait for other processes:\n'
  cat build/pytest-waiting.log
  [ "$(cat build/pytest-code)" = 0 ] && [ "$(cat build/pytest-waiting-code)" = 0 ]
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
  check "Types (mypy, strict; function_app.py left out)" "$bin/mypy" triage tests scripts bench
fi
check "Import contract (import-linter)" "$bin/lint-imports"
check "Rule proof" "$bin/triage" rules check
check "Runbook proof" "$bin/triage" runbooks check
check "Tests, documentation examples among them" tests
check "Branch coverage" coverage_report
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
tail -q -n 1 build/pytest-waiting.log build/pytest.log
exit "$failed"
