# Pinned tools; go run builds each once and keeps it in the build cache.
GOFUMPT := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI_VERSION := 2.15.0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
TESTFLAGS ?=

# The SQL parser is C. Barely optimised it compiles in half of the time, once on each machine, which is what counts for
# trying and testing; what is built for use and what is measured is optimised.
demo test static: export CGO_CFLAGS ?= -O1 -g0

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

.PHONY: pg
pg: ## find or install what terrace needs: PostgreSQL >= 15 and a C compiler
	@.ci/install

.PHONY: build
build: ## bin/terrace
	go build -trimpath -ldflags "-s -w -X main.versionFlag=$(VERSION)" -o bin/terrace ./cmd/terrace

.PHONY: demo
demo: pg build ## run the main job on stand-in sources, twice
	bin/terrace demo

.PHONY: test
test: pg ## all tests, on a real PostgreSQL
	@.ci/test -timeout 60m $(TESTFLAGS) ./...

# The SQL parser is C, which takes minutes to compile for the race detector and has nothing to race with.
.PHONY: race
race: pg ## tests under the race detector, without packages that need the SQL parser
	@.ci/test -race -timeout 60m $$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./... | .ci/racable)

.PHONY: check
check: static test ## everything that CI asks of a change

.PHONY: static
static: fmtcheck lint imports tidy ## what check asks of the source, without running tests

.PHONY: fmt
fmt: ## format the source
	$(GOFUMPT) -w .

.PHONY: fmtcheck
fmtcheck:
	@unformatted=$$($(GOFUMPT) -l .); test -z "$$unformatted" || { echo "run make fmt for: $$unformatted" >&2; exit 1; }

.PHONY: lint
lint: ## go vet, staticcheck, and golangci-lint where its pinned version is installed
	go vet ./...
	$(STATICCHECK) ./...
	@if golangci-lint version --short 2>/dev/null | grep -qx '$(GOLANGCI_VERSION)'; then \
		golangci-lint run; \
	else \
		echo "golangci-lint $(GOLANGCI_VERSION) is not installed: its checks are left out"; \
	fi

.PHONY: imports
imports: ## the rules of docs/ARCHITECTURE.md on what may import what
	@.ci/imports

.PHONY: tidy
tidy: ## go.mod and go.sum say what is used
	go mod tidy -diff

.PHONY: golden
golden: pg ## rewrite golden files; read the difference before committing
	UPDATE_GOLDEN=1 go test -count=1 -timeout 10m -run 'GoldenScripts|TestScripts' ./dag/materialize ./cmd/terrace

.PHONY: bench
bench: pg build ## measure; the results go to tests/bench/results
	go test -timeout 60m -run '^$$' -bench . $(TESTFLAGS) ./tests/bench/...

.PHONY: clean
clean: ## remove what was built; data in .terrace stays
	rm -rf bin tests/bench/results
