package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/metrics"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Server answers API requests.
type Server struct {
	cluster Cluster
	member  Member
	log     *zap.Logger
	// bodyLimit is how long a request's body may take to come.
	bodyLimit time.Duration
}

// NewServer returns a server; use its handlers with listeners of your own.
func NewServer(cluster Cluster, member Member, log *zap.Logger) *Server {
	return &Server{cluster: cluster, member: member, log: log, bodyLimit: 20 * time.Second}
}

// Bounds of a request's body, in bytes. Joiners are strangers.
const (
	MaxBody     = 8 << 20
	MaxJoinBody = 64 << 10
)

// JoinHandler returns the one route that is open to callers without a
// certificate.
func (s *Server) JoinHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/join", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, MaxJoinBody, RoleNone, func(*http.Request) Identity { return Identity{Name: "joiner"} }, s.atLeader(s.join))
	})
	return mux
}

func (s *Server) join(r *http.Request, body []byte, _ Identity) (any, error) {
	return s.member.Join(r.Context(), body)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, limit int64, least Role, identify func(*http.Request) Identity, h func(*http.Request, []byte, Identity) (any, error)) {
	who := identify(r)
	if who.Role < least {
		s.refused(r, who, "")
		writeError(w, &Error{Code: CodeForbidden, Text: fmt.Sprintf("%s has the role %s; %s %s needs %s%s", who.Name, who.Role, r.Method, r.URL.Path, least, who.raised(least))})
		return
	}
	body, err := s.readBody(w, r, limit)
	if err != nil {
		writeError(w, &Error{Code: CodeInvalid, Text: fmt.Sprintf("read the request: %v", err)})
		return
	}
	answer, err := h(r, body, who)
	var relayed *relayed
	switch {
	case errors.As(err, &relayed):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(relayed.status)
		w.Write(relayed.body)
	case err != nil:
		if wire := asError(err); wire.Code == CodeForbidden {
			s.refused(r, who, wire.Text)
		}
		writeError(w, err)
	default:
		if text, isPage := answer.(page); isPage {
			w.Header().Set("Content-Type", metrics.ContentType)
			io.WriteString(w, string(text)) //nolint:errcheck // who asked is gone
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// page is an answer that is no JSON: metrics.
type page string

// readBody reads a request's body within its bounds: who asks may stall half way,
// and would hold a connection for ever.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	connection := http.NewResponseController(w)
	connection.SetReadDeadline(time.Now().Add(s.bodyLimit)) //nolint:errcheck // a recorder in a test has none
	// The answer may take longer: a deadline that passed would end the request.
	defer connection.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	return io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
}

func (s *Server) status(current *state.State, stale bool) any {
	leader, _, self := s.cluster.Leader()
	live := Live{}
	if self {
		live = s.cluster.Live()
	}
	status := BuildStatus(current, live, leader, stale, time.Now())
	status.Member = s.cluster.Self()
	return status
}

// explain plans anew, because the leader's own plan holds no reasons.
func (s *Server) explain(r *http.Request, _ []byte, _ Identity) (any, error) {
	current, err := s.cluster.Read(r.Context())
	if err != nil {
		return nil, err
	}
	plan, query := s.cluster.Plan(current), r.URL.Query()
	return Explain(current, time.Now(), &plan, s.cluster.Live().Progress, resources.ResourceID(query.Get("resource")), resources.NodeName(query.Get("node")))
}

// state leaves out the earlier definitions, operations and the audit: they are
// large, and nobody plans with them.
func (s *Server) state(current *state.State, _ bool) any {
	without := *current
	without.Revisions, without.Performed, without.Audit = nil, nil, nil
	without.Secrets, without.Tokens = named(current.Secrets), unverifiable(current.Tokens)
	return &without
}

// named are the secrets' names without what is sealed: that leaves the members in
// the log and in snapshots only.
func named(secrets map[string]string) map[string]string {
	names := make(map[string]string, len(secrets))
	for name := range secrets {
		names[name] = "sealed"
	}
	return names
}

// unverifiable are the join tokens without what proves them.
func unverifiable(tokens map[string]*state.Token) map[string]*state.Token {
	bare := make(map[string]*state.Token, len(tokens))
	for id, token := range tokens {
		fresh := *token
		fresh.Verifier, fresh.Digest = "", ""
		bare[id] = &fresh
	}
	return bare
}

func (s *Server) definition(current *state.State, _ bool) any {
	return DefinitionAnswer{Revision: current.Revision, Definition: current.Definition, Owners: current.Owners, CommandSet: current.Version}
}

func (s *Server) wait(r *http.Request, body []byte, _ Identity) (any, error) {
	var request WaitRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	request.Timeout = resources.Duration(min(request.Timeout.Std(), MaxWait))
	return s.cluster.Wait(r.Context(), request)
}

func (s *Server) secret(r *http.Request, body []byte, who Identity) (any, error) {
	var request SecretRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	return struct{}{}, s.cluster.SetSecret(r.Context(), who, request)
}

func (s *Server) token(r *http.Request, body []byte, who Identity) (any, error) {
	var request TokenRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	return s.cluster.CreateToken(r.Context(), who, request.TTL.Std())
}

func (s *Server) certificate(r *http.Request, body []byte, who Identity) (any, error) {
	var request CertificateRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	return s.cluster.IssueCertificate(r.Context(), who, request)
}

// orderPoll bounds how long a member holds an order request open; the leader
// asks again.
const orderPoll = 5 * time.Second

func (s *Server) order(r *http.Request, body []byte, _ Identity) (any, error) {
	var order state.Order
	if err := decode(body, &order); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), orderPoll)
	defer cancel()
	return s.member.Execute(ctx, order)
}

func (s *Server) cancel(_ *http.Request, body []byte, _ Identity) (any, error) {
	var id resources.ActionID
	if err := decode(body, &id); err != nil {
		return nil, err
	}
	s.member.Cancel(id)
	return struct{}{}, nil
}

func (s *Server) fence(r *http.Request, body []byte, _ Identity) (any, error) {
	var order FenceOrder
	if err := decode(body, &order); err != nil {
		return nil, err
	}
	return s.member.Fence(r.Context(), order)
}

func (s *Server) readFence(r *http.Request, body []byte, _ Identity) (any, error) {
	var order FenceCheckOrder
	if err := decode(body, &order); err != nil {
		return nil, err
	}
	return s.member.ReadFence(r.Context(), order)
}

func (s *Server) checkFences(r *http.Request, body []byte, _ Identity) (any, error) {
	var request FenceCheckRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	if len(request.Devices) > MaxCheckedDevices {
		return nil, &Error{Code: CodeInvalid, Text: fmt.Sprintf("%d devices at once: ask for at most %d", len(request.Devices), MaxCheckedDevices)}
	}
	return s.cluster.CheckFences(r.Context(), request)
}

func (s *Server) lease(r *http.Request, body []byte, who Identity) (any, error) {
	var request LeaseRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	if string(request.Node) != who.Name {
		return nil, &Error{Code: CodeForbidden, Text: fmt.Sprintf("%s may not ask for the lease of %s", who.Name, request.Node)}
	}
	return struct{}{}, s.member.GrantLease(r.Context(), request.Node, request.Incarnation)
}

func (s *Server) check(r *http.Request, _ []byte, _ Identity) (any, error) {
	return s.member.Check(r.Context(), resources.NodeName(r.URL.Query().Get("node"))), nil
}
