package leader

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/view"
	"github.com/belay-ha/belay/resources"
)

// advisors remembers what each advisor was asked, so that one that never comes
// to rest does not fill the log.
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

func newAdvisors() advisors { return advisors{asked: map[resources.ResourceID]question{}} }

// allow reports whether an answer to this situation may be recorded, and counts
// it. last is true for the first answer that is one too many.
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
		panic("leader: plain data: " + err.Error())
	}
	return data
}

// advise asks the agents that decide about all members at once, and proposes
// what they say when it is new. It reports whether anything was proposed.
func (c *Core) advise() bool {
	proposed := false
	def := c.s.Definition.Resolved()
	for i := range def.Resources {
		resource := &def.Resources[i]
		agent, found := c.config.Agents.Find(resource.Agent)
		advisor, advises := agent.(agents.Advisor)
		if !found || !advises {
			continue
		}
		situation := situation(c.s, resource, agent.Spec())
		advice := advisor.Advise(situation)
		if bytes.Equal(plain(situation.Current), plain(advice)) {
			continue
		}
		switch allowed, last := c.advisors.allow(situation); {
		case last:
			c.note(Note{Error: true, Resource: resource.ID, Text: "the advisor contradicts itself: its last advice stands until something changes"})
		case allowed:
			c.propose(&state.ResourceAdvised{Resource: resource.ID, Advice: advice})
			proposed = true
		}
	}
	return proposed
}

// situation is what a resource's advisor is told.
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
		Resource: resource.ID, Params: params, View: view.Of(s, []resources.ResourceID{resource.ID}), Override: s.Overrides[resource.ID],
	}
	if current, known := s.Advice[resource.ID]; known {
		situation.Current = current.Advice
	}
	return situation
}
