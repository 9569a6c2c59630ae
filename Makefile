# Belay. `make` lists the targets; `make test` is what continuous integration runs.

SHELL := /bin/bash
# Go outside the PATH is found where its archive unpacks.
export PATH := $(PATH):/usr/local/go/bin
export LC_ALL := C.UTF-8

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
PROGRAMS := belayd belayctl belay-rig
GOBUILD := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
# Packages whose tests rewrite expected results with -update.
GOLDEN = $(shell grep -rl --include='*_test.go' 'flag.Bool."update"' . | xargs -r -n1 dirname | sort -u)

.DEFAULT_GOAL := help
SEED ?= $(shell date +%s)
N ?= 1000
MINUTES ?= 30
RUNS ?= 2000
FUZZTIME ?= 60s
CRM_SIMULATE ?= crm_simulate
SIZES ?= openstack,16x500,32x1000,64x2000
.PHONY: help build test test-unit test-sim test-mutants test-system test-galera test-chaos demo bench bench-failover bench-scheduler fuzz fuzz-pacemaker lint check golden clean $(PROGRAMS)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(PROGRAMS) ## Build bin/belayd, bin/belayctl and bin/belay-rig (static)

$(PROGRAMS):
	$(GOBUILD) -o bin/$@ ./cmd/$@

test: ## Run every test: format, vet, unit, then three real hosts (root on Debian)
	@.ci/test

test-unit: ## Run what needs no hosts: format, vet, unit, property and synctest tests
	@.ci/test --unit

test-sim: ## Run whole clusters in virtual time from seeds, with faults (RUNS=2000 SEED=1)
	go test ./cluster/sim -count=1 -timeout 30m -v -run '^TestSeeds$$' -args -seed $(SEED) -runs $(RUNS)

test-mutants: ## Break each safety rule on purpose and show that the simulation notices
	go test -tags mutant ./cluster/sim -count=1 -timeout 60m -v -run '^TestMutantsAreKilled$$'

test-system: ## Run only the tests on real hosts (root on Debian)
	@.ci/test --system

test-galera: ## Break state transfers between two real MariaDB servers (root; mariadb-server, mariadb-backup, galera-4, rsync, socat)
	go test -tags mariadb ./agents/galera -count=1 -timeout 40m -v -run '^TestReal'

test-chaos: build ## Break three real hosts at random while clients write (MINUTES=30 SEED=1 REPORT=FILE; root on Debian)
	bin/belay-rig build
	bin/belay-rig chaos --minutes $(MINUTES) --seed $(SEED) $(if $(REPORT),--report $(REPORT))

demo: build ## Cut a controller's power and watch the cluster recover
	@if [[ $$(id -u) == 0 && -f /etc/debian_version ]]; then \
		bin/belay-rig build && bin/belay-rig demo; \
	else \
		echo "Three real hosts need root on Debian; this is the same cluster in one process, with simulated services."; \
		bin/belayd dev --demo; \
	fi

bench: ## Run the Go benchmarks (planning)
	go test -run '^$$' -bench . -benchmem ./cluster/...

bench-scheduler: build ## Compare planning with crm_simulate's (SIZES=100x5000 takes minutes)
	go run ./cluster/policy/simulate/bench -belayctl bin/belayctl -sizes $(SIZES)

fuzz: ## Fuzz what is read from people and files, each for FUZZTIME (FUZZTIME=60s)
	@grep -rn --include='*_test.go' '^func Fuzz' . | sed -E 's|^(.*)/[^/]*_test.go:[0-9]+:func (Fuzz[A-Za-z]*).*|\1 \2|' | sort | while read -r package target; do \
		echo "$$package $$target"; \
		go test "$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x </dev/null || exit 1; \
	done

fuzz-pacemaker: ## Find clusters that Belay and crm_simulate decide differently (N=1000 SEED=1 CRM_SIMULATE=PROGRAM FROM=DIRECTORY)
	go run ./cluster/policy/simulate/fuzz -n $(N) -seed $(SEED) -crm_simulate $(CRM_SIMULATE) -from "$(FROM)"

bench-failover: build ## Measure failovers on three real hosts (root on Debian)
	bin/belay-rig build
	bin/belay-rig bench

lint: ## Run staticcheck (pinned in tools.mod)
	go tool -modfile=tools.mod staticcheck ./...

check: test lint ## Run test and lint

golden: ## Rewrite the expected results of golden tests; review the diff
	@test -n "$(GOLDEN)" || { echo "no package has golden tests"; exit 1; }
	go test $(GOLDEN) -update
	@git --no-pager diff --stat -- '*testdata*'

clean: ## Remove what build made
	rm -rf bin
