package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// nth returns what runs on a host by number, "" when nothing runs.
func (h *host) nth(n int) resources.InstanceID {
	ids := slices.Sorted(maps.Keys(h.procs))
	if len(ids) == 0 {
		return ""
	}
	return ids[n%len(ids)]
}

func serviceDies(w *world, f Fault, h, _ *host) func() {
	if id := h.nth(f.Amount); id != "" {
		h.takeDown(id)
	}
	return nil
}

func serviceBreaks(w *world, f Fault, h, _ *host) func() {
	if id := h.nth(f.Amount); id != "" {
		h.procs[id].broken = true
	}
	return nil
}

// ask has an operator give a command at a host's daemon, or at another one.
func (w *world) ask(h *host, command state.Command) func() {
	d := h.daemon
	if d == nil {
		d = w.operator.anyDaemon()
	}
	if d != nil {
		w.operator.do(d, command)
	}
	return nil
}

func standby(w *world, f Fault, h, _ *host) func() {
	w.ask(h, &state.NodeStandby{Node: h.name, Standby: true})
	return func() { w.ask(h, &state.NodeStandby{Node: h.name}) }
}

func maintenance(w *world, f Fault, h, _ *host) func() {
	w.ask(h, &state.NodeMaintenance{Node: h.name, On: true})
	return func() { w.ask(h, &state.NodeMaintenance{Node: h.name}) }
}

// resource returns a resource of the definition by number.
func resource(s *state.State, n int) resources.ResourceID {
	if len(s.Definition.Resources) == 0 {
		return ""
	}
	return s.Definition.Resources[n%len(s.Definition.Resources)].ID
}

func move(w *world, f Fault, h, _ *host) func() {
	d := w.operator.anyDaemon()
	if d == nil {
		return nil
	}
	return w.ask(h, &state.ResourceMoved{Resource: resource(d.state, f.Amount), To: h.name, Until: d.wall().Add(30 * time.Second)})
}

// moveLate moves the guest live, by a call that comes to its end after its time.
func moveLate(w *world, f Fault, h, _ *host) func() {
	d := w.operator.anyDaemon()
	for _, from := range w.hosts {
		if d == nil || from == h || from.procs["guest"] == nil {
			continue
		}
		from.mood.late++
		return w.ask(h, &state.ResourceMoved{Resource: "guest", To: h.name, Until: d.wall().Add(30 * time.Second)})
	}
	return nil
}

func restartIt(w *world, f Fault, h, _ *host) func() {
	d := w.operator.anyDaemon()
	if d == nil {
		return nil
	}
	return w.ask(h, &state.ResourceRestart{Resource: resource(d.state, f.Amount)})
}

func disable(w *world, f Fault, h, _ *host) func() {
	set := func(role *resources.Role) {
		if d := w.operator.anyDaemon(); d != nil && d.state.Revision > 0 {
			w.operator.edit(d, func(def *resources.Definition) {
				if len(def.Resources) > 0 {
					def.Resources[f.Amount%len(def.Resources)].Meta.TargetRole = role
				}
			})
		}
	}
	set(ptr(resources.RoleStopped))
	return func() { set(nil) }
}

func edit(w *world, f Fault, h, _ *host) func() {
	if d := w.operator.anyDaemon(); d != nil && d.state.Revision > 0 {
		w.operator.edit(d, func(def *resources.Definition) { change(def, f.Amount) })
	}
	return nil
}

// editTwice is two operators at once, at different members.
func editTwice(w *world, f Fault, h, other *host) func() {
	for _, at := range []*host{h, other} {
		if at.daemon != nil && !at.frozen() && at.daemon.state.Revision > 0 {
			w.operator.edit(at.daemon, func(def *resources.Definition) { change(def, f.Amount+at.index) })
		}
	}
	return nil
}

