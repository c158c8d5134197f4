PYTHON ?= python3
VENV ?= .venv

DEMO_PICTURE = examples/car.png
DEMO_INSTRUCTION = put the car on the beach
DEMO_RESULT = out/demo.png

BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip install -c constraints.txt
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
BEFORE ?= a8bd113
SOURCES := src training benchmarks tests integrations docs

EVALUATE = $(BIN)/onthefly evaluate minibrush:dev --out out/evaluation --limit 60 --steps 20 --batch 8 $(ARGS)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-slow lint types docs step-pictures reference benchmark method-table methods-sheet scaling true-size evaluate train models inversion-table contact-sheet join-weights \
	crispness drawn-sheet training-curve wheel clean help

demo: $(INSTALLED) ## edit an example picture (installs everything into .venv first)
	@mkdir -p $(dir $(DEMO_RESULT))
	$(BIN)/onthefly edit $(DEMO_PICTURE) "$(DEMO_INSTRUCTION)" -o $(DEMO_RESULT) --overwrite --compare
	@echo "The edited picture: $(abspath $(DEMO_RESULT))"

test: $(INSTALLED_DEV) ## run the tests; more options in ARGS, e.g. make test ARGS='-m slow'
	$(BIN)/python -m pytest $(ARGS)

test-slow: $(INSTALLED_DEV) ## run the slow tests of batches, endpoint and Ray: what is killed, many clients at once
	$(BIN)/python -m pytest -m slow tests/batch tests/server tests/workers $(ARGS)

lint: $(INSTALLED_DEV) ## check style and formatting
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(INSTALLED_DEV) ## check types
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(INSTALLED_DEV) ## build the site of docs/ into out/site; what is amiss in it is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

step-pictures: $(INSTALLED) ## draw the pictures of docs/how-it-works.md
	$(BIN)/python -m training.step_pictures $(ARGS)

reference: $(INSTALLED) ## write docs/reference.md anew after a change of commands or settings
	$(BIN)/python -m pix2pix_onthefly.cli.reference > docs/reference.md.part
	mv docs/reference.md.part docs/reference.md

benchmark: $(INSTALLED) ## time an edit side by side with diffusers' pix2pix-zero; options in ARGS
	$(BIN)/python -m benchmarks.side_by_side $(ARGS)

method-table: $(INSTALLED_DEV) ## compare all ways of editing on MiniBrush test (hours); options in ARGS
	$(BIN)/python -m benchmarks.method_table --plot docs/methods.svg $(ARGS)

methods-sheet: $(INSTALLED_DEV) ## draw edits by several ways, from the results of method-table; options in ARGS
	$(BIN)/python -m benchmarks.method_sheet $(ARGS)

scaling: $(INSTALLED) ## how time and memory grow with steps, size, captions and instructions; options in ARGS
	$(BIN)/python -m benchmarks.scaling $(ARGS)

true-size: $(INSTALLED_DEV) ## build the real architectures with random weights (13 GB in a temporary folder) and edit with them
	$(BIN)/python -m pytest -s -m true_size $(ARGS)

evaluate: $(INSTALLED_DEV) ## edit 60 pictures of MiniBrush's dev split and print the table; more options in ARGS
	$(EVALUATE)
	@$(EVALUATE) --json

train: $(INSTALLED) ## train the bundled models on (hours, or ARGS='--minutes 9 --device cuda'); options in ARGS
	$(BIN)/python -m training.all $(ARGS)

models: $(INSTALLED) ## print the table of the five bundled models
	$(BIN)/python -m training.report $(ARGS)

inversion-table: $(INSTALLED) ## measure how well each inversion regenerates pictures; options in ARGS
	$(BIN)/python -m training.inversion_table $(ARGS)

join-weights: $(INSTALLED) ## put weights that training wrote in parts into the package: make join-weights PARTS=FOLDER
	$(BIN)/python -m training.parts $(PARTS)

crispness: $(INSTALLED) ## what limits how crisp drawings are: guidance, steps, autoencoder; options in ARGS
	$(BIN)/python -m training.crispness $(ARGS)

drawn-sheet: $(INSTALLED) ## draw captions with the weights of an older commit and with today's; options in ARGS
	@mkdir -p out/before
	git archive $(BEFORE) src/pix2pix_onthefly/mini/stable-diffusion | tar -x --strip-components=4 -C out/before
	$(BIN)/python -m training.drawn_sheet out/before $(ARGS)

training-curve: $(INSTALLED_DEV) ## crispness and MiniBrush success against pictures seen; snapshots and options in ARGS
	$(BIN)/python -m training.curve $(ARGS)

contact-sheet: $(INSTALLED) ## draw the contact sheet of example edits
	$(BIN)/python -m training.contact_sheet $(ARGS)

wheel: $(INSTALLED_DEV) ## build the wheel and edit a picture with it in an empty environment
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; set -x; \
	$(PYTHON) -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/python" -m pip install -q -c constraints.txt dist/*.whl; \
	cp $(DEMO_PICTURE) "$$scratch/picture.png"; \
	cd "$$scratch"; \
	venv/bin/onthefly edit picture.png "$(DEMO_INSTRUCTION)" -o edited.png; \
	test -s edited.png
	@echo "The wheel works: $$(ls dist/*.whl)"

clean: ## remove out/, dist/ and caches; .venv and training checkpoints stay
	rm -rf out dist .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# torch comes first, so that its version is settled before anything else asks for any torch.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "This needs Python 3.11 or newer with its venv module; name one with PYTHON, as in: make demo PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) -e .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(PIP) -e '.[dev]'
	@touch $@
