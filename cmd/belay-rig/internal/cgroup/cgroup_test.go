package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine lays out an empty hierarchy as on a machine.
func machine(t *testing.T, dirs ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "cgroup.procs"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDetect(t *testing.T) {
	cases := []struct {
		name    string
		dirs    []string
		unified string
		joins   []string // below the root, for the part "ns"
	}{
		{"unified", []string{"."}, ".", []string{"rig/c/ns"}},
		{"hybrid", []string{"unified", "systemd", "memory", "cpu", "freezer"}, "unified",
			[]string{"unified/rig/c/ns", "systemd/rig/c/ns", "memory/rig/c", "cpu/rig/c"}},
		{"hybrid without cpu", []string{"unified", "systemd", "memory"}, "unified",
			[]string{"unified/rig/c/ns", "systemd/rig/c/ns", "memory/rig/c"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := machine(t, c.dirs...)
			tree, err := detect(root, "rig", func(path string) bool { return path == filepath.Join(root, c.unified) })
			if err != nil {
				t.Fatal(err)
			}
			group := tree.Host("c")
			var got []string
			for _, file := range group.Joins("ns") {
				dir, _ := strings.CutPrefix(filepath.Dir(file), root+"/")
				got = append(got, dir)
			}
			if !slices.Equal(got, c.joins) {
				t.Errorf("joins %q, want %q", got, c.joins)
			}
			if err := group.Make("ns"); err != nil {
				t.Fatal(err)
			}
			for _, dir := range c.joins {
				if _, err := os.Stat(filepath.Join(root, dir)); err != nil {
					t.Error(err)
				}
			}
			if err := group.Remove(); err != nil {
				t.Fatal(err)
			}
		})
	}
	if _, err := detect(machine(t, "memory"), "rig", func(string) bool { return false }); err == nil {
		t.Error("a machine without the unified hierarchy was accepted")
	}
}

// A rig's hosts must not weigh as little as one process on a busy machine.
func TestWeight(t *testing.T) {
	for name, c := range map[string]struct {
		dirs       []string
		file, want string
	}{
		"unified": {[]string{".", "rig"}, "rig/cpu.weight", "4000"},
		"hybrid":  {[]string{"unified", "systemd", "cpu", "cpu/rig"}, "cpu/rig/cpu.shares", "40960"},
	} {
		t.Run(name, func(t *testing.T) {
			root := machine(t, c.dirs...)
			if err := os.WriteFile(filepath.Join(root, c.file), []byte("1"), 0o644); err != nil {
				t.Fatal(err)
			}
			tree, err := detect(root, "rig", func(path string) bool { return path == filepath.Join(root, c.dirs[0]) })
			if err != nil {
				t.Fatal(err)
			}
			if err := tree.Host("c").Make("ns"); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(root, c.file)); err != nil || string(got) != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestFirstPID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cgroup.procs")
	for text, want := range map[string]int{"": 0, "12\n13\n": 12, "0\n": 0, "x\n": 0} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if pid, ok := firstPID(file); ok != (want > 0) || (ok && pid != want) {
			t.Errorf("%q: %d, %v", text, pid, ok)
		}
	}
	if _, ok := firstPID(file + ".none"); ok {
		t.Error("a missing file held a process")
	}
}

func TestGroupOf(t *testing.T) {
	const hybrid = "9:name=systemd:/a\n4:memory:/b\n1:cpu,cpuacct:/c/d\n0::/e\n"
	for _, c := range []struct {
		legacy bool
		want   string
	}{{true, "/c/d"}, {false, "/e"}} {
		if got, err := groupOf(hybrid, c.legacy); got != c.want || err != nil {
			t.Errorf("legacy %v: got %q, %v, want %q", c.legacy, got, err, c.want)
		}
	}
	if _, err := groupOf("3:cpuset:/\n", true); err == nil {
		t.Error("a process without a group that divides processors")
	}
}
