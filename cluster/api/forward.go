package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

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
