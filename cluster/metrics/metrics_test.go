package metrics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

var update = flag.Bool("update", false, "rewrite the golden file")

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// overcloud is a cluster in which much is wrong.
func overcloud() *state.State {
	s := state.New()
	s.Index, s.At, s.Version, s.Revision = 90, noon, 5, 7
	s.Cluster = state.Cluster{ID: "f00d", Name: `over"cloud\`}
	s.Definition = &resources.Definition{
		Resources: []resources.Resource{{ID: "galera", Agent: "galera", Clone: &resources.Clone{Promotable: true}}, {ID: "vip", Agent: "vip"}},
		Fences:    []resources.FenceDevice{{ID: "bmc-c", Agent: "redfish", Targets: []resources.NodeName{"c"}}},
	}
	running := func(id resources.InstanceID, role resources.Role) *state.Instance {
		return &state.Instance{ID: id, Role: role, Probed: true}
	}
	failed := running("vip", resources.RoleStarted)
	failed.Failed, failed.Failures = true, map[resources.Op]*state.Failure{resources.OpMonitor: {Count: 3}}
	s.Nodes = map[resources.NodeName]*state.Node{
		"a": {Name: "a", Voter: true, Software: 5, Liveness: state.LivenessAlive, Instances: map[resources.InstanceID]*state.Instance{"galera": running("galera", resources.RolePromoted), "vip": failed}},
		"b": {Name: "b", Voter: true, Software: 5, Liveness: state.LivenessSuspect, Standby: true, Instances: map[resources.InstanceID]*state.Instance{"galera": running("galera", resources.RoleStarted), "old": running("old", resources.RoleStarted)}},
		"c": {Name: "c", Voter: true, Software: 4, Liveness: state.LivenessDead},
		"d": {Name: "d", Software: 5, Liveness: state.LivenessDead, Off: &state.OffProof{At: noon, By: "power"}, Maintenance: &state.Maintenance{Until: noon.Add(time.Hour)}},
	}
	s.Operations = map[resources.ActionID]*state.Operation{"80.0": {Op: resources.OpStart}, "80.1": {Op: resources.OpStart}, "81.0": {Op: resources.OpStop}}
	s.Fencing = map[resources.NodeName]*state.Fencing{"c": {ID: "f70", Node: "c", Attempts: 2}}
	s.FenceHistory = []*state.Fencing{
		{ID: "f10", Node: "d", Phase: state.FencingDone, RequestedAt: noon.Add(-3 * time.Hour), EndedAt: noon.Add(-3 * time.Hour)},
		{ID: "f20", Node: "b", Phase: state.FencingWithdrawn, RequestedAt: noon.Add(-time.Hour), EndedAt: noon.Add(-time.Hour)},
		{ID: "f60", Node: "d", Phase: state.FencingDone, RequestedAt: noon.Add(-10 * time.Minute), OffAt: noon.Add(-10*time.Minute + 4*time.Second), EndedAt: noon.Add(-9 * time.Minute)},
		{ID: "u61", Node: "b", Action: resources.FencingUnfence, Phase: state.FencingDone, EndedAt: noon.Add(-8 * time.Minute)},
	}
	s.FenceChecks = map[string]*state.FenceCheck{"bmc-c c": {
		Device: "bmc-c", Target: "c", Digest: s.FenceDigest(s.Definition.Fences[0]), Results: []state.FenceCheckResult{{By: "a", Failure: "auth"}, {By: "b"}},
	}}
	s.Tickets = map[resources.TicketName]*state.Ticket{"east": {Granted: true}, "west": {}}
	ok, unknown := agents.OutcomeOK, agents.OutcomeUnknown
	s.Performed = []state.Event{
		{Index: 5, At: noon.Add(-2 * time.Hour), Kind: state.EventOperation, Op: resources.OpStart, Outcome: &ok, Took: resources.Duration(time.Second)}, // before the daemon
		{Index: 40, At: noon.Add(-time.Minute), Kind: state.EventPlan},
		{Index: 41, At: noon.Add(-time.Minute), Kind: state.EventOperation, Op: resources.OpStart, Outcome: &ok, Took: resources.Duration(800 * time.Millisecond)},
		{Index: 42, At: noon.Add(-time.Minute), Kind: state.EventOperation, Op: resources.OpStart, Outcome: &unknown, Took: resources.Duration(10 * time.Minute)},
		{Index: 43, At: noon.Add(-time.Minute), Kind: state.EventOperation, Op: resources.OpStop, Outcome: &ok, Took: resources.Duration(2 * time.Millisecond)},
	}
	return s
}

// everything is what a leading member says, with every family.
func everything() []Family {
	tally := Tally{Since: noon.Add(-time.Hour / 2)}
	tally.See(overcloud())
	work := Work{Leading: true, Waiting: 2, InFlight: 1, Problems: map[Problem]int{{"unplaced", "critical"}: 2, {"fence_device", "warning"}: 1}}
	work.Commits.Add(4 * time.Millisecond)
	work.Steps.Add(-time.Second)
	families := Of(Member{
		Node: "a", Version: "1.2.3", Go: "go1.26", CommandSet: 5, Leader: "a", Term: 3, LastIndex: 91, CommitIndex: 90, AppliedIndex: 90, Contact: 1500 * time.Millisecond, Voters: 3, Heard: 2,
		Process: Process{Started: noon.Add(-time.Hour), CPUSeconds: 12.5, ResidentBytes: 48 << 20, OpenFiles: 30, Goroutines: 60, HeapBytes: 9 << 20},
	})
	families = append(families, Cluster(overcloud(), noon)...)
	families = append(families, tally.Families()...)
	return append(families, work.Families()...)
}

func TestGolden(t *testing.T) {
	got := Write(everything())
	const path = "testdata/metrics.prom"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got), `make golden` rewrites it:\n%s", diff)
	}
	check(t, got)
}

// TestAFollowerSaysOnlyWhatItKnows: what the leader alone knows would be wrong.
func TestAFollowerSaysOnlyWhatItKnows(t *testing.T) {
	got := Write(append(Of(Member{Node: "b", Contact: -1, Process: Process{CPUSeconds: -1, ResidentBytes: -1, OpenFiles: -1, HeapBytes: -1}}), (&Work{}).Families()...))
	check(t, got)
	for _, name := range []string{"belay_problems", "belay_plan_actions", "belay_leader_info", "belay_leader_contact_age_seconds", "process_open_fds", "process_cpu_seconds_total"} {
		if strings.Contains(got, name) {
			t.Errorf("%s is not known:\n%s", name, got)
		}
	}
	if !strings.Contains(got, "\nbelay_leader_known 0\n") || !strings.Contains(got, "\nbelay_leading 0\n") {
		t.Errorf("%s", got)
	}
}

// TestNothingIsCountedTwice: a state is seen again and again, and after a restart
// the log is read anew.
func TestNothingIsCountedTwice(t *testing.T) {
	s := overcloud()
	once, twice := Tally{Since: noon.Add(-time.Hour / 2)}, Tally{Since: noon.Add(-time.Hour / 2)}
	once.See(s)
	before := *s
	before.Index, before.Performed, before.FenceHistory = 41, s.Performed[:3], s.FenceHistory[:2]
	for _, seen := range []*state.State{&before, &before, s, s} {
		twice.See(seen)
	}
	if diff := cmp.Diff(Write(once.Families()), Write(twice.Families())); diff != "" {
		t.Errorf("-once +again\n%s", diff)
	}
	late := Tally{Since: noon}
	late.See(s)
	if text := Write(late.Families()); strings.Contains(text, "belay_operations_total") || strings.Contains(text, "belay_fencings_total") {
		t.Errorf("what was before the start is counted:\n%s", text)
	}
}

// TestDurations: a bound counts what is at most as long.
func TestDurations(t *testing.T) {
	var d Durations
	for _, took := range []time.Duration{time.Millisecond, time.Millisecond + 1, time.Hour} {
		d.Add(took)
	}
	text := Write([]Family{{Name: "x_seconds", Kind: Histogram, Help: "x", Spreads: []Spread{{Of: d}}}})
	check(t, text)
	for _, line := range []string{`x_seconds_bucket{le="0.001"} 1`, `x_seconds_bucket{le="0.0025"} 2`, `x_seconds_bucket{le="300"} 2`, `x_seconds_bucket{le="+Inf"} 3`, "x_seconds_count 3"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// TestDocumentation: the document lists what there is.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range everything() {
		names[f.Name] = true
		if !strings.Contains(string(page), "| `"+f.Name) {
			t.Errorf("docs/metrics.md lacks %s", f.Name)
		}
	}
	for _, name := range regexp.MustCompile(`\bbelay_[a-z_]+`).FindAllString(string(page), -1) {
		family := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			family = strings.TrimSuffix(family, suffix)
		}
		if !names[family] {
			t.Errorf("docs/metrics.md tells of %s, which there is not", name)
		}
	}
}

