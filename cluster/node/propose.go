package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// proposeTimeout bounds one commit.
const proposeTimeout = 10 * time.Second

// propose commits a command in the cluster's own name.
func (n *Node) propose(ctx context.Context, command state.Command) (state.Result, error) {
	return n.Propose(ctx, api.Identity{Name: state.ByCluster}, command)
}

// Propose commits a command and returns when this member, the leader, has
// applied it. A rejected command is an error of type *state.Rejection; any
// other is an *api.Error that says whether the outcome is known.
func (n *Node) Propose(ctx context.Context, who api.Identity, command state.Command) (state.Result, error) {
	if err := n.refuse(command); err != nil {
		return state.Result{}, err
	}
	current := n.machine.current.Load()
	if err := api.TooNew(current, command); err != nil {
		return state.Result{}, err
	}
	if current.Version < state.VersionAdmin {
		who.From = "" // a member of an earlier release could not read it
	}
	data, err := state.EncodeFrom(command, time.Now(), who.Name, who.From)
	if err != nil {
		return state.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, proposeTimeout)
	defer cancel()
	began := time.Now()
	_, response, err := n.raft.Propose(ctx, data)
	if err != nil {
		return state.Result{}, n.wireError(err)
	}
	n.measures.committed(time.Since(began))
	result, ok := response.(state.Result)
	if !ok {
		return state.Result{}, fmt.Errorf("the state machine answered %T", response)
	}
	return result, result.Err
}

// refuse checks what the pure state cannot: a definition's agents, parameters
// and references. Whoever sends it, a definition that does not hold together is
// not committed.
func (n *Node) refuse(command state.Command) error {
	set, isDefinition := command.(*state.DefinitionSet)
	if !isDefinition || set.Definition == nil {
		return nil
	}
	agents, fences := definition.Agents(n.config.Agents.Specs()), definition.Fences(n.config.Fences)
	problems := resources.Validate(set.Definition, agents, fences)
	if slices.ContainsFunc(problems, inTheClear) {
		// Those that an earlier release took stay until somebody changes them.
		known := resources.Validate(n.machine.current.Load().Definition, agents, fences)
		problems = slices.DeleteFunc(problems, func(p resources.Problem) bool { return inTheClear(p) && slices.Contains(known, p) })
	}
	if len(problems) == 0 {
		return nil
	}
	refused := &api.Error{Code: api.CodeInvalid, Text: fmt.Sprintf("the definition has %d problems; nothing was changed", len(problems))}
	for _, p := range problems {
		refused.Details = append(refused.Details, p.String())
	}
	return refused
}

func inTheClear(p resources.Problem) bool { return p.Code == resources.ProblemClearSecret }

// wireError gives a log error its meaning for callers.
func (n *Node) wireError(err error) error {
	switch {
	case errors.Is(err, raftlog.ErrNotLeader), errors.Is(err, raftlog.ErrNoQuorum):
		return &api.Error{Code: api.CodeNoQuorum, Text: n.NoQuorum()}
	case errors.Is(err, raftlog.ErrUnknown):
		return &api.Error{Code: api.CodeUnknown, Text: fmt.Sprintf("the change may or may not have been committed: %v; look with `belayctl status` before trying again", err)}
	case errors.Is(err, raftlog.ErrBusy), errors.Is(err, raftlog.ErrClosed):
		return &api.Error{Code: api.CodeUnavailable, Text: fmt.Sprintf("nothing was changed: %v; try again", err)}
	case errors.Is(err, raftlog.ErrTooLarge):
		return &api.Error{Code: api.CodeInvalid, Text: fmt.Sprintf("nothing was changed: %v", err)}
	}
	return &api.Error{Code: api.CodeInternal, Text: err.Error()}
}
