package localexec

import (
	"strings"

	"github.com/belay-ha/belay/agents"
)

// hidden are the secrets that an agent was told, by name. What it says is
// recorded, logged and shown: a service that prints its password, or a script
// that traces its arguments, must not carry it there.
type hidden map[string]string

// leastHidden is the length below which a value is left: one as short as that
// stands in any text by accident.
const leastHidden = 4

// in returns a text with the names of secrets in place of their values.
func (h hidden) in(text string) string {
	for name, value := range h {
		if len(value) >= leastHidden {
			text = strings.ReplaceAll(text, value, "[secret "+name+"]")
		}
	}
	return text
}

// result is in for all that an agent returns.
func (h hidden) result(r agents.Result) agents.Result {
	if len(h) == 0 {
		return r
	}
	r.Reason, r.Output = h.in(r.Reason), h.in(r.Output)
	if r.Attributes != nil {
		shown := make(map[string]string, len(r.Attributes))
		for key, value := range r.Attributes {
			shown[key] = h.in(value)
		}
		r.Attributes = shown
	}
	return r
}
