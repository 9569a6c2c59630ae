package security

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"
)

// RenewBefore is how long before its end a node's certificate is renewed: a third
// of its life, so that a cluster may be without power, or without anybody who
// reads its warnings, for months.
const RenewBefore = NodeLifetime / 3

// ErrNoGain: a new certificate would not live longer than the present one,
// because the authority's own ends.
var ErrNoGain = errors.New("the authority's certificate ends with this one")

// DueAt reports whether a node's certificate is to be renewed at now.
func (c *Credentials) DueAt(now time.Time) bool { return c.NotAfter().Sub(now) <= RenewBefore }

// Renew makes a new key and has the authority sign it for the node whose
// credentials these are, by the names that they have. It changes nothing: the
// result is for Files.SaveNode and Reload. The new certificate begins when the
// present one did, so that a host whose clock is ahead does not make itself one
// that nobody accepts yet.
func (c *Credentials) Renew(ca *CA, now time.Time) (certPEM, keyPEM []byte, err error) {
	id, leaf := c.Identity(), c.current.Load().chain.Leaf
	if id.Kind != NodePeer {
		return nil, nil, fmt.Errorf("renew certificate: it is that of %s, not of a node", id)
	}
	if !ca.cert.NotAfter.After(leaf.NotAfter) {
		return nil, nil, ErrNoGain
	}
	keyPEM, csr, err := NewKeyPair()
	if err != nil {
		return nil, nil, err
	}
	certPEM, err = ca.sign(csr, &x509.Certificate{
		Subject: pkix.Name{CommonName: id.Name, Organization: []string{orgNode}}, NotBefore: leaf.NotBefore,
		DNSNames: leaf.DNSNames, IPAddresses: leaf.IPAddresses, ExtKeyUsage: leaf.ExtKeyUsage,
	}, now, NodeLifetime)
	if err != nil {
		return nil, nil, fmt.Errorf("renew certificate of node %s: %w", id.Name, err)
	}
	return certPEM, keyPEM, nil
}
