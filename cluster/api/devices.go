package api

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// deviceProblems says which fence devices would fail if they were needed now.
func deviceProblems(s *state.State) []ProblemStatus {
	p := s.Definition.Properties
	if p.FenceCheckInterval != nil && *p.FenceCheckInterval == 0 || !resources.Or(p.FencingEnabled, true) {
		return nil // nobody looks, or nobody would ask
	}
	var list []ProblemStatus
	for _, f := range s.Definition.Fences {
		for _, target := range f.Targets {
			check, failing := failingCheck(s, f, target)
			if len(failing) == 0 {
				continue
			}
			severity := "warning"
			if !fenceable(s, target) {
				severity = "critical"
			}
			list = append(list, ProblemStatus{
				Code: "fence_device", Severity: severity, Node: target, Text: deviceText(f, target, check, failing), Next: deviceNext(f, failing[0].Failure),
			})
		}
	}
	return list
}

// failingCheck returns what is on record of a device, if that is of the way in
// which it is used now, and those who were answered badly.
func failingCheck(s *state.State, f resources.FenceDevice, target resources.NodeName) (*state.FenceCheck, []state.FenceCheckResult) {
	check := s.FenceChecks[state.FenceCheckKey(f.ID, target)]
	if check == nil {
		return nil, nil
	}
	failing := check.Failing()
	if len(failing) == 0 || check.Digest != s.FenceDigest(f) {
		return check, nil
	}
	return check, failing
}

// fenceable reports whether some level has no device that fails for everybody.
func fenceable(s *state.State, node resources.NodeName) bool {
	levels := map[int]bool{}
	for _, f := range s.Definition.FencesOf(node) {
		level := max(f.Level, 1)
		works, seen := levels[level]
		check, failing := failingCheck(s, f, node)
		levels[level] = (works || !seen) && (len(failing) == 0 || len(failing) < len(check.Results))
	}
	for _, works := range levels {
		if works {
			return true
		}
	}
	return false
}

func deviceText(f resources.FenceDevice, target resources.NodeName, check *state.FenceCheck, failing []state.FenceCheckResult) string {
	var by []string
	first := failing[0]
	for _, r := range failing {
		by = append(by, string(r.By))
		first = slices.MinFunc([]state.FenceCheckResult{first, r}, func(a, b state.FenceCheckResult) int { return a.At.Compare(b.At) })
	}
	text := fmt.Sprintf("fence device %s would fail to fence %s", f.ID, target)
	if len(failing) < len(check.Results) {
		text = fmt.Sprintf("fence device %s of %s cannot be used by every member", f.ID, target)
	}
	return fmt.Sprintf("%s (%s, seen by %s since %s): %s", text, first.Failure, strings.Join(by, " and "), first.At.UTC().Format(time.RFC3339), cmp.Or(first.Text, first.Failure))
}

// deviceNext is the command that mends the failure, as far as one is known.
func deviceNext(f resources.FenceDevice, failure string) string {
	switch failure {
	case state.FailureLogin:
		names := make([]string, 0, len(f.Params))
		for _, value := range f.Params {
			if name, isSecret := strings.CutPrefix(value, resources.SecretPrefix); isSecret {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			return "belayctl secret set " + slices.Min(names)
		}
		return "belayctl fence update " + f.ID + " NAME=VALUE"
	case "tls", "not found", "config", state.FailureWrongHost:
		return "belayctl fence update " + f.ID + " NAME=VALUE"
	}
	return "belayctl fence check " + f.ID
}
