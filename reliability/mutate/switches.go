package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// One build has all mutants of a package that are inside of functions: each is a copy of its function, and the function asks an environment
// variable which copy runs. What is outside of functions (constants, tables) needs a build for each mutant.

const variable = "HAWSER_MUTANT"

const switchFile = `package %s

import (
	"os"
	"strconv"
)

var hawserMutant, _ = strconv.Atoi(os.Getenv("` + variable + `"))
`

// A source is a package as the go command sees it for this platform.
type source struct {
	folder   string // relative to the module
	name     string
	dir      string
	files    []string
	texts    map[string][]byte
	set      *token.FileSet
	importer types.Importer
	exports  map[string]string // import path -> file with the compiled package
	mutants  []*mutant
}

// load reads a package and finds its mutants. None is sorted out yet.
func load(module, folder string) (*source, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,GoFiles,Export,Standard,DepOnly",
		"./"+folder, "os", "strconv") // which the switch needs
	cmd.Dir, cmd.Stderr = module, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &source{folder: folder, texts: map[string][]byte{}, exports: map[string]string{}, set: token.NewFileSet()}
	decoder := json.NewDecoder(out)
	for {
		var p struct {
			ImportPath, Name, Dir, Export string
			GoFiles                       []string
			Standard, DepOnly             bool
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		s.exports[p.ImportPath] = p.Export
		if !p.DepOnly && !p.Standard {
			s.name, s.dir, s.files = p.Name, p.Dir, p.GoFiles
		}
	}
	if err := cmd.Wait(); err != nil {
		return nil, err
	}
	for _, name := range s.files {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(s.set, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.texts[name] = text
		s.mutants = append(s.mutants, find(s.set, name, file, text)...)
	}
	same := map[string]int{}
	for i, m := range s.mutants {
		m.ID = i + 1
		key := m.key(folder)
		same[key]++
		m.Number = same[key]
	}
	return s, nil
}

// inSwitch reports whether a mutant can be a copy of its function.
func (m *mutant) inSwitch() bool {
	if m.fn == nil || m.fn.Type.TypeParams != nil || m.fn.Name.Name == "init" && m.fn.Recv == nil {
		return false
	}
	return m.fn.Recv == nil || !strings.Contains(m.Function, "[")
}

// A span is the lines of a mutant's copy in the file with the switches.
type span struct {
	m           *mutant
	first, last int
}

// switched returns the files with a switch in every function that has mutants to judge, and where in them the copies are.
func (s *source) switched() (files map[string][]byte, spans map[string][]span) {
	files, spans = map[string][]byte{}, map[string][]span{}
	inFile := map[string][]*mutant{}
	for _, m := range s.mutants {
		if m.inSwitch() && m.Result == "" {
			inFile[m.File] = append(inFile[m.File], m)
		}
	}
	for name, mutants := range inFile {
		text := s.texts[name]
		var out []byte
		var copies []string
		at := 0
		for i := 0; i < len(mutants); {
			fn := mutants[i].fn
			p := newPieces(fn, text, s.set)
			out = append(out, text[at:p.start]...)
			out = append(out, p.header("")+"{ if hawserMutant != 0 { switch hawserMutant {"...)
			for ; i < len(mutants) && mutants[i].fn == fn; i++ {
				m := mutants[i]
				out = fmt.Appendf(out, "case %d: %s;", m.ID, p.call(m.ID))
				copies = append(copies, "\n"+p.header(suffix(m.ID))+string(text[p.body:m.from])+m.text+string(text[m.to:p.end])+"\n")
			}
			out = append(out, "}};"...)
			out = append(out, text[p.body+1:p.end]...)
			at = p.end
		}
		out = append(out, text[at:]...)
		line := 1 + bytes.Count(out, []byte("\n"))
		for i, c := range copies {
			last := line + strings.Count(c, "\n")
			spans[name] = append(spans[name], span{mutants[i], line, last})
			line = last
			out = append(out, c...)
		}
		files[name] = out
	}
	files["hawser_mutant.go"] = fmt.Appendf(nil, switchFile, s.name)
	return files, spans
}

func suffix(id int) string { return "_mutant" + strconv.Itoa(id) }

// check type-checks the package with these files in the place of its own, and calls bad for each error.
func (s *source) check(files map[string][]byte, bad func(file string, line int, text string)) error {
	set := token.NewFileSet()
	var parsed []*ast.File
	report := func(err error) {
		switch e := err.(type) {
		case types.Error:
			p := e.Fset.Position(e.Pos)
			bad(filepath.Base(p.Filename), p.Line, e.Msg)
		case scanner.ErrorList:
			bad(filepath.Base(e[0].Pos.Filename), e[0].Pos.Line, e[0].Msg)
		}
	}
	names := slices.Clone(s.files)
	for name := range files {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		text, ok := files[name]
		if !ok {
			text = s.texts[name]
		}
		file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
		if err != nil {
			report(err)
			return nil
		}
		parsed = append(parsed, file)
	}
	lookup := func(path string) (io.ReadCloser, error) {
		if s.exports[path] == "" {
			return nil, fmt.Errorf("no compiled package %s", path)
		}
		return os.Open(s.exports[path])
	}
	if s.importer == nil {
		s.importer = importer.ForCompiler(set, "gc", lookup)
	}
	config := types.Config{Importer: s.importer, Sizes: types.SizesFor("gc", build.Default.GOARCH), Error: report}
	config.Check(s.folder, set, parsed, nil)
	return nil
}

// sortOut marks the mutants that do not compile.
func (s *source) sortOut() error {
	files, spans := s.switched()
	var outside error
	err := s.check(files, func(file string, line int, text string) {
		for _, span := range spans[file] {
			if span.first < line && line <= span.last {
				span.m.Result = invalid
				return
			}
		}
		outside = fmt.Errorf("%s: %s:%d: %s", s.folder, file, line, text)
	})
	if err == nil {
		err = outside
	}
	if err != nil {
		return err
	}
	for _, m := range s.mutants {
		if m.inSwitch() {
			continue
		}
		err := s.check(map[string][]byte{m.File: s.alone(m)}, func(string, int, string) { m.Result = invalid })
		if err != nil {
			return err
		}
	}
	return nil
}

// alone returns a mutant's file.
func (s *source) alone(m *mutant) []byte {
	text := s.texts[m.File]
	return slices.Concat(text[:m.from], []byte(m.text), text[m.to:])
}

// build builds the package's tests with these files in the place of its own.
func (s *source) build(module, scratch string, files map[string][]byte) (program string, output []byte, err error) {
	dir, err := os.MkdirTemp(scratch, "build")
	if err != nil {
		return "", nil, err
	}
	replace := map[string]string{}
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, text, 0o666); err != nil {
			return "", nil, err
		}
		replace[filepath.Join(s.dir, name)] = at
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o666); err != nil {
		return "", nil, err
	}
	program = filepath.Join(dir, "mutants.test")
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", list, "-o", program, "./"+s.folder)
	cmd.Dir = module
	output, err = cmd.CombinedOutput()
	return program, output, err
}

