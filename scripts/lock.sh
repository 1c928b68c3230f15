#!/bin/sh
# Writes the lock, the two lists made from it and the checker's own, with a digest for every file that may be installed:
#   requirements-lock.txt    everything: runtime, Azure, builder, tests; one resolution for Python 3.11 to 3.13
#   requirements-laptop.txt  what `make run` installs: runtime and builder
#   requirements.txt         what Azure installs: runtime and the `azure` extra, Python 3.13 on Linux
#   requirements-checkov.txt the checker of the Bicep files with all that it brings, for an environment of its own
# Versions that the lock holds stay as they are; UPGRADE=1 takes the newest.
set -eu
cd "$(dirname "$0")/.."
. scripts/quiet_environment.sh

uv_version=0.13.9
if [ "$(build/uv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
  rm -rf build/uv
  "$(sh scripts/find_python.sh)" -m venv build/uv
  build/uv/bin/python -m pip install -qq "uv==$uv_version"
fi

write() { # the list, what it is, then the resolver's options
  list=$1
  heading=$2
  shift 2
  build/uv/bin/uv pip compile pyproject.toml --quiet --no-config --no-header --generate-hashes --output-file "build/$list" "$@"
  {
    echo "# $heading"
    echo "# Written by 'make lock' from pyproject.toml: change it there, not here."
    cat "build/$list"
  } >"$list"
  rm "build/$list"
}

[ ! -f requirements-lock.txt ] || cp requirements-lock.txt build/ # the resolver keeps the versions that it finds there
write requirements-lock.txt "Everything, for Python 3.11 to 3.13: runtime, Azure, builder, tests." \
  --extra azure --group build --group dev --universal --python-version 3.11 ${UPGRADE:+--upgrade}
write requirements-laptop.txt "What the laptop command needs, taken from requirements-lock.txt." \
  --group build --universal --python-version 3.11 --no-annotate --constraint requirements-lock.txt
write requirements.txt "What the Functions app needs on Python 3.13, taken from requirements-lock.txt." \
  --extra azure --python-version 3.13 --python-platform linux --no-annotate --constraint requirements-lock.txt

# Checkov brings a hundred packages, some at versions that are not ours, so it is resolved apart from everything else.
checkov_version=3.3.30
[ ! -f requirements-checkov.txt ] || cp requirements-checkov.txt build/
echo "checkov==$checkov_version" >build/checkov.in
build/uv/bin/uv pip compile build/checkov.in --quiet --no-config --no-header --no-annotate --generate-hashes \
  --universal --python-version 3.11 --output-file build/requirements-checkov.txt ${UPGRADE:+--upgrade}
{
  echo "# Checkov, the checker of the Bicep files, in an environment of its own."
  echo "# Written by 'make lock': the version stands in scripts/lock.sh."
  cat build/requirements-checkov.txt
} >requirements-checkov.txt
rm build/checkov.in build/requirements-checkov.txt
