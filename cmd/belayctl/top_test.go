package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cmd/belayctl/internal/top"
	"github.com/belay-ha/belay/resources"
)

// screen stands in for a terminal: somebody looks, chooses the resource that is
// named in shows, asks why, and ends it. What was drawn is left in drawn.
func (c *console) screen(ctx context.Context, o top.Options) error {
	m := top.Model{}.Resize(110, 30).Take(o.Look(ctx, 0))
	c.drawn = append(c.drawn, m.View(o.Colour))
	for _, key := range []string{"3", "/", "v", "i", "p", "enter"} {
		m, _ = m.Key(key)
	}
	m, ask := m.Key("enter")
	if ask.Explain != "" {
		m = m.Explain(o.Explain(ctx, ask.Explain))
	}
	c.drawn = append(c.drawn, m.View(o.Colour))
	return nil
}

func TestTop(t *testing.T) {
	c := newConsole(t)
	c.lived(t)
	c.fake.runs("controller-0", "vip", resources.RoleStarted)
	c.app.terminal, c.app.interactive = true, true
	c.must(t, "top")
	if len(c.drawn) != 2 || !strings.Contains(c.drawn[0], "SOMETHING IS WRONG") || !strings.Contains(c.drawn[0], "controller-2 is dead") {
		t.Fatalf("drawn:\n%s", strings.Join(c.drawn, "\n----\n"))
	}
	if !strings.Contains(c.drawn[1], "explain vip") || !strings.Contains(c.drawn[1], "vip") || strings.Contains(c.drawn[1], "asking") {
		t.Errorf("explained:\n%s", c.drawn[1])
	}
	c.fake.err = &api.Error{Code: api.CodeNoQuorum, Text: "no quorum"}
	if code := c.run(t, "top"); code != exitNoQuorum || len(c.drawn) != 2 {
		t.Errorf("without quorum: exit %d, drawn %d", code, len(c.drawn))
	}
}

// TestTopWithoutATerminal: no escape codes in files; JSON is one look.
func TestTopWithoutATerminal(t *testing.T) {
	c := newConsole(t)
	c.lived(t)
	if code := c.run(t, "top"); code != exitInput || !strings.Contains(c.err.String(), "belayctl status --watch") || c.out.Len() > 0 {
		t.Errorf("exit %d: %s%s", code, c.err.String(), c.out.String())
	}
	var look top.Look
	if err := json.Unmarshal([]byte(c.must(t, "top", "-o", "json")), &look); err != nil || look.Status.Cluster != "overcloud" || len(look.Events) != 8 || look.Index != 15 {
		t.Errorf("%v: %+v", err, look)
	}
}
