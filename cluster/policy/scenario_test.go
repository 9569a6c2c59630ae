package policy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/belay-ha/belay/cluster/policy/simulate"
	"github.com/belay-ha/belay/resources/cib"
)

var (
	update = flag.Bool("update", false, "rewrite testdata/*.txtar with what is decided now")
	cibs   = flag.String("cibs", "", "a directory for the scenarios as CIB files, for crm_simulate")
)

// scenarioTime is when a scenario is judged unless it says otherwise.
var scenarioTime = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// TestScenarios plays the clusters of testdata/*.txtar; testdata/README.md has
// the language.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		group := strings.TrimSuffix(filepath.Base(file), ".txtar")
		for i := 0; i < len(archive.Files); i++ { // it grows
			name, isIn := strings.CutSuffix(archive.Files[i].Name, ".in")
			if !isIn {
				continue
			}
			if i+1 == len(archive.Files) || archive.Files[i+1].Name != name+".want" {
				archive.Files = slices.Insert(archive.Files, i+1, txtar.File{Name: name + ".want"})
			}
			want := &archive.Files[i+1]
			t.Run(group+"/"+name, func(t *testing.T) {
				got := playScenario(t, group+"-"+name, string(archive.Files[i].Data))
				if *update {
					want.Data = []byte(got)
				} else if got != string(want.Data) {
					t.Errorf("decided:\n%s\nwant:\n%s", got, want.Data)
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

func playScenario(t *testing.T, name, text string) string {
	t.Helper()
	s, err := parseScenario(text)
	if err != nil {
		t.Fatal(err)
	}
	if *cibs != "" {
		// The words of releases before 3.0.
		old := strings.ReplaceAll(s.xml(), `name="fencing-`, `name="stonith-`)
		if err := os.WriteFile(filepath.Join(*cibs, name+".xml"), []byte(old), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in, err := cib.Read(strings.NewReader(s.xml()), name+".xml")
	if err != nil {
		t.Fatalf("%v\n%s", err, s.xml())
	}
	in.Now = s.now
	result := simulate.Run(in, simulate.Options{})
	delays := map[string]time.Duration{}
	for _, step := range result.Plan.Steps {
		if step.Delay > 0 {
			delays[step.Node] = step.Delay
		}
	}
	return tell(simulate.NewForm(result, s.now), delays)
}

// tell writes what was decided: each action that is carried out, with those that
// come right before it; what is wanted and cannot be; where everything is then.
func tell(f *simulate.Form, delays map[string]time.Duration) string {
	executed := map[string]bool{}
	for _, e := range f.Executed {
		executed[actionWords(e.Op, e.Resource, e.Node, e.IntervalMS, e.FenceAction, nil)] = true
	}
	names := map[int]string{}
	for _, g := range f.Graph {
		names[g.N] = actionWords(g.Op, g.Resource, g.Node, g.IntervalMS, g.FenceAction, g.Notify)
	}
	var lines []string
	for _, g := range f.Graph {
		if g.Op == "delete" || g.Op == "clear_failcount" && g.Resource == "" {
			continue
		}
		line := names[g.N]
		if d := delays[g.Node]; d > 0 && g.Op == "fence" {
			line += " delayed by " + d.String()
		}
		var before []string
		for _, n := range g.After {
			before = append(before, names[n])
		}
		if slices.Sort(before); len(before) > 0 {
			line += " <- " + strings.Join(before, ", ")
		}
		if !executed[actionWords(g.Op, g.Resource, g.Node, g.IntervalMS, g.FenceAction, nil)] {
			line += " (never)"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	var blocked, final []string
	for _, a := range f.Actions {
		if a.Blocked {
			blocked = append(blocked, fmt.Sprintf("! %s %s %s (%s)", a.Task, a.Resource, a.Node, a.Reason))
		}
	}
	for id, places := range f.Final {
		for _, at := range places {
			final = append(final, "= "+id+atWords(at))
		}
	}
	for name, n := range f.Nodes {
		if n.Unclean || n.StandbyOnFail {
			final = append(final, fmt.Sprintf("= %s unclean=%v standby=%v", name, n.Unclean, n.StandbyOnFail))
		}
	}
	slices.Sort(blocked)
	slices.Sort(final)
	return strings.Join(slices.Concat(lines, blocked, final), "\n") + "\n"
}

func actionWords(op, resource, node string, ms int64, fence string, notify []string) string {
	words := []string{op}
	if fence != "" {
		words = append(words, fence)
	}
	words = append(words, notify...)
	if resource != "" {
		words = append(words, resource)
	}
	if words = append(words, node); ms != 0 {
		words = append(words, (time.Duration(ms) * time.Millisecond).String())
	}
	return strings.Join(words, " ")
}

func atWords(at simulate.AtForm) string {
	words := " " + at.Role
	if at.Node != nil {
		words += " " + *at.Node
	}
	for _, w := range []struct {
		is   bool
		word string
	}{{!at.Managed, "unmanaged"}, {at.Failed, "failed"}, {at.Blocked, "blocked"}, {at.Removed, "removed"}, {at.LockedTo != "", "locked to " + at.LockedTo}} {
		if w.is {
			words += " " + w.word
		}
	}
	return words
}
