package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/belay-ha/belay/resources"
)

// MaxAskedUnits bounds how many units one request asks about: those of a whole
// controller.
const MaxAskedUnits = 128

// UnitsAnswer is what the members found of some units on their hosts.
type UnitsAnswer struct {
	Units []UnitFound `json:"units"`
}

// UnitFound is a unit on one host.
type UnitFound struct {
	Node resources.NodeName `json:"node"`
	Unit string             `json:"unit"`
	// File is enabled, disabled, static, masked, …; empty where the host does not
	// have the unit. Error says why it is not known.
	File  string `json:"file,omitempty"`
	Error string `json:"error,omitempty"`
}

func askedUnits(r *http.Request) ([]string, error) {
	units := r.URL.Query()["unit"]
	if len(units) > MaxAskedUnits {
		return nil, &Error{Code: CodeInvalid, Text: fmt.Sprintf("%d units at once: ask for at most %d", len(units), MaxAskedUnits)}
	}
	return units, nil
}

func (s *Server) units(r *http.Request, _ []byte, _ Identity) (any, error) {
	units, err := askedUnits(r)
	if err != nil {
		return nil, err
	}
	return UnitsAnswer{s.cluster.Units(r.Context(), units)}, nil
}

func (s *Server) ownUnits(r *http.Request, _ []byte, _ Identity) (any, error) {
	units, err := askedUnits(r)
	if err != nil {
		return nil, err
	}
	return UnitsAnswer{s.member.OwnUnits(r.Context(), units)}, nil
}

// Units asks every member how units are on its host.
func (c *Client) Units(ctx context.Context, units []string) (UnitsAnswer, error) {
	var answer UnitsAnswer
	err := c.call(ctx, "GET", "/v1/units?"+url.Values{"unit": units}.Encode(), nil, &answer)
	return answer, err
}

// OwnUnits asks this member how units are on its host.
func (c *Client) OwnUnits(ctx context.Context, units []string) (UnitsAnswer, error) {
	var answer UnitsAnswer
	err := c.call(ctx, "GET", "/v1/peer/units?"+url.Values{"unit": units}.Encode(), nil, &answer)
	return answer, err
}
