package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// reportLimit bounds one member's report, with the way there and back.
const reportLimit = 45 * time.Second

// Report returns what a member says of itself for a support archive, without
// secrets: of this one, or of another that is asked. whole adds what this member
// knows of the whole cluster.
func (n *Node) Report(ctx context.Context, name resources.NodeName, whole bool) (api.MemberReport, error) {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	if name == "" || name == n.config.Name {
		return n.ownReport(ctx, whole), nil
	}
	member, found := n.machine.current.Load().Nodes[name]
	if !found {
		return api.MemberReport{}, &api.Error{Code: api.CodeNotFound, Reason: string(state.ReasonUnknownNode), Text: fmt.Sprintf("node %q is not a member", name)}
	}
	report, err := n.client(name, member.Address).PeerReport(ctx)
	if err != nil {
		return report, &api.Error{Code: api.CodeUnavailable, Text: fmt.Sprintf("%s: %v", name, err)}
	}
	return report, nil
}

func (n *Node) ownReport(ctx context.Context, whole bool) api.MemberReport {
	s := n.machine.current.Load()
	report := api.MemberReport{Node: n.config.Name, At: time.Now().UTC()}
	scrub := n.newRedactor(s)
	add := func(name, text string, err error) {
		switch {
		case err != nil:
			report.Missing = append(report.Missing, scrub.Text(fmt.Sprintf("%s: %v", name, err)))
		case len(text) > api.MaxReportFile:
			report.Missing = append(report.Missing, fmt.Sprintf("%s: %d bytes are too many", name, len(text)))
		default:
			report.Files = append(report.Files, api.ReportFile{Name: name, Text: scrub.Text(text)})
		}
	}
	addJSON := func(name string, value any, err error) {
		if err != nil {
			add(name, "", err)
			return
		}
		text, err := json.MarshalIndent(value, "", " ")
		add(name, string(text), err)
	}
	if whole {
		bare, err := n.bare(s)
		var stream bytes.Buffer
		if err == nil {
			err = bare.WriteSnapshot(&stream)
		}
		add(api.ReportState, stream.String(), err)
		addJSON(api.ReportAudit, s.Audit, nil)
		if bare != nil {
			leader, _, self := n.Leader()
			live := api.Live{}
			if self {
				live = n.Live()
			}
			status := api.BuildStatus(bare, live, leader, !self, time.Now())
			status.Member = n.config.Name
			addJSON(api.ReportStatus, status, nil)
		}
		doctor, err := n.Doctor(ctx)
		addJSON(api.ReportDoctor, doctor, err)
	}
	addJSON("member.json", n.ownFacts(), nil)
	if n.config.Journal == nil {
		add("journal.txt", "", fmt.Errorf("this member has none"))
	} else {
		text, err := n.config.Journal(ctx)
		add("journal.txt", text, err)
	}
	var dump bytes.Buffer
	err := pprof.Lookup("goroutine").WriteTo(&dump, 1) // without arguments, which might be secrets
	add("goroutines.txt", dump.String(), err)
	return report
}

// ownFacts is how the member is set and how it does.
func (n *Node) ownFacts() map[string]any {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	seen := map[string]string{}
	for name := range n.machine.current.Load().Nodes {
		if o, known := n.gossip.Observe(string(name)); known {
			seen[string(name)] = o.Verdict.String()
		}
	}
	status := n.raft.Status()
	return map[string]any{
		"version": n.config.Version, "go": runtime.Version(), "node": n.config.Name, "address": n.config.Address, "boot_id": n.config.BootID,
		"data_dir": n.config.DataDir, "run_dir": n.config.RunDir, "heartbeat_timeout": n.config.Raft.HeartbeatTimeout.String(), "gossip": seen,
		"raft":       map[string]any{"state": status.State.String(), "term": status.Term, "leader": status.LeaderID, "last_contact": status.LastContact, "last_index": status.LastIndex, "commit_index": status.CommitIndex, "applied_index": status.AppliedIndex},
		"goroutines": runtime.NumGoroutine(), "heap_bytes": memory.HeapAlloc, "memory_bytes": memory.Sys, "processors": runtime.GOMAXPROCS(0),
	}
}
