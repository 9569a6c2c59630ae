package security

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"
)

// The protocols on the one port, by ALPN name.
const (
	ProtoRaft  = "belay-raft/1" // nodes only
	ProtoHTTP2 = "h2"           // the API; nodes and people
	ProtoHTTP1 = "http/1.1"     // the API; nodes and people
	ProtoJoin  = "belay-join/1" // anybody, no certificate: only to join
)

// Revoked reports whether a certificate was taken back: that of a node or person
// removed from the cluster, or one serial. It must not block. nil: none is.
type Revoked func(name, serial string) bool

// Material is a CA certificate, a certificate and its key, all PEM. CACert may
// hold several authorities while one replaces another.
type Material struct {
	CACert, Cert, Key []byte
}

// Format implements fmt.Formatter: no verb shows the key.
func (m Material) Format(f fmt.State, _ rune) { fmt.Fprint(f, "<TLS material>") }

// Credentials are what a member or a person proves itself with, and whom it
// trusts. They can be replaced while in use: connections made later take the new
// ones. Safe for concurrent use.
type Credentials struct {
	current atomic.Pointer[credentials]
	revoked Revoked
}

type credentials struct {
	chain tls.Certificate // with the authority, which joiners look at
	roots *x509.CertPool
	id    Identity
}

// NewCredentials checks the material and returns credentials; revoked may be nil.
func NewCredentials(m Material, revoked Revoked) (*Credentials, error) {
	c := &Credentials{revoked: revoked}
	if err := c.Reload(m); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload replaces the material, or leaves it as it is and says what is wrong.
func (c *Credentials) Reload(m Material) error {
	chain, err := tls.X509KeyPair(m.Cert, m.Key)
	if err != nil {
		return fmt.Errorf("certificate and key: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(m.CACert) {
		return errors.New("no CA certificate")
	}
	verified, err := chain.Leaf.Verify(x509.VerifyOptions{
		Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: validTime(chain.Leaf),
	})
	if err != nil {
		return fmt.Errorf("certificate is not of this cluster's authority: %w", err)
	}
	id, err := identityOf(chain.Leaf)
	if err != nil {
		return err
	}
	authority := verified[0][len(verified[0])-1]
	chain.Certificate = [][]byte{chain.Leaf.Raw, authority.Raw}
	c.current.Store(&credentials{chain: chain, roots: roots, id: id})
	return nil
}

// validTime lets a member whose clock is wrong, or whose certificate has run
// out, start and say so through its peers' errors, rather than not at all.
func validTime(cert *x509.Certificate) time.Time { return cert.NotBefore.Add(2 * backdate) }

// Identity returns whose credentials these are.
func (c *Credentials) Identity() Identity { return c.current.Load().id }

// NotAfter returns when the certificate runs out: renew it well before.
func (c *Credentials) NotAfter() time.Time { return c.current.Load().chain.Leaf.NotAfter }

// ServerConfig returns the configuration of the shared port, TLS 1.3 and later.
// A client that offers only ProtoJoin needs no certificate and gets nothing but
// that protocol; any other must show a certificate of this cluster, for
// ProtoRaft that of a node. Clients without ALPN are refused.
func (c *Credentials) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(hello.SupportedProtos) == 0 {
				return nil, errors.New("client names no protocol")
			}
			if slices.Equal(hello.SupportedProtos, []string{ProtoJoin}) {
				return c.joinConfig(), nil
			}
			return c.memberConfig(), nil
		},
	}
}

func (c *Credentials) base(protos ...string) *tls.Config {
	now := c.current.Load()
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{now.chain},
		NextProtos:             protos,
		SessionTicketsDisabled: true, // every connection is verified in full
	}
}

func (c *Credentials) joinConfig() *tls.Config {
	cfg := c.base(ProtoJoin)
	cfg.ClientAuth = tls.NoClientCert
	return cfg
}

func (c *Credentials) memberConfig() *tls.Config {
	cfg := c.base(ProtoRaft, ProtoHTTP2, ProtoHTTP1)
	cfg.ClientAuth = tls.RequireAnyClientCert // VerifyConnection verifies it
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		id, err := c.verify(state, x509.ExtKeyUsageClientAuth)
		if err != nil {
			return err
		}
		switch state.NegotiatedProtocol {
		case ProtoHTTP2, ProtoHTTP1:
			return nil
		case ProtoRaft:
			if id.Kind == NodePeer {
				return nil
			}
		}
		return fmt.Errorf("%w: %s may not speak %q", ErrWrongPeer, id, state.NegotiatedProtocol)
	}
	return cfg
}

