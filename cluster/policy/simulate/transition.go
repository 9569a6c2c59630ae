package simulate

import (
	"container/heap"

	"github.com/belay-ha/belay/cluster/policy"
)

// Tasks of steps, as policy.Step names them.
const (
	taskStart       = "start"
	taskStop        = "stop"
	taskMonitor     = "monitor"
	taskCancel      = "cancel"
	taskReload      = "reload-agent"
	taskMigrateTo   = "migrate_to"
	taskMigrateFrom = "migrate_from"
	taskNotify      = "notify"
	taskDelete      = "delete"
	taskClear       = "clear_failcount"
	taskFence       = "fence"
	taskShutdown    = "do_shutdown"

	fenceOn = "on"
)

// transition carries steps out in rounds: each round goes through the steps in
// the order of their numbers and takes those that wait for nothing any more.
type transition struct {
	plan     *policy.Plan
	record   *record
	failures []Failure
	met      []bool // by failure
	waits    []int  // by step: how many others it waits for
	next     [][]int
	executed []int
	failed   []int
}

func newTransition(in *policy.Input, plan *policy.Plan, failures []Failure) *transition {
	t := &transition{
		plan: plan, record: newRecord(in, plan.Present), failures: failures,
		met: make([]bool, len(failures)), waits: make([]int, len(plan.Steps)), next: make([][]int, len(plan.Steps)),
	}
	for number, step := range plan.Steps {
		if step.Stuck {
			t.waits[number]++
		}
		for _, before := range step.After {
			if before >= 0 && before < len(plan.Steps) {
				t.next[before] = append(t.next[before], number)
				t.waits[number]++
			}
		}
	}
	return t
}

// run carries out all that can be. After a failure nothing more is begun, as a
// new plan is due; marks (pseudo-steps) are still passed.
func (t *transition) run() {
	var now, later numbers
	for number, waits := range t.waits {
		if waits == 0 {
			now = append(now, number)
		}
	}
	for len(now) > 0 {
		for len(now) > 0 {
			number := heap.Pop(&now).(int)
			if !t.carryOut(number) {
				continue
			}
			for _, then := range t.next[number] {
				if t.waits[then]--; t.waits[then] > 0 {
					continue
				}
				if then > number {
					heap.Push(&now, then)
				} else {
					heap.Push(&later, then)
				}
			}
		}
		now, later = later, now
	}
}

// carryOut reports whether those that wait for the step may go on.
func (t *transition) carryOut(number int) bool {
	step := &t.plan.Steps[number]
	if step.Pseudo {
		t.executed = append(t.executed, number)
		return true
	}
	if len(t.failed) > 0 {
		return false
	}
	t.executed = append(t.executed, number)
	for i, f := range t.failures {
		if f.matches(step) {
			t.met[i] = true
			t.failed = append(t.failed, number)
			t.record.fail(step, f)
			return false
		}
	}
	t.record.succeed(step)
	return true
}

func (t *transition) unmatched() []Failure {
	var none []Failure
	for i, f := range t.failures {
		if !t.met[i] {
			none = append(none, f)
		}
	}
	return none
}

// numbers is a heap of step numbers, smallest first.
type numbers []int

func (n numbers) Len() int           { return len(n) }
func (n numbers) Less(i, j int) bool { return n[i] < n[j] }
func (n numbers) Swap(i, j int)      { n[i], n[j] = n[j], n[i] }
func (n *numbers) Push(x any)        { *n = append(*n, x.(int)) }
func (n *numbers) Pop() any {
	last := len(*n) - 1
	x := (*n)[last]
	*n = (*n)[:last]
	return x
}
