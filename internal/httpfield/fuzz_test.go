package httpfield_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/httpfield"
)

// FuzzAppendTokens: what is accepted is made of tokens, reads back from its
// joined form, agrees with HasToken, and does not depend on how it is split into
// lines at a comma.
func FuzzAppendTokens(f *testing.F) {
	for _, seed := range tokenSeeds() {
		f.Add(string(seed))
	}
	f.Fuzz(testTokens)
}

// TestRandomTokens is FuzzAppendTokens without the fuzzing engine.
func TestRandomTokens(t *testing.T) {
	conntest.Random(t, tokenSeeds(), func(p []byte) { testTokens(t, string(p)) })
}

func tokenSeeds() [][]byte {
	seeds := hostileSeeds()
	for _, test := range tokenLists {
		seeds = append(seeds, []byte(strings.Join(test.lines, ",")))
	}
	return seeds
}

// testTokens is the oracle: lines may be joined with commas, what is returned is tokens, and they read back.
func testTokens(t *testing.T, line string) {
	tokens, err := httpfield.AppendTokens(nil, []string{line})
	split, splitErr := httpfield.AppendTokens(nil, strings.Split(line, ","))
	if (err == nil) != (splitErr == nil) || !slices.Equal(tokens, split) {
		t.Fatalf("whole: %q, %v; one line each: %q, %v", tokens, err, split, splitErr)
	}
	if err != nil {
		return
	}
	for _, token := range tokens {
		if !httpfield.IsToken(token) || !httpfield.HasToken([]string{line}, token) {
			t.Fatalf("%q is no token, or HasToken does not see it", token)
		}
	}
	again, err := httpfield.AppendTokens(nil, []string{strings.Join(tokens, " ,\t")})
	if err != nil || !slices.Equal(again, tokens) {
		t.Fatalf("%q reads back as %q, %v", tokens, again, err)
	}
}

// FuzzReadParameterized: what is accepted is made of tokens and reads back from
// its canonical form, on one line and on one line for each element.
func FuzzReadParameterized(f *testing.F) {
	for _, seed := range parameterizedSeeds() {
		f.Add(string(seed))
	}
	f.Fuzz(testParameterized)
}

// TestRandomParameterized is FuzzReadParameterized without the fuzzing engine.
func TestRandomParameterized(t *testing.T) {
	conntest.Random(t, parameterizedSeeds(), func(p []byte) { testParameterized(t, string(p)) })
}

func parameterizedSeeds() [][]byte {
	seeds := hostileSeeds()
	for _, test := range parameterizedLists {
		seeds = append(seeds, []byte(strings.Join(test.lines, ",")))
	}
	return seeds
}

// testParameterized is the oracle: what is returned is made of tokens, and reads back.
func testParameterized(t *testing.T, line string) {
	list, err := readParameterized([]string{line})
	if err != nil {
		return
	}
	for _, e := range list {
		if !httpfield.IsToken(e.name) {
			t.Fatalf("%q is no token", e.name)
		}
		for _, p := range e.params {
			if !httpfield.IsToken(p[0]) || p[1] != "" && !httpfield.IsToken(p[1]) {
				t.Fatalf("%q is no parameter", p)
			}
		}
	}
	canonical := format(list, "\n")
	again, err := readParameterized(strings.Split(canonical, "\n"))
	if err != nil || format(again, "\n") != canonical {
		t.Fatalf("%q reads back as %q, %v", canonical, format(again, "\n"), err)
	}
	again, err = readParameterized([]string{strings.ReplaceAll(canonical, "\n", ",")})
	if err != nil || format(again, "\n") != canonical {
		t.Fatalf("on one line, %q reads back as %q, %v", canonical, format(again, "\n"), err)
	}
}

func hostileSeeds() (seeds [][]byte) {
	for _, test := range hostile {
		seeds = append(seeds, []byte(test.start+strings.Repeat(test.repeat, 8)+test.end))
	}
	return seeds
}
