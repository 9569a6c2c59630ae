// Package codes is the catalogue of what can go wrong: each stable code that a
// user may meet, what it means, why it comes, and what to do next. It is data: it
// reads nothing and starts no goroutine. The packages that find a problem give it
// its code; a test here holds that each code that they use is in the catalogue,
// and that the catalogue has no others.
package codes

import (
	"slices"
	"strings"
)

// Family says where a code is met.
type Family string

// The families, in the order of the documents.
const (
	Command    Family = "command"    // belayctl itself: how it is called, what it reads, how a wait ends
	Request    Family = "request"    // what the cluster answers to a request
	Definition Family = "definition" // in definition files, and in what single commands would make of the definition
	Cluster    Family = "cluster"    // what status, wait and explain tell of a running cluster
	Device     Family = "device"     // why a fence device did not do its work
	Doctor     Family = "doctor"     // what doctor finds on members and their hosts
	Simulation Family = "simulation" // warnings of simulate, explain and validate
)

// Families returns every family with the sentence that introduces it.
func Families() []FamilyText {
	return []FamilyText{
		{Command, "of belayctl itself: how it is called, what it reads, and how a wait ends"},
		{Request, "what the cluster answers to a request"},
		{Definition, "in definition files, with file, line and column, and in what a single command would make of the definition"},
		{Cluster, "what `belayctl status`, `wait` and `explain` tell of a running cluster"},
		{Device, "why a fence device did not do its work; `belayctl fence check` shows the word after `device_`"},
		{Doctor, "what `belayctl doctor` finds on members and their hosts; -o json shows the codes"},
		{Simulation, "warnings, mostly of what `belayctl simulate` and `explain` find in a Pacemaker CIB"},
	}
}

// FamilyText is a family and what its codes have in common.
type FamilyText struct {
	Family Family `json:"family"`
	Text   string `json:"text"`
}

// Entry is the whole story of one code.
type Entry struct {
	// Code is stable: scripts may compare it. Lower case, digits and underscores.
	Code   string `json:"code"`
	Family Family `json:"family"`
	// Exit is belayctl's exit code, 0 for what is only told.
	Exit int `json:"exit"`
	// Short says in one line what is wrong.
	Short string `json:"short"`
	// Cause says why it comes.
	Cause string `json:"cause"`
	// Cure says what to do.
	Cure string `json:"cure"`
	// Next is the command to type next, with words in capitals for names.
	Next string `json:"next"`
	// Example shows how one meets it: a definition, a command line, or what a
	// command shows.
	Example string `json:"example"`
}

// All returns the catalogue, in the order of families and then of codes.
func All() []Entry {
	all := slices.Concat(commandCodes, requestCodes, definitionCodes, clusterCodes, deviceCodes, doctorCodes, simulationCodes)
	order := map[Family]int{}
	for i, f := range Families() {
		order[f.Family] = i
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		if a.Family != b.Family {
			return order[a.Family] - order[b.Family]
		}
		return strings.Compare(a.Code, b.Code)
	})
	return all
}

// Find returns the entry of a code. The kind of a device's error is found by its
// bare word, too, where no other code has that name.
func Find(code string) (Entry, bool) {
	all := All()
	for _, name := range []string{code, devicePrefix + strings.ReplaceAll(code, " ", "_")} {
		for _, e := range all {
			if e.Code == name {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// devicePrefix stands before the kind of a device's error.
const devicePrefix = "device_"
