package codes_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/codes"
)

// codeTypes are the types whose constants are codes that users meet. Those of
// package fencing become others before they are shown.
var codeTypes = []string{"ProblemCode", "RejectionCode", "RejectionReason", "Code", "failureCode"}

// tellers are the methods whose first argument is a code, by their packages.
var tellers = map[string][]string{"policy": {"warn", "warnOrder"}, "doctor": {"find"}}

// TestEveryCodeIsInTheCatalogue reads the sources for codes: those in use are
// the catalogue's, no more and no fewer.
func TestEveryCodeIsInTheCatalogue(t *testing.T) {
	used := codesInSources(t)
	if len(used) < 60 {
		t.Fatalf("found %d codes only: did the sources change their way to name them?", len(used))
	}
	for kind := fencing.KindUnknown; !strings.HasPrefix(kind.String(), "kind("); kind++ {
		used["device_"+strings.ReplaceAll(kind.String(), " ", "_")] = "fencing.Kind"
	}
	for code, place := range used {
		if story, found := codes.Find(code); !found || story.Code != code {
			t.Errorf("%s: code %q is not in the catalogue: add it to internal/codes", place, code)
		}
	}
	for _, e := range codes.All() {
		if used[e.Code] == "" {
			t.Errorf("nothing has the code %q", e.Code)
		}
	}
}

// codesInSources returns each code and one place where it stands.
func codesInSources(t *testing.T) map[string]string {
	t.Helper()
	used := map[string]string{}
	set := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains([]string{"testdata", ".git", "codes", "belay-rig"}, entry.Name())):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		isFencing := filepath.Base(filepath.Dir(path)) == "fencing"
		note := func(value ast.Expr) {
			literal, is := value.(*ast.BasicLit)
			if !is || literal.Kind != token.STRING {
				return
			}
			if code, err := strconv.Unquote(literal.Value); err == nil {
				used[code] = set.Position(literal.Pos()).String()
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.ValueSpec:
				if slices.Contains(codeTypes, typeName(n.Type)) && !isFencing {
					for _, value := range n.Values {
						note(value)
					}
				}
			case *ast.KeyValueExpr:
				if key, is := n.Key.(*ast.Ident); is && key.Name == "Code" {
					note(n.Value)
				}
			case *ast.CallExpr:
				if method, is := n.Fun.(*ast.SelectorExpr); is && slices.Contains(tellers[filepath.Base(filepath.Dir(path))], method.Sel.Name) && len(n.Args) > 0 {
					note(n.Args[0])
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}

func typeName(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// TestEntriesAreWhole: each has every text, one code, and a known family.
func TestEntriesAreWhole(t *testing.T) {
	shape := regexp.MustCompile(`^[a-z][a-z0-9_]{1,39}$`)
	families := map[codes.Family]bool{}
	for _, f := range codes.Families() {
		families[f.Family] = true
	}
	seen := map[string]bool{}
	for _, e := range codes.All() {
		if seen[e.Code] || !shape.MatchString(e.Code) || !families[e.Family] {
			t.Errorf("%s: given twice, misshapen, or of no family", e.Code)
		}
		seen[e.Code] = true
		for name, text := range map[string]string{"short": e.Short, "cause": e.Cause, "cure": e.Cure, "next": e.Next, "example": e.Example} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is missing", e.Code, name)
			}
		}
		if strings.ContainsAny(e.Short, "\n") || strings.HasSuffix(e.Short, ".") || len(e.Short) > 90 {
			t.Errorf("%s: the short text is one line without a full stop: %q", e.Code, e.Short)
		}
		if (e.Exit != 0) != (e.Family == codes.Command || e.Family == codes.Request || e.Family == codes.Definition) {
			t.Errorf("%s: exit code %d in family %s", e.Code, e.Exit, e.Family)
		}
	}
}

func TestFind(t *testing.T) {
	for given, want := range map[string]string{"no_quorum": "no_quorum", "tls": "device_tls", "not found": "device_not_found", "unknown": "unknown"} {
		if e, found := codes.Find(given); !found || e.Code != want {
			t.Errorf("%s: %+v", given, e)
		}
	}
	if e, found := codes.Find("nonsense"); found {
		t.Errorf("found %+v", e)
	}
}
