package sim

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// operator is the people: they change definitions, put nodes away, answer for
// what nobody can prove, and bring back what was left off. They reach any daemon
// that runs, and remember what was acknowledged.
type operator struct {
	w *world
	// edits counts definitions; acknowledged holds the marks of those that the
	// cluster said are in force.
	edits        int
	acknowledged []string
	// seenOff is since when a lost host has been found without power.
	seenOff map[*host]time.Duration
	joins   int
	busy    map[*host]bool
	// witnesses is how many of those that join next only vote.
	witnesses int
	// rolledBack holds the marks that a rollback took back, as it was to.
	rolledBack map[string]bool
	// races is how often somebody clears failures just before an intent is recorded.
	races int
	// revokes is how often somebody revokes the ticket at such a time.
	revokes int
	// tickets is what each ticket is to be.
	tickets map[resources.TicketName]ticketWish
}

const operatorName = "operator"

func newOperator(w *world, s *scenario) *operator {
	o := &operator{w: w, seenOff: map[*host]time.Duration{}, busy: map[*host]bool{}, rolledBack: map[string]bool{}, tickets: map[resources.TicketName]ticketWish{}}
	w.truth.allow(s.definition)
	for i := range s.definition.Tickets {
		o.tickets[s.definition.Tickets[i].Ticket] = ticketWish{granted: true}
	}
	w.after(10*time.Second, o.rounds)
	return o
}

// rounds is what operators do all the time: more of it when the faults are over.
func (o *operator) rounds() {
	defer o.w.after(3*time.Second, o.rounds)
	for _, h := range o.w.hosts {
		if o.w.quiet && !h.powered && o.w.chance.of(300) {
			for _, outlet := range h.outlets {
				outlet.cutOff = false
			}
			h.powerOn()
		}
	}
	d := o.anyDaemon()
	if d == nil {
		return
	}
	for _, h := range o.w.hosts {
		o.care(d, h)
	}
	o.giveTickets(d)
	if o.w.quiet {
		o.tidy(d)
	}
}

// anyDaemon returns a daemon that answers, the leader's if there is one.
func (o *operator) anyDaemon() *daemon {
	var any *daemon
	for _, h := range o.w.hosts {
		if h.daemon == nil || h.frozen() || h.daemon.state.Cluster.ID == "" {
			continue
		}
		if h.daemon.raft.role == leading {
			return h.daemon
		}
		if any == nil {
			any = h.daemon
		}
	}
	return any
}

// care looks after one host.
func (o *operator) care(d *daemon, h *host) {
	n := d.state.Nodes[h.name]
	switch {
	case n == nil:
		if d.raft.role == leading && h.disk.term != 0 {
			o.renew(h) // it was removed, and nobody was told
		} else if h.disabled && h.powered && o.joins > 0 && !o.busy[h] && h.disk.term == 0 {
			o.join(d, h)
		}
		return
	case h.disk.torn && h.powered:
		o.replace(d, h, n)
		return
	}
	if h.powered || !n.Lost() {
		delete(o.seenOff, h)
	} else if _, seen := o.seenOff[h]; !seen {
		o.seenOff[h] = o.w.now
	}
	f := d.state.Fencing[h.name]
	stuck := f == nil || f.Phase != state.FencingOff
	if since, off := o.seenOff[h]; off && stuck && o.w.now-since > 25*time.Second {
		// Somebody goes there and sees that it has no power.
		o.do(d, &state.FenceConfirmed{Node: h.name, Reason: "seen without power"})
	}
	if d.state.HeldOff(h.name) != nil && o.w.quiet {
		o.do(d, &state.FenceReleased{Node: h.name, Reason: "mended"})
	}
}

