package stage

import (
	"testing"
	"time"
)

func TestEcho(t *testing.T) {
	sent := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	request := echoRequest(7, 3, sent)
	if got := checksum(request); got != 0 {
		t.Errorf("the checksum of a message with its checksum is %#x, want 0", got)
	}
	reply := append([]byte{icmpEchoReply}, request[1:]...)
	cases := []struct {
		name    string
		message []byte
		id      uint16
		want    bool
	}{
		{"a reply", reply, 7, true},
		{"another's reply", reply, 8, false},
		{"the request itself", request, 7, false},
		{"a short message", reply[:8], 7, false},
	}
	for _, c := range cases {
		got, ours := echoReply(c.message, c.id)
		if ours != c.want || ours && !got.Equal(sent) {
			t.Errorf("%s: sent at %s, %v", c.name, got, ours)
		}
	}
}

// An answer that is read late belongs to the time in which it was asked for.
func TestLateAnswers(t *testing.T) {
	cut := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	after := func(ms int) time.Time { return cut.Add(time.Duration(ms) * time.Millisecond) }
	var r record
	r.good(after(-20), after(300))
	if at, answered := r.FirstAfter(cut); answered {
		t.Errorf("an answer from before the cut counts, %s after it", at.Sub(cut))
	}
	r.good(after(2000), after(2001))
	if at, answered := r.FirstAfter(cut); !answered || at != after(2001) {
		t.Errorf("answered %v, %s after the cut", answered, at.Sub(cut))
	}
}
