package base

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseTargets(t *testing.T) {
	const targets = `Debian|http://m/debian|bookworm|main|Packages
Debian|http://m/debian|bookworm|main|DEP-11
Debian|http://m/debian|bookworm|contrib|Packages
Debian|http://m/debian|bookworm-updates|main|Packages
Debian|http://s/debian-security|bookworm-security|main|Packages
Debian|http://m/debian|trixie|main|Packages
Other|http://o/|bookworm|main|Packages
`
	from, err := parseTargets(targets)
	if err != nil {
		t.Fatal(err)
	}
	const want = "deb http://m/debian bookworm main\ndeb http://m/debian bookworm-updates main\ndeb http://s/debian-security bookworm-security main\n"
	if from.mirror != "http://m/debian" || from.list != want {
		t.Errorf("mirror %q, list\n%s", from.mirror, from.list)
	}
	if _, err := parseTargets("Other|http://o/|bookworm|main|Packages\n"); err == nil {
		t.Error("a machine without Debian sources was accepted")
	}
}

func TestNotInstalled(t *testing.T) {
	const answer = "a installed\nb config-files\nc not-installed\n"
	if got := notInstalled([]string{"a", "b", "c", "d"}, answer); !slices.Equal(got, []string{"b", "c", "d"}) {
		t.Error(got)
	}
}

func TestParseShellValue(t *testing.T) {
	for text, want := range map[string]string{"": "", "P='http://p:3128'\n": "http://p:3128"} {
		if got := parseShellValue(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestStepWriter(t *testing.T) {
	var log bytes.Buffer
	var steps []string
	w := &stepWriter{next: &log, step: func(s string) { steps = append(steps, s) }}
	for _, part := range []string{"noise\n## o", "ne\nmore\n", "## two\n", strings.Repeat("x", 1000)} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(steps, []string{"one", "two"}) || !strings.HasPrefix(log.String(), "noise\n## one\nmore\n## two\nxx") {
		t.Errorf("steps %q, log %q", steps, log.String())
	}
}

// TestRemoveOld checks that a base is kept while any disk belongs to it.
func TestRemoveOld(t *testing.T) {
	dir := t.TempDir()
	b := &Builder{Dir: dir, started: time.Now()}
	marks := map[string]string{
		"hosts/controller-0/base": "host", "golden/formed/controller-0/base": "golden",
		"rigs/two/hosts/controller-1/base": "two", "rigs/two/golden/x/controller-1/base": "goldentwo",
	}
	for path, version := range marks {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(version+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept := []string{"base-" + Version(), "base-host", "base-golden", "base-two", "base-goldentwo"}
	for _, name := range append(kept, "base-old") {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.removeOld()
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s is gone", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "base-old")); err == nil {
		t.Error("base-old is left")
	}
}

func TestReadyOnlyAfterTheRename(t *testing.T) {
	b := &Builder{Dir: t.TempDir()}
	unfinished := filepath.Join(b.Path()+".new", "etc")
	if err := os.MkdirAll(unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, "os-release"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if b.Ready() {
		t.Error("an unfinished base counts")
	}
	if err := os.Rename(b.Path()+".new", b.Path()); err != nil {
		t.Fatal(err)
	}
	if !b.Ready() {
		t.Error("a finished base does not count")
	}
}
