# `make` alone prints the targets. Every one of them needs only Go; the tests
# also take redis-server and gcc (for -race), which `make test` installs. Those
# in containers take a container engine, and are left out where none answers.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ARGS      ?=
PKG       ?= ./...
RUN       ?= .
BENCH     ?= .
BENCHTIME ?= 1s
FUZZTIME  ?= 10s

# Tools are built from their modules and kept beside Go's own caches, one
# folder a version, so that a fresh clone need not build them again.
GOLANGCI_VERSION := v2.15.0
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/returnd
LINT  := $(CACHE)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint

.PHONY: help
help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: ARGS (run), PKG and RUN (test, race, slow), BENCH and BENCHTIME (bench), FUZZTIME (fuzz),"
	@echo "  RELEASE (build: the version to print; otherwise the repository tells)"

.PHONY: build
build: ## Build bin/worker
	@mkdir -p bin
	go build$(if $(RELEASE), -ldflags '-X main.release=$(RELEASE)') -o bin/ ./cmd/worker

.PHONY: run
run: build ## Start everything on this machine with a simulated fleet (ARGS="--help" tells more)
	@exec bin/worker demo $(ARGS)

.PHONY: test
test: packages check ## Check format and go vet, then all tests but the slow ones, with -race
	@go run ./test/containers/images -check
	go test -race -shuffle=on -timeout 10m -run '$(RUN)' $(PKG)
ifeq ($(PKG) $(RUN),./... .)
	@# The documents once more behind Sentinels and over a cluster; `make slow` has the whole suite there.
	TEST_REDIS=sentinel go test -race -timeout 10m -run TestSamplesEndAsInSalt ./test/e2e
	TEST_REDIS=cluster go test -race -timeout 10m -run TestSamplesEndAsInSalt ./test/e2e
endif

.PHONY: test-images
test-images: packages ## Build the images that the container tests use where none can be pulled
	go run ./test/containers/images

.PHONY: race
race: packages ## Hunt races: the same tests, three times over
	go test -race -shuffle=on -count=3 -timeout 30m -run '$(RUN)' $(PKG)

.PHONY: slow
slow: packages ## The slow tests (minutes: outages, kills, every form of Redis)
	@.ci/slow '$(RUN)'

.PHONY: lint
lint: $(LINT) ## Run golangci-lint (built on first use, a few minutes)
	$(LINT) run $(PKG)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: packages ## Run the Go benchmarks
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 30m $(PKG)

# The image takes a static binary, built here: its Dockerfile needs no registry.
# The same commit gives the same bytes.
IMAGE ?= returnd:dev
.PHONY: image
image: ## Build the worker's image (IMAGE, RELEASE)
	@mkdir -p bin/image
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w$(if $(RELEASE), -X main.release=$(RELEASE))' -o bin/image/ ./cmd/worker
	docker build --quiet --tag $(IMAGE) --label org.opencontainers.image.title=returnd \
		--label org.opencontainers.image.version=$(or $(RELEASE),dev) \
		--label org.opencontainers.image.revision=$$(git rev-parse HEAD 2>/dev/null || echo unknown) .

.PHONY: secrets
secrets: ## Make the passwords of compose.yaml, in deploy/secrets/
	@deploy/make-secrets

# Whichever of the two is there.
COMPOSE = $$(docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
.PHONY: up
up: image secrets ## Start everything in containers (compose.yaml tells more)
	$(COMPOSE) up -d

.PHONY: fmt
fmt: $(LINT) ## Format the code (gofumpt)
	$(LINT) fmt

.PHONY: tidy
tidy: ## Bring go.mod and go.sum in order
	go mod tidy

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin

# What `test` checks before it runs anything.
.PHONY: check
check:
	@unformatted=$$(gofmt -l cmd internal test); \
	if [[ -n $$unformatted ]]; then echo "not formatted (make fmt does it):" $$unformatted >&2; exit 1; fi
	go vet ./...

.PHONY: packages
packages:
	@.ci/packages

$(LINT):
	@mkdir -p $(@D)
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
