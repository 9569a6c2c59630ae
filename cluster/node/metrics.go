package node

import (
	"os"
	"runtime"
	runtimemetrics "runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/metrics"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// measures counts while the daemon runs.
type measures struct {
	started time.Time

	mu             sync.Mutex
	tally          metrics.Tally     // guarded by mu
	commits, steps metrics.Durations // guarded by mu
}

func newMeasures(now time.Time) *measures {
	return &measures{started: now, tally: metrics.Tally{Since: now}}
}

// saw takes in a new state.
func (m *measures) saw(s *state.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.See(s)
}

// committed counts a command that was committed and applied.
func (m *measures) committed(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits.Add(took)
}

// decided counts a step of the leader.
func (m *measures) decided(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps.Add(took)
}

// Metrics says how this member is and, by its own copy of the state, the cluster, in
// Prometheus' text format. It needs no leader.
func (n *Node) Metrics() string {
	s, now := n.machine.current.Load(), time.Now()
	families := metrics.Of(n.ownNumbers(now))
	families = append(families, metrics.Cluster(s, now)...)
	work := n.work(s)
	families = append(families, n.measures.into(&work)...)
	return metrics.Write(append(families, work.Families()...))
}

// into returns what was counted of the cluster, and fills in what was of the
// leader's work.
func (m *measures) into(work *metrics.Work) []metrics.Family {
	m.mu.Lock()
	defer m.mu.Unlock()
	work.Commits, work.Steps = m.commits, m.steps
	return m.tally.Families()
}

func (n *Node) ownNumbers(now time.Time) metrics.Member {
	status := n.raft.Status()
	heard, silent := n.voters()
	m := metrics.Member{
		Node: n.config.Name, Version: n.config.Version, Go: runtime.Version(), CommandSet: state.Version,
		Leader: resources.NodeName(status.LeaderID), Term: status.Term,
		LastIndex: status.LastIndex, CommitIndex: status.CommitIndex, AppliedIndex: status.AppliedIndex,
		Contact: -1, Voters: len(heard) + len(silent), Heard: len(heard), Process: process(n.measures.started),
	}
	if status.State != raftlog.Leader && !status.LastContact.IsZero() {
		m.Contact = max(now.Sub(status.LastContact), 0)
	}
	return m
}

// work is what the leader knows; nothing where this member does not lead.
func (n *Node) work(s *state.State) metrics.Work {
	view := n.live.Load()
	if view == nil {
		return metrics.Work{}
	}
	work := metrics.Work{Leading: true, Problems: map[metrics.Problem]int{}}
	for _, p := range api.BuildStatus(s, n.Live(), n.config.Name, false, time.Now()).Problems {
		work.Problems[metrics.Problem{Code: p.Code, Severity: p.Severity}]++
	}
	work.InFlight, work.Waiting = inFlight(&view.transition)
	return work
}

// inFlight counts the actions of a plan that are under way, and the others.
func inFlight(plan *transition.Transition) (underWay, others int) {
	for i := range plan.Actions {
		if plan.Actions[i].InFlight != "" {
			underWay++
		} else {
			others++
		}
	}
	return underWay, others
}

// process asks the kernel and the runtime what the daemon takes; what cannot be read
// is -1 (proc_pid_statm(5), proc_pid_fd(5)).
func process(started time.Time) metrics.Process {
	p := metrics.Process{Started: started, CPUSeconds: -1, ResidentBytes: -1, OpenFiles: -1, HeapBytes: -1, Goroutines: runtime.NumGoroutine()}
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		p.CPUSeconds = time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
	}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(statm)); len(fields) > 1 {
			if pages, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				p.ResidentBytes = float64(pages) * float64(os.Getpagesize())
			}
		}
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		p.OpenFiles = float64(len(files))
	}
	heap := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}} // without stopping the world
	if runtimemetrics.Read(heap); heap[0].Value.Kind() == runtimemetrics.KindUint64 {
		p.HeapBytes = float64(heap[0].Value.Uint64())
	}
	return p
}
