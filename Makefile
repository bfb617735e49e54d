# `make report` and `make test` are all a new user needs: each sets up .venv by itself, once.
# The stamp is written last, so a set-up that was cut short never passes for a whole one.

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/complete
BIN := $(VENV)/bin
# One thread a process: small matrices lose more to thread hand-over than they gain.
export OMP_NUM_THREADS ?= 1

.PHONY: report test lint bench format clean help

help:
	@echo "make report   run every claim at the quick profile and write runs/<stamp>/report.html"
	@echo "make test     run the tests"
	@echo "make lint     ruff and mypy --strict"
	@echo "make bench    time this package beside its peers (peers in another interpreter: LOSSPROOF_PEERS=PYTHON)"

# Workers, for the claims that train networks and for the tests.
JOBS ?= 2

report: $(STAMP)
	$(BIN)/lossproof run --profile quick --jobs $(JOBS)

test: $(STAMP)
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	for name in free_probability critical_energy curvature critical_points level_sets wide_networks \
		activation_regions random_projections; do $(BIN)/python benchmarks/$$name.py || exit 1; done

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lossproof needs Python 3.11 or newer; $(PYTHON) is older or missing. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@rm -rf $(VENV)
	@echo "Setting up $(VENV) (once; a few minutes)"
	@{ $(PYTHON) -m venv $(VENV) \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'; } || \
		{ rm -rf $(VENV); \
		  echo "Set-up failed and was undone. It needs $(PYTHON) with the venv module, a package index and 2 GB of disk;"; \
		  echo "read the lines above, mend that, and run the same command again."; exit 1; }
	@touch $@
