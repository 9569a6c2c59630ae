package main

import (
	"encoding/xml"
	"os"

	"github.com/belay-ha/belay/cluster/policy/simulate"
)

// transition is a transition graph as crm_simulate writes it.
type transition struct {
	Synapses []struct {
		Actions []graphAction `xml:"action_set>rsc_op"`
		Events  []graphAction `xml:"action_set>crm_event"`
		Pseudo  []graphAction `xml:"action_set>pseudo_event"`
		Inputs  []struct {
			Actions []graphAction `xml:"rsc_op"`
			Events  []graphAction `xml:"crm_event"`
			Pseudo  []graphAction `xml:"pseudo_event"`
		} `xml:"inputs>trigger"`
	} `xml:"synapse"`
}

type graphAction struct {
	ID       int    `xml:"id,attr"`
	Op       string `xml:"operation,attr"`
	Node     string `xml:"on_node,attr"`
	Resource struct {
		ID string `xml:"id,attr"`
	} `xml:"primitive"`
	Attributes struct {
		Interval   int64  `xml:"CRM_meta_interval,attr"`
		NotifyType string `xml:"CRM_meta_notify_key_type,attr"`
		NotifyOp   string `xml:"CRM_meta_notify_key_operation,attr"`
		Fence      string `xml:"CRM_meta_stonith_action,attr"`
	} `xml:"attributes"`
}

// readGraph reads a graph with its pseudo-actions: only what is before what is
// compared.
func readGraph(file string) ([]simulate.GraphForm, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var t transition
	if err := xml.Unmarshal(text, &t); err != nil {
		return nil, err
	}
	var graph []simulate.GraphForm
	for _, s := range t.Synapses {
		var after []int
		for _, in := range s.Inputs {
			for _, list := range [][]graphAction{in.Actions, in.Events, in.Pseudo} {
				for _, a := range list {
					after = append(after, a.ID)
				}
			}
		}
		for kind, list := range [][]graphAction{s.Actions, s.Events, s.Pseudo} {
			for _, a := range list {
				graph = append(graph, a.form(after, kind == 2))
			}
		}
	}
	return graph, nil
}

func (a *graphAction) form(after []int, pseudo bool) simulate.GraphForm {
	g := simulate.GraphForm{
		N: a.ID, Op: a.Op, Node: a.Node, Resource: a.Resource.ID, IntervalMS: a.Attributes.Interval, After: after, Pseudo: pseudo,
	}
	if a.Attributes.NotifyType != "" {
		g.Notify = []string{a.Attributes.NotifyType, a.Attributes.NotifyOp}
	}
	if a.Op == "stonith" {
		g.Op, g.FenceAction = "fence", a.Attributes.Fence
	}
	return g
}
