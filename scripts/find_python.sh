#!/bin/sh
# Prints the path of the Python to use; says on standard error which it took and what that leaves unproved.
#
#   find_python.sh          the best on this machine: 3.13, else 3.12, else 3.11, else something newer
#   find_python.sh 3.12     that version or none (exit code 1, no words)
#
# PYTHON=/path/to/python decides the best by hand. A name on PATH may be a version manager's shim that answers with an
# error although the version is installed, so the managers' own folders are searched too, and every candidate is
# judged by running it. SYSTEM_PYTHONS replaces the list of the system's own folders (the tests do).
set -u
wanted=${1:-}
home=${HOME:-/nonexistent}
data=${XDG_DATA_HOME:-$home/.local/share}

# Prints "3.13 /path/to/it" if the candidate runs, is CPython and can make a virtual environment. One that itself is
# a virtual environment's answers with the Python beneath it: the environment may be the one about to be rebuilt.
judge() {
  "$1" -c '
import os, sys
import ensurepip, ssl, venv
if sys.implementation.name != "cpython": sys.exit(1)
path = sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable)
print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], path))
' 2>/dev/null </dev/null
}

# One candidate a line, the most likely first.
candidates() {
  for name in python3.13 python3 python python3.12 python3.11 python3.14 python3.15; do
    (
      IFS=:
      set -f
      for folder in $PATH; do
        [ -x "${folder:-.}/$name" ] && printf '%s\n' "${folder:-.}/$name"
      done
    )
  done
  for version in 3.13 3.12 3.11 3.14 3.15; do
    for folder in \
      "${PYENV_ROOT:-$home/.pyenv}"/versions/*/bin "$home"/.pyenv/versions/*/bin \
      "${ASDF_DATA_DIR:-$home/.asdf}"/installs/python/*/bin \
      "${MISE_DATA_DIR:-$data/mise}"/installs/python/*/bin \
      "${UV_PYTHON_INSTALL_DIR:-$data/uv/python}"/*/bin \
      "$home"/.rye/py/*/bin "$home"/.local/bin \
      "$home"/miniconda3/bin "$home"/miniforge3/bin "$home"/anaconda3/bin "$home"/miniconda3/envs/*/bin \
      ${SYSTEM_PYTHONS-/usr/local/bin /usr/bin /opt/*/bin /opt/python/*/bin /opt/homebrew/bin \
        /usr/local/opt/python@$version/bin /Library/Frameworks/Python.framework/Versions/*/bin}; do
      [ -x "$folder/python$version" ] && printf '%s\n' "$folder/python$version"
    done
  done
}

if [ -n "${PYTHON:-}" ] && [ -z "$wanted" ]; then
  found=$(judge "$PYTHON") || {
    echo "PYTHON=$PYTHON cannot be used: it does not run, or cannot make a virtual environment." >&2
    exit 1
  }
else
  # A search for the best ends at the first 3.13, a search for one version at that.
  found=$(
    candidates | while IFS= read -r candidate; do
      answer=$(judge "$candidate") || continue
      printf '%s\n' "$answer"
      [ "${answer%% *}" != "${wanted:-3.13}" ] || break
    done
  )
fi

of_version() { printf '%s\n' "$found" | grep "^$(printf '%s' "$1" | sed 's/\./\\./') " | head -n 1 | cut -d ' ' -f 2-; }

if [ -n "$wanted" ]; then
  path=$(of_version "$wanted")
  [ -n "$path" ] || exit 1
  printf '%s\n' "$path"
  exit 0
fi

for version in 3.13 3.12 3.11 3.14 3.15; do
  path=$(of_version "$version")
  [ -n "$path" ] || continue
  echo "Python $version: $path" >&2
  case $version in
  3.13) ;;
  3.12 | 3.11) echo "The Functions app is not proved here: Azure's packages need Python 3.13, which was not taken." >&2 ;;
  *) echo "No Python 3.11 to 3.13 found: Bounce Triage is tested on those, and nothing is proved for $version." >&2 ;;
  esac
  printf '%s\n' "$path"
  exit 0
done

echo "No usable Python found: Bounce Triage needs Python 3.11 or newer with venv (best: 3.13; on Debian and Ubuntu: apt install python3-venv)." >&2
exit 1
