package chaos

import (
	"math/rand/v2"
	"time"
)

// deck is one of everything, and more of what matters most: drawn without
// putting back, so that a short run has seen as many kinds as it can.
var deck = []Kind{
	PowerCut, PowerCut, PowerCut, Outage,
	Isolated, Isolated, Split, OneWay, Deaf, Mute,
	Pause, Pause, Freeze, LongFreeze,
	DiskStall, DiskStall, DiskHang,
	Overload, Overload, DaemonKill,
	Loss, Loss, Late, Late,
	BMCHang, BMCLogin, BMCLie,
}

// onTop is what may be drawn on top of another fault. No second power cut: two
// of three hosts without power have nobody left to fence them.
var onTop = []Kind{Isolated, Split, OneWay, Deaf, Mute, Pause, Freeze, DiskStall, DiskHang, Overload, DaemonKill, Loss}

// onLate is what may be drawn on top of Late: nothing that knows a host's cable by
// its name, because the slow one takes its place.
var onLate = []Kind{Pause, Freeze, DiskStall, DiskHang, Overload, DaemonKill, Loss}

// deviceRounds is for how many rounds nodes are fenced by one kind of device before
// it is the other's turn: half of all, and few changes of the definition.
const deviceRounds = 8

func device(number int) Device {
	if number/deviceRounds%2 == 1 {
		return IPMI
	}
	return Redfish
}

// overlapPercent is how often a round that may fence gets a second fault.
const overlapPercent = 30

// Draw returns a round of a seed. Rounds do not depend on earlier ones.
func Draw(seed uint64, number int) Round {
	shuffled := rand.New(rand.NewPCG(seed, uint64(number/len(deck)))).Perm(len(deck))
	kind := deck[shuffled[number%len(deck)]]
	r := rand.New(rand.NewPCG(seed+1, uint64(number)))
	round := Round{Number: number, Faults: draw(r, kind), Device: device(number)}
	if !round.Gentle() && r.IntN(100) < overlapPercent {
		kinds := onTop
		if kind == Late {
			kinds = onLate
		}
		extra := single(r, kinds[r.IntN(len(kinds))])
		extra.After = between(r, 0, 5*time.Second)
		round.Faults = append(round.Faults, extra)
	}
	return round
}

// GentleRounds returns one round of each gentle kind.
func GentleRounds() []Round {
	var rounds []Round
	for _, f := range []Fault{
		{Kind: Pause, Target: Leader, Peer: 1, Lasts: 900 * time.Millisecond},
		{Kind: Loss, Peer: 1, Lasts: 5 * time.Second},
		{Kind: DiskStall, Target: Holder, Peer: 1, Lasts: 5 * time.Second},
		{Kind: Overload, Target: Other, Peer: 1, Lasts: 10 * time.Second},
		{Kind: DaemonKill, Target: Leader, Peer: 1},
	} {
		rounds = append(rounds, Round{Number: len(rounds), Faults: []Fault{f}})
	}
	return rounds
}

// draw returns the faults that make up one of a kind: what a BMC does wrong is
// seen when its host has to be fenced.
func draw(r *rand.Rand, kind Kind) []Fault {
	first := single(r, kind)
	if !kind.bmc() {
		return []Fault{first}
	}
	second := single(r, PowerCut)
	if kind == BMCLie {
		second = single(r, LongFreeze) // a host that runs: a false off must not count
	}
	second.Target, second.Peer, second.After = first.Target, first.Peer, 500*time.Millisecond
	return []Fault{first, second}
}

func single(r *rand.Rand, kind Kind) Fault {
	f := Fault{Kind: kind, Peer: 1 + r.IntN(2)}
	switch {
	case kind == Outage || kind == Loss:
	default:
		f.Target = []Target{Holder, Leader, Other}[r.IntN(3)]
	}
	f.Lasts = lasts(r, kind)
	return f
}

// lasts draws how long a fault stays. The lease is 5 s.
func lasts(r *rand.Rand, kind Kind) time.Duration {
	switch kind {
	case Pause:
		return between(r, 300*time.Millisecond, 900*time.Millisecond) // and what mending takes
	case Freeze:
		return between(r, 1500*time.Millisecond, 4500*time.Millisecond)
	case LongFreeze:
		return between(r, 6*time.Second, 15*time.Second)
	case DiskStall, Loss:
		return 5 * time.Second
	case DiskHang:
		return between(r, 8*time.Second, 20*time.Second)
	case Overload:
		return 10 * time.Second
	case Isolated:
		return between(r, 2*time.Second, 20*time.Second)
	case Split, OneWay, Deaf, Mute, Late:
		return between(r, 3*time.Second, 15*time.Second)
	case BMCHang, BMCLogin:
		return between(r, 8*time.Second, 20*time.Second)
	case BMCLie:
		return 20 * time.Second // longer than whatever has its host fenced
	case Outage:
		return between(r, time.Second, 5*time.Second)
	}
	return 0
}

// between draws a duration, in tenths of a second.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	const step = 100 * time.Millisecond
	return low + time.Duration(r.IntN(int((high-low)/step)+1))*step
}
