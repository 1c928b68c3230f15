#!/bin/sh
# Makes this folder ready to run or to test, and does nothing where it already is.
#
#   set_up.sh run     .venv with the runtime packages and the `triage` command
#   set_up.sh test    also the development packages, checkov, the node packages, and Debian's hivex and Chromium
#
# What tests need and this machine cannot get is written to build/missing, one a line: the pytest marker of the tests
# that need it, or "must" or "may" (CI passes without it), then a tab and a sentence. Only Python packages that cannot
# be had are an error here.
set -eu
cd "$(dirname "$0")/.."
. scripts/quiet_environment.sh
goal=${1:-run}
venv=.venv/bin/python
mkdir -p build

stop() {
  printf '%s\n' "$@" >&2
  exit 1
}

# ---- the virtual environment

python=$(sh scripts/find_python.sh)
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# A moved or copied environment runs the packages of the place that it came from, so it is made anew; pyvenv.cfg ends
# its `command` line with the folder that it was made for. pip is the last thing that a half-made one lacks.
made_here() {
  [ -x .venv/bin/pip ] && [ "$("$venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ] || return 1
  case $(grep '^command = ' .venv/pyvenv.cfg) in
  *" $(pwd)/.venv" | *" $(pwd -P)/.venv") ;;
  *) return 1 ;;
  esac
}

if ! made_here; then
  [ ! -e .venv ] || echo "Making .venv anew: it was made elsewhere, or by another Python than $version."
  rm -rf .venv
  "$python" -m venv "$(pwd)/.venv" || stop "Python could not make the virtual environment .venv with $python."
fi

# ---- Python packages

# Runs a step if the files that it depends on have changed since it last ran to its end.
unless_done() { # where to note that it is done, "file file …", command …
  stamp=$1
  # shellcheck disable=SC2086 # the list is our own file names, none with spaces
  digest=$(cat $2 | cksum)
  shift 2
  [ "$(cat "$stamp" 2>/dev/null)" != "$digest" ] || return 0
  rm -f "$stamp"
  "$@" || return 1
  echo "$digest" >"$stamp"
}

install_list() {
  echo "Installing the Python packages of $1 …"
  "$venv" -m pip install -qq --require-hashes --requirement "$1" ||
    stop "The Python packages of $1 could not be installed: is the package index reachable?"
}

# The command `triage`, pointing at this folder: what is edited is what runs.
install_project() {
  "$venv" -m pip install -qq --no-deps --no-build-isolation --no-index --editable . ||
    stop "The project itself could not be installed into .venv."
}

[ "$goal" != run ] || unless_done .venv/done-runtime requirements-laptop.txt install_list requirements-laptop.txt
[ "$goal" != test ] || unless_done .venv/done-everything requirements-lock.txt install_list requirements-lock.txt
[ "$goal" != test ] || unless_done .venv/done-runtime requirements-laptop.txt install_list requirements-laptop.txt
unless_done .venv/done-project "pyproject.toml triage/__init__.py" install_project
[ "$goal" = test ] || exit 0

# ---- what tests need beyond

: >build/missing
missing() { printf '%s\t%s\n' "$1" "$2" >>build/missing; }

[ "$version" = 3.13 ] || missing needs_functions "The Functions app: Azure's packages need Python 3.13, and this is $version."

# The runtime packages for each Python that the project promises, kept as files so that a throw-away environment can
# be made of them without a network.
for promised in 3.13 3.12 3.11; do
  if ! other=$(sh scripts/find_python.sh "$promised"); then
    missing may "The command on Python $promised: that version is not on this machine."
    continue
  fi
  fetch_wheels() {
    echo "Fetching the runtime packages for Python $promised …"
    rm -rf "build/wheels-$promised" || return 1
    "$venv" -m pip --python "$other" download -qq --require-hashes --requirement requirements-laptop.txt \
      --dest "build/wheels-$promised"
  }
  unless_done "build/wheels-$promised/done" requirements-laptop.txt fetch_wheels ||
    missing must "The command on Python $promised with runtime packages alone: they could not be fetched."
done

# Checkov has an environment of its own: it brings a hundred packages, some at versions that are not ours.
install_checkov() {
  echo "Installing checkov …"
  rm -rf build/checkov || return 1
  "$python" -m venv --without-pip build/checkov &&
    "$venv" -m pip --python build/checkov/bin/python install -qq --require-hashes --requirement requirements-checkov.txt
}
unless_done build/checkov/done requirements-checkov.txt install_checkov ||
  missing needs_checkov "The Bicep files as checkov judges them: its packages could not be fetched."

install_node_packages() {
  echo "Installing the node packages …"
  npm ci --ignore-scripts --loglevel=error >/dev/null
}
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
  missing needs_node "Cards in the adaptivecards package: Node.js with npm is not installed (18 or newer)."
else
  unless_done node_modules/.done package-lock.json install_node_packages ||
    missing needs_node "Cards in the adaptivecards package: npm could not fetch the node packages."
fi

lacking() {
  command -v hivexregedit >/dev/null 2>&1 || printf ' libwin-hivex-perl'
  command -v hivexget >/dev/null 2>&1 || printf ' libhivex-bin'
  command -v chromium >/dev/null 2>&1 || printf ' chromium'
}
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
debian_packages=$(lacking)
if [ -n "$debian_packages" ] && command -v apt-get >/dev/null 2>&1 && as_root true 2>/dev/null; then
  echo "Installing Debian's packages:$debian_packages …"
  as_root apt-get update -qq >build/apt.log 2>&1 || :
  # shellcheck disable=SC2086 # one argument for each package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    -o DPkg::Lock::Timeout=120 $debian_packages >>build/apt.log 2>&1 ||
    echo "apt-get could not install them: build/apt.log says why."
  debian_packages=$(lacking)
fi
case $debian_packages in
*hivex*) missing needs_hivex "Merging a .reg file into a registry hive: Debian's libhivex-bin and libwin-hivex-perl are not installed." ;;
esac
case $debian_packages in
*chromium*) missing needs_chromium "A card as a browser draws it: Chromium is not installed as \`chromium\`." ;;
esac
