package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
)

// renewal is a member's certificate, on file and in use, and the log.
type renewal struct {
	*renewer
	t    *testing.T
	s    *state.State
	mute bool // there is no leader
	told int
}

func newRenewal(t *testing.T, now time.Time) *renewal {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ca, err := security.NewCA("test", now)
	must(err)
	key, csr, err := security.NewKeyPair()
	must(err)
	cert, err := ca.SignNode(csr, "a", []string{"192.0.2.1:7450"}, now)
	must(err)
	files := security.Files{Dir: t.TempDir()}
	must(files.SaveCA(ca.CertPEM(), nil))
	must(files.SaveNode(cert, key))
	material, err := files.LoadNode()
	must(err)
	creds, err := security.NewCredentials(material, nil)
	must(err)
	r := &renewal{t: t, s: state.New()}
	r.s.Version = state.Version
	r.s.Nodes["a"] = &state.Node{Name: "a", Serial: creds.Identity().Serial}
	r.renewer = &renewer{
		node: "a", files: files, ca: ca, creds: creds, log: zap.NewNop(),
		state: func() *state.State { return r.s },
		tell: func(_ context.Context, c state.Command) error {
			r.told++
			if r.mute {
				return errors.New("no leader")
			}
			next, result := state.ApplyCommand(r.s, r.s.Index+1, 1, now, state.ByCluster, c)
			r.s = next
			return result.Err
		},
	}
	return r
}

// serial is that of the certificate in use, which must be the one on file.
func (r *renewal) serial() string {
	r.t.Helper()
	material, err := r.files.LoadNode()
	if err != nil {
		r.t.Fatal(err)
	}
	serial, _, err := security.CertificateFacts(material.Cert)
	if err != nil || serial != r.creds.Identity().Serial {
		r.t.Errorf("on file is %s (%v), in use %s", serial, err, r.creds.Identity().Serial)
	}
	return serial
}

func TestCertificateIsRenewedAndTheLogKnows(t *testing.T) {
	began := time.Now()
	r := newRenewal(t, began)
	first := r.serial()
	step := func(at time.Duration) error { return r.step(t.Context(), began.Add(at)) }
	if err := step(time.Hour); err != nil || r.serial() != first || r.told != 0 {
		t.Fatalf("a new one: %v, told %d times", err, r.told)
	}

	// It is taken without a leader, and told of as soon as there is one, once.
	r.mute = true
	due := security.NodeLifetime - security.RenewBefore + time.Hour
	if err := step(due); err == nil || r.serial() == first {
		t.Fatalf("due, without a leader: %v", err)
	}
	second := r.serial()
	r.mute = false
	for range 2 {
		if err := step(due + time.Minute); err != nil || r.serial() != second {
			t.Fatalf("with a leader: %v", err)
		}
	}
	if self := r.s.Nodes["a"]; self.Serial != second || len(self.Earlier) != 1 || self.Earlier[0] != first || r.told != 2 {
		t.Errorf("the log has %+v, told %d times", self, r.told)
	}

	// A cluster that was off for longer than its certificates live comes back.
	if err := step(due + 2*security.NodeLifetime); err != nil || r.serial() == second {
		t.Errorf("long after its end: %v", err)
	}

	// Nothing of the member is accepted after its removal, also when it joins again.
	r.s.Nodes["b"] = &state.Node{Name: "b"}
	removed, result := state.ApplyCommand(r.s, r.s.Index+1, 1, began, "root", &state.MemberRemoved{Node: "a", Force: true})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	removed.Nodes["a"] = &state.Node{Name: "a", Serial: "fresh"}
	for _, serial := range []string{first, second, r.serial()} {
		if !revoked(removed, "a", serial) {
			t.Errorf("%s is accepted", serial)
		}
	}
	if revoked(removed, "a", "fresh") {
		t.Error("the new one is refused")
	}
}

// At the authority's own end nothing is gained, and nothing is made again and again.
func TestCertificateEndsWithTheAuthority(t *testing.T) {
	began := time.Now()
	r := newRenewal(t, began)
	last := began.Add(security.CALifetime - time.Hour)
	if err := r.step(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	serial := r.serial()
	for range 3 {
		if err := r.step(t.Context(), last.Add(time.Minute)); err != nil || r.serial() != serial {
			t.Fatalf("%v, %s after %s", err, r.serial(), serial)
		}
	}
}
