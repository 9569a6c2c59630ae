package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/belay-ha/belay/cluster/doctor"
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
