package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandHasHelp(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.CommandPath(), c.Short)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(command())
}

func TestArguments(t *testing.T) {
	cases := []struct {
		name string
		args []string
		want string // in the error
	}{
		{"unknown host", []string{"on", "controller-7"}, "the hosts are controller-0 to controller-2"},
		{"cut with itself", []string{"cut", "0", "controller-0"}, "two different hosts"},
		{"heal one", []string{"heal", "1"}, "two hosts, or none"},
		{"slow by a word", []string{"slow", "0", "much"}, "not a number"},
		{"slow by nothing", []string{"slow", "0", "100"}, "1 to 99 percent"},
		{"unknown fault", []string{"bmc", "fault", "0", "sad"}, "use one of"},
		{"octal mode", []string{"push", "0", "f", "/f", "--mode", "9"}, "not octal"},
		{"unknown command", []string{"explode"}, "unknown command"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := command()
			root.SetArgs(append(c.args, "--rig", "belay-rig-none"))
			root.SetOut(&bytes.Buffer{})
			if err := root.Execute(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