// tidy ends what operators have begun, once.
func (o *operator) tidy(d *daemon) {
	s := d.state
	for _, name := range s.NodeNames() {
		n := s.Nodes[name]
		if n.Standby {
			o.do(d, &state.NodeStandby{Node: name})
		}
		if n.Maintenance != nil {
			o.do(d, &state.NodeMaintenance{Node: name})
		}
		if failed(n) {
			o.do(d, &state.FailuresCleared{Node: name})
		}
	}
	for i := range s.Definition.Resources {
		if s.Definition.Resources[i].Meta.TargetRole != nil {
			o.edit(d, func(def *resources.Definition) { def.Resources[i].Meta.TargetRole = nil })
			break
		}
	}
}

func failed(n *state.Node) bool {
	for _, i := range n.Instances {
		if i.Failed || len(i.Failures) > 0 {
			return true
		}
	}
	return false
}

func (o *operator) do(d *daemon, command state.Command) {
	o.w.note(d.h, "operator: %T", command)
	d.tell(operatorName, command, func(state.Result, error) {})
}

// edit changes the definition as the daemon has it; a newer one refuses it. Each
// edit leaves a mark, which must never be lost once it is acknowledged.
func (o *operator) edit(d *daemon, change func(*resources.Definition)) {
	def := d.state.Definition.Clone()
	change(def)
	o.set(d, def, "")
}

// set makes a definition that in force, with a mark.
func (o *operator) set(d *daemon, def *resources.Definition, note string) {
	o.edits++
	mark := fmt.Sprintf("edit-%d", o.edits)
	attributes := map[string]string{mark: "yes"}
	for key, value := range def.Nodes[0].Attributes {
		attributes[key] = value
	}
	def.Nodes[0].Attributes = attributes
	o.w.note(d.h, "operator edits the definition (%s) %s", mark, note)
	d.tell(operatorName, &state.DefinitionSet{Base: d.state.Revision, Definition: def, Note: note}, func(result state.Result, err error) {
		if err == nil {
			o.acknowledged = append(o.acknowledged, mark)
			o.w.checks.acknowledged()
		}
	})
}

// join makes a host that is no member one.
func (o *operator) join(d *daemon, h *host) {
	o.busy[h] = true
	o.joins++
	token := fmt.Sprintf("join-%d", o.joins)
	witness := o.witnesses > 0 && d.state.Version >= state.VersionMore
	if witness {
		o.witnesses--
		o.w.note(h, "operator has it join as a witness")
	} else {
		o.w.note(h, "operator has it join")
	}
	end := func() { o.w.after(5*time.Second, func() { o.busy[h] = false }) }
	d.tell(operatorName, &state.TokenCreated{ID: token, ExpiresAt: d.wall().Add(time.Hour)}, func(_ state.Result, err error) {
		if err != nil {
			end()
			return
		}
		joined := &state.MemberJoined{Node: h.name, Address: h.address(), Voter: true, Serial: serialOf(h, o.joins), Token: token, Witness: witness}
		d.tell(string(h.name), joined, func(_ state.Result, err error) {
			end()
			if err == nil {
				h.disabled = false
				h.startDaemon()
			}
		})
	})
}

// replace takes a member whose log is damaged out of the cluster and gives it an
// empty disk: it joins anew. Its services are stopped before, by hand.
func (o *operator) replace(d *daemon, h *host, n *state.Node) {
	if o.busy[h] || !o.w.quiet && o.w.chance.of(700) {
		return
	}
	o.busy[h] = true
	o.w.note(h, "operator takes it out of the cluster: its log is damaged")
	h.powerOff("an operator mends it")
	d.tell(operatorName, &state.MemberRemoved{Node: h.name, Force: true}, func(_ state.Result, err error) {
		o.busy[h] = false
		if err == nil {
			o.renew(h)
		}
	})
	o.w.after(4*proposeTimeout, func() { o.busy[h] = false })
}

// renew gives a host that is no member any more an empty disk, so that it may
// join.
func (o *operator) renew(h *host) {
	o.w.note(h, "operator installs it anew")
	h.powerOff("it is installed anew")
	h.disk = newDisk()
	h.disabled = true
	h.powerOn()
	o.joins++
}
