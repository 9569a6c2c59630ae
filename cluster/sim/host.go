package sim

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/resources"
)

// host is one machine: its power, clocks, disk, services, power controller, and
// the daemon that runs on it.
type host struct {
	w     *world
	index int
	name  resources.NodeName
	clock hostClock
	disk  *disk
	bmc   *bmc
	// outlets are of its feeds, where those can be switched.
	outlets []*bmc
	// gate cuts it off from its storage; nil without one. letIn says that it was
	// opened since the host's start.
	gate  *bmc
	letIn bool
	dog   *dog
	// crashed is set while its kernel has crashed and saves its memory; liesDump
	// while somebody else's word is taken for its kernel's.
	crashed, liesDump bool

	powered bool
	// boot counts the starts of the host, run those of its daemon.
	boot, run int
	// daemon is nil while belayd does not run.
	daemon *daemon
	// frozenUntil is when the host, with all that runs on it, goes on after a
	// freeze; daemonFrozenUntil the same of belayd alone.
	frozenUntil time.Duration
	hostFrozen  bool
	// disabled keeps systemd from starting the daemon: the host is no member. away
	// does so for a while.
	disabled, away bool
	// procs is what really runs here.
	procs map[resources.InstanceID]*proc
	// tasks are the calls of agents that have not ended, of whichever run of the
	// daemon.
	tasks []*task
	// mood is how the agents of this host behave.
	mood mood
	// moodyAt is when one of them last misbehaved.
	moodyAt time.Duration
	// runDir is what the last run of the daemon left below its RunDir: a restart of
	// the host empties it.
	runDir runDir
	// lastHeard is when this host's daemon last had a word from a real leader, by
	// the world's clock.
	lastHeard time.Duration
	// troubledUntil is until when a fault touches this host or its links.
	troubledUntil time.Duration
	// wronged is when an operator said of this start of the host, which runs, that it
	// is off; 0: nobody did.
	wronged time.Duration
	// quick hosts start as soon as any may.
	quick bool
	// unheard is how many intents of this host's leader come to an end that it does
	// not hear of.
	unheard int
	// orderTerm is the newest term of an order that this host has obeyed.
	orderTerm uint64
}

func (h *host) bootID() string { return fmt.Sprintf("boot-%s-%d", h.name, h.boot) }

// frozen reports whether the daemon stands still now.
func (h *host) frozen() bool { return h.frozenUntil > h.w.now }

// Times of hosts.
const (
	leastBoot    = 8 * time.Second
	mostBoot     = 40 * time.Second
	leastRestart = 300 * time.Millisecond
	mostRestart  = 3 * time.Second
)

// powerOn starts the host; systemd starts its daemon when it is up.
func (h *host) powerOn() {
	if h.powered || !h.fed() {
		return
	}
	h.powered = true
	if h.gate != nil {
		h.gate.cutOff = true // who is let in is forgotten with a restart
	}
	h.boot++
	h.frozenUntil = 0
	boot := h.boot
	h.w.note(h, "power on, boot %d", boot)
	longest := mostBoot
	if h.quick {
		longest = leastBoot
	}
	h.w.after(h.w.chance.between(leastBoot, longest), func() {
		if h.powered && h.boot == boot {
			h.startDaemon()
		}
	})
}

// powerOff ends everything on the host at once.
func (h *host) powerOff(why string) {
	if !h.powered {
		return
	}
	h.w.note(h, "power off: %s", why)
	h.endDaemon()
	h.powered = false
	h.frozenUntil, h.wronged, h.letIn = 0, 0, false
	clear(h.procs)
	h.tasks = nil
	h.crashed, h.dog.armed = false, false
	h.runDir = runDir{}
	h.disk.powerLost(h.w.chance)
	h.w.truthChanged()
}

// reset ends the host and starts it again at once, as a watchdog does.
func (h *host) reset(why string) {
	h.powerOff(why)
	h.powerOn()
}

// crash is a kernel's panic: nothing runs any more, the power stays on, and the
// crash kernel saves the memory and starts the host again.
func (h *host) crash(saves time.Duration) {
	if !h.powered || h.crashed {
		return
	}
	h.powerOff("its kernel crashes")
	h.powered, h.crashed = true, true
	boot := h.boot
	h.w.after(saves, func() {
		if h.crashed && h.boot == boot {
			h.reset("its memory is saved")
		}
	})
}

// dumping reports whether somebody says that the host's kernel has crashed.
func (h *host) dumping() bool { return h.crashed || h.liesDump }

// startDaemon starts belayd, if it can start.
func (h *host) startDaemon() {
	switch {
	case !h.powered || h.crashed || h.daemon != nil || h.disabled || h.away:
	case h.disk.torn:
		h.w.meet(diskTorn)
		h.w.note(h, "belayd refuses to start: its log is damaged")
	case h.disk.full:
		h.w.note(h, "belayd refuses to start: the disk is full")
		h.restartDaemon()
	case h.disk.hung:
		h.restartDaemon()
	default:
		h.run++
		h.w.note(h, "belayd starts, run %d", h.run)
		h.endOrphans()
		newDaemon(h)
	}
}

// restartDaemon has systemd start belayd after a while.
func (h *host) restartDaemon() {
	boot := h.boot
	h.w.after(h.w.chance.between(leastRestart, mostRestart), func() {
		if h.boot == boot {
			h.startDaemon()
		}
	})
}

// endDaemon ends belayd as kill -9 does: services go on.
func (h *host) endDaemon() {
	if h.daemon == nil {
		return
	}
	h.daemon.end()
	h.daemon = nil
}

// freeze stops the whole host, or only its daemon, for a while.
func (h *host) freeze(how time.Duration, whole bool) {
	if !h.powered {
		return
	}
	h.frozenUntil = max(h.frozenUntil, h.w.now+how)
	h.hostFrozen = whole
}

// endOrphans ends what a killed run of the daemon has left under way, as
// command.EndOrphans does: what it was to change stays as it is.
func (h *host) endOrphans() {
	for _, t := range h.tasks {
		t.over = true
	}
	h.tasks = nil
}
