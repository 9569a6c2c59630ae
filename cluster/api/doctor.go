package api

import (
	"context"
	"net/http"
	"time"

	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/resources"
)

// DoctorAnswer is what the members found when they looked at themselves. It needs
// no leader: the member that is asked asks the others.
type DoctorAnswer struct {
	At           time.Time            `json:"at"`
	Member       resources.NodeName   `json:"member"` // who answered
	Leader       resources.NodeName   `json:"leader,omitempty"`
	Examinations []doctor.Examination `json:"examinations"`
	Silent       []doctor.Silent      `json:"silent,omitempty"`
}

// EchoRequest asks a member for its clock, and for the padding back.
type EchoRequest struct {
	Padding string `json:"padding,omitempty"`
}

// EchoAnswer is what it says.
type EchoAnswer struct {
	At      time.Time `json:"at"`
	Padding string    `json:"padding,omitempty"`
}

func (s *Server) doctor(r *http.Request, _ []byte, _ Identity) (any, error) {
	return s.cluster.Doctor(r.Context())
}

func (s *Server) examine(r *http.Request, _ []byte, _ Identity) (any, error) {
	return s.member.Examine(r.Context()), nil
}

func (s *Server) echo(_ *http.Request, body []byte, _ Identity) (any, error) {
	at := time.Now().UTC()
	var request EchoRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	return EchoAnswer{At: at, Padding: request.Padding}, nil
}

// Doctor has the members examine themselves.
func (c *Client) Doctor(ctx context.Context) (DoctorAnswer, error) {
	var answer DoctorAnswer
	err := c.call(ctx, "GET", "/v1/doctor", nil, &answer)
	return answer, err
}

// Examine asks one member to examine itself.
func (c *Client) Examine(ctx context.Context) (doctor.Examination, error) {
	var answer doctor.Examination
	err := c.call(ctx, "GET", "/v1/peer/examine", nil, &answer)
	return answer, err
}

// Echo asks a member for its clock, and for the padding back.
func (c *Client) Echo(ctx context.Context, padding string) (EchoAnswer, error) {
	var answer EchoAnswer
	err := c.call(ctx, "POST", "/v1/peer/echo", EchoRequest{Padding: padding}, &answer)
	return answer, err
}
