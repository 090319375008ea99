package hawser_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This file is the design's import table, executed. It reads the source files themselves,
// so that no GOOS, GOARCH or build tag can hide an import.

const modulePath = "github.com/hawser-go/hawser"

// A rule says what a package may import. Folders are relative to the module's root, "." is
// the root package. "x/..." stands for x and everything below it.
type rule struct {
	ours      []string // our packages
	forbidden []string // packages of others, beside those forbidden to the whole engine
	outside   bool     // not part of the engine: see engineForbidden
	unsafe    bool     // may import unsafe, as its decision in docs/decisions says
}

var (
	// The parts that decide and do no I/O: time, randomness and bytes are arguments.
	pure = []string{"net/...", "io/...", "time", "sync/...", "context", "math/rand/...", "crypto/rand", "os/..."}
	// Of the engine, only conn, internal/evloop and the front door know sockets.
	socketless = []string{"net", "os/...", "syscall", "golang.org/x/sys/unix", "golang.org/x/sys/windows"}

	// engineForbidden is forbidden to every package of the engine.
	engineForbidden = []string{"math/rand/...", "unsafe"}

	engine = []string{
		"mask", "frame", "handshake", "deflate", "conn",
		"internal/protocol", "internal/utf8stream", "internal/httpfield", "internal/bufpool", "internal/evloop", "internal/socket",
	}
)

// importTable is the table: a new package gets a line here and a reason in docs/decisions.
var importTable = map[string]rule{
	"mask":                {forbidden: slices.Concat(pure, socketless)},
	"frame":               {ours: []string{"mask"}, forbidden: slices.Concat(pure, socketless)},
	"internal/utf8stream": {forbidden: slices.Concat(pure, socketless)},
	// sync is for the pool of the control frames' payloads.
	"internal/protocol":  {ours: []string{"frame", "mask", "internal/utf8stream"}, forbidden: slices.Concat(without(pure, "sync/..."), socketless)},
	"internal/httpfield": {forbidden: socketless},
	"handshake":          {ours: []string{"internal/httpfield"}, forbidden: socketless},
	"internal/bufpool":   {forbidden: socketless},
	"deflate":            {ours: []string{"internal/httpfield", "internal/bufpool"}, forbidden: socketless},
	"internal/socket":    {forbidden: []string{"net/...", "io/...", "time", "sync/...", "os/..."}, unsafe: true},
	"internal/evloop":    {ours: []string{"internal/bufpool", "internal/socket"}},
	"conn":               {ours: engine},
	// A client of connections, beside the front door.
	"client": {ours: []string{"conn", "frame", "handshake"}, forbidden: socketless},
	// The front door: conn, and the packages whose types it aliases.
	".": {ours: []string{"conn", "handshake", "frame", "deflate"}},

	// Test only: nothing of the engine imports it, and it imports nothing of the engine.
	"internal/conntest": {outside: true},

	// Users of the front door.
	"examples/...":    {ours: []string{"."}, outside: true},
	"bench/...":       {ours: []string{"."}, outside: true},
	"autobahn/testee": {ours: []string{"."}, outside: true},
	// What measures the framing core calls it directly.
	"bench/workload": {ours: []string{"frame", "internal/protocol", "mask"}, outside: true},
	"bench/rounds":   {outside: true},
	"bench/cmd/core": {ours: []string{"bench/rounds", "bench/workload", "frame", "internal/utf8stream", "mask"}, outside: true},
	// The judge does not know the judged.
	"autobahn/...":          {ours: []string{"autobahn/caseset"}, outside: true},
	"autobahn/cmd/autobahn": {ours: []string{"autobahn", "autobahn/caseset"}, outside: true},
}

// rootRequirements are the modules that the root module may require directly. Anything else
// lives in a nested module.
var rootRequirements = []string{
	"golang.org/x/net", "golang.org/x/sys", "github.com/google/go-cmp", "github.com/klauspost/compress",
}

func without(list []string, element string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == element })
}

// ruleFor finds the rule of a folder: its own, or that of the closest parent with "/...".
func ruleFor(folder string) (rule, bool) {
	if r, ok := importTable[folder]; ok {
		return r, true
	}
	for dir := folder; dir != "."; dir = path.Dir(dir) {
		if r, ok := importTable[dir+"/..."]; ok {
			return r, true
		}
	}
	return rule{}, false
}

// matches reports whether an import is in a list whose elements may end in "/...".
func matches(list []string, imported string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		parent, isTree := strings.CutSuffix(pattern, "/...")
		return imported == parent || isTree && strings.HasPrefix(imported, parent+"/")
	})
}

// checkImports says what the table has against a folder's imports, one sentence each.
// imports maps an import to the file that has it.
func checkImports(folder string, imports map[string]string) (complaints []string) {
	r, ok := ruleFor(folder)
	if !ok {
		return []string{fmt.Sprintf("The package in %s is not in the import table: add it to importTable in imports_test.go and to section 1 of the design.", folder)}
	}
	forbidden := r.forbidden
	if !r.outside {
		forbidden = slices.Concat(forbidden, engineForbidden)
	}
	for _, imported := range slices.Sorted(maps.Keys(imports)) {
		file := imports[imported]
		ours, isOurs := relative(imported)
		switch {
		case isOurs && !matches(r.ours, ours):
			complaints = append(complaints, fmt.Sprintf("%s imports our package %s, which the import table in imports_test.go does not allow to the package %s.", file, ours, folder))
		case !isOurs && matches(forbidden, imported) && !(r.unsafe && imported == "unsafe"):
			complaints = append(complaints, fmt.Sprintf("%s imports %s, which the import table in imports_test.go forbids to the package %s.", file, imported, folder))
		}
	}
	return complaints
}

// relative returns the folder of one of our packages.
func relative(imported string) (folder string, isOurs bool) {
	if imported == modulePath {
		return ".", true
	}
	return strings.CutPrefix(imported, modulePath+"/")
}

// sourceImports returns the imports of every package of the root module, test files apart:
// folder -> import -> a file that has it. Nested modules have rules of their own: none.
func sourceImports(t *testing.T) map[string]map[string]string {
	t.Helper()
	packages := make(map[string]map[string]string)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (base[0] == '.' || base[0] == '_' || base == "testdata") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(name))
		if packages[folder] == nil {
			packages[folder] = make(map[string]string)
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			packages[folder][imported] = filepath.ToSlash(name)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("The source files cannot be read: %v.", err)
	}
	return packages
}

func TestImportsPointOneWay(t *testing.T) {
	packages := sourceImports(t)
	if len(packages) == 0 {
		t.Fatal("No source file was found: the test has to run in the module's root.")
	}
	for folder, imports := range packages {
		for _, complaint := range checkImports(folder, imports) {
			t.Error(complaint)
		}
	}
}

// The table itself must not point in circles, nor name what it does not describe.
func TestImportTableIsSound(t *testing.T) {
	var visit func(folder string, seen []string)
	visit = func(folder string, seen []string) {
		if slices.Contains(seen, folder) {
			t.Fatalf("The import table goes in a circle: %s.", strings.Join(append(seen, folder), " -> "))
		}
		r, ok := ruleFor(folder)
		if !ok {
			t.Fatalf("The import table allows an import of %s, for which it has no rule.", folder)
		}
		for _, next := range r.ours {
			// conn may import the whole engine, itself included in the list.
			if next != folder {
				visit(next, append(slices.Clone(seen), folder))
			}
		}
	}
	for folder := range importTable {
		visit(strings.TrimSuffix(folder, "/..."), nil)
	}
	for _, folder := range engine {
		if r, ok := importTable[folder]; !ok || r.outside {
			t.Errorf("The engine's package %s needs an entry of its own in the import table, as part of the engine.", folder)
		}
	}
}