var compilerError = regexp.MustCompile(`([^/\s:]+\.go):(\d+)`)

// buildSwitched builds all mutants that are copies into one program. What the compiler refuses though the type checker did not is
// sorted out.
func (s *source) buildSwitched(module, scratch string) (program string, err error) {
	for range 20 {
		files, spans := s.switched()
		program, output, err := s.build(module, scratch, files)
		if err == nil {
			return program, nil
		}
		found := false
		for _, match := range compilerError.FindAllStringSubmatch(string(output), -1) {
			line, _ := strconv.Atoi(match[2])
			for _, span := range spans[match[1]] {
				if span.first < line && line <= span.last {
					span.m.Result, found = invalid, true
				}
			}
		}
		if !found {
			return "", fmt.Errorf("%s: %w\n%s", s.folder, err, output)
		}
	}
	return "", fmt.Errorf("%s: the mutants do not compile", s.folder)
}

// pieces is a function's source taken apart.
type pieces struct {
	start, body, end int // of the declaration, without its comment; of its "{"; behind its "}"
	recv             string
	recvName         string
	name             string
	params           string
	args             string
	results          string
	hasResults       bool
}

func newPieces(fn *ast.FuncDecl, text []byte, set *token.FileSet) *pieces {
	offset := func(p token.Pos) int { return set.Position(p).Offset }
	src := func(n ast.Node) string { return string(text[offset(n.Pos()):offset(n.End())]) }
	p := &pieces{start: offset(fn.Type.Func), body: offset(fn.Body.Lbrace), end: offset(fn.Body.Rbrace) + 1, name: fn.Name.Name}
	if fn.Recv != nil {
		field := fn.Recv.List[0]
		p.recvName = "hawserReceiver"
		if len(field.Names) == 1 && field.Names[0].Name != "_" {
			p.recvName = field.Names[0].Name
		}
		p.recv = "(" + p.recvName + " " + src(field.Type) + ") "
	}
	var params, args []string
	n := 0
	for _, field := range fn.Type.Params.List {
		names := []string{}
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
		if len(names) == 0 {
			names = []string{"_"}
		}
		for _, name := range names {
			if name == "_" {
				name = fmt.Sprint("hawserParameter", n)
			}
			n++
			params = append(params, name+" "+src(field.Type))
			if _, ok := field.Type.(*ast.Ellipsis); ok {
				name += "..."
			}
			args = append(args, name)
		}
	}
	p.params, p.args = strings.Join(params, ", "), strings.Join(args, ", ")
	if fn.Type.Results != nil && len(fn.Type.Results.List) > 0 {
		p.hasResults = true
		p.results = string(text[offset(fn.Type.Results.Pos()):offset(fn.Type.Results.End())]) + " "
	}
	return p
}

func (p *pieces) header(suffix string) string {
	return "func " + p.recv + p.name + suffix + "(" + p.params + ") " + p.results
}

func (p *pieces) call(id int) string {
	call := p.name + suffix(id) + "(" + p.args + ")"
	if p.recv != "" {
		call = p.recvName + "." + call
	}
	if p.hasResults {
		return "return " + call
	}
	return call + "; return"
}
