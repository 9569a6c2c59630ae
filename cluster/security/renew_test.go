package security

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRenew(t *testing.T) {
	ca := newCA(t)
	m := ca.nodeMaterial(t, "n1")
	c := must[*Credentials](t)(NewCredentials(m, nil))
	old, now := c.current.Load().chain.Leaf, time.Now()
	if c.DueAt(now) || c.DueAt(now.Add(NodeLifetime-RenewBefore-time.Minute)) || !c.DueAt(now.Add(NodeLifetime-RenewBefore)) || !c.DueAt(now.Add(2*NodeLifetime)) {
		t.Error("it is due at another time than after two thirds of its life")
	}

	// Long after its end, as by a clock that is ahead: the others must accept it today.
	cert, key, err := c.Renew(ca, now.Add(2*NodeLifetime))
	noError(t, err)
	noError(t, c.Reload(Material{CACert: ca.CertPEM(), Cert: cert, Key: key}))
	leaf := c.current.Load().chain.Leaf
	if diff := cmp.Diff(old.DNSNames, leaf.DNSNames); diff != "" || !leaf.IPAddresses[0].Equal(old.IPAddresses[0]) {
		t.Errorf("names: %v %v", diff, leaf.IPAddresses)
	}
	if !leaf.NotBefore.Equal(old.NotBefore) || !leaf.NotAfter.After(old.NotAfter) || string(key) == string(m.Key) || c.Identity().Serial == old.SerialNumber.Text(16) {
		t.Errorf("it begins %s, ends %s, has serial %s", leaf.NotBefore, leaf.NotAfter, c.Identity().Serial)
	}
	if _, err := ca.node(t, "n2", nil).verifyCert(leaf, c.current.Load().roots, leaf.ExtKeyUsage[0]); err != nil {
		t.Errorf("another member: %v", err)
	}

	// As far as the authority's goes, and no further.
	cert, key, err = c.Renew(ca, now.Add(CALifetime-time.Hour))
	noError(t, err)
	noError(t, c.Reload(Material{CACert: ca.CertPEM(), Cert: cert, Key: key}))
	if _, _, err := c.Renew(ca, now.Add(CALifetime-time.Minute)); !c.NotAfter().Equal(ca.cert.NotAfter) || !errors.Is(err, ErrNoGain) {
		t.Errorf("at the authority's end: %v", err)
	}
	if _, _, err := ca.user(t, "alice", RoleAdmin).Renew(ca, now); err == nil {
		t.Error("a person's certificate is renewed")
	}
}
