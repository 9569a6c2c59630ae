package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// member is a member whose leader is the one that the test says. It records
// what it was asked to do.
type member struct {
	t    *testing.T
	name resources.NodeName

	mu       sync.Mutex
	leader   *member
	proposed []string // "who command"
	forwards int
	err      error // what Propose and Read come to
	lost     error // what Forward comes to
	election int   // how often it is looked at before it ends
	server   *httptest.Server
}

// newMember starts a member that leads itself.
func newMember(t *testing.T, name resources.NodeName) *member {
	m := &member{t: t, name: name}
	m.leader = m
	m.server = httptest.NewServer(NewServer(m, m, zap.NewNop()).Handler(asHeaderSays))
	t.Cleanup(m.server.Close)
	return m
}

// asHeaderSays stands in for certificates: a test names itself in a header; the
// rest is CertificateIdentity's.
func asHeaderSays(r *http.Request) Identity {
	name, organisation, found := strings.Cut(r.Header.Get("Test-Certificate"), " ")
	if !found {
		return Identity{Name: "anonymous"}
	}
	r.TLS = certificate(name, organisation)
	return CertificateIdentity(r)
}

func certificate(name, organisation string) *tls.ConnectionState {
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: name, Organization: []string{organisation}}}}}
}

func (m *member) Self() resources.NodeName { return m.name }

func (m *member) Local() *state.State {
	s := state.New()
	s.Cluster.Name = "copy of " + string(m.name)
	return s
}

func (m *member) Leader() (resources.NodeName, string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader == nil {
		return "", "", false
	}
	return m.leader.name, m.leader.server.URL, m.leader == m
}

// Electing ends with the election: at its third look the member leads.
func (m *member) Electing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.election == 0 {
		return false
	}
	if m.election--; m.election == 0 {
		m.leader = m
	}
	return true
}

func (m *member) Read(context.Context) (*state.State, error) {
	s := m.Local()
	s.Cluster.Name = "read at " + string(m.name)
	return s, m.err
}

func (m *member) Live() Live { return Live{} }

func (m *member) Plan(s *state.State) transition.Transition {
	return scheduler.Plan(s, s.At, scheduler.Options{Quorum: true, Explain: true})
}

func (m *member) Propose(_ context.Context, who Identity, c state.Command) (state.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.proposed = append(m.proposed, fmt.Sprintf("%s %T", who.Name, c))
	return state.Result{Index: 7}, m.err
}

func (m *member) Wait(_ context.Context, r WaitRequest) (WaitAnswer, error) {
	return WaitAnswer{Settled: r.Timeout.Std() <= MaxWait}, nil
}

func (m *member) Doctor(context.Context) (DoctorAnswer, error) { return DoctorAnswer{}, nil }
func (m *member) Report(context.Context, resources.NodeName, bool) (MemberReport, error) {
	return MemberReport{Node: m.name}, nil
}
func (m *member) Examine(context.Context) doctor.Examination { return doctor.Examination{Node: m.name} }
func (m *member) CreateToken(context.Context, Identity, time.Duration) (TokenAnswer, error) {
	return TokenAnswer{Token: "token"}, nil
}
func (m *member) IssueCertificate(context.Context, Identity, CertificateRequest) (CertificateAnswer, error) {
	return CertificateAnswer{}, nil
}

func (m *member) Units(context.Context, []string) []UnitFound { return nil }
func (m *member) DataKey(string) (string, error)              { return "", nil }
func (m *member) LearnKey(string) error                       { return nil }
func (m *member) RotateKey(context.Context, Identity) (DataKeyAnswer, error) {
	return DataKeyAnswer{}, nil
}
func (m *member) OwnUnits(context.Context, []string) []UnitFound { return nil }

func (m *member) SetSecret(context.Context, Identity, SecretRequest) error { return nil }
func (m *member) Metrics() string                                          { return "belay_up 1\n" }
func (m *member) NoQuorum() string                                         { return string(m.name) + " reaches 1 of 3 voters" }

// Forward sends on as another member does.
func (m *member) Forward(ctx context.Context, leader string, r *http.Request, body []byte, by Identity) (*http.Response, error) {
	m.mu.Lock()
	m.forwards++
	lost := m.lost
	m.mu.Unlock()
	if lost != nil {
		return nil, lost
	}
	client := &Client{http: &http.Client{Transport: presenting(string(m.name) + " belay:node")}, base: leader}
	return client.Relay(ctx, r, body, by)
}

func (m *member) Execute(context.Context, state.Order) (OrderAnswer, error) {
	return OrderAnswer{Done: true}, nil
}
func (m *member) Cancel(resources.ActionID)                                    {}
func (m *member) Fence(context.Context, FenceOrder) (FenceAnswer, error)       { return FenceAnswer{}, nil }
func (m *member) Check(context.Context, resources.NodeName) CheckAnswer        { return CheckAnswer{} }
func (m *member) GrantLease(context.Context, resources.NodeName, string) error { return nil }

func (m *member) ReadFence(context.Context, FenceCheckOrder) (state.FenceCheckResult, error) {
	return state.FenceCheckResult{}, nil
}
func (m *member) CheckFences(context.Context, FenceCheckRequest) (FenceCheckAnswer, error) {
	return FenceCheckAnswer{}, nil
}
func (m *member) Join(_ context.Context, body json.RawMessage) (any, error) {
	return map[string]string{"admitted_by": string(m.name), "said": string(body)}, nil
}

// presenting is a transport of someone with a certificate.
type presenting string

func (p presenting) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Test-Certificate", string(p))
	return http.DefaultTransport.RoundTrip(r)
}

// ask makes a request as someone with a certificate of that organisation.
func (m *member) ask(name, organisation, method, path, body string) (int, string) {
	m.t.Helper()
	request, err := http.NewRequestWithContext(m.t.Context(), method, m.server.URL+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	answer, err := presenting(name + " " + organisation).RoundTrip(request)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func command(t *testing.T, c state.Command) string {
	t.Helper()
	entry, err := state.Encode(c, time.Time{}, "")
	if err != nil {
		t.Fatal(err)
	}
	var envelope state.Envelope
	if err := json.Unmarshal(entry, &envelope); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(CommandRequest{Name: envelope.Name, Data: envelope.Data})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
