package simulate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/policy/simulate"
	"github.com/belay-ha/belay/resources/cib"
)

// floors are the least numbers of recorded cases that must agree, of those that
// floorOf counts. They only rise.
var floors = map[string]int{"core": 438, "plan": 438, "exec": 438, "order": 438}

const floorOf = 438

// expectation is a recorded decision, or that the input is refused.
type expectation struct {
	simulate.Form
	Error string `json:"error"`
}

// TestCases compares Belay's decisions with recorded ones of Pacemaker. The
// records are not part of this repository: BELAY_CASES names their directory,
// or shared/scheduler-cases beside the checkout or above is found.
//
// One case with all its differences:
//
//	go test ./cluster/policy/simulate -run 'Cases/^NAME$' -v
func TestCases(t *testing.T) {
	dir := casesDir()
	if dir == "" {
		t.Skip("no recorded cases on this machine")
	}
	index := map[string]struct{ Args []string }{}
	readJSON(t, filepath.Join(dir, "index.json"), &index)
	files, err := filepath.Glob(filepath.Join(dir, "*.expected.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	ran, agree := 0, map[string]int{}
	var report strings.Builder
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".expected.json")
		t.Run(name, func(t *testing.T) {
			ran++
			v := runCase(t, dir, name, index[name].Args)
			for level, agrees := range v.On {
				if agrees {
					agree[level]++
				}
			}
			if len(v.Differ) == 0 {
				return
			}
			text := "\n  " + strings.Join(v.Differ, "\n  ")
			t.Log(text)
			report.WriteString("== " + name + text + "\n")
		})
	}
	for _, level := range simulate.Levels {
		t.Logf("%-5s %4d of %d agree, %.1f %%", level, agree[level], ran, 100*float64(agree[level])/float64(max(ran, 1)))
	}
	if path := os.Getenv("BELAY_CASES_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(report.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
	if ran != floorOf {
		return
	}
	for level, floor := range floors {
		if agree[level] < floor {
			t.Errorf("%s: %d cases agree, and %d did before", level, agree[level], floor)
		}
	}
}

func runCase(t *testing.T, dir, name string, args []string) *simulate.Agreement {
	v := &simulate.Agreement{On: map[string]bool{}}
	defer func() {
		if caught := recover(); caught != nil {
			t.Errorf("panic: %v", caught)
			v.On = map[string]bool{}
			v.Differ = append(v.Differ, "panic")
		}
	}()
	var want expectation
	readJSON(t, filepath.Join(dir, name+".expected.json"), &want)
	f, err := os.Open(filepath.Join(dir, name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := cib.Read(f, name+".xml")
	if err != nil || want.Error != "" {
		same := err != nil && want.Error != ""
		for _, level := range simulate.Levels {
			v.On[level] = same
		}
		if !same {
			v.Differ = append(v.Differ, "input "+errorText(err)+", want error: "+want.Error)
		}
		return v
	}
	in.Now = instant(t, in, args)
	result := simulate.Run(in, simulate.Options{})
	checkPlanner(t, result)
	got := simulate.NewForm(result, in.Now)
	return simulate.Compare(&want.Form, got)
}

// checkPlanner compares what a planner decides that has planned before with what
// is decided anew.
func checkPlanner(t *testing.T, result *simulate.Result) {
	t.Helper()
	var planner policy.Planner
	planner.Compute(result.Input)
	for _, in := range []*policy.Input{result.Input, result.Reached} {
		if !reflect.DeepEqual(planner.Compute(in), policy.Compute(in)) {
			t.Error("a planner decides otherwise when it has planned before")
		}
	}
}

// instant is when a case is judged: as it says, as its file says, or at a time
// when all that is recorded is long past.
func instant(t *testing.T, in *policy.Input, args []string) time.Time {
	for i := 0; i+1 < len(args); i++ {
		if args[i] == "-t" {
			at, err := time.Parse("2006-002T15:04", args[i+1])
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	if in.Now.IsZero() {
		return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	}
	return in.Now
}

func errorText(err error) string {
	if err == nil {
		return "was read"
	}
	return "error: " + err.Error()
}

func casesDir() string {
	if dir := os.Getenv("BELAY_CASES"); dir != "" {
		return dir
	}
	at, err := os.Getwd()
	if err != nil {
		return ""
	}
	for at != filepath.Dir(at) {
		at = filepath.Dir(at)
		dir := filepath.Join(at, "shared", "scheduler-cases")
		if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
			return dir
		}
	}
	return ""
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// "now" is not always a number in the records, and nothing compares it.
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	delete(fields, "now")
	data, err = json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
