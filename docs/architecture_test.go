package docs_test

import (
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestArchitectureNamesEveryPackage: who is new finds on the map whatever there is.
// A name that ends in /… stands for all below.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	_, drawn, _ := strings.Cut(read(t, "architecture.md"), "```\n")
	drawn, _, _ = strings.Cut(drawn, "```")
	named := map[string]bool{}
	for _, word := range strings.FieldsFunc(drawn, func(r rune) bool { return strings.ContainsRune(" \n,;:()", r) }) {
		named[strings.TrimSuffix(word, ".")] = true
	}
	for _, name := range packages(t) {
		if !named[name] && !named[path.Dir(name)+"/…"] {
			t.Errorf("package %s is not on the map", name)
		}
	}
}

// TestArchitectureIsUpToDate: every file and folder that it names is there.
func TestArchitectureIsUpToDate(t *testing.T) {
	text := read(t, "architecture.md")
	found := 0
	for _, quoted := range regexp.MustCompile("`([a-z][a-z_/.,{}*]+)`").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(quoted[1], "/") {
			continue
		}
		for _, name := range alternatives(quoted[1]) {
			found++
			if there, err := filepath.Glob("../" + name); err != nil || len(there) == 0 {
				t.Errorf("there is no %s (%v)", name, err)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d names were found", found)
	}
}

// packages lists the folders with Go code that is no test.
func packages(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, root := range []string{"agents", "cluster", "cmd", "fencing", "internal", "resources"} {
		err := filepath.WalkDir("../"+root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			name := strings.TrimPrefix(filepath.Dir(file), "../")
			if name != "cluster" && !strings.Contains(name, "testdata") && (len(names) == 0 || names[len(names)-1] != name) {
				names = append(names, name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 40 {
		t.Fatalf("only %d packages were found", len(names))
	}
	return names
}

// alternatives writes a/{b,c} out.
func alternatives(path string) []string {
	before, rest, several := strings.Cut(path, "{")
	if !several {
		return []string{path}
	}
	choices, after, _ := strings.Cut(rest, "}")
	var all []string
	for choice := range strings.SplitSeq(choices, ",") {
		all = append(all, alternatives(before+choice+after)...)
	}
	return all
}
