package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ha/belay/cluster/policy"
)

// Failure asks for a step to fail.
type Failure struct {
	// Resource is an instance, or a resource for any of its instances.
	Resource, Task, Node string
	// RC is the agent's return code; 0 for the usual one.
	RC int
}

// String writes the failure as ParseFailure reads it.
func (f Failure) String() string {
	text := f.Resource + ":" + f.Task + ":" + f.Node
	if f.RC != 0 {
		text += "=" + strconv.Itoa(f.RC)
	}
	return text
}

// failable are the tasks that can be asked to fail.
var failable = []string{taskStart, taskStop, "promote", "demote", taskMonitor, taskReload, taskMigrateTo, taskMigrateFrom}

// ParseFailure reads RESOURCE:TASK:NODE or RESOURCE:TASK:NODE=RC.
func ParseFailure(text string) (Failure, error) {
	var f Failure
	rest, code, coded := strings.Cut(text, "=")
	if coded {
		rc, err := strconv.Atoi(code)
		if err != nil || rc < 0 || rc > 255 {
			return f, fmt.Errorf("failure %q: the return code %q is no number from 0 to 255", text, code)
		}
		f.RC = rc
	}
	rest, f.Node, _ = cutLast(rest, ":")
	f.Resource, f.Task, _ = cutLast(rest, ":")
	if f.Resource == "" || f.Task == "" || f.Node == "" {
		return f, fmt.Errorf("failure %q: write RESOURCE:OPERATION:NODE, for example web:start:node-1", text)
	}
	if !slices.Contains(failable, f.Task) {
		return f, fmt.Errorf("failure %q: no operation %q: write one of %s", text, f.Task, strings.Join(failable, ", "))
	}
	return f, nil
}

func (f Failure) matches(step *policy.Step) bool {
	return f.Task == step.Task && f.Node == step.Node && (f.Resource == step.Resource || f.Resource == step.Base)
}

// code returns the agent's return code: what a failing operation usually gives.
func (f Failure) code(step *policy.Step) int {
	const notRunning, anyError = 7, 1
	switch {
	case f.RC != 0:
		return f.RC
	case step.Task == taskMonitor && step.Interval > 0 && step.Expected != notRunning:
		return notRunning
	default:
		return anyError
	}
}

// fail records a failure, with the count of failures that the members keep.
func (r *record) fail(step *policy.Step, f Failure) {
	rc := f.code(step)
	r.result(step, rc)
	if rc == step.Expected {
		return
	}
	name := step.Resource
	if r.anonymous[step.Base] {
		name = step.Base
	}
	suffix := name + "#" + step.Task + "_" + strconv.FormatInt(step.Interval.Milliseconds(), 10)
	s := r.status(step.Node)
	count := "fail-count-" + suffix
	value := "INFINITY"
	fatal := step.Task == taskStop || step.Task == taskStart && r.startFailureFatal()
	if !fatal && !strings.EqualFold(attribute(s.Attributes, count), value) {
		before, _ := strconv.Atoi(attribute(s.Attributes, count))
		value = strconv.Itoa(before + 1)
	}
	setAttribute(s, count, value)
	setAttribute(s, "last-failure-"+suffix, strconv.FormatInt(r.in.Now.Unix(), 10))
}

func (r *record) startFailureFatal() bool {
	switch strings.ToLower(attribute(r.in.Options, "start-failure-is-fatal")) {
	case "false", "off", "no", "n", "0":
		return false
	}
	return true
}

func attribute(sets []policy.AttributeSet, name string) string {
	for _, set := range sets {
		for _, p := range set.Pairs {
			if p.Name == name {
				return p.Value
			}
		}
	}
	return ""
}

// setAttribute sets a transient attribute of a node.
func setAttribute(s *policy.NodeStatus, name, value string) {
	s.Attributes = withAttribute(s.Attributes, name, value)
}

// withAttribute returns sets of which name has the value, whatever else says
// otherwise. The sets that were given stay as they are.
func withAttribute(sets []policy.AttributeSet, name, value string) []policy.AttributeSet {
	changed := make([]policy.AttributeSet, 0, len(sets)+1)
	first := policy.AttributeSet{ID: "simulated", Score: maxScore, Pairs: []policy.Pair{{Name: name, Value: value}}}
	for i, set := range sets {
		if i == 0 && set.ID == first.ID {
			first.Pairs = append(first.Pairs, slices.DeleteFunc(slices.Clone(set.Pairs), func(p policy.Pair) bool { return p.Name == name })...)
			continue
		}
		changed = append(changed, set)
	}
	return slices.Insert(changed, 0, first)
}

// FailableTasks are the operations that a Failure can name.
func FailableTasks() []string { return slices.Clone(failable) }
