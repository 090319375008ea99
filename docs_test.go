package hawser_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This file reads docs/rfc6455.md and docs/rfc7692.md: what the pages name exists. Whether their sentences are those of the RFC is for their readers,
// because the text of the RFCs is not part of the tree.

// requirementPages says how many rows each page has at least. A sentence of an RFC does not go away: the numbers only grow.
var requirementPages = map[string]int{
	"docs/rfc6455.md": 290,
	"docs/rfc7692.md": 129,
}

// requirementWords bounds a quotation: a longer one is two.
const requirementWords = 60

// A requirement is one row of a page.
type requirement struct {
	line    int
	heading string // the section of the heading above, "" if there is none
	section string
	quoted  string // the sentence with its quotation marks
	file    string
	test    string
}

// requirementStates are what the file column may say in place of files.
var requirementStates = []string{"not built yet: ", "not ours: ", "gap: "}

func (r requirement) undone() bool {
	return slices.ContainsFunc(requirementStates, func(state string) bool {
		return strings.HasPrefix(r.file, state) && len(r.file) > len(state)
	})
}

// parseRequirements returns the rows of every table of page.
func parseRequirements(page string) (rows []requirement, complaints []string) {
	heading := ""
	for i, line := range strings.Split(page, "\n") {
		if after, ok := strings.CutPrefix(line, "## "); ok {
			heading, _, _ = strings.Cut(after, " ")
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := tableCells(line)
		switch {
		case slices.Equal(cells, []string{"section", "sentence", "file", "test"}), slices.Equal(cells, []string{"---", "---", "---", "---"}):
		case len(cells) != 4:
			complaints = append(complaints, fmt.Sprintf("Line %d has %d cells, and a row has 4: section, sentence, file, test.", i+1, len(cells)))
		default:
			rows = append(rows, requirement{i + 1, heading, cells[0], cells[1], cells[2], cells[3]})
		}
	}
	return rows, complaints
}

// tableCells splits a row of a Markdown table. A bar that belongs to a cell has a backslash before it.
func tableCells(line string) (cells []string) {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, bar)
	for cell := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|") {
		cells = append(cells, strings.TrimSpace(strings.ReplaceAll(cell, bar, "|")))
	}
	return cells
}

// namedCode returns the names of a cell such as "`a`, `b`", and false if it is anything else.
func namedCode(cell string) (names []string, ok bool) {
	for part := range strings.SplitSeq(cell, ", ") {
		name, ok := strings.CutPrefix(part, "`")
		if ok {
			name, ok = strings.CutSuffix(name, "`")
		}
		if !ok || name == "" || strings.Contains(name, "`") {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// folderTests is what the test files of one folder hold.
type folderTests struct {
	functions map[string]bool // TestX and FuzzX
	literals  []string        // string literals, with underscores for spaces as in the name of a sub-test
}

// has reports whether the test function and each element of the sub-test's path are there. An element may be part of a literal: a table has
// "5.2/rsv" in one, and a loop may put a name together.
func (f *folderTests) has(test string) (function, subtest bool) {
	if f == nil {
		return false, false
	}
	elements := strings.Split(test, "/")
	for _, element := range elements[1:] {
		if element == "" || !slices.ContainsFunc(f.literals, func(s string) bool { return strings.Contains(s, element) }) {
			return f.functions[elements[0]], false
		}
	}
	return f.functions[elements[0]], true
}

// readTests parses every test file of the module and returns what is in it for each folder, "." for the root.
func readTests(root fs.FS) (map[string]*folderTests, error) {
	folders := map[string]*folderTests{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		tests := folders[path.Dir(name)]
		if tests == nil {
			tests = &folderTests{functions: map[string]bool{}}
			folders[path.Dir(name)] = tests
		}
		tests.add(file)
		return nil
	})
	return folders, err
}

func (f *folderTests) add(file *ast.File) {
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && function.Recv == nil && (strings.HasPrefix(function.Name.Name, "Test") || strings.HasPrefix(function.Name.Name, "Fuzz")) {
			f.functions[function.Name.Name] = true
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if s, err := strconv.Unquote(literal.Value); err == nil {
				f.literals = append(f.literals, strings.ReplaceAll(s, " ", "_"))
			}
		}
		return true
	})
}

