package sim

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seedFlag = flag.Uint64("seed", 1, "the first seed")
	runsFlag = flag.Int("runs", 0, "how many seeds; 0: a few")
)

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400) // worlds are small and short-lived
	os.Exit(m.Run())
}

// In so many seeds every fault begins, and matters.
const allBeginIn, allMatterIn = 200, 1000

// maxExplained bounds the failures that are made small and printed.
const maxExplained = 3

// TestSeeds runs seeds side by side, each in one goroutine, and makes the first
// failures small.
func TestSeeds(t *testing.T) {
	runs := *runsFlag
	if runs == 0 {
		runs = 100
		if testing.Short() {
			runs = 30
		}
	}
	began := time.Now()
	var next atomic.Int64
	var mu sync.Mutex
	var failed []Report
	var sum totals
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= int64(runs) {
					return
				}
				r := Run(*seedFlag + uint64(n))
				mu.Lock()
				sum.add(r)
				if r.Violation != nil {
					failed = append(failed, r)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	for n, r := range failed {
		if n == maxExplained {
			t.Errorf("and %d more seeds", len(failed)-n)
			break
		}
		t.Error(Explain(r))
	}
	took := time.Since(began)
	t.Logf("%d seeds in %s (%.1f/s): %s; %d violations", runs, took.Round(time.Millisecond), float64(runs)/took.Seconds(), &sum, len(failed))
	t.Logf("faults begun: %s", said(sum.kinds))
	t.Logf("times at which one mattered: %s", said(sum.effects()))
	if missing := sum.missing(runs >= allMatterIn); runs >= allBeginIn && len(missing) > 0 {
		t.Errorf("in %d seeds never: %s", runs, strings.Join(missing, ", "))
	}
	if runs >= 30 && (sum.commands < runs || sum.fences == 0) {
		t.Errorf("hardly anything happened: %s", &sum)
	}
}

// The same seed is the same run, event by event.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(6) {
		s := newScenario(seed, edition)
		p := newPlan(seed, s)
		a, b := run(s, p, true), run(newScenario(seed, edition), newPlan(seed, s), true)
		if a.Steps != b.Steps || strings.Join(a.Trace, "\n") != strings.Join(b.Trace, "\n") {
			t.Errorf("seed %d: %d steps, then %d", seed, a.Steps, b.Steps)
		}
		if quiet := run(s, p, false); quiet.Steps != a.Steps {
			t.Errorf("seed %d: tracing changes the run: %d steps, %d with it", seed, quiet.Steps, a.Steps)
		}
	}
}

// What once failed must not fail again: each file is a seed and the faults that
// were needed.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var p plan
			if err := json.Unmarshal(data, &p); err != nil {
				t.Fatal(err)
			}
			if r := run(newScenario(p.Seed, p.Edition), &p, false); r.Violation != nil {
				t.Errorf("%s\n%s", r.Violation, p.Why)
			}
		})
	}
}

// What the faults are to break happens at all.
func TestEverythingHappens(t *testing.T) {
	want := map[string]string{
		"migrate_to": `"op":"migrate_to"`, "promote": `"op":"promote"`, "notify": `"op":"notify"`, "fencing": "fence.requested", "confirm": "fence.confirmed",
		"join": "member.joined", "remove": "member.removed", "edit": "definition.set", "another term": "leads term 4", "lapse": "lapses in the kernel",
		"restart": "belayd starts, run 3", "damage": "its log is damaged", "watchdog": "the log's disk hangs", "voters": "log configuration",
		"proof by watchdog": `"proof":"watchdog"`, "reset": "power off: its watchdog", "proof by kdump": `"proof":"kdump"`, "feeds": "no feed is left", "witness": `"witness":true`,
		"wrong word": "takes it for off, wrongly", "back": "member.booted/2",
		"unfencing": "unfence.reported/1", "ticket": "ticket.set/1", "rollback": "rollback to", "quarantine": "is in quarantine", "lost answer": "gives up waiting for", "new witness": "join as a witness",
	}
	for seed := uint64(1); len(want) > 0 && seed < 600; seed++ {
		s := newScenario(seed, edition)
		trace := strings.Join(run(s, newPlan(seed, s), true).Trace, "\n")
		for what, text := range want {
			if strings.Contains(trace, text) {
				delete(want, what)
			}
		}
	}
	for what := range want {
		t.Errorf("%s: never", what)
	}
}
