package main

import (
	"errors"
	"strings"
	"testing"
)

// readers change nothing in a cluster; each other command has --dry-run, and
// --wait where the cluster acts on it.
var readers = []string{
	"status", "top", "history", "doctor", "metrics", "bundle", "explain", "wait", "plan", "validate", "export", "simulate", "version", "completion",
	"config history", "config show", "config diff", "resource show", "resource list", "resource agents", "resource describe", "constraint list", "node list",
	"attribute list", "property list", "defaults list", "fence check", "fence history", "fence list", "fence agents", "secret list", "galera status",
	"state save", "import cib", "convert pcs", "tag list", "ticket list", "help errors", "schema",
	"maintenance list", "audit list", "audit verify", "audit export", "role list", "role whoami",
}

// waitless change what no service waits for, or wait in any case.
var waitless = []string{"role certificate", "secret set", "secret rotate", "secret rotate-key", "secret delete", "fence test"}

// local make this host a member, or make a token: nothing in the definition or
// of what runs changes.
var local = []string{"cluster init", "cluster join", "cluster token create"}

// TestCompletion: the names of things complete, by what the usage line asks for.
func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"resource enable ": "vip", "resource move vip ": "controller-1", "resource create x ": "galera", "resource describe ": "haproxy", "constraint remove ": "order-haproxy-vip",
		"maintenance set ": "resource/web", "maintenance end ": "node/compute-7", "constraint order start ": "galera", "node standby ": "compute-7", "fence update ": "pdu", "fence create x ": "redfish", "property unset ": "no_quorum_policy",
		"property set ": "maintenance_mode=", "resource group remove ": "web", "attribute set ": "controller-0", "fence level add 1 ": "controller-0", "fence level add 1 controller-0 ": "bmc-0",
	} {
		c := newConsole(t)
		c.must(t, append(append([]string{"__complete"}, strings.Fields(line)...), "")...)
		if out := "\n" + c.out.String(); !strings.Contains(out, "\n"+want+"\n") {
			t.Errorf("%s: no %q in:%s", line, want, out)
		}
	}
	c := newConsole(t)
	c.fake.err = errors.New("nobody there")
	if out := c.must(t, "__complete", "resource", "enable", ""); strings.Contains(out, "vip") || strings.Contains(c.err.String(), "nobody") {
		t.Errorf("without a cluster: %s%s", out, c.err.String())
	}
}

// TestEveryChangeCanBeTriedAndAwaited: no changing verb is without --dry-run and
// --wait, and no verb of this list is gone.
func TestEveryChangeCanBeTriedAndAwaited(t *testing.T) {
	left := map[string]bool{}
	for _, name := range append(append(append([]string{}, readers...), waitless...), local...) {
		left[name] = true
	}
	is := func(list []string, name string) bool {
		for _, other := range list {
			if other == name {
				delete(left, name)
				return true
			}
		}
		return false
	}
	for _, cmd := range commands(newConsole(t).app.root()) {
		name := strings.TrimPrefix(cmd.CommandPath(), "belayctl ")
		if cmd.HasSubCommands() && name != "fence" || name == "help" || is(readers, name) || is(local, name) {
			continue
		}
		if cmd.Flags().Lookup("dry-run") == nil {
			t.Errorf("%s changes something, and has no --dry-run", name)
		}
		if cmd.Flags().Lookup("wait") == nil && !is(waitless, name) {
			t.Errorf("%s changes something, and has no --wait", name)
		}
	}
	for name := range left {
		t.Errorf("there is no command %q", name)
	}
}
