package chaos

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestDrawIsAFunctionOfSeedAndNumber(t *testing.T) {
	var forward, backward []Round
	for n := range 60 {
		forward = append(forward, Draw(7, n))
	}
	for n := 59; n >= 0; n-- {
		backward = append(backward, Draw(7, n))
	}
	slices.Reverse(backward)
	if !reflect.DeepEqual(forward, backward) {
		t.Error("rounds depend on those drawn before")
	}
	if reflect.DeepEqual(forward[:25], func() (other []Round) {
		for n := range 25 {
			other = append(other, Draw(8, n))
		}
		return other
	}()) {
		t.Error("two seeds draw the same")
	}
}

// Every kind is seen before any deck is finished, and what a round holds can be
// survived.
func TestDraw(t *testing.T) {
	for seed := range uint64(50) {
		kinds := map[Kind]bool{}
		for n := range len(deck) {
			round := Draw(seed, n)
			if round.Number != n {
				t.Fatalf("round %d has number %d", n, round.Number)
			}
			kinds[round.Faults[0].Kind] = true
			checkRound(t, round)
		}
		for _, kind := range deck {
			if !kinds[kind] {
				t.Errorf("seed %d: no %q in a whole deck", seed, kind)
			}
		}
	}
}

// Half of all rounds fence by each kind of device, few by few, and each kind of fault
// meets both.
func TestDevices(t *testing.T) {
	const rounds = 60 * deviceRounds
	count, changes := map[Device]int{}, 0
	met := map[Kind]map[Device]bool{}
	for n := range rounds {
		round := Draw(7, n)
		count[round.Device]++
		if n > 0 && round.Device != Draw(7, n-1).Device {
			changes++
		}
		for _, f := range round.Faults {
			if met[f.Kind] == nil {
				met[f.Kind] = map[Device]bool{}
			}
			met[f.Kind][round.Device] = true
		}
	}
	if count[Redfish] != rounds/2 || count[IPMI] != rounds/2 || changes != rounds/deviceRounds-1 {
		t.Errorf("%v with %d changes", count, changes)
	}
	for kind, devices := range met {
		if len(devices) != 2 {
			t.Errorf("%q never met one of the devices", kind)
		}
	}
	for _, round := range GentleRounds() {
		if round.Device != "" {
			t.Errorf("%s asks for another device", round)
		}
	}
}

// Late has faults on top, and only such as leave its cable alone.
func TestNothingElseTouchesALateCable(t *testing.T) {
	overlapped := 0
	for seed := range uint64(100) {
		for n := range len(deck) {
			round := Draw(seed, n)
			checkRound(t, round)
			if round.Faults[0].Kind == Late && round.Overlapped() {
				overlapped++
			}
		}
	}
	if overlapped == 0 {
		t.Error("nothing was ever drawn on top of it")
	}
}

func checkRound(t *testing.T, round Round) {
	t.Helper()
	cuts := 0
	for _, f := range round.Faults {
		if f.Kind == PowerCut {
			cuts++
		}
		if (f.Target == Nobody) != (f.Kind == Outage || f.Kind == Loss) {
			t.Errorf("%s: target %q", f, f.Target)
		}
		if f.Peer < 1 || f.Peer > 2 || f.Lasts < 0 || f.Lasts > 20*time.Second || f.After > 5*time.Second {
			t.Errorf("%s: out of bounds: %+v", f, f)
		}
		if f.Overran(f.Lasts) {
			t.Errorf("%s is longer than its promise is for", f)
		}
	}
	if cuts > 1 {
		t.Errorf("%s: two hosts without power have nobody left to fence them", round)
	}
	if first := round.Faults[0]; first.Kind.bmc() && (len(round.Faults) < 2 || round.Faults[1].Target != first.Target || round.Faults[1].Peer != first.Peer) {
		t.Errorf("%s: nobody needs that BMC", round)
	}
	if first := round.Faults[0]; first.Kind == BMCLie && round.Faults[1].After+round.Faults[1].Lasts > first.Lasts {
		t.Errorf("%s: the truth is told before the end", round)
	}
	if first := round.Faults[0]; first.Kind == Late && len(round.Faults) > 1 && !slices.Contains(onLate, round.Faults[1].Kind) {
		t.Errorf("%s: nothing knows the slow cable by its name", round)
	}
	if round.Faults[0].Kind.Gentle() && len(round.Faults) > 1 {
		t.Errorf("%s: a fault on top of a gentle one", round)
	}
}

