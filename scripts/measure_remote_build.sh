#!/bin/sh
# Measures what Azure's remote build does with this project, which is given 60 seconds: installs requirements.txt for
# Python 3.13 into .python_packages, once with nothing in pip's cache and once with everything, and packs the tree that
# .funcignore leaves. What it cannot measure is the way from the package index to Azure; the sizes tell how much goes it.
set -eu
cd "$(dirname "$0")/.."
. scripts/quiet_environment.sh
python=$(sh scripts/find_python.sh 3.13) || {
  echo "Python 3.13 is not on this machine: Azure would build with it."
  exit 1
}
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT INT TERM
"$python" -m venv "$away/venv"
pip="$away/venv/bin/python -m pip"

seconds() { "$python" -c 'import time; print(time.time())'; }
mebibytes() { du -sk "$1" | awk '{ printf "%.1f MiB", $1 / 1024 }'; }

build() { # what is said of it
  rm -rf "$away/app"
  mkdir -p "$away/app"
  began=$(seconds)
  # shellcheck disable=SC2086 # the command and its words
  $pip install -qq --require-hashes --cache-dir "$away/cache" --target "$away/app/.python_packages/lib/site-packages" \
    --requirement requirements.txt
  printf '%s: %.1f s\n' "$1" "$(echo "$(seconds) $began" | awk '{ print $1 - $2 }')"
}

build "Installed, nothing in the cache"
build "Installed again, all in the cache"
# shellcheck disable=SC2086
$pip download -qq --require-hashes --no-deps --cache-dir "$away/cache" --dest "$away/wheels" --requirement requirements.txt
echo "Packages: $(find "$away/wheels" -type f | wc -l | tr -d ' '), of them to be compiled: $(find "$away/wheels" -type f ! -name '*.whl' | wc -l | tr -d ' '); downloaded $(mebibytes "$away/wheels"), installed $(mebibytes "$away/app/.python_packages")"

# The deployed tree: what .funcignore leaves of the files that git knows.
"$python" - "$away/app" <<'PYTHON'
import fnmatch, pathlib, shutil, subprocess, sys
patterns = [line for line in pathlib.Path(".funcignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
for name in subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout.split("\0"):
    # A pattern without a slash is meant for files and folders at any depth, as in .gitignore.
    if name and not any(fnmatch.fnmatch(part, pattern) for part in name.split("/") for pattern in patterns):
        to = pathlib.Path(sys.argv[1], name)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, to)
PYTHON
echo "Our own files: $(find "$away/app" -path "$away/app/.python_packages" -prune -o -type f -print | wc -l | tr -d ' ')"
"$python" -c 'import shutil, sys; shutil.make_archive(sys.argv[1] + "/package", "zip", sys.argv[1] + "/app")' "$away"
echo "Whole package: $(mebibytes "$away/package.zip") as zip"

# It starts: the tree alone, with those packages alone, on that Python.
(
  cd "$away/app"
  began=$(seconds)
  PYTHONPATH=.python_packages/lib/site-packages "$python" -I -c '
import sys
sys.path[:0] = [".", ".python_packages/lib/site-packages"]
import function_app
names = sorted(one.get_function_name() for one in function_app.app.get_functions())
print("Imported from the tree alone:", ", ".join(names))
'
  printf 'Import: %.1f s\n' "$(echo "$(seconds) $began" | awk '{ print $1 - $2 }')"
)
echo "Largest:"
du -sk "$away"/app/.python_packages/lib/site-packages/* | sort -rn | head -8 | awk '{ n = split($2, part, "/"); printf "  %6.1f MiB  %s\n", $1 / 1024, part[n] }'
