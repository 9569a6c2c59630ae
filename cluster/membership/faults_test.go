package membership

import (
	"slices"
	"testing"
	"time"

	"github.com/belay-ha/belay/internal/bubble"
)

// none fails the test for each event.
func none(t *testing.T, what string, events []event) {
	t.Helper()
	for _, e := range events {
		t.Errorf("%s: %s holds %s %s: %s", what, e.observer, e.node, e.verdict, e.text)
	}
}

func about(events []event, keep func(event) bool) []event {
	return slices.DeleteFunc(slices.Clone(events), func(e event) bool { return !keep(e) })
}

func TestNoDeathUnderLoss(t *testing.T) {
	for _, n := range []int{3, 16} {
		suspects := 0
		for seed := range uint64(6) {
			bubble.Test(t, func(t *testing.T) {
				r := newRig(t, n, seed+1)
				defer r.close()
				at := time.Now()
				r.net.SetLoss(0.3)
				time.Sleep(5 * time.Second)
				r.net.SetLoss(0)
				time.Sleep(4 * time.Second)
				none(t, "30 % loss", of(r.since(at), Dead))
				suspects += len(of(r.since(at), Suspect))
				r.converge(r.names, 5*time.Second)
			})
		}
		t.Logf("%d members, 6 × 5 s of 30 %% loss: %d suspicions, no death", n, suspects)
	}
}

func TestShortPausesKillNobody(t *testing.T) {
	for _, n := range []int{3, 16} {
		for seed := range uint64(4) {
			bubble.Test(t, func(t *testing.T) {
				r := newRig(t, n, seed+1)
				defer r.close()
				at := time.Now()
				victim := r.names[r.rand.IntN(n)]
				for range 6 {
					r.pause(victim, time.Second)
					time.Sleep(time.Duration(300+r.rand.IntN(700)) * time.Millisecond)
				}
				time.Sleep(3 * time.Second)
				events := r.since(at)
				none(t, "1 s pauses", of(events, Dead))
				none(t, "bystander", about(of(events, Suspect), func(e event) bool { return e.node != victim }))
				r.converge(r.names, 5*time.Second)
			})
		}
	}
}

func TestCutLinkIsBridged(t *testing.T) {
	for name, both := range map[string]bool{"one way": false, "both ways": true} {
		for _, n := range []int{3, 8} {
			bubble.Test(t, func(t *testing.T) {
				r := newRig(t, n, 5)
				defer r.close()
				at := time.Now()
				a, b := r.nodes["n00"], r.nodes["n01"]
				r.net.Cut(a.addr, b.addr)
				if both {
					r.net.Cut(b.addr, a.addr)
				}
				time.Sleep(10 * time.Second)
				none(t, name, of(r.since(at), Suspect, Dead))
			})
		}
	}
}

func TestRelayedEvidenceNamesTheHelper(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 3, 5)
		defer r.close()
		a, b := r.nodes["n00"], r.nodes["n01"]
		r.net.Cut(a.addr, b.addr)
		r.await(3*time.Second, "relayed evidence", func() bool {
			o, _ := a.Observe("n01")
			return o.Evidence.Source == SourceRelay && o.Verdict == Alive
		})
	})
}

func TestDeafMemberAccusesNobody(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 8, 3)
		defer r.close()
		at := time.Now()
		deaf := r.nodes["n03"]
		for _, n := range r.nodes {
			if n != deaf {
				r.net.Cut(n.addr, deaf.addr)
			}
		}
		time.Sleep(4 * time.Second)
		if !deaf.LocalHealth().Isolated {
			t.Error("the deaf member does not know that it is")
		}
		healthy := about(r.since(at), func(e event) bool { return e.observer != deaf.name })
		none(t, "hearing members", about(of(healthy, Suspect, Dead), func(e event) bool { return e.node != deaf.name }))
		if got := len(of(healthy, Dead)); got != 7 {
			t.Errorf("%d of 7 members hold the deaf one dead", got)
		}
		o, err := deaf.Confirm(t.Context(), "n00")
		if err != nil || o.Verdict != Unknown {
			t.Errorf("Confirm by the deaf member = %s, %v; want unknown", o.Verdict, err)
		}
	})
}

func TestBlockedPacketsAreBridgedByStreams(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 5, 3)
		defer r.close()
		at := time.Now()
		victim := r.nodes["n02"]
		r.net.BlockPackets(victim.addr, true)
		time.Sleep(8 * time.Second)
		none(t, "packets blocked", of(r.since(at), Dead))
		o, err := r.nodes["n00"].Confirm(t.Context(), "n02")
		if err != nil || o.Verdict != Alive {
			t.Errorf("Confirm = %s (%s), %v; want alive by stream", o.Verdict, o.Evidence.Text, err)
		}
	})
}

func TestThawedMemberAccusesNobody(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 5, 9)
		defer r.close()
		at := time.Now()
		r.pause("n01", 3*time.Second)
		thaw := time.Now()
		time.Sleep(6 * time.Second)
		events := r.since(at)
		none(t, "bystander", about(of(events, Suspect, Dead), func(e event) bool { return e.node != "n01" }))
		if got := len(of(events, Dead)); got != 4 {
			t.Errorf("%d of 4 members held the paused one dead", got)
		}
		for _, e := range about(of(events, Alive), func(e event) bool { return e.node == "n01" }) {
			if held := e.at.Sub(thaw); held < 3*time.Second || held > 3600*time.Millisecond {
				t.Errorf("%s holds n01 alive %s after the thaw, want about 3 s", e.observer, held)
			}
		}
		h := r.nodes["n01"].LocalHealth()
		if h.LastPause < 2900*time.Millisecond || h.LastPause > 3200*time.Millisecond {
			t.Errorf("LastPause = %s, want about 3 s", h.LastPause)
		}
		r.converge(r.names, time.Second)
	})
}

func TestThawedMemberVoidsOldSuspicions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 3, 9)
		defer r.close()
		observer := r.nodes["n00"]
		r.net.Freeze(r.nodes["n01"].addr)
		r.await(2*time.Second, "suspicion", func() bool { return r.verdict("n00", "n01") == Suspect })
		r.net.Thaw(r.nodes["n01"].addr)
		r.pause("n00", 2*time.Second)
		at := time.Now()
		bubble.Wait()
		time.Sleep(2 * tickInterval)
		if got := r.verdict("n00", "n01"); got != Alive {
			t.Errorf("after its own pause n00 holds n01 %s, want alive", got)
		}
		if !observer.LocalHealth().Grace {
			t.Error("no grace after a pause")
		}
		if o, err := observer.Confirm(t.Context(), "n01"); err != nil || o.Verdict != Alive {
			t.Errorf("Confirm = %s, %v; want alive", o.Verdict, err)
		}
		r.net.Kill(r.nodes["n02"].addr)
		if o, err := observer.Confirm(t.Context(), "n02"); err != nil || o.Verdict != Unknown {
			t.Errorf("Confirm in grace = %s, %v; want unknown", o.Verdict, err)
		}
		time.Sleep(3 * time.Second)
		late := about(of(r.since(at), Suspect, Dead), func(e event) bool { return e.observer == "n00" && e.node == "n01" })
		none(t, "n00 after its pause", late)
	})
}

func TestFlappingIsDamped(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 4, 11)
		defer r.close()
		at := time.Now()
		for range 12 {
			r.pause("n02", 2*time.Second)
			time.Sleep(300 * time.Millisecond)
		}
		calm := time.Now()
		flaps := about(r.since(at), func(e event) bool { return e.node == "n02" })
		if got := len(of(flaps, Dead)); got != 3 {
			t.Errorf("12 pauses gave %d deaths, want one at each of 3 observers", got)
		}
		none(t, "while it flaps", of(flaps, Alive))
		o, _ := r.nodes["n00"].Observe("n02")
		if o.Verdict != Dead || o.Flaps != 1 {
			t.Errorf("observation = %s, %d flaps; want dead, 1", o.Verdict, o.Flaps)
		}
		time.Sleep(time.Second)
		if o, _ := r.nodes["n00"].Observe("n02"); o.Verdict != Dead || o.Returning.IsZero() {
			t.Errorf("1 s after the last pause: %s, returning %s; want dead and returning", o.Verdict, o.Returning)
		}
		r.await(4*time.Second, "return", func() bool { return r.verdict("n00", "n02") == Alive })
		if held := time.Since(calm); held < 2700*time.Millisecond {
			t.Errorf("alive again after %s, want about 3 s", held)
		}
	})
}

func TestPartitionAndHeal(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, 16, 13)
		defer r.close()
		var left, right []string
		for i, name := range r.names {
			if i < 8 {
				left = append(left, r.nodes[name].addr)
			} else {
				right = append(right, r.nodes[name].addr)
			}
		}
		at := time.Now()
		r.net.Partition(left, right)
		time.Sleep(3 * time.Second)
		deaths := of(r.since(at), Dead)
		if got, want := len(deaths), 2*8*8; got != want {
			t.Errorf("%d deaths seen within 3 s, want %d", got, want)
		}
		sameSide := about(of(r.since(at), Suspect, Dead), func(e event) bool { return (e.observer < "n08") == (e.node < "n08") })
		none(t, "own side", sameSide)
		var took []time.Duration
		for _, e := range deaths {
			took = append(took, e.at.Sub(at))
		}
		t.Logf("8 of 16 at once: dead p50 %s p99 %s", percentile(took, .5), percentile(took, .99))
		time.Sleep(40 * time.Second) // gossip forgets the dead
		r.net.HealAll()
		r.converge(r.names, 20*time.Second)
	})
}

func TestLoadDoesNotGrowWithTheCluster(t *testing.T) {
	for _, n := range []int{3, 16, 64} {
		bubble.Test(t, func(t *testing.T) {
			r := newRig(t, n, 2)
			defer r.close()
			time.Sleep(2 * time.Second)
			packets, bytes := r.net.Sent()
			time.Sleep(2 * time.Second)
			packets2, bytes2 := r.net.Sent()
			rate := float64(packets2-packets) / 2 / float64(n)
			t.Logf("%d members, idle: %.0f packets/s and %.1f kB/s sent by each", n, rate, float64(bytes2-bytes)/2000/float64(n))
			if rate > 60 {
				t.Errorf("%.0f packets/s a member, want at most 60", rate)
			}
		})
	}
}

// TestRackLoss kills half of 16 at once: watchers die with their targets, and
// others take over.
func TestRackLoss(t *testing.T) {
	var suspect, dead []time.Duration
	for seed := range uint64(4) {
		bubble.Test(t, func(t *testing.T) {
			r := newRig(t, 16, seed+21)
			defer r.close()
			at := time.Now()
			for _, name := range r.names[8:] {
				r.net.Kill(r.nodes[name].addr)
			}
			time.Sleep(4 * time.Second)
			for _, e := range about(r.since(at), func(e event) bool { return e.observer < "n08" }) {
				switch {
				case e.node < "n08":
					t.Errorf("%s holds healthy %s %s", e.observer, e.node, e.verdict)
				case e.verdict == Suspect.String():
					suspect = append(suspect, e.at.Sub(at))
				case e.verdict == Dead.String():
					dead = append(dead, e.at.Sub(at))
				}
			}
		})
	}
	if got, want := len(dead), 4*8*8; got != want {
		t.Errorf("%d deaths seen, want %d", got, want)
	}
	t.Logf("8 of 16 at once: suspect p99 %s, dead p99 %s", percentile(suspect, .99), percentile(dead, .99))
	if got := percentile(suspect, .99); got > time.Second {
		t.Errorf("suspect p99 = %s, want at most 1 s", got)
	}
	if got := percentile(dead, .99); got > 2*time.Second {
		t.Errorf("dead p99 = %s, want at most 2 s", got)
	}
}
