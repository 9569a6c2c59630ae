package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Severity is how much a finding matters.
type Severity string

// The severities. A note changes no exit code.
const (
	Critical Severity = "critical" // the cluster cannot do its work, or will not
	Warning  Severity = "warning"  // it can now, and may not later
	Note     Severity = "note"     // worth knowing
)

// Finding is something that somebody should care about.
type Finding struct {
	// Code is stable: scripts lean on it.
	Code     string             `json:"code"`
	Severity Severity           `json:"severity"`
	Node     resources.NodeName `json:"node,omitempty"`
	// Found is what was seen, with numbers; Cure what to do, a command where there
	// is one.
	Found string `json:"found"`
	Cure  string `json:"cure"`
}

// Check is one thing that was looked at.
type Check struct {
	Name string `json:"name"`
	// Said is what was found in general, such as the worst of the numbers.
	Said string `json:"said"`
	// Findings is how many warnings and worse it has led to.
	Findings int `json:"findings"`
}

// Diagnosis is what was looked at and what was found, the worst first.
type Diagnosis struct {
	Checks   []Check   `json:"checks"`
	Findings []Finding `json:"findings"`
}

// Fine reports whether there is nothing to cure: notes do not count.
func (d *Diagnosis) Fine() bool {
	return !slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Severity != Note })
}

// Silent is a member that could not be examined, and why.
type Silent struct {
	Node  resources.NodeName `json:"node"`
	Error string             `json:"error"`
}

// Fence is what a fence device answered, or why nobody could ask.
type Fence struct {
	Device string
	Target resources.NodeName
	By     resources.NodeName
	// Failure is empty when the device would do its work.
	Failure string
}

// Input is everything there is to judge.
type Input struct {
	// Now is the clock of whoever judges.
	Now          time.Time
	State        *state.State // nil on a host without a cluster
	Leader       resources.NodeName
	Examinations []Examination
	Silent       []Silent
	// Fences are the answers of fence devices; FencesUnasked says why there are none.
	Fences        []Fence
	FencesUnasked string
}

// judge collects what the checks find.
type judge struct {
	in   Input
	made Diagnosis
	// open counts the findings of the check that is being made.
	open int
}

// Judge looks at everything. It is deterministic.
func Judge(in Input) Diagnosis {
	slices.SortFunc(in.Examinations, func(a, b Examination) int { return cmp.Compare(a.Node, b.Node) })
	j := &judge{in: in, made: Diagnosis{Checks: []Check{}, Findings: []Finding{}}}
	if in.State != nil {
		j.check("members", j.members)
		j.check("quorum", j.quorum)
		j.check("versions", j.versions)
	}
	j.check("clocks", j.clocks)
	if in.State != nil {
		j.check("network", j.network)
		j.check("packet size", j.packets)
	} else {
		j.check("ports", j.ports)
	}
	j.check("disks", j.disks)
	j.check("memory", j.memory)
	if in.State != nil {
		j.check("certificates", j.certificates)
		j.check("fencing", j.fencing)
		j.check("watchdogs", j.watchdogs)
	}
	j.check("units", j.units)
	j.check("programs", j.programs)
	j.check("host", j.host)
	rank := map[Severity]int{Critical: 0, Warning: 1, Note: 2}
	slices.SortStableFunc(j.made.Findings, func(a, b Finding) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	return j.made
}

func (j *judge) check(name string, look func() string) {
	j.open = 0
	said := look()
	j.made.Checks = append(j.made.Checks, Check{Name: name, Said: said, Findings: j.open})
}

// find notes a finding of the present check.
func (j *judge) find(code string, severity Severity, node resources.NodeName, cure, format string, args ...any) {
	if severity != Note {
		j.open++
	}
	j.made.Findings = append(j.made.Findings, Finding{Code: code, Severity: severity, Node: node, Found: fmt.Sprintf(format, args...), Cure: cure})
}

// on says on which host a cure is to be carried out.
func on(node resources.NodeName, command string) string {
	if node == "" {
		return command
	}
	return fmt.Sprintf("on %s: %s", node, command)
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
