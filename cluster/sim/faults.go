package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Fault is one thing that goes wrong, or that an operator does, at a time and
// for a while. Host and Other are indexes; Amount is the kind's own.
type Fault struct {
	At     time.Duration `json:"at"`
	For    time.Duration `json:"for,omitempty"`
	Kind   string        `json:"kind"`
	Host   int           `json:"host"`
	Other  int           `json:"other,omitempty"`
	Amount int           `json:"amount,omitempty"`
}

// String is one line for people.
func (f Fault) String() string {
	text := fmt.Sprintf("%8.3fs %s of %s", f.At.Seconds(), f.Kind, hostName(f.Host))
	if kinds[f.Kind].pair {
		text += " and " + string(hostName(f.Other))
	}
	if f.For > 0 {
		text += fmt.Sprintf(" for %s", f.For.Round(time.Millisecond))
	}
	if f.Amount != 0 {
		text += fmt.Sprintf(" (%d)", f.Amount)
	}
	return text
}

// kind is what a fault does. begin returns what ends it; nil if it ends by
// itself.
type kind struct {
	weight      int
	least, most time.Duration
	amount      int // Amount is drawn from 1 to amount
	pair        bool
	// calm faults must fence nobody and end nothing, within calmMost.
	calmMost time.Duration
	begin    func(w *world, f Fault, h, other *host) (end func())
}

// kinds are all faults, kindNames their names in order.
var (
	kinds     = faultKinds()
	kindNames = slices.Sorted(maps.Keys(kinds))
)

// Times of a run.
const (
	faultsBegin = 15 * time.Second
	calmBegin   = 60 * time.Second
	leastFaults = 40 * time.Second
	mostFaults  = 120 * time.Second
)

// plan is the faults of a seed, in the order of their beginning.
type plan struct {
	// Why says what the plan once found, in files of it.
	Why    string  `json:"why,omitempty"`
	Seed   uint64  `json:"seed"`
	Calm   bool    `json:"calm,omitempty"`
	Faults []Fault `json:"faults"`
	// Edition is that of the seed's cluster.
	Edition int `json:"edition,omitempty"`
	// Until is when the last fault has to be over.
	Until time.Duration `json:"until"`
}

// calmEvery of that many seeds have faults only that must fence nobody.
const calmEvery = 8

// newPlan draws the faults of a seed.
func newPlan(seed uint64, s *scenario) *plan {
	c := newChance(seed, streamFaults)
	p := &plan{Seed: seed, Calm: seed%calmEvery == 0, Edition: edition}
	begin, most := faultsBegin, 16
	if p.Calm {
		begin, most = calmBegin, 5
	}
	length := c.between(leastFaults, mostFaults)
	p.Until = begin + length
	// A few kinds dominate a seed, so that faults of one kind meet each other.
	favourites := []string{draw(c, p.Calm), draw(c, p.Calm)}
	n := 2 + c.IntN(most)
	for i := range n {
		name := draw(c, p.Calm)
		if c.of(300) {
			name = pick(c, favourites)
		}
		k := kinds[name]
		f := Fault{Kind: name, At: begin + c.between(0, length), Host: c.IntN(s.hosts), For: c.between(k.least, k.most)}
		f.Other = (f.Host + 1 + c.IntN(s.hosts-1)) % s.hosts
		if k.amount > 0 {
			f.Amount = 1 + c.IntN(k.amount)
		}
		if p.Calm {
			// One after the other: the product promises nothing for several at once.
			f.At = begin + length*time.Duration(i)/time.Duration(n)
			f.For = min(f.For, k.calmMost)
		}
		p.Faults = append(p.Faults, f)
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	return p
}

// draw chooses a kind by weight.
func draw(c chance, calm bool) string {
	sum := 0
	for _, name := range kindNames {
		sum += weight(name, calm)
	}
	n := c.IntN(sum)
	for _, name := range kindNames {
		if n -= weight(name, calm); n < 0 {
			return name
		}
	}
	panic("sim: weights")
}

func weight(name string, calm bool) int {
	k := kinds[name]
	if calm && k.calmMost == 0 {
		return 0
	}
	return k.weight
}

// inject makes the faults of a plan happen.
func (w *world) inject(p *plan) {
	for _, f := range p.Faults {
		w.at(f.At, func() { w.begin(f) })
	}
}

func (w *world) begin(f Fault) {
	if w.quiet {
		return
	}
	h, other := w.hosts[f.Host], w.hosts[f.Other]
	w.note(h, "FAULT %s", f)
	h.trouble(f.For)
	if kinds[f.Kind].pair {
		other.trouble(f.For)
	}
	end := kinds[f.Kind].begin(w, f, h, other)
	if end == nil {
		return
	}
	w.after(f.For, func() {
		if !w.quiet {
			w.note(h, "fault %s is over", f.Kind)
			end()
		}
	})
}

// trouble notes that a host is not well or not in reach for a while.
func (h *host) trouble(how time.Duration) {
	h.troubledUntil = max(h.troubledUntil, h.w.now+how)
}

// heal ends all faults: networks, disks, controllers and daemons are as they
// should be, and agents behave. Who is frozen goes on when it would have.
func (w *world) heal() {
	w.quiet, w.operator.races, w.operator.revokes = true, 0, 0
	w.note(nil, "the faults are over")
	for _, h := range w.hosts {
		for to := range w.net.links[h.index] {
			w.net.links[h.index][to] = quietLink
			w.net.links[h.index][to].changed = w.now
		}
		h.disk.latency, h.disk.hung, h.disk.full = quietWrite, false, false
		*h.bmc = bmc{w: w, host: h}
		for _, o := range h.outlets {
			*o = bmc{w: w, host: h, outlet: true}
		}
		if h.gate != nil {
			*h.gate = bmc{w: w, host: h, gate: true, cutOff: h.gate.cutOff}
		}
		h.dog.dead, h.liesDump = false, false
		h.mood, h.unheard = mood{}, 0
		h.away = false
		for _, p := range h.procs {
			p.stubborn = false
		}
		if h.powered && h.daemon == nil {
			h.restartDaemon()
		}
	}
}
