package raftlog

import (
	"testing"
	"time"
)

// Once the leader is lost nobody asks Raft any more when it was heard last; the
// node must have noted it, or a member takes its lease for run out.
func TestLastWord(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		for range 5 {
			old := g.settle()
			time.Sleep(10 * time.Second) // nobody asks
			cut := time.Now()
			g.isolate(old)
			for _, p := range g.others(old) {
				g.isolate(p)
			}
			time.Sleep(2 * time.Second)
			for _, p := range g.peers {
				if p.Status().LeaderID != "" {
					t.Fatalf("%s still knows a leader", p.id)
				}
				if word := p.LastWord(); word.After(cut) || word.Before(cut.Add(-p.cfg.HeartbeatTimeout)) {
					t.Errorf("%s heard its leader %s before it was cut off", p.id, cut.Sub(word))
				}
			}
			for _, p := range g.peers {
				g.heal(p)
			}
			leader := g.settle()
			time.Sleep(time.Second)
			for _, p := range g.peers {
				if since := time.Since(p.LastWord()); since > p.cfg.HeartbeatTimeout {
					t.Errorf("%s, led by %s, heard its leader %s ago", p.id, leader.id, since)
				}
			}
		}
	})
}

// A leader whose followers are silent does not hear itself.
func TestLastWordOfALonelyLeader(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, g *group) {
		leader := g.settle()
		time.Sleep(time.Second)
		g.isolate(leader)
		cut := time.Now()
		for leader.Status().State == Leader {
			time.Sleep(time.Millisecond)
			if leader.LastWord().After(cut) {
				t.Fatal("it heard itself after it was cut off")
			}
		}
	})
	inBubble(t, 1, func(t *testing.T, g *group) {
		leader := g.settle()
		time.Sleep(time.Minute)
		if time.Since(leader.LastWord()) != 0 {
			t.Error("a leader that is the only voter does not hear itself")
		}
	})
}
