package cluster_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// clocks are the functions of package time that a pure package may not use:
// what they return, or when, differs from replica to replica.
var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}

func TestPureCore(t *testing.T) {
	packages := list(t)
	for _, name := range pure {
		p, found := packages[name]
		if !found {
			t.Errorf("%s is in the list of pure packages and does not exist", name)
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(impureHere, imported) {
				t.Errorf("%s -> %s: a pure package waits for nothing", name, imported)
			}
		}
		chain := packages.chain(name, func(imported string) bool { return slices.Contains(impure, imported) })
		if chain != nil {
			t.Errorf("%s: a pure package does no I/O, logs nothing, draws nothing and locks nothing", strings.Join(chain, " -> "))
		}
		for _, file := range p.GoFiles {
			for _, problem := range impurities(t, filepath.Join(p.Dir, file), nil) {
				t.Error(problem)
			}
		}
	}
}

// TestPureCoreFindsFaults shows the check what it must catch.
func TestPureCoreFindsFaults(t *testing.T) {
	cases := []struct{ name, source, want string }{
		{"clock", `import "time"; var f = time.Now`, "time.Now"},
		{"clock under another name", `import tm "time"; func f() { _ = tm.Since(tm.Time{}) }`, "time.Since"},
		{"goroutine", `func f() { go f() }`, "go statement"},
		{"init", `func init() {}`, "init"},
		{"time as a value", `import "time"; func f(t time.Time) time.Duration { return t.Sub(t) }`, ""},
		{"a method that is called Now", `type c struct{}; func (c) Now() {}; func f(x c) { x.Now() }`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(impurities(t, "pure.go", "package pure; "+c.source), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestOrderFindsFaults shows the order of layers what it must catch, and that
// the chain is named.
func TestOrderFindsFaults(t *testing.T) {
	in := func(names ...string) pkg {
		var p pkg
		for _, n := range names {
			p.Imports = append(p.Imports, module+"/"+n)
		}
		return p
	}
	cases := []struct {
		name string
		tree tree
		want string
	}{
		{"up", tree{"cmd/belayd": in("cluster/state"), "cluster/state": in("cluster/node")}, "cmd/belayd -> cluster/state -> cluster/node"},
		{"sideways", tree{"agents/galera": in("agents/vip")}, "agents/galera -> agents/vip"},
		{"down", tree{"cluster/scheduler": in("cluster/transition", "resources")}, ""},
		{"inside the rig", tree{"cmd/belay-rig/internal/rig": in("cmd/belay-rig/internal/bmc")}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(upward(c.tree), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// impurities returns one line for each clock, goroutine and init in a file;
// source, when not nil, stands for the file's text.
func impurities(t *testing.T, name string, source any) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	timeName := ""
	for _, spec := range file.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err != nil || imported != "time" {
			continue
		}
		timeName = "time"
		if spec.Name != nil {
			timeName = spec.Name.Name
		}
	}
	var problems []string
	found := func(at token.Pos, what string) {
		problems = append(problems, fmt.Sprintf("%s: %s in a pure package", set.Position(at), what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found(n.Pos(), "go statement")
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				found(n.Pos(), "init")
			}
		case *ast.SelectorExpr:
			if x, is := n.X.(*ast.Ident); is && timeName != "" && x.Name == timeName && slices.Contains(clocks, n.Sel.Name) {
				found(n.Pos(), "time."+n.Sel.Name)
			}
		}
		return true
	})
	return problems
}
