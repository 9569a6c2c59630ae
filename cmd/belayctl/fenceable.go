package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// fenceable refuses a fencing that the node's devices cannot carry out, which would
// otherwise be tried for ever: they only wait for the node's own watchdog.
func (a *app) fenceable(s *state.State, request *state.FenceRequested) error {
	devices := s.Definition.FencesOf(request.Node)
	watchdog := ""
	for _, f := range devices {
		spec, known := a.fences.Find(f.Agent)
		switch {
		case !known || !spec.Passive:
			return nil
		case spec.Watchdog:
			watchdog = f.ID
		}
	}
	n := s.Nodes[request.Node]
	switch {
	case watchdog == "" || n == nil:
		return nil // without devices the cluster says so itself
	case n.Watchdog == nil && n.Off == nil:
		why := n.WatchdogRefused
		if why == "" {
			why = "see its journal"
		}
		return usage("%s cannot be fenced: only its watchdog could do it (%s), and its belayd feeds none: %s", request.Node, watchdog, why)
	case request.Action == resources.FencingOff:
		return usage("%s cannot be left off: only its watchdog fences it (%s), and that resets it, so that it starts again; leave --off out, or take it out of service with `belayctl node standby %s`", request.Node, watchdog, request.Node)
	}
	return nil
}

// watchdogTime says how long a fencing by a node's watchdog takes, "" when it is not
// by that.
func watchdogTime(s *state.State, node resources.NodeName) string {
	n := s.Nodes[node]
	if n == nil || n.Watchdog == nil {
		return ""
	}
	return fmt.Sprintf("; if its watchdog has to do it, it counts as off %s after that has begun", n.Watchdog.Bound())
}

// noNodeToFence refuses a word after fence that is no node's name: it may be meant
// for one, or for one of fence's own commands.
func noNodeToFence(cmd *cobra.Command, word string, nodes []string) error {
	var verbs []string
	for _, verb := range cmd.Commands() {
		verbs = append(verbs, verb.Name())
	}
	if _, near := resources.Nearest(word, nodes); !near {
		if verb, near := resources.Nearest(word, verbs); near {
			return bad(codeUnknownCommand, "no node is called %q, and fence has no such command: did you mean `belayctl fence %s`?", word, verb)
		}
	}
	return unknownName("node", word, nodes)
}
