package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// maxSilence is how many deep checks may go without an answer while the cheap
// ones succeed: rabbitmqctl hangs for a while when a peer is silently gone.
const maxSilence = 3

// Monitor looks at the unit, at epmd and at the AMQP listener each time, which
// costs nothing, and asks the broker itself once in deep_interval, at a probe,
// or when something cheap is wrong.
func (a *Agent) Monitor(ctx context.Context, req agents.Request) agents.Result {
	c, refused, ok := a.begin(req)
	if !ok {
		return refused
	}
	ctx, cancel := agents.Bounded(ctx, req, 40*time.Second)
	defer cancel()
	state, err := c.host.Units.State(ctx, c.unit)
	if errors.Is(err, agents.ErrNoSystemd) {
		return agents.Result{Outcome: agents.OutcomeNotInstalled, Reason: reason(err)}
	}
	if err != nil {
		return c.failure(ctx, fmt.Errorf("look: %w", err))
	}
	switch {
	case state.Load == "not-found" && state.Gone():
		refused, _ := c.startable(state)
		return refused
	case state.Running():
		if err := c.keepVhosts(); err != nil {
			c.log.Warn("vhosts' configurations may not outlive a power cut", zap.String("resource", string(req.Instance)), zap.Error(err))
		}
		return c.lookBroker(ctx)
	case state.Active == "activating":
		// Booting: it may wait for the nodes that stopped after it. systemd bounds
		// that by the unit's own TimeoutStartSec=.
		return agents.Result{Outcome: agents.OutcomeOK, Role: resources.RoleStarted, Reason: "the broker is on its way up"}
	case !state.Gone():
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: "the broker is on its way down: " + state.String()}
	}
	here, err := c.inspect()
	if err != nil {
		return c.failure(ctx, err)
	}
	result := agents.Result{Outcome: agents.OutcomeNotRunning, Role: resources.RoleStopped, Attributes: c.attributes(here, answer{})}
	if req.Role.Active() {
		result.Reason = "the broker is gone: " + state.String()
		result.Output = output(c.host.Units.Journal(ctx, c.unit, 20))
	}
	return result
}

// lookBroker judges a broker whose unit is up.
func (c *call) lookBroker(ctx context.Context) agents.Result {
	last, has := c.recall()
	cheap := c.cheap(ctx)
	if has && c.req.Op != resources.OpProbe && cheap == nil && c.fresh(last) {
		// Only good news is believed from memory: others may have come meanwhile.
		if result := c.judge(last.Answer); result.Outcome == agents.OutcomeOK {
			return result
		}
	}
	a, err := c.ask(ctx, c.name)
	if err != nil {
		return c.silent(ctx, last, cheap, err)
	}
	if err := c.remember(deep{At: c.host.Now(), Answer: a}); err != nil {
		return c.failure(ctx, err)
	}
	c.forgetRemoved(ctx, a)
	result := c.judge(a)
	if result.Outcome == agents.OutcomeOK && cheap != nil {
		result.Outcome, result.Reason = agents.OutcomeFailed, "the broker runs, but clients cannot use it: "+reason(cheap)
	}
	return result
}

// fresh reports whether the last answer is young enough. While members or
// answers are missing it is asked four times as often.
func (c *call) fresh(last deep) bool {
	age, limit := c.host.Now().Sub(last.At), c.deepInterval
	if len(last.Answer.Running) < len(last.Answer.Members) || last.Silence > 0 {
		limit /= 4
	}
	return age >= 0 && age < limit
}

// cheap looks at the sockets.
func (c *call) cheap(ctx context.Context) error {
	registered, err := c.host.Wire.Registered(ctx, "127.0.0.1", c.short())
	if err != nil {
		return err
	}
	if !registered {
		return fmt.Errorf("epmd does not know a node %s", c.short())
	}
	if c.port == 0 {
		return nil
	}
	candidates := []string{c.address}
	if c.address == "" {
		candidates = []string{c.req.View.Nodes[c.req.Node].Address, "127.0.0.1"}
	}
	var problems []error
	for _, address := range candidates {
		if address == "" {
			continue
		}
		if bare, _, err := net.SplitHostPort(address); err == nil {
			address = bare
		}
		err := c.host.Wire.Greets(ctx, net.JoinHostPort(address, strconv.Itoa(c.port)))
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// silent judges a broker that rabbitmqctl got nothing out of.
func (c *call) silent(ctx context.Context, last deep, cheap, err error) agents.Result {
	timedOut := errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil
	last.Silence++
	if saveErr := c.remember(deep{At: c.host.Now(), Answer: last.Answer, Silence: last.Silence}); saveErr != nil {
		return c.failure(ctx, saveErr)
	}
	result := c.judge(last.Answer)
	switch {
	case cheap == nil && last.Silence < maxSilence && result.Outcome == agents.OutcomeOK:
		result.Reason = strings.TrimPrefix(result.Reason+"; serves, but rabbitmqctl had no answer: "+reason(err), "; ")
		return result
	case timedOut:
		result = c.failure(ctx, fmt.Errorf("look: %w", err))
		result.Role = resources.RoleStarted
		return result
	case cheap != nil:
		return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: reason(cheap) + "; " + reason(err)}
	}
	return agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Reason: "the broker does not answer rabbitmqctl: " + reason(err)}
}

