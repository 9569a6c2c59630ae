package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/metrics"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
)

// Cluster is what the server needs of this member's view of the cluster. All
// methods are called concurrently from request goroutines.
type Cluster interface {
	// Self returns this member's name.
	Self() resources.NodeName
	// Local returns what this member has applied; never nil.
	Local() *state.State
	// Leader returns the leader's name and API address, "" when none is known,
	// and whether it is this member.
	Leader() (name resources.NodeName, address string, self bool)
	// Electing reports whether no leader is known although a majority of the voters
	// can be heard: another will lead within a second or so.
	Electing() bool
	// Read returns the leader's committed state, proven to be the newest. It
	// fails with CodeNoQuorum when this member cannot prove that it leads.
	Read(context.Context) (*state.State, error)
	// Live returns what the leader knows beyond the state.
	Live() Live
	// Plan plans from a state now, with the scores and reasons.
	Plan(*state.State) transition.Transition
	// Propose commits a command. Errors are *Error or *state.Rejection.
	Propose(ctx context.Context, who Identity, command state.Command) (state.Result, error)
	// Wait answers as soon as the cluster has settled, or at the timeout.
	Wait(context.Context, WaitRequest) (WaitAnswer, error)
	// CreateToken and SetSecret commit what they make without showing it to the
	// log.
	CreateToken(ctx context.Context, who Identity, ttl time.Duration) (TokenAnswer, error)
	SetSecret(ctx context.Context, who Identity, request SecretRequest) error
	// RotateKey replaces the data key, and seals everything anew in one entry.
	RotateKey(ctx context.Context, who Identity) (DataKeyAnswer, error)
	// IssueCertificate signs a person's key, and commits that it did.
	IssueCertificate(ctx context.Context, who Identity, request CertificateRequest) (CertificateAnswer, error)
	// Units asks every member how units are on its host.
	Units(ctx context.Context, units []string) []UnitFound
	// CheckFences has members read fence devices now, changing nothing.
	CheckFences(context.Context, FenceCheckRequest) (FenceCheckAnswer, error)
	// Forward sends a request to the leader.
	Forward(ctx context.Context, leader string, r *http.Request, body []byte, by Identity) (*http.Response, error)
	// Doctor has every member examine itself; it needs no leader.
	Doctor(context.Context) (DoctorAnswer, error)
	// Report is a member's part of a support archive, without secrets; whole adds
	// what this one knows of the whole cluster.
	Report(ctx context.Context, node resources.NodeName, whole bool) (MemberReport, error)
	// Metrics says how this member is and, by its own copy of the state, the cluster,
	// in Prometheus' text format.
	Metrics() string
	// NoQuorum explains why there is no leader, as far as this member knows.
	NoQuorum() string
}

// Member is what the server needs to serve other members.
type Member interface {
	Execute(context.Context, state.Order) (OrderAnswer, error)
	Cancel(resources.ActionID)
	Fence(context.Context, FenceOrder) (FenceAnswer, error)
	ReadFence(context.Context, FenceCheckOrder) (state.FenceCheckResult, error)
	Check(context.Context, resources.NodeName) CheckAnswer
	// DataKey returns the data key of an id, in base64; LearnKey keeps one, durably.
	// Both are between members.
	DataKey(id string) (string, error)
	LearnKey(key string) error
	// OwnUnits looks how units are on this host.
	OwnUnits(ctx context.Context, units []string) []UnitFound
	// GrantLease lets a member feed its watchdog for a lease more, counted from when
	// it asked. Only the leader may, once a majority has said that it still is.
	GrantLease(ctx context.Context, node resources.NodeName, incarnation string) error
	// Examine looks at this member, its host and its ways to the others.
	Examine(context.Context) doctor.Examination
	// Join admits a node. The request and the answer are between the joiner and
	// the member's key store; the API only carries them.
	Join(context.Context, json.RawMessage) (any, error)
}

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

