# The one entry. `make` prints what there is.
.DEFAULT_GOAL := help
PY := .venv/bin/python
KILLS ?= 200
OBJECTS ?= 10000
ROWS ?= 1000000
WORKERS ?= 3
SUITE ?= bookworm
ARCH ?= $(shell dpkg --print-architecture 2>/dev/null || echo amd64)
STATES ?= 1000
CUTS ?= 20
LOADER_CUTS ?= 10
SLOT_CUTS ?= 3
BOARD ?= pc-amd64
TWICE ?= image
BOARD_CUTS ?= 3
HOST_rpi-arm64 := foreign.txt
.PHONY: help demo test test-web check bench soak kill-test crash-test vivid-test locale deb debs lock deb-test machine-test fleet-test powercut-test image bundle board-test appliance-test update-test cuts-test prepare-run prepare-test clean

help: ## print this
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

prepare-run:
	@image/prepare.sh run.txt test.txt

prepare-test:
	@image/prepare.sh run.txt test.txt

demo: prepare-run ## watch the main job happen (SOURCE=clip, film, paper, screen, folder; KEEP=1 stays up)
	@.venv/bin/modality-agent demo $(if $(KEEP),--keep) $(if $(SOURCE),--source $(SOURCE))

test: prepare-test ## run every test against real peers, 36 kills included (WORKERS=3 at the same time)
	@$(PY) -m pytest -q -n $(WORKERS) --dist loadfile -m 'not web and not alone and not machine and not appliance'
	@$(PY) -m pytest -q -m 'alone and not web and not machine and not appliance'

test-web: prepare-test ## drive a real browser through every screen; pictures stay in build/screenshots
	@$(PY) -m pytest -q tests/web -m "" -n 2 --dist loadfile

check: prepare-test ## ruff, strict mypy and the rules of the house, under a minute
	@.venv/bin/ruff check agent drivers tests image packaging
	@.venv/bin/mypy
	@$(PY) -m pytest -q tests/unit/test_house_rules.py

bench: prepare-test ## measure side by side, print ratios, write build/bench.json (ONLY=F1,F3 ROUNDS=5)
	@$(PY) -m tests.bench

soak: prepare-test ## store STORES objects with both cores busy and count the answers
	@$(PY) -m tests.bench.soak

crash-test: prepare-test ## a crash with OBJECTS spooled objects and ROWS rows: how soon the box is usable
	@$(PY) -m tests.system.crash_test --objects $(OBJECTS) --rows $(ROWS)

kill-test: prepare-test ## kill the service KILLS times at random instants and account for every capture
	@$(PY) -m tests.system.kill_test --kills $(KILLS)

powercut-test: prepare-test ## as root: every write of the data disk logged, STATES=1000 power cuts replayed and judged
	@$(PY) -m tests.powercut --files --states $(STATES)
	@$(PY) -m tests.powercut --states $(STATES)

image: ## as root: a disk image with its bill of materials, for tests, not for patients (BOARD=pc-amd64|rpi-arm64)
	@image/prepare.sh image.txt $(HOST_$(BOARD))
	@nice python3 image/build.py $(BOARD)

board-test: prepare-test ## as root: the Raspberry Pi image: contents, boots under QEMU, two builds the same (BOARD_CUTS=3 TWICE=image|base|no ONLY=)
	@image/prepare.sh run.txt test.txt image.txt foreign.txt board-test.txt
	@nice $(PY) -m tests.boards --cuts $(BOARD_CUTS) --twice $(TWICE) $(if $(ONLY),--only $(ONLY))

appliance-test: prepare-test ## as root: the image under QEMU, from a file on a stick to a running box (IMAGE=fresh)
	@image/prepare.sh run.txt test.txt image.txt appliance-test.txt
	@$(PY) -m pytest -q -s -m appliance tests/appliance

bundle: ## the built image's system as a signed update (BOARD= KEY= CERTIFICATE=; without: this machine's own key)
	@image/prepare.sh image.txt
	@nice python3 image/bundle.py $(BOARD) $(if $(KEY),--key $(KEY) --certificate $(CERTIFICATE))

update-test: prepare-test ## as root: updates of the image under QEMU: good, forged, broken, power cuts; the queue survives (LOADER_CUTS=10 SLOT_CUTS=3)
	@image/prepare.sh run.txt test.txt image.txt appliance-test.txt
	@nice $(PY) -m tests.update --cuts $(LOADER_CUTS) --slot-cuts $(SLOT_CUTS)

cuts-test: prepare-test ## as root: the power of the emulated box is cut CUTS=20 times at random instants
	@image/prepare.sh run.txt test.txt image.txt appliance-test.txt
	@$(PY) -m tests.appliance.cuts --cuts $(CUTS)

vivid-test: prepare-test ## grabbers and triggers on a real kernel in a guest (RECORD=1 keeps what was said)
	@image/prepare.sh run.txt test.txt vivid.txt
	@$(PY) -m tests.vivid

locale: prepare-test ## collect every text that a person can meet, compile the translations, name what lacks one
	@$(PY) -m tests.locale

deb: ## build the Debian package into dist/ (SUITE=bookworm|trixie ARCH=amd64|arm64)
	@nice python3 packaging/build.py --suite $(SUITE) --architecture $(ARCH)

debs: ## build the Debian packages of every suite and architecture
	@for s in bookworm trixie; do for a in amd64 arm64; do nice python3 packaging/build.py --suite $$s --architecture $$a || exit 1; done; done

lock: ## resolve the locked dependencies of the package anew
	@packaging/lock.sh

deb-test: prepare-test ## install, run, upgrade, remove and purge the package on plain Debian 12 and 13
	@image/prepare.sh run.txt test.txt host.txt
	@$(PY) -m pytest -q -s -m machine tests/machine/test_on_debian.py

machine-test: prepare-test ## the service under a real systemd: sandboxes, limits, watchdog, kills, stop
	@image/prepare.sh run.txt test.txt host.txt
	@$(PY) -m pytest -q -s -m machine tests/machine/test_on_systemd.py tests/machine/test_ports_and_copies.py

fleet-test: prepare-test ## two boxes from one inventory, by Ansible over SSH, on machines with a real systemd
	@image/prepare.sh run.txt test.txt host.txt
	@$(PY) -m pytest -q -s -m machine tests/machine/test_fleet.py

clean: ## remove what was made here
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
