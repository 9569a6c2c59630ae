package localexec

import (
	"maps"
	"slices"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/redact"
)

// hidden takes the secrets that an agent was told out of what it says: that is
// recorded, logged and shown, and a service that prints its password, or a script
// that traces its arguments, must not carry it there. Nil knows of no secret.
type hidden struct{ *redact.Redactor }

// hide hides values, given by the names of their secrets, behind those names.
func hide(opened map[string]string) *hidden {
	marks := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(opened)) {
		marks[opened[name]] = "[secret " + name + "]"
	}
	return &hidden{redact.New(marks)}
}

// in returns a text with the names of secrets in place of their values.
func (h *hidden) in(text string) string {
	if h == nil {
		return text
	}
	return h.Text(text)
}

// result is in for all that an agent returns.
func (h *hidden) result(r agents.Result) agents.Result {
	if h == nil || h.Redactor == nil {
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
