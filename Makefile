# Each target works in a fresh clone, a second time, and in a folder with spaces in its path: only relative paths here.
.POSIX:
.NOTPARALLEL:
.PHONY: help run serve test check format lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make run     set up, then turn examples/ into incidents: a table here, tickets in out/'
	@echo 'make serve   set up, then read what is put into out/inbox, or sent to bounces@localhost by SMTP on port 2525'
	@echo 'make test    set up, then everything that CI checks'
	@echo 'make check   the checks alone'
	@echo 'make format  let ruff put the code in order'
	@echo 'make lock    write the requirement lists again from pyproject.toml (UPGRADE=1: newest versions)'
	@echo 'make clean   remove what the others made'

run:
	@sh scripts/set_up.sh run
	@.venv/bin/triage run examples --settings examples/triage.toml --store out/triage.sqlite --out out

serve:
	@sh scripts/set_up.sh run
	@.venv/bin/triage serve --folder out/inbox --store out/triage.sqlite --out out

test:
	@sh scripts/set_up.sh test
	@sh scripts/check.sh

check:
	@sh scripts/check.sh

format:
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

lock:
	@sh scripts/lock.sh

clean:
	rm -rf .venv build out node_modules .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis
