package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A target is a fuzz target.
type target struct {
	module string // its folder
	folder string // of the package, relative to the module
	name   string
	in     string // the name of a nested module, for the record
}

// key is what the record calls it.
func (t target) key() string { return filepath.ToSlash(filepath.Join(t.in, t.folder)) + " " + t.name }

// findTargets returns the targets of a module, without those of the modules in it.
func findTargets(module string) (list []target, err error) {
	root, err := filepath.Abs(module)
	if err != nil {
		return nil, err
	}
	in := ""
	if _, err := os.Stat(filepath.Join(root, "..", "go.mod")); err == nil {
		in = filepath.Base(root)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path == root {
				return nil
			}
			if name := d.Name(); name[0] == '.' || name == "testdata" {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && isFuzz(fn) {
				list = append(list, target{module: root, folder: folder, name: fn.Name.Name, in: in})
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.name, b.name))
	})
	return list, err
}

func isFuzz(fn *ast.FuncDecl) bool {
	if fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") || len(fn.Type.Params.List) != 1 {
		return false
	}
	star, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "F"
}
