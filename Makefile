# Every target is a step of .ci/run, which needs no make.
.PHONY: help test lint race fuzz bench autobahn ci

help:
	@echo "make test      go test ./..."
	@echo "make lint      gofmt, go mod tidy, go vet for every platform, staticcheck"
	@echo "make race      the tests under the race detector"
	@echo "make fuzz      every fuzz target, FUZZTIME=20s each"
	@echo "make bench     every benchmark, once"
	@echo "make autobahn  the Autobahn testsuite against server and client"
	@echo "make ci        every step; .ci/run --list names them"

test race fuzz bench autobahn:
	.ci/run $@

lint:
	.ci/run fmt tidy vet staticcheck

ci:
	.ci/run
