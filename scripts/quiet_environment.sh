# Read by the other scripts: takes away what a person's shell may hold that changes which Python runs, what it loads,
# or where pip installs to.
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONOPTIMIZE PYTHONWARNINGS VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX \
  PIP_REQUIREMENT PIP_REQUIRE_VIRTUALENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONNOUSERSITE=1