var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-z_:][a-z0-9_:]*) (\S.*)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-z_:][a-z0-9_:]*) (gauge|counter|histogram)$`)
	sampleLine = regexp.MustCompile(`^([a-z_:][a-z0-9_:]*)(?:\{([a-z_]+="(?:[^"\\]|\\[\\n"])*"(?:,[a-z_]+="(?:[^"\\]|\\[\\n"])*")*)\})? (\S+)$`)
)

// check reads the format strictly: each family once, its help before its type
// before its samples; no sample twice; counters end in _total; buckets rise and end
// with what _count says.
func check(t *testing.T, text string) {
	t.Helper()
	seen, kinds := map[string]bool{}, map[string]string{}
	last := map[string]float64{} // of a histogram's buckets
	family, helped := "", ""
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fail := func(format string, args ...any) {
			t.Errorf("line %d, %s: %s", n+1, line, fmt.Sprintf(format, args...))
		}
		if m := helpLine.FindStringSubmatch(line); m != nil {
			helped = m[1]
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			if kinds[m[1]] != "" || helped != m[1] {
				fail("the family stands twice, or has no help")
			}
			if family = m[1]; m[2] == "counter" != strings.HasSuffix(family, "_total") {
				fail("counters end in _total, and nothing else")
			}
			kinds[family] = m[2]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			fail("it is no line of the format")
			continue
		}
		name, labels := m[1], m[2]
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil || seen[name+"{"+labels] {
			fail("no number, or a number twice")
		}
		seen[name+"{"+labels] = true
		if kinds[family] != "histogram" {
			if name != family {
				fail("it is of another family than %s", family)
			}
			continue
		}
		part, ofFamily := strings.CutPrefix(name, family+"_")
		if !ofFamily || !slices.Contains([]string{"bucket", "sum", "count"}, part) {
			fail("it is no part of the histogram %s", family)
		}
		key := family + "{" + strings.TrimSuffix(regexp.MustCompile(`,?le="[^"]*"$`).ReplaceAllString(labels, ""), ",")
		switch part {
		case "bucket":
			if value < last[key] {
				fail("buckets rise")
			}
			last[key] = value
		case "count":
			if value != last[key] {
				fail("the last bucket holds all")
			}
		}
	}
	if len(kinds) == 0 || !strings.HasSuffix(text, "\n") {
		t.Errorf("nothing, or no end: %v", slices.Sorted(maps.Keys(kinds)))
	}
}
