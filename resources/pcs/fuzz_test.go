package pcs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// FuzzConvert: no script makes it panic, every problem has its place within the
// script, and what comes out can be written as a file and read again.
func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sh")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		for line := range strings.SplitSeq(string(text), "\n") {
			if line != "" {
				f.Add(line)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := Convert(resources.AgentTable{}, resources.FenceTable{}, File{"f", []byte(text)})
		lines := strings.Split(text, "\n")
		for _, p := range append(found.Left, found.Notes...) {
			if p.File != "f" || p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > len(lines[p.Line-1])+1 || p.Text == "" {
				t.Errorf("a problem without its place: %+v in %d lines", p, len(lines))
			}
		}
		encoded := definition.Encode(found.Definition)
		if len(encoded) > 100*len(text)+1000 {
			t.Errorf("%d bytes became %d", len(text), len(encoded))
		}
		if len(found.Left) > 0 {
			return
		}
		again, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}, definition.File{Name: "e", Text: encoded})
		if err != nil {
			t.Fatalf("its file cannot be read: %v\n%s", err, encoded)
		}
		if diff := definition.Diff(found.Definition, again); len(diff) > 0 {
			t.Errorf("its file says something else: %+v", diff)
		}
	})
}
