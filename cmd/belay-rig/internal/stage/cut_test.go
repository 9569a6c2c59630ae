package stage

import (
	"testing"
	"time"
)

func TestBecameLeader(t *testing.T) {
	const journal = `1795000000.100000 controller-1 belayd[118]: INFO  raft  raftlog/observe.go:48  raft state changed  {"node": "controller-1", "state": "leader", "term": 2}
1795000010.250000 controller-1 belayd[118]: INFO  raft  raftlog/observe.go:48  raft state changed  {"node": "controller-1", "state": "candidate", "term": 3}
1795000010.750000 controller-1 belayd[118]: INFO  raft  raftlog/observe.go:48  raft state changed  {"node": "controller-1", "state": "leader", "term": 3}
1795000020.000000 controller-1 belayd[118]: INFO  raft  raftlog/observe.go:48  raft state changed  {"node": "controller-1", "state": "leader", "term": 4}
`
	gone := time.Unix(1795000010, 0)
	if at, found := becameLeader(journal, gone); !found || at.Sub(gone).Round(time.Millisecond) != 750*time.Millisecond {
		t.Errorf("%v after the cut, found %v", at.Sub(gone), found)
	}
	if at, found := becameLeader(journal, gone.Add(time.Minute)); found {
		t.Errorf("found %v, want none so late", at)
	}
}
