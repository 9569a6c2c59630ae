package main

import (
	"errors"
	"regexp"

	"github.com/belay-ha/belay/cluster/policy/simulate"
)

// errOlder: the decision is one that releases before 3.0 make and Belay does
// not mean to.
var errOlder = errors.New("decided as older releases do")

var instanceNumber = regexp.MustCompile(`:\d+$`)

// shuffles reports whether copies of a clone change places with each other: one
// moves away from a node, and another of the same starts there.
func shuffles(f *simulate.Form) bool {
	type place struct{ base, node string }
	left := map[place]bool{}
	for _, a := range f.Actions {
		if base := instanceNumber.ReplaceAllString(a.Resource, ""); a.From != "" && a.Node != a.From {
			left[place{base, a.From}] = true
		}
	}
	for _, a := range f.Actions {
		if left[place{instanceNumber.ReplaceAllString(a.Resource, ""), a.Node}] {
			return true
		}
	}
	return false
}
