package security

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

// port is a running mux on loopback: raft connections are echoed, the API says
// who calls, the join door does what a cluster would.
type port struct {
	*Mux
	addr  string
	creds *Credentials
}

func startPort(t *testing.T, creds *Credentials, join http.Handler) *port {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	p := &port{Mux: NewMux(l, creds, zap.NewNop()), addr: l.Addr().String(), creds: creds}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("mux: %v", err)
		}
	})
	wg.Go(func() { echo(&wg, p.Raft()) })
	api := &http.Server{Handler: http.HandlerFunc(whoami), ReadHeaderTimeout: time.Second}
	door := &http.Server{Handler: join, ReadHeaderTimeout: time.Second}
	wg.Go(func() { api.Serve(p.API()) })
	wg.Go(func() { door.Serve(p.Join()) })
	t.Cleanup(func() {
		cancel()
		api.Close()
		door.Close()
		wg.Wait()
	})
	return p
}

func echo(wg *sync.WaitGroup, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer c.Close()
			c.SetDeadline(time.Now().Add(10 * time.Second))
			io.Copy(c, c)
		})
	}
}

func whoami(w http.ResponseWriter, r *http.Request) {
	id, err := PeerIdentity(*r.TLS)
	fmt.Fprintf(w, "%s %v %v", r.Proto, id, err)
}

// talk sends a line over a raft connection and returns what went wrong, if
// anything: with TLS 1.3 a client learns of its refusal when it first reads.
func talk(t *testing.T, creds *Credentials, node, addr string) error {
	t.Helper()
	c, err := (RaftDialer{creds}).Dial(t.Context(), node, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return ping(c)
}

func ping(c net.Conn) error {
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	b := make([]byte, 5)
	_, err := io.ReadFull(c, b)
	return err
}

func get(t *testing.T, cfg *tls.Config, addr string) (string, error) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: slices.Contains(cfg.NextProtos, ProtoHTTP2)}
	defer tr.CloseIdleConnections()
	client := http.Client{Transport: tr, Timeout: 5 * time.Second}
	resp, err := client.Get("https://" + addr + "/")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestPortServesMembers(t *testing.T) {
	ca := newCA(t)
	p := startPort(t, ca.node(t, "n1", nil), http.NotFoundHandler())
	n2 := ca.node(t, "n2", nil)
	if err := talk(t, n2, "n1", p.addr); err != nil {
		t.Errorf("raft: %v", err)
	}
	if got, err := get(t, n2.ClientConfig("n1", ProtoHTTP2, ProtoHTTP1), p.addr); err != nil || got != "HTTP/2.0 node n2 <nil>" {
		t.Errorf("API by a node: %q, %v", got, err)
	}
	ann := ca.user(t, "ann", RoleOperator)
	if got, err := get(t, ann.ClientConfig("", ProtoHTTP2, ProtoHTTP1), p.addr); err != nil || got != "HTTP/2.0 operator ann <nil>" {
		t.Errorf("API by a person: %q, %v", got, err)
	}
	if got, err := get(t, ann.ClientConfig("", ProtoHTTP1), p.addr); err != nil || got != "HTTP/1.1 operator ann <nil>" {
		t.Errorf("API over HTTP/1.1: %q, %v", got, err)
	}
}

