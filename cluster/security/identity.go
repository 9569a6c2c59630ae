package security

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Kind says what a certificate is for.
type Kind uint8

// The kinds. The zero value is nobody.
const (
	NobodyPeer Kind = iota
	NodePeer
	UserPeer
)

// Identity is who a verified certificate belongs to.
type Identity struct {
	Kind   Kind
	Name   string
	Role   Role   // of a UserPeer
	Serial string // hex, names the certificate in the deny list
}

// String implements fmt.Stringer.
func (i Identity) String() string {
	switch i.Kind {
	case NodePeer:
		return "node " + i.Name
	case UserPeer:
		return string(i.Role) + " " + i.Name
	case NobodyPeer:
	}
	return "nobody"
}

var (
	// ErrNoPeer: the peer showed no certificate.
	ErrNoPeer = errors.New("peer has no certificate")
	// ErrWrongPeer: the certificate is not that of the peer that was expected.
	ErrWrongPeer = errors.New("peer is not who was expected")
	// ErrRevoked: the certificate, or its node, was removed from the cluster.
	ErrRevoked = errors.New("certificate is revoked")
	// ErrPin: the cluster is not the one that the token names.
	ErrPin = errors.New("certificate authority is not the one that the join token names: this is another cluster, or somebody in between")
)

// PeerIdentity returns who is at the other end of a connection made with this
// package's configurations, which have verified the certificate.
func PeerIdentity(state tls.ConnectionState) (Identity, error) {
	if len(state.PeerCertificates) == 0 {
		return Identity{}, ErrNoPeer
	}
	return identityOf(state.PeerCertificates[0])
}

func identityOf(cert *x509.Certificate) (Identity, error) {
	id := Identity{Name: cert.Subject.CommonName, Serial: cert.SerialNumber.Text(16)}
	if err := CheckName(id.Name); err != nil {
		return Identity{}, fmt.Errorf("certificate: %w", err)
	}
	if len(cert.Subject.Organization) != 1 || cert.IsCA {
		return Identity{}, fmt.Errorf("certificate of %q is not one of a node or person", id.Name)
	}
	org := cert.Subject.Organization[0]
	if org == orgNode {
		id.Kind = NodePeer
		return id, nil
	}
	role, ok := strings.CutPrefix(org, orgPrefix)
	if id.Kind, id.Role = UserPeer, Role(role); !ok || !id.Role.valid() {
		return Identity{}, fmt.Errorf("certificate of %q: organization %q is not one of a node or person", id.Name, org)
	}
	return id, nil
}
