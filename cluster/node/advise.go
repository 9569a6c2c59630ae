package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/localexec"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// advisors remembers what each advisor was asked, so that one that never comes
// to rest does not fill the log. Only the leader loop uses it.
type advisors struct {
	asked map[resources.ResourceID]question
}

// question is what an advisor was told, but for its own last answer, and how
// often it has changed its mind about it.
type question struct {
	digest  [sha256.Size]byte
	answers int
}

// maxAnswers bounds the answers to one question. An advisor may need a few
// steps, because its last answer is part of what it is told.
const maxAnswers = 8

func newAdvisors() *advisors { return &advisors{asked: map[resources.ResourceID]question{}} }

// allow reports whether an answer to this situation may be recorded, and counts
// it.
func (a *advisors) allow(situation agents.Situation) (allowed, last bool) {
	situation.Current, situation.View.Index = agents.Advice{}, 0
	digest := sha256.Sum256(plain(situation))
	asked := a.asked[situation.Resource]
	if asked.digest != digest {
		asked = question{digest: digest}
	}
	asked.answers++
	a.asked[situation.Resource] = asked
	return asked.answers <= maxAnswers, asked.answers == maxAnswers+1
}

// takeBack does not count an answer that was not recorded.
func (a *advisors) takeBack(resource resources.ResourceID) {
	asked := a.asked[resource]
	asked.answers--
	a.asked[resource] = asked
}

// plain is a value as JSON: what has been through the log and what has not
// compare equal, whether their maps are empty or nil.
func plain(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic("node: plain data: " + err.Error())
	}
	return data
}

// advise asks the agents that decide about all members at once, and records
// what they say when it is new. It reports whether anything was recorded.
func (n *Node) advise(ctx context.Context, s *state.State, known *advisors) bool {
	recorded := false
	for i := range s.Definition.Resources {
		resource := &s.Definition.Resources[i]
		agent, found := n.config.Agents.Find(resource.Agent)
		advisor, advises := agent.(agents.Advisor)
		if !found || !advises {
			continue
		}
		situation := situation(s, resource, agent.Spec())
		advice := advisor.Advise(situation)
		if bytes.Equal(plain(situation.Current), plain(advice)) {
			continue
		}
		switch allowed, last := known.allow(situation); {
		case last:
			n.log.Error("the advisor contradicts itself: its last advice stands until something changes", zap.String("resource", string(resource.ID)), zap.String("agent", resource.Agent))
			continue
		case !allowed:
			continue
		}
		n.log.Info("advice", zap.String("resource", string(resource.ID)), zap.String("reason", advice.Reason), zap.Any("table", advice.Table), zap.Bool("blocked", advice.Blocked))
		if _, err := n.propose(ctx, &state.ResourceAdvised{Resource: resource.ID, Advice: advice}); err != nil {
			n.log.Warn("record advice", zap.String("resource", string(resource.ID)), zap.Error(err))
			known.takeBack(resource.ID)
			continue
		}
		recorded = true
	}
	return recorded
}

func situation(s *state.State, resource *resources.Resource, spec agents.Spec) agents.Situation {
	params := resources.Params{}
	for _, p := range spec.Params {
		if p.Default != "" {
			params[p.Name] = p.Default
		}
	}
	for key, value := range resource.Params {
		params[key] = value
	}
	situation := agents.Situation{
		Resource: resource.ID, Params: params, View: localexec.BuildView(s, []resources.ResourceID{resource.ID}), Override: s.Overrides[resource.ID],
	}
	if current, known := s.Advice[resource.ID]; known {
		situation.Current = current.Advice
	}
	return situation
}
