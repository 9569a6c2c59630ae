package pcs

import (
	"fmt"
	"strings"

	"github.com/belay-ha/belay/resources"
)

// moving tells the command that does what pcs' move or ban does, with its words.
func moving(verb, forGood string) func([]word) string {
	return func(words []word) string {
		command := "belayctl resource " + verb
		for _, w := range words {
			lifetime, limited := strings.CutPrefix(w.text, "lifetime=")
			switch {
			case limited:
				command += " --for " + lasting(lifetime)
			case strings.HasPrefix(w.text, "--"), strings.Contains(w.text, "="):
			default:
				command += " " + w.text
			}
		}
		return fmt.Sprintf("a %s is no part of a definition, and ends by itself: %s%s", verb, command, forGood)
	}
}

// lasting writes a lifetime as Belay reads it: PT1H30M is 1h30m. What has days,
// months or years is left to the reader.
func lasting(lifetime string) string {
	span, isTime := strings.CutPrefix(lifetime, "PT")
	if span = strings.ToLower(span); isTime {
		if _, err := resources.ParseDuration(span); err == nil {
			return span
		}
	}
	return fmt.Sprintf("TIME (lifetime=%s)", lifetime)
}
