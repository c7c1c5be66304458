# The one entry. `make` prints what there is.
.DEFAULT_GOAL := help
PY := .venv/bin/python
KILLS ?= 200
STATES ?= 1000
CUTS ?= 20
BOARD ?= pc-amd64
.PHONY: help demo test check bench soak kill-test vivid-test powercut-test image appliance-test update-test prepare-run prepare-test clean

help: ## print this
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

prepare-run:
	@image/prepare.sh run.txt test.txt

prepare-test:
	@image/prepare.sh run.txt test.txt

demo: prepare-run ## watch the main job happen (SOURCE=clip, film, paper, screen, folder; KEEP=1 stays up)
	@.venv/bin/modality-agent demo $(if $(KEEP),--keep) $(if $(SOURCE),--source $(SOURCE))

test: prepare-test ## run every test against real peers, 36 kills included
	@$(PY) -m pytest

check: prepare-test ## ruff, strict mypy and the rules of the house, under a minute
	@.venv/bin/ruff check agent drivers tests
	@.venv/bin/mypy
	@$(PY) -m pytest -q tests/unit/test_house_rules.py

bench: prepare-test ## measure side by side, print ratios, write build/bench.json (ONLY=F1,F3 ROUNDS=5)
	@$(PY) -m tests.bench

soak: prepare-test ## store STORES objects with both cores busy and count the answers
	@$(PY) -m tests.bench.soak

kill-test: prepare-test ## kill the service KILLS times at random instants and account for every capture
	@$(PY) -m tests.system.kill_test --kills $(KILLS)

powercut-test: prepare-test ## every write of the disk logged, STATES crash states replayed (and CUTS real kills of the image)
	@image/prepare.sh run.txt test.txt image.txt appliance-test.txt
	@$(PY) -m tests.powercut --states $(STATES)
	@$(PY) -m tests.appliance.cuts --cuts $(CUTS)

image: ## build the appliance's image (BOARD=pc-amd64|rpi-arm64), its update bundle and bill of materials
	@image/prepare.sh image.txt $(if $(findstring arm64,$(BOARD)),image-rpi-arm64.txt)
	@nice python3 image/build.py $(BOARD)

appliance-test: prepare-test ## the product image under QEMU: enrol, choose, press, see it arrive; faults (IMAGE=fresh)
	@image/prepare.sh run.txt test.txt image.txt appliance-test.txt
	@$(PY) -m tests.appliance

update-test: prepare-test ## signed bundles, rollback, power cuts while an update is installed
	@image/prepare.sh run.txt test.txt image.txt appliance-test.txt
	@$(PY) -m tests.appliance.updates

vivid-test: prepare-test ## grabbers and triggers on a real kernel in a guest (RECORD=1 keeps what was said)
	@image/prepare.sh run.txt test.txt vivid.txt
	@$(PY) -m tests.vivid

clean: ## remove what was made here
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