// ClientConfig returns the configuration for connections to a node: the peer
// must be that node, or any node of the cluster if node is "", and speak one of
// the protocols. It takes the credentials of the moment it is used. For an
// http.Transport give ProtoHTTP2 and ProtoHTTP1 and set ForceAttemptHTTP2.
func (c *Credentials) ClientConfig(node string, protos ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: protos,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &c.current.Load().chain, nil
		},
		// VerifyConnection replaces the standard verification, which could
		// neither follow a reload nor check the node's name and the deny list.
		InsecureSkipVerify: true, //nolint:gosec
		VerifyConnection: func(state tls.ConnectionState) error {
			id, err := c.verify(state, x509.ExtKeyUsageServerAuth)
			if err != nil {
				return err
			}
			if id.Kind != NodePeer || node != "" && id.Name != node {
				return fmt.Errorf("%w: it is %s, not node %s", ErrWrongPeer, id, node)
			}
			if !slices.Contains(protos, state.NegotiatedProtocol) {
				return fmt.Errorf("%w: it does not speak %q", ErrWrongPeer, protos)
			}
			return nil
		},
	}
}

// verify checks the peer's chain against the authorities and the deny list.
func (c *Credentials) verify(state tls.ConnectionState, usage x509.ExtKeyUsage) (Identity, error) {
	if len(state.PeerCertificates) == 0 {
		return Identity{}, ErrNoPeer
	}
	return c.verifyCert(state.PeerCertificates[0], c.current.Load().roots, usage)
}

func (c *Credentials) verifyCert(leaf *x509.Certificate, roots *x509.CertPool, usage x509.ExtKeyUsage) (Identity, error) {
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
		return Identity{}, fmt.Errorf("certificate of %q: %w", leaf.Subject.CommonName, err)
	}
	id, err := identityOf(leaf)
	if err != nil {
		return Identity{}, err
	}
	if c.isRevoked(id) {
		return Identity{}, fmt.Errorf("%s, serial %s: %w", id, id.Serial, ErrRevoked)
	}
	return id, nil
}

func (c *Credentials) isRevoked(id Identity) bool {
	return c.revoked != nil && c.revoked(id.Name, id.Serial)
}

// Dial connects to a node's port and proves both ends. It obeys ctx.
func (c *Credentials) Dial(ctx context.Context, proto, node, addr string) (*tls.Conn, error) {
	conn, err := dialTLS(ctx, addr, c.ClientConfig(node, proto))
	if err != nil {
		return nil, fmt.Errorf("connect to node %s at %s: %w", node, addr, err)
	}
	return conn, nil
}

// RaftDialer dials peers for Raft.
type RaftDialer struct{ Credentials *Credentials }

// Dial opens a connection to a peer and proves that it is that node.
func (d RaftDialer) Dial(ctx context.Context, node, addr string) (net.Conn, error) {
	if node == "" {
		return nil, errors.New("connect to a raft peer: no node name")
	}
	return d.Credentials.Dial(ctx, ProtoRaft, node, addr)
}

// DialJoin connects a node that is no member yet to the cluster that a token
// names. Nothing has been sent when the authority turns out to be another one
// (ErrPin). It returns the connection, for HTTP/1.1, and the authority's PEM.
func DialJoin(ctx context.Context, addr string, pin Pin) (conn net.Conn, caCert []byte, err error) {
	var authority *x509.Certificate
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{ProtoJoin},
		// The authority is not known yet, only its hash.
		InsecureSkipVerify: true, //nolint:gosec
		VerifyConnection: func(state tls.ConnectionState) error {
			var err error
			authority, err = verifyPinned(state, pin)
			return err
		},
	}
	c, err := dialTLS(ctx, addr, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to cluster at %s: %w", addr, err)
	}
	return plainHTTP{c}, certPEM(authority.Raw), nil
}

func verifyPinned(state tls.ConnectionState, pin Pin) (*x509.Certificate, error) {
	if state.NegotiatedProtocol != ProtoJoin {
		return nil, fmt.Errorf("%w: it does not speak %q", ErrWrongPeer, ProtoJoin)
	}
	certs := state.PeerCertificates
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return c.IsCA && pinOf(c) == pin })
	if i < 1 {
		return nil, ErrPin
	}
	roots := x509.NewCertPool()
	roots.AddCert(certs[i])
	id, err := (&Credentials{}).verifyCert(certs[0], roots, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	if id.Kind != NodePeer {
		return nil, fmt.Errorf("%w: it is %s, not a node", ErrWrongPeer, id)
	}
	return certs[i], nil
}

func dialTLS(ctx context.Context, addr string, cfg *tls.Config) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	d := tls.Dialer{Config: cfg}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*tls.Conn), nil //nolint:forcetypeassert // documented by tls.Dialer
}

// plainHTTP hides the TLS type: net/http would look for a handler of the
// protocol "belay-join/1" and close the connection.
type plainHTTP struct{ net.Conn }