func TestPortRefuses(t *testing.T) {
	ca, foreign := newCA(t), newCA(t)
	n1 := ca.node(t, "n1", func(name, _ string) bool { return name == "gone" })
	p := startPort(t, n1, http.NotFoundHandler())
	n2 := ca.node(t, "n2", nil)
	stranger := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}
	with := func(cfg *tls.Config, protos ...string) *tls.Config {
		c := cfg.Clone()
		c.NextProtos = protos
		return c
	}
	dial := func(cfg *tls.Config) error {
		c, err := tls.Dial("tcp", p.addr, cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		return ping(c)
	}
	old := with(n2.ClientConfig("n1", ProtoRaft), ProtoRaft)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	cases := []struct {
		name string
		try  func() error
		want error // nil: any
	}{
		{"a foreign authority, seen by the server", func() error {
			m := foreign.nodeMaterial(t, "n2")
			m.CACert = append(m.CACert, ca.CertPEM()...) // it trusts us; we do not trust it
			return talk(t, must[*Credentials](t)(NewCredentials(m, nil)), "n1", p.addr)
		}, nil},
		{"a foreign authority, seen by the client", func() error { return talk(t, foreign.node(t, "n2", nil), "n1", p.addr) }, nil},
		{"a removed node", func() error { return talk(t, ca.node(t, "gone", nil), "n1", p.addr) }, nil},
		{"a server that was removed", func() error {
			return talk(t, ca.node(t, "n3", func(name, _ string) bool { return name == "n1" }), "n1", p.addr)
		}, ErrRevoked},
		{"the address of another node", func() error { return talk(t, n2, "n7", p.addr) }, ErrWrongPeer},
		{"a person on the raft protocol", func() error { return talk(t, ca.user(t, "ann", RoleAdmin), "n1", p.addr) }, nil},
		{"no certificate on the raft protocol", func() error { return dial(with(stranger, ProtoRaft)) }, nil},
		{"no certificate on the API", func() error { return dial(with(stranger, ProtoHTTP2)) }, nil},
		{"no certificate, join and API offered", func() error { return dial(with(stranger, ProtoJoin, ProtoHTTP2)) }, nil},
		{"unknown protocol", func() error { return dial(with(n2.ClientConfig("n1"), "smtp")) }, nil},
		{"no protocol", func() error { return dial(with(n2.ClientConfig("n1"))) }, nil},
		{"TLS 1.2", func() error { return dial(old) }, nil},
		{"plaintext", func() error {
			c := must[net.Conn](t)(net.Dial("tcp", p.addr))
			defer c.Close()
			c.SetDeadline(time.Now().Add(5 * time.Second))
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			b, _ := io.ReadAll(c)
			if bytes.Contains(b, []byte("HTTP/1.1 200")) {
				return nil
			}
			return errors.New("no answer in the clear")
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.try()
			var timeout net.Error
			if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("not refused: %v", err)
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := talk(t, n2, "n1", p.addr); err != nil {
		t.Errorf("after all that a member is refused: %v", err)
	}
}

// Removing a node cuts the connections it has.
func TestDropRevoked(t *testing.T) {
	ca := newCA(t)
	var removed atomic.Bool
	p := startPort(t, ca.node(t, "n1", func(name, _ string) bool { return removed.Load() && name == "n2" }), http.NotFoundHandler())
	open := func(name string) net.Conn {
		c := must[net.Conn](t)((RaftDialer{ca.node(t, name, nil)}).Dial(t.Context(), "n1", p.addr))
		t.Cleanup(func() { c.Close() })
		noError(t, ping(c))
		return c
	}
	n2, n3 := open("n2"), open("n3")
	if n := p.DropRevoked(); n != 0 {
		t.Errorf("%d connections dropped for nothing", n)
	}
	removed.Store(true)
	if n := p.DropRevoked(); n != 1 {
		t.Errorf("%d connections dropped", n)
	}
	if err := ping(n2); err == nil {
		t.Error("the removed node still talks")
	}
	if err := ping(n3); err != nil {
		t.Errorf("the other node: %v", err)
	}
}

// Credentials can be replaced, even the authority, while the port is open.
func TestReload(t *testing.T) {
	ca := newCA(t)
	n1 := ca.node(t, "n1", nil)
	p := startPort(t, n1, http.NotFoundHandler())
	n2 := ca.node(t, "n2", nil)
	before := n1.Identity().Serial
	noError(t, talk(t, n2, "n1", p.addr))
	noError(t, n1.Reload(ca.nodeMaterial(t, "n1")))
	if n1.Identity().Serial == before {
		t.Error("the certificate is still the old one")
	}
	noError(t, talk(t, n2, "n1", p.addr))
	if err := n1.Reload(Material{}); err == nil {
		t.Error("empty material was accepted")
	}
	bad := newCA(t).nodeMaterial(t, "n1")
	bad.CACert = ca.CertPEM()
	if err := n1.Reload(bad); err == nil {
		t.Error("a certificate of another authority was accepted")
	}
	noError(t, talk(t, n2, "n1", p.addr)) // it kept what it had

	next := newCA(t)
	m1, m2 := next.nodeMaterial(t, "n1"), next.nodeMaterial(t, "n2")
	noError(t, n1.Reload(m1))
	if err := talk(t, n2, "n1", p.addr); err == nil {
		t.Error("a member of the old authority is still let in")
	}
	noError(t, n2.Reload(m2))
	noError(t, talk(t, n2, "n1", p.addr))
}

// door is the cluster's side of a join.
type door struct {
	mu     sync.Mutex
	t      *testing.T
	ca     *CA
	ring   *Keyring
	gossip Key
	record TokenRecord
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var req JoinRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&req); err != nil {
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	if err := VerifyJoin(d.ring, d.record, req, time.Now()); err != nil {
		http.Error(w, "refused", http.StatusForbidden)
		return
	}
	d.record.UsedBy, d.record.Digest = req.Node, req.Digest()
	cert, err := d.ca.SignNode(req.CSR, req.Node, req.Addresses, time.Now())
	if err != nil {
		http.Error(w, "refused", http.StatusForbidden)
		return
	}
	json.NewEncoder(w).Encode(JoinAnswer{CACert: d.ca.CertPEM(), NodeCert: cert, GossipKey: d.gossip, DataKeys: d.ring.Keys()})
}

// join is the node's side.
func join(t *testing.T, addr, token, node string) (*Credentials, JoinAnswer, error) {
	t.Helper()
	parsed := must[Token](t)(ParseToken(token))
	key, csr, err := NewKeyPair()
	noError(t, err)
	req := must[JoinRequest](t)(parsed.NewJoinRequest(node, []string{"127.0.0.1"}, csr))
	body := must[[]byte](t)(json.Marshal(req))
	tr := &http.Transport{DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		c, _, err := DialJoin(ctx, addr, parsed.Pin)
		return c, err
	}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Post("https://"+addr+"/join", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, JoinAnswer{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, JoinAnswer{}, errors.New(resp.Status)
	}
	var ans JoinAnswer
	noError(t, json.NewDecoder(resp.Body).Decode(&ans))
	if err := ans.Check(parsed.Pin, node, key); err != nil {
		return nil, ans, err
	}
	creds, err := NewCredentials(Material{CACert: ans.CACert, Cert: ans.NodeCert, Key: key}, nil)
	return creds, ans, err
}

func TestJoinOverTheWire(t *testing.T) {
	ca := newCA(t)
	ring := must[*Keyring](t)(NewKeyring(must[Key](t)(NewKey())))
	token := must[Token](t)(NewToken(ca.Pin()))
	d := &door{t: t, ca: ca, ring: ring, gossip: must[Key](t)(NewKey()),
		record: must[TokenRecord](t)(token.Record(ring, "", time.Now().Add(time.Hour)))}
	p := startPort(t, ca.node(t, "n1", nil), d)

	wrongPin := token
	wrongPin.Pin = newCA(t).Pin()
	if _, _, err := join(t, p.addr, wrongPin.Reveal(), "n2"); !errors.Is(err, ErrPin) {
		t.Errorf("wrong pin: %v", err)
	}
	wrongSecret := must[Token](t)(NewToken(ca.Pin()))
	wrongSecret.ID = token.ID
	if _, _, err := join(t, p.addr, wrongSecret.Reveal(), "n2"); err == nil || err.Error() != "403 Forbidden" {
		t.Errorf("wrong secret: %v", err)
	}
	n2, ans, err := join(t, p.addr, token.Reveal(), "n2")
	noError(t, err)
	if ans.GossipKey != d.gossip || len(ans.DataKeys) != 1 {
		t.Error("the keys did not arrive")
	}
	noError(t, talk(t, n2, "n1", p.addr))
	if _, _, err := join(t, p.addr, token.Reveal(), "n3"); err == nil || err.Error() != "403 Forbidden" {
		t.Errorf("token used twice: %v", err)
	}
	if err := ans.Check(newCA(t).Pin(), "n2", nil); !errors.Is(err, ErrPin) {
		t.Errorf("answer of another authority: %v", err)
	}
}

// Half-open connections of one host must not keep others out, nor stay.
func TestHandshakesAreBounded(t *testing.T) {
	ca := newCA(t)
	p := startPort(t, ca.node(t, "n1", nil), http.NotFoundHandler())
	var idle []net.Conn
	for range maxHandshakesByIP {
		idle = append(idle, must[net.Conn](t)(net.Dial("tcp", p.addr)))
	}
	over := must[net.Conn](t)(net.Dial("tcp", p.addr))
	defer over.Close()
	over.SetReadDeadline(time.Now().Add(3 * time.Second))
	if _, err := over.Read(make([]byte, 1)); err == nil {
		t.Error("data on a refused connection")
	} else if e := (net.Error)(nil); errors.As(err, &e) && e.Timeout() {
		t.Error("one connection more than allowed is not refused")
	}
	for _, c := range idle {
		c.Close()
	}
	until := time.Now().Add(5 * time.Second)
	err := talk(t, ca.node(t, "n2", nil), "n1", p.addr)
	for err != nil && time.Now().Before(until) {
		err = talk(t, ca.node(t, "n2", nil), "n1", p.addr)
	}
	noError(t, err)
}
