package bench

import (
	"fmt"
	"os"
	"testing"
)

// childVariable names, in the environment, which child process of the guard the test binary is.
const childVariable = "HAWSER_BENCH_CHILD"

// children are the processes that the guard watches from outside: this binary, run again. Each returns when it is done.
var children = map[string]func() error{}

func TestMain(m *testing.M) {
	name := os.Getenv(childVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	child, ok := children[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "bench: there is no child process %q\n", name)
		os.Exit(2)
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
