package state

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// audited is a state after n changes by turns, entered as a log would.
func audited(t *testing.T, n int) *State {
	t.Helper()
	s := maintained(t)
	for i := range n {
		entry, err := EncodeFrom(&NodeStandby{Node: "a", Standby: i%2 == 0}, epoch.Add(time.Duration(i)*time.Second), []string{"alice", "bob"}[i%2], "192.0.2.7")
		if err != nil {
			t.Fatal(err)
		}
		var result Result
		if s, result = Apply(s, uint64(10+i), 1, entry); result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	return s
}

func TestAuditRecords(t *testing.T) {
	s := audited(t, 3)
	if err := s.Audit.Verify(); err != nil {
		t.Fatal(err)
	}
	r := s.Audit.Records[1]
	if len(s.Audit.Records) != 3 || r.Number != 2 || r.Index != 11 || r.By != "bob" || r.From != "192.0.2.7" || r.Command != "node.standby/1" || r.Text != "a: standby false" || r.Previous != s.Audit.Records[0].Hash {
		t.Errorf("recorded %+v", r)
	}
	// What was rejected, and what is the cluster's daily work, is no change of
	// anybody's.
	next, result := ApplyCommand(s, 20, 1, epoch, "eve", &NodeStandby{Node: "nobody"})
	if result.Err == nil || len(next.Audit.Records) != 3 {
		t.Errorf("a rejected command: %v, %d records", result.Err, len(next.Audit.Records))
	}
	if next, _ = ApplyCommand(s, 20, 1, epoch, ByCluster, &OperationsStarted{}); len(next.Audit.Records) != 3 {
		t.Error("operations are audited")
	}
	s.Version = VersionAdmin - 1
	if next, _ = ApplyCommand(s, 20, 1, epoch, "alice", &NodeStandby{Node: "b", Standby: true}); len(next.Audit.Records) != 3 {
		t.Error("members of an earlier release would not have this record")
	}
}

// TestAuditIsTheSameEverywhere: an entry that is read from the log and a command
// that a simulation applies leave the same chain.
func TestAuditIsTheSameEverywhere(t *testing.T) {
	entry, err := Encode(&NodeStandby{Node: "a", Standby: true}, epoch, "alice")
	if err != nil {
		t.Fatal(err)
	}
	fromLog, _ := Apply(maintained(t), 1, 1, entry)
	direct, _ := ApplyCommand(maintained(t), 1, 1, epoch, "alice", &NodeStandby{Node: "a", Standby: true})
	if fromLog.Hash() != direct.Hash() {
		t.Errorf("%+v and %+v", fromLog.Audit.Records, direct.Audit.Records)
	}
}

// TestRoutine holds which commands are not audited: a new one is, unless somebody
// says otherwise here.
func TestRoutine(t *testing.T) {
	kinds := map[string]bool{}
	for name := range registry {
		kind, _, _ := strings.Cut(name, "/")
		kinds[kind] = true
	}
	want := []string{
		"fence.checked", "fence.powered_on", "fence.refused", "fence.reported", "fence.started", "instance.reported", "member.booted", "member.verdict", "member.watchdog",
		"operation.finished", "operations.started", "resource.advised",
	}
	if got := slices.Sorted(maps.Keys(routine)); !slices.Equal(got, want) {
		t.Errorf("not audited are %q, want %q", got, want)
	}
	for kind := range routine {
		if !kinds[kind] {
			t.Errorf("there is no command %s", kind)
		}
	}
}

func TestAuditIsBounded(t *testing.T) {
	s := audited(t, MaxAudit+7)
	if err := s.Audit.Verify(); err != nil {
		t.Fatal(err)
	}
	if len(s.Audit.Records) != MaxAudit || s.Audit.Dropped != 7 || s.Audit.Anchor != s.Audit.Records[0].Previous {
		t.Errorf("%d records, %d dropped", len(s.Audit.Records), s.Audit.Dropped)
	}
	whole := audited(t, 9).Audit
	for number, want := range map[uint64]bool{0: false, 6: false, 7: true, 8: true, MaxAudit + 7: true, MaxAudit + 8: false} {
		hash, known := s.Audit.HashOf(number)
		if known != want || known && number <= 9 && hash != whole.Records[number-1].Hash {
			t.Errorf("hash of %d: %q, %v", number, hash, known)
		}
	}
}

// TestTamperingIsCaught changes each field of each record, leaves records out,
// puts others in and exchanges them.
func TestTamperingIsCaught(t *testing.T) {
	s := audited(t, 4)
	tampered := func(change func(*Audit)) error {
		a := *s.Audit
		a.Records = slices.Clone(s.Audit.Records)
		change(&a)
		return a.Verify()
	}
	for name, change := range map[string]func(*AuditRecord){
		"number": func(r *AuditRecord) { r.Number++ }, "index": func(r *AuditRecord) { r.Index++ }, "at": func(r *AuditRecord) { r.At = r.At.Add(time.Second) },
		"by": func(r *AuditRecord) { r.By = "mallory" }, "from": func(r *AuditRecord) { r.From = "" }, "command": func(r *AuditRecord) { r.Command += "1" },
		"text": func(r *AuditRecord) { r.Text = "nothing" }, "digest": func(r *AuditRecord) { r.Digest = r.Hash }, "previous": func(r *AuditRecord) { r.Previous = r.Hash }, "hash": func(r *AuditRecord) { r.Hash = r.Digest },
		"all of it, with a hash that fits": func(r *AuditRecord) { r.By = "mallory"; r.Hash = r.sum() },
	} {
		for at := range 3 {
			if err := tampered(func(a *Audit) { change(&a.Records[at]) }); err == nil {
				t.Errorf("%s of record %d was changed, and nobody noticed", name, at+1)
			}
		}
	}
	for name, change := range map[string]func(*Audit){
		"the first left out":   func(a *Audit) { a.Records = a.Records[1:] },
		"one left out":         func(a *Audit) { a.Records = slices.Delete(a.Records, 1, 2) },
		"two exchanged":        func(a *Audit) { a.Records[1], a.Records[2] = a.Records[2], a.Records[1] },
		"one twice":            func(a *Audit) { a.Records = slices.Insert(a.Records, 1, a.Records[0]) },
		"said to be dropped":   func(a *Audit) { a.Records, a.Dropped = a.Records[1:], 1 },
		"another anchor":       func(a *Audit) { a.Records, a.Dropped, a.Anchor = a.Records[2:], 2, a.Records[0].Hash },
		"an anchor of nothing": func(a *Audit) { a.Anchor = a.Records[0].Hash },
	} {
		if tampered(change) == nil {
			t.Errorf("%s, and nobody noticed", name)
		}
	}
	if err := tampered(func(a *Audit) { a.Records, a.Dropped, a.Anchor = a.Records[2:], 2, a.Records[1].Hash }); err != nil {
		t.Errorf("dropping the oldest is no tampering: %v", err)
	}
}

// TestTamperedSnapshotIsRefused: no member starts from a snapshot whose audit was
// edited on its disk.
func TestTamperedSnapshotIsRefused(t *testing.T) {
	var stream bytes.Buffer
	s := audited(t, 4)
	if err := s.WriteSnapshot(&stream); err != nil {
		t.Fatal(err)
	}
	whole := stream.String()
	back, err := ReadSnapshot(strings.NewReader(whole))
	if err != nil || back.Hash() != s.Hash() {
		t.Fatalf("an honest snapshot: %v", err)
	}
	head, audit, _ := strings.Cut(whole, `"audit":`)
	if _, err := ReadSnapshot(strings.NewReader(head + `"audit":` + strings.Replace(audit, `"by":"bob"`, `"by":"eve"`, 1))); err == nil || !strings.Contains(err.Error(), "record 2") {
		t.Errorf("an edited snapshot was read: %v", err)
	}
}

// TestAuditHoldsNoSecrets: of a secret's command only the digest of what is sealed
// is kept.
func TestAuditHoldsNoSecrets(t *testing.T) {
	s, _ := ApplyCommand(maintained(t), 1, 1, epoch, "alice", &SecretSet{Secret: "bmc", Sealed: "v1.k.sealed-value"})
	data, err := json.Marshal(s.Audit)
	if err != nil || bytes.Contains(data, []byte("sealed-value")) || !bytes.Contains(data, []byte("bmc set")) {
		t.Errorf("%s, %v", data, err)
	}
}
