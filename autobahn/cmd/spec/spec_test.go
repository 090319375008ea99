package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

// writeSpecs runs the command and reads back what it wrote: the URL of each line it printed,
// and the specification in the folder of that line.
func writeSpecs(t *testing.T, args ...string) (urls []string, specs []spec) {
	t.Helper()
	var b bytes.Buffer
	if err := run(append(args, "-dir", t.TempDir()), &b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		dir, url, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !filepath.IsAbs(dir) {
			t.Fatalf("the line %q is not an absolute folder and a URL", line)
		}
		text, err := os.ReadFile(filepath.Join(dir, "spec.json"))
		if err != nil {
			t.Fatal(err)
		}
		var s spec
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(dir, "reports"); s.Outdir != want {
			t.Errorf("reports go to %s, want %s", s.Outdir, want)
		}
		// The testsuite reads these two as a list and as an object; null breaks it.
		if !bytes.Contains(text, []byte(`"exclude-cases": []`)) || !bytes.Contains(text, []byte(`"exclude-agent-cases": {}`)) {
			t.Errorf("spec.json excludes cases, or has null for a list:\n%s", text)
		}
		urls = append(urls, url)
		specs = append(specs, s)
	}
	return urls, specs
}

func checkCases(t *testing.T, specs []spec, want []string) {
	t.Helper()
	var got []string
	for _, s := range specs {
		got = append(got, s.Cases...)
	}
	slices.SortFunc(got, caseset.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("the specifications together have the cases %v, want %v", got, want)
	}
}

func TestFuzzingClient(t *testing.T) {
	urls, specs := writeSpecs(t, "-mode", "fuzzingclient", "-n", "2", "-url", "ws://127.0.0.1:1", "-agent", "a", "-cases", "1.1.1,1.1.2,2.1")
	if len(specs) != 2 {
		t.Fatalf("%d specifications, want 2", len(specs))
	}
	checkCases(t, specs, []string{"1.1.1", "1.1.2", "2.1"})
	for i, s := range specs {
		if want := (server{Agent: "a", URL: "ws://127.0.0.1:1"}); s.URL != "" || !slices.Equal(s.Servers, []server{want}) || urls[i] != want.URL {
			t.Errorf("specification %d: %+v", i, s)
		}
	}
}

func TestFuzzingServer(t *testing.T) {
	urls, specs := writeSpecs(t, "-mode", "fuzzingserver", "-n", "3")
	if len(specs) != 3 {
		t.Fatalf("%d specifications, want 3", len(specs))
	}
	checkCases(t, specs, caseset.All())
	for i, s := range specs {
		u, err := url.Parse(s.URL)
		if err != nil || u.Scheme != "ws" || u.Hostname() != "127.0.0.1" || u.Port() == "" || u.Port() == "0" || len(s.Servers) != 0 || urls[i] != s.URL {
			t.Errorf("specification %d: %+v", i, s)
		}
	}
	if slices.Sort(urls); len(slices.Compact(urls)) != 3 {
		t.Errorf("the ports are not different: %v", urls)
	}
}

func TestWrongUsage(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"no_mode", []string{"-dir", dir}},
		{"unknown_mode", []string{"-dir", dir, "-mode", "echoserver"}},
		{"no_dir", []string{"-mode", "fuzzingserver"}},
		{"client_without_url", []string{"-dir", dir, "-mode", "fuzzingclient"}},
		{"server_with_url", []string{"-dir", dir, "-mode", "fuzzingserver", "-url", "ws://x"}},
		{"bad_selection", []string{"-dir", dir, "-mode", "fuzzingserver", "-cases", "8.*"}},
		{"unknown_flag", []string{"-x"}},
		{"not_a_folder", []string{"-dir", file, "-mode", "fuzzingserver"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := run(tt.args, &bytes.Buffer{}); err == nil {
				t.Error("no error")
			}
		})
	}
}