// refused logs who may not do what they have asked for.
func (s *Server) refused(r *http.Request, who Identity, why string) {
	s.log.Info("refused", zap.String("by", who.Name), zap.String("from", who.From), zap.Stringer("role", who.Role), zap.String("request", r.Method+" "+r.URL.Path), zap.String("why", why))
}

// readBody reads a request's body within its bounds: who asks may stall half way,
// and would hold a connection for ever.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	connection := http.NewResponseController(w)
	connection.SetReadDeadline(time.Now().Add(s.bodyLimit)) //nolint:errcheck // a recorder in a test has none
	// The answer may take longer: a deadline that passed would end the request.
	defer connection.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	return io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
}

// relayed carries the leader's answer through a handler.
type relayed struct {
	status int
	body   []byte
}

func (*relayed) Error() string { return "answered by the leader" }

// atLeader runs the handler if this member leads, and asks the leader if not.
// A request is forwarded once at most.
func (s *Server) atLeader(h func(*http.Request, []byte, Identity) (any, error)) func(*http.Request, []byte, Identity) (any, error) {
	return func(r *http.Request, body []byte, who Identity) (any, error) {
		name, address, self := s.awaitLeader(r)
		if self {
			return h(r, body, who)
		}
		if name == "" || address == "" || r.Header.Get(headerForwarded) != "" {
			return nil, &Error{Code: CodeNoQuorum, Text: s.cluster.NoQuorum()}
		}
		answer, err := s.cluster.Forward(r.Context(), address, r, body, who)
		if err != nil {
			return nil, unanswered(r, name, err)
		}
		defer answer.Body.Close()
		data, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
		if err != nil {
			return nil, &Error{Code: CodeUnknown, Text: fmt.Sprintf("leader %s broke off: %v", name, err)}
		}
		return nil, &relayed{status: answer.StatusCode, body: data}
	}
}

const (
	// electionPatience is how long a request waits for the end of an election.
	// Nothing was sent for it before.
	electionPatience = 3 * time.Second
	// electionTick is how often it looks.
	electionTick = 50 * time.Millisecond
)

// awaitLeader returns who leads. During an election it waits for the outcome; a
// member that is cut off says at once that there is no leader, and so does one
// that was taken for the leader.
func (s *Server) awaitLeader(r *http.Request) (name resources.NodeName, address string, self bool) {
	patience := time.NewTimer(electionPatience)
	defer patience.Stop()
	for {
		name, address, self = s.cluster.Leader()
		if self || (name != "" && address != "") || r.Header.Get(headerForwarded) != "" || !s.cluster.Electing() {
			return name, address, self
		}
		select {
		case <-time.After(electionTick):
		case <-patience.C:
			return name, address, self
		case <-r.Context().Done():
			return name, address, self
		}
	}
}

// unanswered says what a lost answer of the leader means: nothing was done if it
// could not even be reached; else a change may have been made.
func unanswered(r *http.Request, leader resources.NodeName, err error) error {
	var network *net.OpError
	if r.Method == http.MethodGet || (errors.As(err, &network) && network.Op == "dial") {
		return &Error{Code: CodeNoQuorum, Text: fmt.Sprintf("leader %s does not answer: %v; nothing was changed: try again, or see this member's own copy with `belayctl status --stale`", leader, err)}
	}
	return &Error{Code: CodeUnknown, Text: fmt.Sprintf("leader %s did not answer: %v; the change may or may not have been made: look with `belayctl status` before trying again", leader, err)}
}

// staleOrLeader reads this member's own copy with ?stale=1, else the leader's.
func (s *Server) staleOrLeader(h func(*state.State, bool) any) func(*http.Request, []byte, Identity) (any, error) {
	fresh := s.atLeader(func(r *http.Request, _ []byte, _ Identity) (any, error) {
		current, err := s.cluster.Read(r.Context())
		if err != nil {
			return nil, err
		}
		return h(current, false), nil
	})
	return func(r *http.Request, body []byte, who Identity) (any, error) {
		if stale, _ := strconv.ParseBool(r.URL.Query().Get("stale")); stale {
			return h(s.cluster.Local(), true), nil
		}
		return fresh(r, body, who)
	}
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