// What the table is for: each line is a mistake that somebody could make tomorrow.
func TestImportTableRefuses(t *testing.T) {
	for _, tt := range []struct{ folder, imported string }{
		{"mask", modulePath + "/frame"},
		{"frame", modulePath + "/internal/protocol"},
		{"frame", "net"}, {"frame", "net/http"}, {"frame", "io"}, {"frame", "time"}, {"frame", "sync"},
		{"frame", "sync/atomic"}, {"frame", "context"}, {"frame", "crypto/rand"}, {"frame", "math/rand/v2"},
		{"internal/protocol", "net"}, {"internal/protocol", "io"}, {"internal/protocol", "time"}, {"frame", "sync"},
		{"internal/protocol", "context"}, {"internal/protocol", "net/http"}, {"internal/protocol", "math/rand"}, {"internal/protocol", "crypto/rand"},
		{"internal/protocol", modulePath + "/deflate"},
		{"handshake", "net"}, {"handshake", modulePath + "/frame"}, {"handshake", modulePath + "/deflate"},
		{"deflate", modulePath + "/handshake"}, {"deflate", modulePath + "/frame"}, {"deflate", "net"},
		{"internal/evloop", modulePath + "/frame"}, {"internal/evloop", "unsafe"}, {"internal/socket", "net"},
		{"internal/conntest", modulePath + "/frame"},
		{"conn", modulePath}, {"conn", "math/rand"}, {"conn", "unsafe"}, {"conn", modulePath + "/internal/conntest"},
		{".", "math/rand/v2"}, {".", modulePath + "/internal/evloop"},
		{"autobahn/caseset", modulePath + "/frame"}, {"autobahn/cmd/report", modulePath}, {"autobahn", modulePath}, {"autobahn/cmd/autobahn", modulePath + "/frame"}, {"autobahn/testee", modulePath + "/conn"},
		{"examples/echo", modulePath + "/conn"},
		{"util", "fmt"}, {"internal/common", "fmt"},
	} {
		if len(checkImports(tt.folder, map[string]string{tt.imported: "a file"})) != 1 {
			t.Errorf("The import table should refuse an import of %s by %s.", tt.imported, tt.folder)
		}
	}
	for _, tt := range []struct{ folder, imported string }{
		{"frame", modulePath + "/mask"}, {"frame", "encoding/binary"},
		{"internal/protocol", modulePath + "/internal/utf8stream"},
		{"handshake", "net/http"}, {"handshake", "net/url"}, {"handshake", modulePath + "/internal/httpfield"},
		{"conn", modulePath + "/internal/evloop"}, {"conn", "net"}, {".", modulePath + "/conn"}, {"internal/socket", "unsafe"},
		{"examples/echo", modulePath}, {"autobahn/testee", modulePath}, {"autobahn/cmd/report", modulePath + "/autobahn/caseset"},
	} {
		if complaints := checkImports(tt.folder, map[string]string{tt.imported: "a file"}); len(complaints) != 0 {
			t.Errorf("The import table should allow an import of %s by %s, but: %v", tt.imported, tt.folder, complaints)
		}
	}
}

func TestRootModuleRequiresLittle(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatalf("The root go.mod cannot be read: %v.", err)
	}
	for _, module := range directRequirements(string(text)) {
		if !slices.Contains(rootRequirements, module) {
			t.Errorf("The root go.mod requires %s: move what needs it to a nested module, or add it to rootRequirements in imports_test.go with a decision.", module)
		}
	}
}

// directRequirements returns the modules that a go.mod requires, those marked "// indirect"
// apart: these come along with the others.
func directRequirements(goMod string) (modules []string) {
	inBlock := false
	for line := range strings.Lines(goMod) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
			continue
		case fields[0] == "require" && len(fields) > 1 && fields[1] == "(":
			inBlock = true
			continue
		case fields[0] == ")":
			inBlock = false
			continue
		case fields[0] == "require":
			fields = fields[1:]
		case !inBlock:
			continue
		}
		if len(fields) >= 2 && fields[0] != "//" && !strings.HasSuffix(strings.TrimSpace(line), "// indirect") {
			modules = append(modules, fields[0])
		}
	}
	return modules
}

func TestDirectRequirements(t *testing.T) {
	const goMod = `module m

go 1.26.0

require example.com/alone v1.0.0

require (
	// a comment of its own
	example.com/direct v1.2.3
	example.com/commented v1.2.3 // for a reason
)

require example.com/along v0.1.0 // indirect

require (
	example.com/deep v0.0.1 // indirect
)

exclude example.com/excluded v1.0.0
`
	want := []string{"example.com/alone", "example.com/direct", "example.com/commented"}
	if got := directRequirements(goMod); !slices.Equal(got, want) {
		t.Errorf("The direct requirements are %v, but %v were found.", want, got)
	}
}