var sectionNumber = regexp.MustCompile(`^[1-9][0-9]*(\.[1-9][0-9]*)*$`)

// checkRequirements returns a sentence for each thing that is wrong with the rows. tests has what readTests found, isFile reports whether a path is
// a file of the tree.
func checkRequirements(rows []requirement, tests map[string]*folderTests, isFile func(string) bool) (complaints []string) {
	seen := map[string]int{}
	for _, r := range rows {
		complain := func(format string, args ...any) {
			complaints = append(complaints, fmt.Sprintf("Line %d, %s: ", r.line, r.section)+fmt.Sprintf(format, args...))
		}
		if !sectionNumber.MatchString(r.section) {
			complain("the first cell is not the number of a section.")
		} else if r.section != r.heading {
			complain("the row stands below the heading of section %q.", r.heading)
		}

		sentence, opened := strings.CutPrefix(r.quoted, `"`)
		sentence, closed := strings.CutSuffix(sentence, `"`)
		words := strings.Fields(strings.ReplaceAll(sentence, "[...]", " "))
		switch {
		case !opened || !closed:
			complain("the sentence does not stand between quotation marks.")
		case len(words) == 0:
			complain("the quotation is empty.")
		case len(words) >= requirementWords:
			complain("the quotation has %d words, and %d are too many.", len(words), requirementWords)
		}
		key := r.section + " " + strings.Join(strings.Fields(sentence), " ")
		if first, ok := seen[key]; ok {
			complain("the sentence is already in line %d.", first)
		} else {
			seen[key] = r.line
		}

		if r.undone() {
			if r.test != "-" {
				complain("nothing does what the sentence asks, so the test must be \"-\" and not %q.", r.test)
			}
			continue
		}
		files, ok := namedCode(r.file)
		if !ok {
			complain("the file cell %q has neither names in backquotes nor one of the beginnings %q with a reason.", r.file, requirementStates)
			continue
		}
		folders := []string{"conn"}
		for _, file := range files {
			if folder := path.Dir(file); !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
			if !isFile(file) || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				complain("%s is not a source file of this module.", file)
			}
		}
		if r.test == "no test yet" {
			continue
		}
		names, ok := namedCode(r.test)
		if !ok {
			complain("the test cell %q has neither names in backquotes nor \"no test yet\".", r.test)
		}
		for _, name := range names {
			function, subtest := false, false
			for _, folder := range folders {
				f, s := tests[folder].has(name)
				function, subtest = function || f, subtest || f && s
			}
			top, _, _ := strings.Cut(name, "/")
			switch {
			case !function:
				complain("there is no test %s in any of the folders %s.", top, strings.Join(folders, ", "))
			case !subtest:
				complain("no string in the tests beside %s has all that the name %s consists of.", top, name)
			}
		}
	}
	return complaints
}

func TestRequirements(t *testing.T) {
	tests, err := readTests(os.DirFS("."))
	if err != nil {
		t.Fatalf("The tests of the module cannot be parsed: %v.", err)
	}
	for name, atLeast := range requirementPages {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(filepath.FromSlash(name))
			if err != nil {
				t.Fatalf("The page of the RFC's requirements cannot be read: %v.", err)
			}
			rows, complaints := parseRequirements(string(page))
			if len(rows) < atLeast {
				t.Errorf("The page has %d rows, and had %d before: a sentence of the RFC is missing.", len(rows), atLeast)
			}
			complaints = append(complaints, checkRequirements(rows, tests, func(name string) bool {
				info, err := os.Stat(filepath.FromSlash(name))
				return err == nil && info.Mode().IsRegular() && filepath.IsLocal(filepath.FromSlash(name))
			})...)
			for _, complaint := range complaints {
				t.Error(complaint)
			}
		})
	}
}

