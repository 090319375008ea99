package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A probe takes numbers out of what a command prints, or out of files.
type probe struct {
	name    string
	env     []string           // for command
	command []string           // run in folder
	folder  string             // relative to the engine's module
	long    string             // how long it takes, if that is more than half a minute
	adds    bool               // a further run adds to what was found
	values  []value            // of a command's output
	fixed   map[string]float64 // what is known if the command succeeds

	read func(root string) (map[string]float64, error) // instead of command: what the committed files say
	says string                                        // how read came to be: the command that wrote the files
}

// A value is one number.
type value struct {
	key  string
	how  how
	test string // a regular expression: only lines of such tests count, in the output of "go test -json"
	line string // a regular expression with a group, the number; none for passes
}

// how says which of several numbers it is.
type how int

const (
	most   how = iota // the greatest
	sum               // all together
	passes            // how many tests of this name have passed
)

// shown is the command as one would type it, in the engine's module.
func (p *probe) shown() string {
	if p.read != nil {
		return p.says
	}
	var words []string
	if p.folder != "" {
		words = append(words, "cd", p.folder, "&&")
	}
	words = append(words, p.env...)
	for _, w := range p.command {
		if w == "-json" {
			w = "-v"
		}
		if strings.ContainsAny(w, "|^$()* ") {
			w = "'" + w + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func (p *probe) run(root string) (Run, error) {
	r := here(root)
	r.Probe, r.Command = p.name, p.shown()
	if p.read != nil {
		var err error
		r.Values, err = p.read(root)
		return r, err
	}
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir = filepath.Join(root, p.folder)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Env = append(cmd.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -buildvcs=false"))
	started := time.Now()
	out, err := cmd.CombinedOutput()
	r.Seconds = int(time.Since(started).Seconds())
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, out[max(0, len(out)-3000):])
	}
	r.Values, err = p.extract(out)
	return r, err
}

// An event is a line that "go test -json" prints. A command that is none prints lines, which have no test.
type event struct{ Action, Test, Output string }

// extract finds the values. One that is not there is an error: a test was renamed, or does not print it any more.
func (p *probe) extract(out []byte) (map[string]float64, error) {
	var events []event
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = event{Action: "output", Output: lines.Text()}
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	values := map[string]float64{}
	maps.Copy(values, p.fixed)
	for _, v := range p.values {
		test, line := regexp.MustCompile(v.test), regexp.MustCompile(v.line)
		n := 0
		var result float64
		for _, e := range events {
			if !test.MatchString(e.Test) {
				continue
			}
			if v.how == passes {
				if e.Action == "pass" && e.Test != "" {
					n, result = n+1, result+1
				}
				continue
			}
			match := line.FindStringSubmatch(e.Output)
			if e.Action != "output" || match == nil {
				continue
			}
			x, err := strconv.ParseFloat(strings.ReplaceAll(match[1], ",", ""), 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.key, err)
			}
			switch n++; {
			case v.how == sum:
				result += x
			case n == 1 || x > result:
				result = x
			}
		}
		if n == 0 {
			return nil, fmt.Errorf("%s: nothing in the output of %s is it", v.key, p.shown())
		}
		values[v.key] = result
	}
	return values, nil
}
