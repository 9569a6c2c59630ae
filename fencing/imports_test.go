package fencing_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The contract stays within the standard library, devices never import each
// other, nothing here knows the cluster, and only fence agents are programs.
func TestImports(t *testing.T) {
	const module = "github.com/belay-ha/belay/"
	allowed := map[string][]string{ // of the module and beyond the standard library
		".":          {module + "internal/mutant", module + "internal/redact"}, // the first is a constant false in what is shipped
		"redfish":    {module + "fencing", "github.com/stmcginnis/gofish", "github.com/stmcginnis/gofish/schemas"},
		"ipmi":       {module + "fencing"},
		"kdump":      {module + "fencing"},
		"manual":     {module + "fencing"},
		"watchdog":   {module + "fencing", "golang.org/x/sys/unix"},
		"fenceagent": {module + "fencing", "golang.org/x/sys/unix"},
	}
	for dir, may := range allowed {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		files := 0
		for _, entry := range entries {
			name := entry.Name()
			if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				continue
			}
			files++
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				ok := !strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
				if path == "os/exec" && dir != "fenceagent" {
					ok = false // no program, so no password among a program's arguments
				}
				for _, other := range may {
					ok = ok || path == other
				}
				if !ok {
					t.Errorf("%s imports %s", filepath.Join(dir, name), path)
				}
			}
		}
		if files == 0 {
			t.Errorf("no files in %s", dir)
		}
	}
}