func TestAim(t *testing.T) {
	cases := []struct {
		name           string
		fault          Fault
		holder, leader int
		host, peer     int
	}{
		{"holder", Fault{Kind: PowerCut, Target: Holder, Peer: 1}, 2, 0, 2, -1},
		{"leader", Fault{Kind: PowerCut, Target: Leader, Peer: 1}, 2, 0, 0, -1},
		{"other is neither", Fault{Kind: PowerCut, Target: Other, Peer: 1}, 2, 0, 1, -1},
		{"other is neither, the other way", Fault{Kind: PowerCut, Target: Other, Peer: 2}, 2, 1, 0, -1},
		{"one host is both", Fault{Kind: PowerCut, Target: Other, Peer: 1}, 1, 1, 2, -1},
		{"pair", Fault{Kind: Split, Target: Holder, Peer: 2}, 1, 0, 1, 0},
		{"everybody", Fault{Kind: Loss, Peer: 1}, 1, 0, -1, -1},
	}
	for _, c := range cases {
		if host, peer := c.fault.Aim(c.holder, c.leader, 3); host != c.host || peer != c.peer {
			t.Errorf("%s: got %d and %d, want %d and %d", c.name, host, peer, c.host, c.peer)
		}
	}
}

func TestOverran(t *testing.T) {
	cases := []struct {
		kind   Kind
		lasted time.Duration
		want   bool
	}{
		{Pause, time.Second, false},
		{Pause, 1200 * time.Millisecond, true},
		{DiskStall, 5100 * time.Millisecond, false},
		{DiskStall, 6 * time.Second, true},
		{LongFreeze, time.Minute, false},
	}
	for _, c := range cases {
		if got := (Fault{Kind: c.kind}).Overran(c.lasted); got != c.want {
			t.Errorf("%s for %s: got %v", c.kind, c.lasted, got)
		}
	}
}

func TestNames(t *testing.T) {
	hang := Round{Faults: []Fault{{Kind: BMCHang, Target: Holder, Lasts: 9 * time.Second}, {Kind: PowerCut, Target: Holder, After: 500 * time.Millisecond}}}
	if got, want := hang.Name(), "BMC hangs, power cut"; got != want || hang.Overlapped() || hang.Gentle() {
		t.Errorf("got %q, overlapped %v, gentle %v", got, hang.Overlapped(), hang.Gentle())
	}
	if got, want := hang.String(), "the address's host: BMC hangs, 9.0 s + the address's host: power cut (after 0.5 s)"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	cut := Round{Faults: []Fault{{Kind: PowerCut, Target: Leader}, {Kind: Pause, Target: Other}}}
	if cut.Name() != "power cut" || !cut.Overlapped() || cut.Gentle() {
		t.Errorf("name %q, overlapped %v, gentle %v", cut.Name(), cut.Overlapped(), cut.Gentle())
	}
	if !(Round{Faults: []Fault{{Kind: Pause}}}).Gentle() {
		t.Error("a short pause alone must fence nobody")
	}
}

func TestGentleRounds(t *testing.T) {
	seen := map[Kind]bool{}
	for n, round := range GentleRounds() {
		if !round.Gentle() || round.Number != n {
			t.Errorf("round %d: %s", round.Number, round)
		}
		checkRound(t, round)
		seen[round.Faults[0].Kind] = true
	}
	for _, kind := range deck {
		if kind.Gentle() && !seen[kind] {
			t.Errorf("no round of %q", kind)
		}
	}
}
