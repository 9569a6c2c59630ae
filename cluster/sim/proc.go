package sim

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// proc is an instance that really runs on a host, whoever knows it. One that is
// being started counts from the start's beginning, one that is being stopped
// until its end.
type proc struct {
	role resources.Role
	// broken instances run and do not serve; stubborn ones cannot be stopped.
	broken, stubborn bool
	// expires is when the kernel takes an address away that nobody renews; 0 for
	// what does not lapse.
	expires time.Duration
	// since is when it came up.
	since time.Duration
}

// addressLifetime is how long an address stays without being renewed.
const addressLifetime = 10 * time.Second

// lapses reports whether the instance is an address with a lifetime.
func lapses(agent string) bool { return agent == agentAddress }

// bringUp makes an instance run on the host.
func (h *host) bringUp(id resources.InstanceID, agent string) *proc {
	p := h.procs[id]
	if p == nil {
		p = &proc{role: resources.RoleStarted, since: h.w.now}
		h.procs[id] = p
		h.w.note(h, "%s runs", id)
		h.w.truthChanged()
	}
	h.renew(id, agent)
	return p
}

// renew gives an address its lifetime again.
func (h *host) renew(id resources.InstanceID, agent string) {
	p := h.procs[id]
	if p == nil || !lapses(agent) {
		return
	}
	first := p.expires == 0
	p.expires = h.w.now + addressLifetime
	if first {
		h.watchAddress(id, p)
	}
}

func (h *host) watchAddress(id resources.InstanceID, p *proc) {
	h.w.at(p.expires, func() {
		switch {
		case h.procs[id] != p:
		case p.expires > h.w.now:
			h.watchAddress(id, p)
		case h.hostFrozen && h.frozen():
			p.expires = h.frozenUntil + time.Millisecond
			h.watchAddress(id, p)
		default:
			h.w.note(h, "%s lapses in the kernel", id)
			h.takeDown(id)
		}
	})
}

// setRole raises or lowers a running instance.
func (h *host) setRole(id resources.InstanceID, role resources.Role) {
	if p := h.procs[id]; p != nil && p.role != role {
		p.role = role
		h.w.note(h, "%s is %s", id, role)
		h.w.truthChanged()
	}
}

// takeDown ends an instance.
func (h *host) takeDown(id resources.InstanceID) {
	if h.procs[id] != nil {
		delete(h.procs, id)
		h.w.note(h, "%s runs no more", id)
		h.w.truthChanged()
	}
}
