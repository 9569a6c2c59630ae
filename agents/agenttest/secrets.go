package agenttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// searchable holds the harness to what the next case needs: an agent that takes
// secrets is given one, and whoever knows secrets (of parameters, or of the host)
// shows which programs the agent has run, so that none of them can be told one by
// its arguments. An agent without secrets cannot tell any.
func searchable(t *testing.T, h Harness) {
	takes := slices.ContainsFunc(h.Agent().Spec().Params, func(p agents.Param) bool { return p.Secret })
	if _, known := h.(Commander); !known && (takes || len(h.Secrets()) > 0) {
		t.Error("there are secrets, and the harness does not show the commands: implement Commander")
	}
	if !takes {
		return
	}
	planted := 0
	for _, value := range h.Request(resources.OpStart).Params {
		if slices.ContainsFunc(h.Secrets(), func(secret string) bool { return strings.Contains(value, secret) }) {
			planted++
		}
	}
	if planted == 0 {
		t.Error("the agent takes secrets, and no parameter has one")
	}
}

func discretion(t *testing.T, h Harness) {
	ok(t, h, resources.OpStart, resources.RoleUnknown)
	h.Noise()
	for _, op := range operations(h) {
		request := h.Request(op)
		request.Timeout = deadline
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		result := inTime(t, ctx, h.Agent(), request)
		cancel()
		if len(result.Output) > agents.MaxOutput {
			t.Errorf("%s: %d bytes of output", op, len(result.Output))
		}
		if strings.Contains(result.Reason, "\n") && result.Outcome != agents.OutcomeMisconfigured {
			t.Errorf("%s: reason of several lines: %q", op, result.Reason)
		}
		said := result.Reason + result.Output + fmt.Sprint(result.Attributes)
		for _, secret := range h.Secrets() {
			if strings.Contains(said, secret) {
				t.Errorf("%s shows a secret: %.200q", op, said)
			}
		}
	}
	if c, known := h.(Commander); known {
		wordless(t, c.Commands(), h.Secrets())
	}
}

// wordless holds that no program was told a secret by its arguments, which every
// user of a host can read.
func wordless(t *testing.T, commands []agents.Command, secrets []string) {
	if len(commands) == 0 {
		t.Error("no program was run: the search proves nothing")
	}
	for _, c := range commands {
		for _, secret := range secrets {
			if strings.Contains(strings.Join(c.Args, "\x00"), secret) {
				t.Errorf("the arguments of %s hold a secret", c.Path)
			}
		}
	}
}
