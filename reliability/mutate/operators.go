package main

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// A mutant is one change of one package's source.
type mutant struct {
	ID       int    `json:"id"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Function string `json:"function"` // "Type.Method", or "" for a declaration outside of functions
	Operator string `json:"operator"`
	Was      string `json:"was"`
	Is       string `json:"is"`
	Number   int    `json:"number,omitempty"` // of those that look the same, from 1 on
	Result   string `json:"result"`           // see judge.go
	By       string `json:"by,omitempty"`     // the test that failed
	Reason   string `json:"reason,omitempty"` // of one that is explained

	before   bool // an earlier run has judged it, and it has survived
	from, to int  // what is replaced, as offsets in the file
	text     string
	fn       *ast.FuncDecl // nil outside of functions
}

// The operators are the classic ones: each replaces a token, a constant, an expression or a statement.
var swaps = map[token.Token][]struct {
	operator string
	by       token.Token
}{
	token.LSS: {{"boundary", token.LEQ}, {"negation", token.GEQ}},
	token.LEQ: {{"boundary", token.LSS}, {"negation", token.GTR}},
	token.GTR: {{"boundary", token.GEQ}, {"negation", token.LEQ}},
	token.GEQ: {{"boundary", token.GTR}, {"negation", token.LSS}},
	token.EQL: {{"negation", token.NEQ}},
	token.NEQ: {{"negation", token.EQL}},

	token.LAND: {{"connective", token.LOR}},
	token.LOR:  {{"connective", token.LAND}},

	token.ADD: {{"arithmetic", token.SUB}},
	token.SUB: {{"arithmetic", token.ADD}},
	token.MUL: {{"arithmetic", token.QUO}},
	token.QUO: {{"arithmetic", token.MUL}},
	token.REM: {{"arithmetic", token.MUL}},

	token.AND:     {{"bits", token.OR}},
	token.OR:      {{"bits", token.AND}},
	token.XOR:     {{"bits", token.AND}},
	token.AND_NOT: {{"bits", token.AND}},
	token.SHL:     {{"bits", token.SHR}},
	token.SHR:     {{"bits", token.SHL}},

	token.ADD_ASSIGN:     {{"arithmetic", token.SUB_ASSIGN}},
	token.SUB_ASSIGN:     {{"arithmetic", token.ADD_ASSIGN}},
	token.MUL_ASSIGN:     {{"arithmetic", token.QUO_ASSIGN}},
	token.QUO_ASSIGN:     {{"arithmetic", token.MUL_ASSIGN}},
	token.AND_ASSIGN:     {{"bits", token.OR_ASSIGN}},
	token.OR_ASSIGN:      {{"bits", token.AND_ASSIGN}},
	token.XOR_ASSIGN:     {{"bits", token.OR_ASSIGN}},
	token.AND_NOT_ASSIGN: {{"bits", token.AND_ASSIGN}},
	token.SHL_ASSIGN:     {{"bits", token.SHR_ASSIGN}},
	token.SHR_ASSIGN:     {{"bits", token.SHL_ASSIGN}},

	token.INC: {{"increment", token.DEC}},
	token.DEC: {{"increment", token.INC}},
}

// A finder collects the mutants of one file.
type finder struct {
	set     *token.FileSet
	name    string
	text    []byte
	fn      *ast.FuncDecl
	results []*ast.FieldList // of the function literals around, the innermost last
	above   []ast.Node       // from the root of the walk to the node that is visited
	found   []*mutant
}

// find returns the mutants of a file. Not all of them compile: the type checker says which do.
func find(set *token.FileSet, name string, file *ast.File, text []byte) []*mutant {
	f := &finder{set: set, name: name, text: text}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Body == nil {
				continue // it is written in assembly
			}
			f.fn, f.results = d, []*ast.FieldList{d.Type.Results}
			f.walk(d.Body)
		case *ast.GenDecl:
			if d.Tok != token.IMPORT {
				f.fn, f.results = nil, nil
				f.walk(d)
			}
		}
	}
	return f.found
}

func (f *finder) offset(p token.Pos) int { return f.set.Position(p).Offset }

func (f *finder) source(n ast.Node) string {
	return string(f.text[f.offset(n.Pos()):f.offset(n.End())])
}

// add notes a mutant: from..to becomes text. What is shown of it is the statement or the whole expression around.
func (f *finder) add(operator string, from, to token.Pos, text string) {
	m := &mutant{
		File: f.name, Line: f.set.Position(from).Line, Function: functionName(f.fn), Operator: operator,
		from: f.offset(from), to: f.offset(to), text: text, fn: f.fn,
	}
	seen := f.seen()
	before := strings.Join(strings.Fields(string(f.text[f.offset(seen.Pos()):m.from])+"|"), " ")
	after := strings.Join(strings.Fields("|"+string(f.text[m.to:f.offset(seen.End())])), " ")
	before, after = before[:len(before)-1], after[1:]
	const most = 60
	if n := len(before) - most; n > 0 {
		before = "..." + before[n:]
	}
	if len(after) > most {
		after = after[:most] + "..."
	}
	was := strings.Join(strings.Fields(string(f.text[m.from:m.to])), " ")
	if len(was) > 2*most {
		was = was[:most] + "..." + was[len(was)-most:]
	}
	if text == "" {
		text = "/* nothing */"
	}
	m.Was, m.Is = before+was+after, before+text+after
	f.found = append(f.found, m)
}

// seen returns the statement around the node that is visited, or the whole expression of a statement that has blocks.
func (f *finder) seen() ast.Node {
	i := len(f.above) - 1
	for i > 0 {
		switch f.above[i].(type) {
		case *ast.ExprStmt, *ast.AssignStmt, *ast.IncDecStmt, *ast.ReturnStmt, *ast.DeferStmt, *ast.GoStmt, *ast.ValueSpec, *ast.CaseClause, *ast.IfStmt:
			return f.above[i]
		}
		if _, ok := f.above[i-1].(ast.Expr); !ok {
			switch f.above[i-1].(type) {
			case *ast.ExprStmt, *ast.AssignStmt, *ast.IncDecStmt, *ast.ReturnStmt, *ast.DeferStmt, *ast.GoStmt, *ast.ValueSpec:
			default:
				return f.above[i]
			}
		}
		i--
	}
	return f.above[i]
}

func functionName(fn *ast.FuncDecl) string {
	switch {
	case fn == nil:
		return ""
	case fn.Recv == nil || len(fn.Recv.List) == 0:
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

func (f *finder) walk(root ast.Node) {
	depth := len(f.above)
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			f.above = f.above[:len(f.above)-1]
			return true
		}
		f.above = append(f.above, n)
		switch n := n.(type) {
		case *ast.FuncLit:
			f.results = append(f.results, n.Type.Results)
			f.walk(n.Body)
			f.results = f.results[:len(f.results)-1]
			f.above = f.above[:len(f.above)-1] // because Inspect does not come back
			return false
		case *ast.BinaryExpr:
			f.binary(n)
		case *ast.UnaryExpr:
			switch n.Op {
			case token.NOT, token.SUB, token.XOR:
				f.add("unary", n.OpPos, n.X.Pos(), "")
			}
		case *ast.BasicLit:
			f.literal(n)
		case *ast.Ident:
			switch n.Name {
			case "true":
				f.add("constant", n.Pos(), n.End(), "false")
			case "false":
				f.add("constant", n.Pos(), n.End(), "true")
			}
		case *ast.IncDecStmt:
			f.token(n.TokPos, n.Tok)
			f.remove(n)
		case *ast.AssignStmt:
			f.token(n.TokPos, n.Tok)
			if n.Tok != token.DEFINE {
				f.remove(n)
			}
		case *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt:
			f.remove(n)
		case *ast.BranchStmt:
			f.remove(n)
		case *ast.ReturnStmt:
			f.result(n)
		case *ast.IfStmt:
			f.empty(n.Body.List)
			if body, ok := n.Else.(*ast.BlockStmt); ok {
				f.empty(body.List)
			}
		case *ast.CaseClause:
			f.empty(n.Body)
		}
		return true
	})
	f.above = f.above[:depth]
}

func (f *finder) token(at token.Pos, tok token.Token) {
	for _, s := range swaps[tok] {
		f.add(s.operator, at, at+token.Pos(len(tok.String())), s.by.String())
	}
}

func (f *finder) binary(n *ast.BinaryExpr) {
	f.token(n.OpPos, n.Op)
	if n.Op == token.LAND || n.Op == token.LOR {
		f.add("operand", n.X.Pos(), n.Y.Pos(), "")
		f.add("operand", n.X.End(), n.Y.End(), "")
	}
}

// literal makes a whole number one more and one less.
func (f *finder) literal(n *ast.BasicLit) {
	if n.Kind != token.INT {
		return
	}
	v, err := strconv.ParseUint(n.Value, 0, 64)
	if err != nil {
		return
	}
	f.add("constant", n.Pos(), n.End(), strconv.FormatUint(v+1, 10))
	if v > 0 {
		f.add("constant", n.Pos(), n.End(), strconv.FormatUint(v-1, 10))
	}
}

// remove removes a statement. The block stays, so that it does not matter where the statement stands.
func (f *finder) remove(n ast.Node) { f.add("statement", n.Pos(), n.End(), "") }

// empty removes a block of more than one statement: those of a single one go one at a time.
func (f *finder) empty(list []ast.Stmt) {
	if len(list) > 1 {
		f.add("block", list[0].Pos(), list[len(list)-1].End(), "")
	}
}

// result returns the zero value in the place of each result.
func (f *finder) result(n *ast.ReturnStmt) {
	list := f.results[len(f.results)-1]
	if list == nil {
		return
	}
	var types []string
	for _, field := range list.List {
		for range max(1, len(field.Names)) {
			types = append(types, f.source(field.Type))
		}
	}
	if len(types) != len(n.Results) {
		return // a bare return, or one of a call with several results
	}
	for i, r := range n.Results {
		switch f.source(r) {
		case "nil", "0", "false", `""`:
			continue // it is zero
		case "true":
			continue // the operator "constant" does that
		}
		if lit, ok := r.(*ast.CompositeLit); ok && len(lit.Elts) == 0 && f.source(lit.Type) == types[i] {
			continue // it is zero, unless it is a slice or a map
		}
		f.add("return", r.Pos(), r.End(), "*new("+types[i]+")")
	}
}
