// Command report judges what the Autobahn testsuite has found.
//
//	report [-expect SELECTION|FILE] [-write FILE] INDEX...
//
// INDEX is an index.json of the testsuite; several, of runs that shared the cases among
// them, are judged as one. A case that is expected and not there is a failure, as is one
// whose behavior or whose closing behavior is not OK. INFORMATIONAL counts as OK for the
// few cases that can have no other verdict, NON-STRICT never does.
//
// It exits with 0 when every case passes, 1 when one does not, 2 when it cannot tell.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) (status int) {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	flags.SetOutput(stderr)
	expect := flags.String("expect", "*", "the cases that have to be there: a selection such as 1.*,2.*, or a file with one identifier a line")
	write := flags.String("write", "", "write the verdicts to this file, without what changes from run to run")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: report [-expect SELECTION|FILE] [-write FILE] INDEX...")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	expected, err := expectedCases(*expect)
	if err != nil {
		fmt.Fprintln(stderr, "report:", err)
		return 2
	}
	agent, verdicts, err := readIndexes(flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "report:", err)
		return 2
	}
	problems := judge(stdout, expected, verdicts)
	if *write != "" {
		if err := os.WriteFile(*write, marshalResult(verdicts), 0o666); err != nil {
			fmt.Fprintln(stderr, "report:", err)
			return 2
		}
	}
	if problems > 0 {
		fmt.Fprintf(stdout, "agent %q: %d of %d cases FAILED\n", agent, problems, len(expected))
		return 1
	}
	fmt.Fprintf(stdout, "agent %q: all %d cases pass\n", agent, len(expected))
	return 0
}

// expectedCases reads identifiers from the file of that name, or takes arg as a selection.
func expectedCases(arg string) ([]string, error) {
	text, err := os.ReadFile(arg)
	if err != nil {
		return caseset.Select(caseset.All(), arg)
	}
	cases := caseset.Parse(string(text))
	if len(cases) == 0 {
		return nil, fmt.Errorf("%s names no case", arg)
	}
	return cases, nil
}
