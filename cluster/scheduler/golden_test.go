package scheduler_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/transition"
)

var update = flag.Bool("update", false, "rewrite testdata with what Plan returns")

// TestScenarios plans each scenario of testdata and compares the result with
// what was written down. A scenario is a pair of sections NAME.in and NAME.want.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios found: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]string{}
		for k := range archive.Files {
			f := &archive.Files[k]
			name, isWant := strings.CutSuffix(f.Name, ".want")
			if !isWant {
				given[strings.TrimSuffix(f.Name, ".in")] = string(f.Data)
				continue
			}
			in, found := given[name]
			if !found {
				t.Fatalf("%s: %s has no %s.in before it", file, f.Name, name)
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				got := scenario(t, in)
				if *update {
					f.Data = []byte(got)
				} else if diff := cmp.Diff(sorted(string(f.Data)), sorted(got)); diff != "" {
					t.Errorf("plan differs (-want +got):\n%s\nplan:\n%s", diff, got)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// sorted lines: the order of a plan's actions means nothing.
func sorted(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func scenario(t *testing.T, in string) string {
	t.Helper()
	c := cluster3().parse(in)
	plan := scheduler.Plan(c.build(), c.now, c.opts)
	if err := transition.Validate(&plan); err != nil {
		t.Error(err)
	}
	return render(&plan)
}

// render writes a plan as lines: "KEY <- KEY, KEY", with (flying) and (wait:…),
// problems as "! code node resource", and the time of the next look.
func render(plan *transition.Transition) string {
	var b strings.Builder
	for _, a := range plan.Actions {
		b.WriteString(a.Key)
		var keys []string
		for _, before := range a.After {
			keys = append(keys, plan.Actions[before].Key)
		}
		slices.Sort(keys)
		if len(keys) > 0 {
			b.WriteString(" <- " + strings.Join(keys, ", "))
		}
		if a.InFlight != "" {
			b.WriteString(" (flying)")
		}
		if a.Hold {
			b.WriteString(" (hold)")
		}
		if a.Wait != "" {
			fmt.Fprintf(&b, " (wait: %s)", a.Wait)
		}
		b.WriteString("\n")
	}
	for _, problem := range plan.Problems {
		b.WriteString(strings.TrimRight(fmt.Sprintf("! %s %s %s", problem.Code, problem.Node, problem.Resource), " ") + "\n")
	}
	if !plan.RecheckAt.IsZero() {
		fmt.Fprintf(&b, "again at +%s\n", plan.RecheckAt.Sub(epoch))
	}
	return b.String()
}
