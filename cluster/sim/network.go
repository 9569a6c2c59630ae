package sim

import "time"

// link is one direction between two hosts.
type link struct {
	cut    bool
	loss   int // of a thousand packets
	double int // of a thousand messages arrive twice
	delay  time.Duration
	jitter time.Duration
	// changed is when any of the above did last.
	changed time.Duration
}

// network carries messages between daemons. It may lose, delay, double and
// reorder them; each direction of each pair has a link of its own.
type network struct {
	w     *world
	links [][]link // from, to
}

// quietLink is a LAN without a fault.
var quietLink = link{delay: 200 * time.Microsecond, jitter: 300 * time.Microsecond}

func newNetwork(w *world, hosts int) *network {
	n := &network{w: w, links: make([][]link, hosts)}
	for from := range n.links {
		n.links[from] = make([]link, hosts)
		for to := range n.links[from] {
			n.links[from][to] = quietLink
		}
	}
	return n
}

func (n *network) link(from, to *host) *link { return &n.links[from.index][to.index] }

// alter changes a link.
func (n *network) alter(from, to *host, do func(*link)) {
	l := n.link(from, to)
	do(l)
	l.changed = n.w.now
}

// open reports whether packets pass from one host to another at all.
func (n *network) open(from, to *host) bool { return from == to || !n.link(from, to).cut }

// sound reports whether two hosts have reached each other, both ways and without
// a fault of the network, since a time.
func (n *network) sound(a, b *host, since time.Duration) bool {
	if a == b {
		return true
	}
	well := func(l *link) bool {
		return !l.cut && l.loss == 0 && l.delay == quietLink.delay && l.changed <= since
	}
	return well(n.link(a, b)) && well(n.link(b, a))
}

// packet reports whether one packet gets through now.
func (n *network) packet(from, to *host) bool {
	if from == to {
		return true
	}
	l := n.link(from, to)
	return !l.cut && !n.w.chance.of(l.loss)
}

// Streams (TCP) send again what was lost, after a while that doubles; when the
// path is dead for too long the message is gone.
const (
	firstResend = 200 * time.Millisecond
	maxResends  = 4
)

// send carries a message by stream to whichever daemon runs on the other host
// when it arrives; a frozen one reads it when it goes on.
func (n *network) send(from, to *host, deliver func(*daemon)) {
	if from == to {
		n.arrive(to, 50*time.Microsecond, deliver)
		return
	}
	l := n.link(from, to)
	wait := l.delay + n.w.chance.between(0, l.jitter)
	resend := firstResend
	for try := 0; l.cut || n.w.chance.of(l.loss); try++ {
		if l.cut {
			n.w.meet(messageCut)
			return
		}
		n.w.meet(messageLost)
		if try == maxResends {
			return
		}
		wait += resend
		resend *= 2
	}
	n.arrive(to, wait, deliver)
	if n.w.chance.of(l.double) {
		n.w.meet(messageDoubled)
		n.arrive(to, wait+n.w.chance.long(time.Millisecond, 3*time.Second), deliver)
	}
}

func (n *network) arrive(to *host, wait time.Duration, deliver func(*daemon)) {
	n.w.after(wait, func() { n.read(to, deliver) })
}

func (n *network) read(to *host, deliver func(*daemon)) {
	if to.daemon == nil {
		return
	}
	if resumes := to.frozenUntil; resumes > n.w.now {
		n.w.at(resumes+n.w.chance.between(0, time.Millisecond), func() { n.read(to, deliver) })
		return
	}
	deliver(to.daemon)
}
