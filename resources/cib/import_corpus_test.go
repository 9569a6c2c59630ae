package cib_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/cluster/policy/simulate"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/cib"
	"github.com/belay-ha/belay/resources/definition"
)

// What the recorded clusters came to when this was last looked at. The floors
// only rise.
const (
	floorWhole  = 437 // are imported with nothing left out; all of them are placed as the CIB is
	floorPlaced = 438 // are placed as the CIB is, with or without something left out
)

// TestImportCases imports every recorded cluster, where they are at hand, and
// compares where its definition and the CIB itself place everything, from a
// cluster whose nodes are all there and run nothing.
func TestImportCases(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/scheduler-cases/*.xml")
	if len(files) == 0 {
		t.Skip("the recorded clusters are not here")
	}
	var whole, agree, partly int
	features := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		imported, err := cib.Import(bytes.NewReader(text), name)
		if err != nil {
			t.Error(err)
			continue
		}
		seen := map[string]bool{}
		for _, p := range imported.Left {
			if f := feature(p.Text); !seen[f] {
				seen[f] = true
				features[f]++
			}
		}
		difference := compareImport(t, name, text, imported)
		switch {
		case len(imported.Left) == 0 && difference == "":
			whole++
			agree++
		case len(imported.Left) == 0:
			whole++
			t.Logf("%s differs:\n%s", name, difference)
		case difference == "":
			partly++
		}
	}
	t.Logf("%d files: %d are imported whole, %d of these agree; of the others %d agree in what is left", len(files), whole, agree, partly)
	for _, f := range slices.SortedFunc(maps.Keys(features), func(a, b string) int { return features[b] - features[a] }) {
		t.Logf("%4d refused for: %s", features[f], f)
	}
	if whole < floorWhole || agree < whole || agree+partly < floorPlaced {
		t.Errorf("%d whole, %d agree, %d placed: want %d, all of them, %d", whole, agree, agree+partly, floorWhole, floorPlaced)
	}
}

var particular = regexp.MustCompile(`"[^"]*"|\[[^]]*\]|\d+`)

// feature reduces a message to what it is about.
func feature(text string) string { return particular.ReplaceAllString(text, "…") }

// compareImport returns where the definition, written and read again, is placed
// otherwise than the CIB.
func compareImport(t *testing.T, name string, text []byte, imported *cib.Imported) string {
	t.Helper()
	def, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}.WithForeign(), definition.File{Name: "import", Text: definition.Encode(imported.Definition)})
	if err != nil {
		t.Errorf("%s: the definition does not read back: %v", name, err)
		return "unreadable"
	}
	if changes := definition.Diff(imported.Definition, def); len(changes) > 0 {
		t.Errorf("%s: the definition reads back otherwise: %v", name, changes)
	}
	in, err := cib.Read(bytes.NewReader(text), name)
	if err != nil {
		t.Fatal(err)
	}
	want, got := placedByCIB(def, emptied(def, in)), placedByDefinition(def, imported.Setup, emptied(def, in))
	var lines []string
	for _, at := range slices.Sorted(maps.Keys(want)) {
		if want[at] != got[at] {
			lines = append(lines, fmt.Sprintf("  CIB only:        %s ×%d, not ×%d", at, want[at], got[at]))
		}
	}
	for _, at := range slices.Sorted(maps.Keys(got)) {
		if want[at] == 0 {
			lines = append(lines, "  definition only: "+at)
		}
	}
	return strings.Join(lines, "\n")
}

// emptied is the CIB's cluster with every node there, and nothing running. What
// is known of the nodes stays.
func emptied(def *resources.Definition, in *policy.Input) *policy.Input {
	empty := *in
	empty.Quorum, empty.Status = true, nil
	transient := map[string][]policy.AttributeSet{}
	for _, s := range in.Status {
		transient[s.ID] = s.Attributes
	}
	for _, n := range in.Nodes {
		if n.Kind != policy.KindMember {
			continue
		}
		empty.Status = append(empty.Status, policy.NodeStatus{
			ID: n.ID, Name: n.Name, InMembership: "true", Peer: "online", Join: "member", Expected: "member", Attributes: lasting(transient[n.ID]),
		})
	}
	for _, name := range otherNodes(def) {
		empty.Status = append(empty.Status, policy.NodeStatus{ID: string(name), Name: string(name), Remote: true, Attributes: lasting(transient[string(name)])})
	}
	if empty.Now.IsZero() {
		empty.Now = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	empty.Nodes = slices.Clone(in.Nodes)
	if !numbered(in.Resources) {
		for i := range empty.Nodes {
			empty.Nodes[i].Attributes = lasting(empty.Nodes[i].Attributes)
		}
	}
	for _, n := range def.Nodes { // seen before, which gives them their names
		if name := string(n.Name); n.Kind == resources.NodeRemote && !slices.ContainsFunc(empty.Nodes, func(c policy.NodeConfig) bool { return c.Name == name }) {
			empty.Nodes = append(empty.Nodes, policy.NodeConfig{ID: name, Name: name, Kind: policy.KindRemote})
		}
	}
	empty.Resources = services(in.Resources)
	empty.Options = unfenced(in.Options)
	asking(&empty)
	return &empty
}

// otherNodes are those that are no members to Pacemaker: remote nodes, guests, and
// the replicas of bundles.
func otherNodes(def *resources.Definition) []resources.NodeName {
	names := def.InnerNames()
	for _, n := range def.Nodes {
		if n.Kind == resources.NodeRemote {
			names = append(names, n.Name)
		}
	}
	return names
}

// unfenced leaves fencing out of the options: it is of no interest where nothing
// runs and nobody is lost.
func unfenced(options []policy.AttributeSet) []policy.AttributeSet {
	off := []policy.AttributeSet{{ID: "unfenced", Pairs: []policy.Pair{{Name: "fencing-enabled", Value: "false"}}}}
	for _, set := range options {
		set.Pairs = slices.DeleteFunc(slices.Clone(set.Pairs), func(p policy.Pair) bool { return p.Name == "stonith-enabled" || p.Name == "fencing-enabled" })
		off = append(off, set)
	}
	return off
}

// numbered reports whether the copies of a clone are told apart: then attributes
// that name one of them mean something.
func numbered(all []policy.ResourceConfig) bool {
	return slices.ContainsFunc(all, func(r policy.ResourceConfig) bool {
		return numbered(r.Members) || slices.ContainsFunc(r.Meta, func(s policy.AttributeSet) bool {
			return slices.Contains(s.Pairs, policy.Pair{Name: "globally-unique", Value: "true"})
		})
	})
}

// lasting are the attributes that do not speak of what ran, or ends.
func lasting(sets []policy.AttributeSet) []policy.AttributeSet {
	var kept []policy.AttributeSet
	for _, set := range sets {
		set.Pairs = slices.DeleteFunc(slices.Clone(set.Pairs), func(p policy.Pair) bool {
			return strings.HasPrefix(p.Name, "fail-count") || strings.HasPrefix(p.Name, "last-failure") ||
				strings.HasPrefix(p.Name, "master-") && strings.Contains(p.Name, ":") ||
				slices.Contains([]string{"shutdown", "terminate"}, p.Name)
		})
		kept = append(kept, set)
	}
	return kept
}

// services leaves out fence devices, which are no resources to Belay and are no
// load on the nodes.
func services(all []policy.ResourceConfig) []policy.ResourceConfig {
	var kept []policy.ResourceConfig
	for _, r := range all {
		if r.Class == "stonith" {
			continue
		}
		if len(r.Members) > 0 {
			if r.Members = services(r.Members); len(r.Members) == 0 {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept
}

// asking makes every copy ask for promotion where none does: from nothing, Belay
// promotes nobody who does not ask, whatever the constraints say.
func asking(in *policy.Input) {
	asks := map[string]bool{}
	for _, sets := range attributeSets(in) {
		for _, set := range sets {
			for _, p := range set.Pairs {
				base, _, _ := strings.Cut(p.Name, ":")
				asks[base] = true
			}
		}
	}
	var pairs []policy.Pair
	var collect func([]policy.ResourceConfig)
	collect = func(all []policy.ResourceConfig) {
		for i := range all {
			if name := "master-" + all[i].ID; all[i].Variant == policy.Primitive && !asks[name] {
				pairs = append(pairs, policy.Pair{Name: name, Value: "1"})
			}
			collect(all[i].Members)
		}
	}
	collect(in.Resources)
	for i := range in.Status {
		in.Status[i].Attributes = append(in.Status[i].Attributes, policy.AttributeSet{ID: "asking", Pairs: pairs})
	}
}

func attributeSets(in *policy.Input) [][]policy.AttributeSet {
	var all [][]policy.AttributeSet
	for i := range in.Status {
		all = append(all, in.Status[i].Attributes)
	}
	for i := range in.Nodes {
		all = append(all, in.Nodes[i].Attributes)
	}
	return all
}

func placedByCIB(def *resources.Definition, in *policy.Input) map[string]int {
	placed := map[string]int{}
	connections := map[string]bool{}
	for i := range in.Resources {
		if r := &in.Resources[i]; r.Class == "ocf" && r.Provider == "pacemaker" && r.Type == "remote" {
			connections[r.ID] = true
		}
	}
	for _, name := range def.InnerNames() {
		connections[string(name)] = true
	}
	for _, i := range simulate.Run(in, simulate.Options{}).After.Instances {
		if connections[i.Resource] {
			continue // a remote node of Belay's connects by itself
		}
		role := resources.RoleStarted
		switch i.Role {
		case policy.RoleStopped, policy.RoleUnknown:
			continue
		case policy.RolePromoted:
			role = resources.RolePromoted
		}
		base, _, _ := strings.Cut(i.Resource, ":")
		placed[fmt.Sprintf("%s %s on %s", base, role, i.Node)]++
	}
	return placed
}

func placedByDefinition(def *resources.Definition, setup cib.Setup, in *policy.Input) map[string]int {
	def = def.Clone()
	def.Properties.FencingEnabled = new(bool) // as the CIB is simulated
	s := state.New()
	s.Definition, s.Tickets = def, map[resources.TicketName]*state.Ticket{}
	for name, t := range setup.Tickets {
		s.Tickets[name] = &state.Ticket{Granted: t.Granted, Standby: t.Standby}
	}
	opts := scheduler.Options{Quorum: true, Leader: leaderOf(in), Agents: map[string]scheduler.AgentFacts{}}
	for _, status := range in.Status {
		name := resources.NodeName(status.Name)
		node := &state.Node{Name: name, Liveness: state.LivenessAlive, Incarnation: "i", BootID: "b",
			Instances: map[resources.InstanceID]*state.Instance{}, Attributes: map[string]string{}}
		for _, set := range status.Attributes {
			for _, p := range set.Pairs {
				node.Attributes[p.Name] = p.Value
			}
		}
		for _, r := range def.Everything() {
			for _, id := range copies(def, &r) {
				node.Instances[id] = &state.Instance{ID: id, Role: resources.RoleStopped, Probed: true}
			}
		}
		node.Standby = slices.Contains(setup.Standby, name)
		if slices.Contains(setup.Maintenance, name) {
			node.Maintenance = &state.Maintenance{By: "import"}
		}
		s.Nodes[name] = node
	}
	for _, r := range def.Everything() {
		opts.Agents[r.Agent] = scheduler.AgentFacts{Promotable: true}
	}
	placed := map[string]int{}
	plan := scheduler.Plan(s, in.Now, opts)
	for node, instances := range plan.Targets {
		for id, role := range instances {
			placed[fmt.Sprintf("%s %s on %s", id.Resource(), role, node)]++
		}
	}
	return placed
}

func copies(def *resources.Definition, r *resources.Resource) []resources.InstanceID {
	clone := r.Clone
	if g, found := def.GroupOf(r.ID); found {
		clone = g.Clone
	}
	if clone == nil || !clone.GloballyUnique {
		return []resources.InstanceID{resources.InstanceID(r.ID)}
	}
	var ids []resources.InstanceID
	for k := range resources.Or(clone.Max, len(def.Nodes)) {
		ids = append(ids, resources.NumberedInstance(r.ID, k))
	}
	return ids
}

// leaderOf names the member that plans for the CIB's cluster.
func leaderOf(in *policy.Input) resources.NodeName {
	for _, n := range in.Nodes {
		if n.ID == in.DC && in.DC != "" {
			return resources.NodeName(n.Name)
		}
	}
	return ""
}