// change is one of several edits.
func change(def *resources.Definition, n int) {
	p := &def.Properties
	switch n % 9 {
	case 0: // the address is another one: stopping it takes the old one away
		if r := find(def, "address"); r != nil {
			r.Params = resources.Params{"address": string(rune('0' + n%10))}
		}
	case 1:
		if r := find(def, "door"); r != nil {
			r.Params = resources.Params{"port": string(rune('0' + n%10))}
		}
	case 2: // a resource comes or goes
		if i := slices.IndexFunc(def.Resources, func(r resources.Resource) bool { return r.ID == "extra" }); i >= 0 {
			def.Resources = slices.Delete(def.Resources, i, i+1)
		} else {
			def.Resources = append(def.Resources, resources.Resource{ID: "extra", Agent: agentService})
		}
	case 3:
		if slices.ContainsFunc(def.Fences, func(f resources.FenceDevice) bool { return f.Agent == deviceWatchdog }) {
			p.NoQuorumPolicy = []resources.NoQuorumPolicy{"", resources.NoQuorumSuicide}[n%2]
			break
		}
		p.NoQuorumPolicy = []resources.NoQuorumPolicy{"", resources.NoQuorumFreeze, resources.NoQuorumSuicide, resources.NoQuorumDemote, resources.NoQuorumIgnore}[n%5]
	case 4:
		p.FencingAction = []resources.FencingAction{"", resources.FencingOff}[n%2]
	case 5:
		p.FenceBudget = n % 4
	case 6:
		def.Defaults.Resource.Stickiness = ptr(resources.Score(n % 3 * 100))
	case 7:
		def.Locations = append(slices.DeleteFunc(slices.Clone(def.Locations), func(l resources.Location) bool { return l.ID == "door-likes" }),
			resources.Location{ID: "door-likes", Resource: "door", Node: def.Nodes[n%len(def.Nodes)].Name, Score: 500})
	case 8:
		if r := find(def, "web"); r != nil && r.Clone != nil && !r.Clone.GloballyUnique {
			r.Clone.Max = ptr(1 + n%3)
		}
	}
}

func find(def *resources.Definition, id resources.ResourceID) *resources.Resource {
	for i := range def.Resources {
		if def.Resources[i].ID == id {
			return &def.Resources[i]
		}
	}
	return nil
}

// remove takes a member out in order: it moves everything off it first.
func (o *operator) remove(h *host) {
	if o.busy[h] || h.disabled {
		return
	}
	o.busy[h] = true
	o.w.ask(h, &state.NodeStandby{Node: h.name, Standby: true})
	o.w.after(20*time.Second, func() { o.removeNow(h) })
}

func (o *operator) removeNow(h *host) {
	d := o.anyDaemon()
	if d == nil || len(d.state.Nodes) <= 3 {
		o.busy[h] = false
		return
	}
	d.tell(operatorName, &state.MemberRemoved{Node: h.name}, func(_ state.Result, err error) {
		o.busy[h] = false
		if err == nil {
			o.renew(h)
		}
	})
	o.w.after(4*proposeTimeout, func() { o.busy[h] = false })
}

// wrongWord is a host that nobody reaches and whose power controller hangs; and an
// operator who says that it is off, although it runs.
func wrongWord(w *world, f Fault, h, _ *host) func() {
	w.each(h, true, true, func(l *link) { l.cut = true })
	h.bmc.hang = true
	w.after(12*time.Second, func() { w.operator.mistake(h) })
	return func() {
		h.bmc.hang = false
		w.each(h, true, true, func(l *link) { l.cut = false })
	}
}

// mistaken is the reason of an operator's wrong word.
const mistaken = "a mistake"

// mistake confirms that a host is off which is not. A live migration from or to it
// would make its services run on others.
func (o *operator) mistake(h *host) {
	d := o.anyDaemon()
	if d == nil || d.h == h || !h.powered || o.w.quiet || d.state.Version < state.VersionLooks || len(d.state.Migrations) > 0 {
		return
	}
	n := d.state.Nodes[h.name]
	if n == nil || !n.Lost() || n.BootID != h.bootID() {
		return
	}
	o.w.note(h, "operator takes it for off, wrongly")
	d.tell(operatorName, &state.FenceConfirmed{Node: h.name, Reason: mistaken}, func(state.Result, error) {})
}
