package sim

import (
	"time"

	"github.com/belay-ha/belay/cluster/leader"
	"github.com/belay-ha/belay/cluster/state"
)

// fence switches another host's power and proves it.
func (d *daemon) fence(o fenceOrder, answer func(leader.Fenced)) {
	if d.state.Index < o.index {
		d.after(20*time.Millisecond, func() { d.fence(o, answer) })
		return
	}
	open := func() bool {
		f := d.state.Fencing[o.node]
		if f == nil || f.ID != o.fence {
			return false
		}
		if o.on {
			return f.Phase == state.FencingOff
		}
		return f.Phase == state.FencingRunning && f.Executor == d.h.name
	}
	if o.term < d.state.Term || !open() || o.node == d.h.name {
		answer(leader.Fenced{Error: "refused"})
		return
	}
	target := d.w.host(o.node)
	end := d.w.now + o.timeout
	reads := 0
	asked := false
	var look func()
	look = func() {
		if d.ended {
			return
		}
		if d.w.now > end || !open() {
			answer(leader.Fenced{Error: "time"})
			return
		}
		target.bmc.request(d.h, 10*time.Second, target.bmc.read, func(off bool, p bmcError) {
			d.resume(func() {
				if p == bmcNone && off != o.on {
					reads++
					if reads >= 2 || o.on {
						answer(leader.Fenced{Proven: true})
						return
					}
					d.after(200*time.Millisecond, look)
					return
				}
				reads = 0
				if p == bmcDenied {
					answer(leader.Fenced{Error: "denied", Refused: true})
					return
				}
				if p == bmcNone && !asked && open() {
					asked = true
					if !o.on {
						d.w.checks.powerOff(d, o.node, o.fence)
					}
					target.bmc.request(d.h, 10*time.Second, func() bool {
						if o.on {
							target.powerOn()
						} else {
							target.powerOff("fenced by " + string(d.h.name))
						}
						return false
					}, func(bool, bmcError) {})
				}
				d.after(500*time.Millisecond, look)
			})
		})
	}
	look()
}
