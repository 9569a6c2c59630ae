package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Member is what a member knows of itself.
type Member struct {
	Node    resources.NodeName
	Version string // of the release
	Go      string
	// CommandSet is the newest that this release understands.
	CommandSet int
	// Leader is "" where none is known.
	Leader resources.NodeName
	Term   uint64
	// The newest entry of its log, the newest committed and the newest applied.
	LastIndex, CommitIndex, AppliedIndex uint64
	// Contact is how long ago a follower heard the leader; less than 0 for never, and
	// for the leader.
	Contact time.Duration
	// Voters, and how many of them it hears, itself among them.
	Voters, Heard int
	Process       Process
}

// Process is what the daemon takes of its host; less than 0 is not known.
type Process struct {
	Started       time.Time
	CPUSeconds    float64
	ResidentBytes float64
	OpenFiles     float64
	Goroutines    int
	HeapBytes     float64
}

// Down says that a member's daemon does not answer.
func Down() []Family { return []Family{up(false)} }

func up(is bool) Family { return single("belay_up", Gauge, "1 if the daemon answers.", yes(is)) }

// Of says how a member is.
func Of(m Member) []Family {
	families := []Family{
		up(true),
		{Name: "belay_build_info", Kind: Gauge, Help: "The member's name and release.", Samples: []Sample{{labels("node", string(m.Node), "version", m.Version, "go_version", m.Go), 1}}},
		single("belay_command_set", Gauge, "The newest command set that this release understands.", float64(m.CommandSet)),
		single("belay_leader_known", Gauge, "1 while the member knows a leader: without one nothing is started, changed or fenced.", yes(m.Leader != "")),
		single("belay_leading", Gauge, "1 while this member leads.", yes(m.Leader != "" && m.Leader == m.Node)),
		single("belay_voters", Gauge, "Members that vote.", float64(m.Voters)),
		single("belay_voters_heard", Gauge, "Voters that this member hears, itself included.", float64(m.Heard)),
		single("belay_log_term", Gauge, "The log's term: it rises with each election.", float64(m.Term)),
		single("belay_log_last_index", Gauge, "The newest entry of this member's log.", float64(m.LastIndex)),
		single("belay_log_commit_index", Gauge, "The newest committed entry that it knows of.", float64(m.CommitIndex)),
		single("belay_log_applied_index", Gauge, "The newest entry that it has applied.", float64(m.AppliedIndex)),
	}
	if m.Leader != "" {
		families = append(families, Family{Name: "belay_leader_info", Kind: Gauge, Help: "Who leads.", Samples: []Sample{{labels("leader", string(m.Leader)), 1}}})
	}
	if m.Contact >= 0 {
		families = append(families, single("belay_leader_contact_age_seconds", Gauge, "How long ago this member, a follower, heard the leader.", m.Contact.Seconds()))
	}
	return append(families, m.Process.families()...)
}

func (p *Process) families() []Family {
	known := []struct {
		family Family
		value  float64
	}{
		{single("process_cpu_seconds_total", Counter, "Processor time of the daemon.", p.CPUSeconds), p.CPUSeconds},
		{single("process_resident_memory_bytes", Gauge, "Memory of the daemon.", p.ResidentBytes), p.ResidentBytes},
		{single("process_open_fds", Gauge, "Open files of the daemon.", p.OpenFiles), p.OpenFiles},
		{single("process_start_time_seconds", Gauge, "When the daemon started.", float64(p.Started.UnixMilli())/1000), 0},
		{single("go_goroutines", Gauge, "Goroutines of the daemon.", float64(p.Goroutines)), 0},
		{single("go_memstats_heap_alloc_bytes", Gauge, "Heap of the daemon in use.", p.HeapBytes), p.HeapBytes},
	}
	var families []Family
	for _, k := range known {
		if k.value >= 0 {
			families = append(families, k.family)
		}
	}
	return families
}

// Work is how the leader's own work goes.
type Work struct {
	// Commits is how long commands took to be committed and applied, Steps how long
	// it took to decide what to do next. Both are of this member's terms.
	Commits, Steps Durations
	// Leading: what follows is known.
	Leading bool
	// Waiting and InFlight are the actions of the present plan.
	Waiting, InFlight int
	// Problems are what status tells, counted.
	Problems map[Problem]int
}

// Problem is a kind of problem.
type Problem struct{ Code, Severity string }

// Families says how the work goes.
func (w *Work) Families() []Family {
	families := []Family{
		{Name: "belay_commit_duration_seconds", Kind: Histogram, Help: "From a command's proposal by this member, leading, to its being applied.", Spreads: []Spread{{Of: w.Commits}}},
		{Name: "belay_decision_duration_seconds", Kind: Histogram, Help: "How long this member, leading, took to decide what to do next, with the plan.", Spreads: []Spread{{Of: w.Steps}}},
	}
	if !w.Leading {
		return families
	}
	problems := Family{Name: "belay_problems", Kind: Gauge, Help: "Problems that status tells, by code; only the leader knows."}
	for _, p := range slices.SortedFunc(maps.Keys(w.Problems), func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Severity, b.Severity))
	}) {
		problems.Samples = append(problems.Samples, Sample{labels("code", p.Code, "severity", p.Severity), float64(w.Problems[p])})
	}
	return append(families, problems, Family{Name: "belay_plan_actions", Kind: Gauge, Help: "Actions of the present plan; only the leader knows. None of either: the cluster has settled.", Samples: []Sample{
		{labels("state", "in_flight"), float64(w.InFlight)}, {labels("state", "waiting"), float64(w.Waiting)},
	}})
}