// TestRequirementsRefuse: each mistake that a row can have is found, and a row without one passes.
func TestRequirementsRefuse(t *testing.T) {
	tests := map[string]*folderTests{
		"frame": {map[string]bool{"TestCheck": true}, []string{"5.2/reserved_bit", "5.4"}},
		"conn":  {map[string]bool{"TestEnd": true}, []string{"7.1"}},
		"mask":  {map[string]bool{"TestXOR": true}, nil},
	}
	isFile := func(name string) bool {
		return name == "frame/check.go" || name == "frame/check_test.go" || name == "README.md"
	}
	const good = "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestCheck/5.2/reserved_bit` |"
	for _, tt := range []struct{ name, row, want string }{
		{"good", good, ""},
		{"no_test_yet", "| 5.2 | \"MUST be 0\" | `frame/check.go` | no test yet |", ""},
		{"test_in_conn", "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestCheck`, `TestEnd/7.1` |", ""},
		{"bar_in_a_sentence", "| 5.2 | \"The \\|Host\\| field\" | `frame/check.go` | `TestCheck` |", ""},
		{"not_built", "| 5.2 | \"MUST be 0\" | not built yet: time | - |", ""},
		{"gap_without_a_reason", "| 5.2 | \"MUST be 0\" | gap:  | - |", "neither names in backquotes nor one of the beginnings"},
		{"gap_with_a_test", "| 5.2 | \"MUST be 0\" | gap: we do not | `TestCheck` |", "must be \"-\""},
		{"three_cells", "| 5.2 | \"MUST be 0\" | `frame/check.go` |", "has 3 cells"},
		{"five_cells", "| 5.2 | \"a | b\" | `frame/check.go` | `TestCheck` |", "has 5 cells"},
		{"no_section", "| five | \"MUST be 0\" | `frame/check.go` | `TestCheck` |", "not the number of a section"},
		{"other_section", "| 5.3 | \"MUST be 0\" | `frame/check.go` | `TestCheck` |", "below the heading of section \"5.2\""},
		{"not_quoted", "| 5.2 | MUST be 0 | `frame/check.go` | `TestCheck` |", "between quotation marks"},
		{"empty", "| 5.2 | \"\" | `frame/check.go` | `TestCheck` |", "is empty"},
		{"only_a_cut", "| 5.2 | \"[...]\" | `frame/check.go` | `TestCheck` |", "is empty"},
		{"long", "| 5.2 | \"" + strings.Repeat("word ", requirementWords) + "\" | `frame/check.go` | `TestCheck` |", "has 60 words"},
		{"twice", good + "\n" + good, "already in line 3"},
		{"no_file", "| 5.2 | \"MUST be 0\" | `frame/none.go` | `TestCheck` |", "frame/none.go is not a source file"},
		{"file_is_a_test", "| 5.2 | \"MUST be 0\" | `frame/check_test.go` | `TestCheck` |", "is not a source file"},
		{"file_is_no_go", "| 5.2 | \"MUST be 0\" | `README.md` | no test yet |", "is not a source file"},
		{"file_without_backquotes", "| 5.2 | \"MUST be 0\" | frame/check.go | no test yet |", "neither names in backquotes"},
		{"no_test_named", "| 5.2 | \"MUST be 0\" | `frame/check.go` | - |", "nor \"no test yet\""},
		{"no_function", "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestNone` |", "no test TestNone in any of the folders conn, frame"},
		{"function_of_another_package", "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestXOR` |", "no test TestXOR"},
		{"no_section_of_that_name", "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestCheck/5.9` |", "TestCheck/5.9 consists of"},
		{"no_subtest", "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestCheck/5.2/opcode` |", "TestCheck/5.2/opcode consists of"},
		{"empty_subtest", "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestCheck/` |", "TestCheck/ consists of"},
		{"subtest_of_another_package", "| 5.2 | \"MUST be 0\" | `frame/check.go` | `TestEnd/5.4` |", "TestEnd/5.4 consists of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, complaints := parseRequirements("## 5.2 Framing\n\n" + tt.row + "\n")
			complaints = append(complaints, checkRequirements(rows, tests, isFile)...)
			switch {
			case tt.want == "" && len(complaints) != 0:
				t.Errorf("A row without a mistake is refused: %q.", complaints)
			case tt.want != "" && (len(complaints) != 1 || !strings.Contains(complaints[0], tt.want)):
				t.Errorf("The complaints are %q, and one with %q was expected.", complaints, tt.want)
			}
		})
	}
}
