package state

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
)

// fieldsFile lists every field, and every word that a field may hold, with the
// command set that it came with.
const fieldsFile = "testdata/definition_fields.txt"

// TestDefinitionFieldsSayTheirCommandSet: what is new in a definition came with the
// newest command set. Lines of earlier ones never change: members of those releases
// understand them, and nothing else, and old logs hold them. `make golden` adds new
// lines.
func TestDefinitionFieldsSayTheirCommandSet(t *testing.T) {
	known, got := readFields(t), definitionFields(t)
	added := false
	for _, name := range slices.Sorted(maps.Keys(got)) {
		since, listed := known[name]
		switch {
		case listed && since != got[name]:
			t.Errorf("%s came with command set %d, its tag says %d", name, since, got[name])
		case !listed && got[name] < Version:
			t.Errorf("%s is new: members of command set %d do not know it; tag the field since:%q, a word of it since:%q", name, got[name], fmt.Sprint(Version), fmt.Sprintf("WORD=%d", Version))
		case !listed && *update:
			known[name], added = got[name], true
		case !listed:
			t.Errorf("%s is new: add it by `make golden`", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if _, there := got[name]; !there {
			t.Errorf("%s is gone: logs and snapshots hold it", name)
		}
	}
	if added {
		writeFields(t, known)
	}
}

// TestEveryCommandSetHasItsDefinition: whatever a definition says is carried by a
// command that belongs to its command set.
func TestEveryCommandSetHasItsDefinition(t *testing.T) {
	for name, since := range definitionFields(t) {
		if newest := definitionSets[len(definitionSets)-1].since; since > newest {
			t.Errorf("%s came with command set %d, the newest version of definition.set with %d", name, since, newest)
		}
	}
	for _, set := range definitionSets {
		if newer[set.name] != set.since {
			t.Errorf("%s belongs to command set %d and to %d", set.name, set.since, newer[set.name])
		}
	}
}

// TestNewFieldsAreLeftOutWhereNotGiven: otherwise no definition could be read by
// members that do not know them.
func TestNewFieldsAreLeftOutWhereNotGiven(t *testing.T) {
	eachField(reflect.TypeFor[resources.Definition](), 1, func(owner reflect.Type, f reflect.StructField, above, since int) {
		if _, options, _ := strings.Cut(f.Tag.Get("json"), ","); since > above && options != "omitempty" && options != "omitzero" {
			t.Errorf("%s.%s is written where it is not given", owner.Name(), f.Name)
		}
	})
}

// definitionFields returns all that a definition may hold: "Operation.Params",
// "Requires = unfencing".
func definitionFields(t *testing.T) map[string]int {
	t.Helper()
	fields := map[string]int{}
	types := map[string]int{}                // of words, by the first field of that type
	tagged := map[string]map[string]string{} // type, word, command set
	first := func(m map[string]int, key string, since int) {
		if known, listed := m[key]; !listed || since < known {
			m[key] = since
		}
	}
	eachField(reflect.TypeFor[resources.Definition](), 1, func(owner reflect.Type, f reflect.StructField, _, since int) {
		first(fields, owner.Name()+"."+f.Name, since)
		of := elem(f.Type)
		if of.Kind() != reflect.String || of.PkgPath() == "" {
			return
		}
		first(types, of.Name(), since)
		for part := range strings.SplitSeq(f.Tag.Get("since"), ",") {
			if word, number, ofWord := strings.Cut(part, "="); ofWord {
				if tagged[of.Name()] == nil {
					tagged[of.Name()] = map[string]string{}
				}
				tagged[of.Name()][word] = number
			}
		}
	})
	for of, words := range wordsOf(t) {
		since, used := types[of]
		for _, word := range words {
			if !used {
				continue
			}
			n, _ := strconv.Atoi(tagged[of][word])
			fields[of+" = "+word] = max(since, n)
		}
	}
	return fields
}

// eachField calls do for every field below a type, with the command sets of what
// holds it and of itself.
func eachField(of reflect.Type, above int, do func(owner reflect.Type, f reflect.StructField, above, since int)) {
	for i := range of.NumField() {
		f, since := of.Field(i), above
		for part := range strings.SplitSeq(f.Tag.Get("since"), ",") {
			if n, err := strconv.Atoi(part); err == nil {
				since = max(since, n)
			}
		}
		do(of, f, above, since)
		if inner := elem(f.Type); inner.Kind() == reflect.Struct {
			eachField(inner, since, do)
		}
	}
}

func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// wordsOf returns the constants of package resources by their type.
func wordsOf(t *testing.T) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob("../../resources/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	words := map[string][]string{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, isValue := n.(*ast.ValueSpec)
			if !isValue {
				return true
			}
			if of, named := spec.Type.(*ast.Ident); named {
				for _, value := range spec.Values {
					if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING && literal.Value != `""` {
						words[of.Name] = append(words[of.Name], strings.Trim(literal.Value, `"`))
					}
				}
			}
			return false
		})
	}
	return words
}

func readFields(t *testing.T) map[string]int {
	t.Helper()
	file, err := os.Open(fieldsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	known := map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		number, name, _ := strings.Cut(lines.Text(), " ")
		if known[name], err = strconv.Atoi(number); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
	}
	return known
}

// writeFields writes the list by command set, so that what is new stands last.
func writeFields(t *testing.T, known map[string]int) {
	t.Helper()
	names := slices.SortedFunc(maps.Keys(known), func(a, b string) int {
		if known[a] != known[b] {
			return known[a] - known[b]
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%d %s\n", known[name], name)
	}
	if err := os.WriteFile(fieldsFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