// judge decides from the broker's own words.
func (c *call) judge(a answer) agents.Result {
	here := local{data: dataCluster, store: storeMnesia}
	if len(a.Members) < 2 {
		here.data, here.queues = dataSingle, c.mayHaveQueues()
	}
	if a.Khepri {
		here.store = storeKhepri
	}
	result := agents.Result{Outcome: agents.OutcomeFailed, Role: resources.RoleStarted, Attributes: c.attributes(here, a)}
	known := c.accountable(a)
	switch {
	case !a.AppRunning:
		result.Reason = "the broker's application is stopped, by stop_app or because the node is paused in a minority"
	case len(a.Partitions) > 0:
		result.Reason = "a partition is not healed: this node does not speak to " + strings.Join(a.Partitions, ", ")
	case len(known) > 1 && 2*len(a.Running) <= len(known):
		result.Reason = fmt.Sprintf("a minority: runs with %d of %d members (%s)", len(a.Running), len(known), strings.Join(a.Running, ", "))
	default:
		result.Outcome = agents.OutcomeOK
		if len(a.Running) < len(a.Members) {
			result.Reason = fmt.Sprintf("runs with %d of %d members", len(a.Running), len(a.Members))
		}
	}
	return result
}

// accountable returns the members that may be running somewhere: all but those
// that the cluster has proven to be stopped. Half of them is no majority, so
// two halves never both count as healthy.
func (c *call) accountable(a answer) []string {
	stopped := map[string]bool{}
	for _, peer := range c.req.View.Peers[c.req.Instance.Resource()] {
		if peer.Node == c.req.Node || peer.Role != resources.RoleStopped {
			continue
		}
		if name := peer.Attributes[attrName]; name != "" {
			stopped[name] = true
			continue
		}
		for _, member := range a.Members { // a stopped instance's attributes may be gone
			if _, host, _ := strings.Cut(member, "@"); host == string(peer.Node) {
				stopped[member] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(a.Members), func(m string) bool { return stopped[m] && !slices.Contains(a.Running, m) })
}

// forgetRemoved forgets the members that the cluster's word names. They are
// named only while every other member is known, and never while they run.
func (c *call) forgetRemoved(ctx context.Context, a answer) {
	if !c.forget || !a.AppRunning || 2*len(a.Running) <= len(a.Members) {
		return
	}
	for _, name := range split(c.req.Advice[adviceForget]) {
		if name == c.name || checkNodeName(name) != nil || !slices.Contains(a.Members, name) || slices.Contains(a.Running, name) {
			continue
		}
		stepCtx, cancel := context.WithTimeout(ctx, c.deepTimeout)
		err := c.step(stepCtx, c.name, "forget_cluster_node", name)
		cancel()
		if err != nil {
			c.log.Warn("a removed member stays in the cluster's books", zap.String("resource", string(c.req.Instance)), zap.String("member", name), zap.Error(err))
		}
	}
}

// Keys of Result.Attributes.
const (
	attrName    = "node_name" // rabbit@controller-0
	attrData    = "data"      // none, single, cluster or unknown
	attrStore   = "store"     // none, mnesia or khepri
	attrQueues  = "queues"    // true when there are durable queues, or may be; only with data = single
	attrMembers = "members"   // of the cluster, by the node's own books
	attrRunning = "running"   // members that run; absent while the node does not
)

// attributes reports what the node holds and, while it runs, what it sees.
func (c *call) attributes(here local, a answer) map[string]string {
	attributes := map[string]string{attrName: c.name, attrData: here.data, attrStore: here.store}
	if here.data == dataSingle {
		attributes[attrQueues] = strconv.FormatBool(here.queues)
	}
	members := a.Members
	if len(members) == 0 {
		members = here.known
	}
	if len(members) > 0 {
		attributes[attrMembers] = strings.Join(members, ",")
	}
	if a.AppRunning {
		attributes[attrRunning] = strings.Join(a.Running, ",")
	}
	return attributes
}
