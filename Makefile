# The course in a few commands; the first that needs it makes .venv from requirements.txt.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python)
RUN := .venv/bin/python
PORT ?= 8000

.PHONY: book test test-site faults sync serve notebooks dist bench lock audit clean

book: notebooks node_modules/ready ## execute every chapter and build the site in _site/
	$(RUN) -m tools.build

test: .venv/ready        ## the library, the exercises, the notebooks and the site
	$(RUN) -m tools.notebooks --check
	$(MAKE) book
	OMP_NUM_THREADS=1 $(RUN) -m pytest -q -n 2 --dist loadfile tests
	$(RUN) -m tools.reference_outputs
	TQDM_DISABLE=1 COURSE_BOOK=1 $(RUN) -m pytest -q -n 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout=600 _build/nbval

faults: .venv/ready node_modules/ready ## what must not lose data or lie, tried as often as the book says
	OMP_NUM_THREADS=1 $(RUN) -m pytest -q -n 2 --dist loadgroup --full tests/faults

sync: .venv/ready        ## carry changed code into the translations, mark what is stale
	$(RUN) -m tools.editions
	$(RUN) -m tools.notebooks

test-site: .venv/ready   ## the site in a real browser; installs nothing
	OMP_NUM_THREADS=1 $(RUN) -m pytest -q -n 2 --dist loadgroup tests/browser

dist: book               ## what a reader takes away: the site, a PDF, the notebooks
	$(RUN) -m tools.dist

serve:                   ## show the site on localhost
	@test -f _site/index.html || { echo "There is no site yet: run make book."; exit 1; }
	@echo "http://localhost:$(PORT)/   (Ctrl-C ends it; another port: make serve PORT=8001)"
	@$(RUN) -m tools.serve $(PORT)

notebooks: .venv/ready   ## write the plain notebook beside each chapter
	$(RUN) -m tools.notebooks

bench: book              ## measure what the course promises; ARGS=--quick takes three minutes
	$(RUN) -m benchmarks $(ARGS)

lock: .venv/ready        ## pin what requirements.in asks for, and what comes with it, with hashes
	$(RUN) -m tools.lock $(ARGS)

audit: .venv/ready       ## ask whether a known weakness concerns what is pinned; needs the network
	$(RUN) -m tools.audit

clean:                   ## remove everything that was built, but not .venv
	rm -rf _build _site dist

node_modules/ready: package-lock.json .venv/ready
	$(RUN) -m tools.node ci --loglevel=error
	@touch node_modules/ready

.venv/ready: requirements.txt requirements-cuda.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11, 5) <= sys.version_info[:3] < (3, 12) and "The course needs Python 3.11, 3.11.5 or later: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(RUN) -m tools.install
	touch .venv/ready
