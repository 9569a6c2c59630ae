package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// asked are the commands that people may give, in whatever version, and the least
// role for each; the others are the cluster's. Operators run the cluster; who belongs to it is the
// administrators' business.
var asked = map[string]Role{
	"definition.set": RoleOperator, "node.standby": RoleOperator, "node.maintenance": RoleOperator, "node.attribute": RoleOperator,
	"maintenance.set": RoleOperator, "maintenance.ended": RoleOperator, "role.bound": RoleAdmin, "takeover.set": RoleOperator,
	"failures.cleared": RoleOperator, "fence.requested": RoleOperator, "fence.confirmed": RoleOperator, "fence.released": RoleOperator, "unfence.requested": RoleOperator, "resource.moved": RoleOperator,
	"resource.overridden": RoleOperator, "resource.restart": RoleOperator, "ticket.set": RoleOperator, "member.removed": RoleAdmin, "member.voting": RoleAdmin,
}

// reported are the commands that members may send to the leader, about
// themselves only.
var reported = map[string]Role{"instance.reported": RolePeer, "member.booted": RolePeer, "member.watchdog": RolePeer, "member.renewed": RolePeer, "unit.held": RolePeer, "unit.released": RolePeer}

func (s *Server) command(r *http.Request, body []byte, who Identity) (any, error) {
	command, err := commandOf(body, who, asked)
	if err != nil {
		return nil, err
	}
	return s.propose(r, who, command)
}

func (s *Server) peerPropose(r *http.Request, body []byte, who Identity) (any, error) {
	command, err := commandOf(body, who, reported)
	if err != nil {
		return nil, err
	}
	var about resources.NodeName
	switch c := command.(type) {
	case *state.InstanceReported:
		about = c.Node
	case *state.MemberBooted:
		about = c.Node
	case *state.MemberWatchdog:
		about = c.Node
	case *state.MemberRenewed:
		about = c.Node
	case *state.UnitHeld:
		about = c.Node
	case *state.UnitReleased:
		about = c.Node
	}
	if string(about) != who.Name {
		return nil, &Error{Code: CodeForbidden, Text: fmt.Sprintf("%s may not report about %s", who.Name, about)}
	}
	return s.propose(r, who, command)
}

// commandOf reads a command that who may give.
func commandOf(body []byte, who Identity, allowed map[string]Role) (state.Command, error) {
	var request CommandRequest
	if err := decode(body, &request); err != nil {
		return nil, err
	}
	kind, _, _ := strings.Cut(request.Name, "/")
	switch least, known := allowed[kind]; {
	case !known:
		return nil, &Error{Code: CodeForbidden, Text: fmt.Sprintf("command %q is not for %s, whose role is %s", request.Name, who.Name, who.Role)}
	case who.Role < least:
		return nil, &Error{Code: CodeForbidden, Text: fmt.Sprintf("%s has the role %s; the command %s needs %s%s", who.Name, who.Role, kind, least, who.raised(least))}
	}
	if len(request.Data) == 0 || string(request.Data) == "null" {
		return nil, &Error{Code: CodeInvalid, Text: fmt.Sprintf("command %q comes without its data", request.Name)}
	}
	envelope, err := json.Marshal(state.Envelope{Name: request.Name, Data: request.Data})
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Text: err.Error()}
	}
	_, command, err := state.Decode(envelope)
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Text: err.Error()}
	}
	return command, nil
}

func (s *Server) propose(r *http.Request, who Identity, command state.Command) (any, error) {
	result, err := s.cluster.Propose(r.Context(), who, command)
	if err != nil {
		return nil, err
	}
	return CommandAnswer{Index: result.Index, Fence: result.Fence}, nil
}
