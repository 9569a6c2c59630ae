package api

import (
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// AuditAnswer is who changed what, with the chain that proves it.
type AuditAnswer struct {
	Cluster string             `json:"cluster"`
	ID      string             `json:"cluster_id"`
	Member  resources.NodeName `json:"member"` // who answered
	Stale   bool               `json:"stale,omitempty"`
	state.Audit
}

func (s *Server) audit(current *state.State, stale bool) any {
	answer := AuditAnswer{Cluster: current.Cluster.Name, ID: current.Cluster.ID, Member: s.cluster.Self(), Stale: stale}
	if current.Audit != nil {
		answer.Audit = *current.Audit
	}
	if answer.Records == nil {
		answer.Records = []state.AuditRecord{}
	}
	return answer
}

// WhoAmIAnswer is whom a member takes its caller for.
type WhoAmIAnswer struct {
	Name   string             `json:"name"`
	Role   string             `json:"role"`
	From   string             `json:"from"`
	Member resources.NodeName `json:"member"`
}

func (s *Server) whoami(who Identity) WhoAmIAnswer {
	return WhoAmIAnswer{Name: who.Name, Role: who.Role.String(), From: who.From, Member: s.cluster.Self()}
}
