package main

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
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

// free are the words of usage lines that stand for what nobody can know before, or
// for files, which shells complete themselves.
var free = []string{
	"FILE", "DIR", "FILE.tar.gz", "TEXT", "TIME", "UNIT", "WHO", "PERSON", "ROLE", "CLUSTER", "ADDRESS", "PEER", "VALUE", "AMOUNT", "SCORE", "BOOL", "LEVEL", "N", "OWNER",
	"EXPRESSION", "COMMAND", "B", "C", "A", "REV", "CODE", "TAG",
}

// TestEveryNameCompletes walks all commands: what their usage lines ask for by name
// completes, at its place. A word that is new here has to be in one of the lists.
func TestEveryNameCompletes(t *testing.T) {
	capital := regexp.MustCompile(`[A-Z][A-Z.a-z]*`)
	named := []string{"ID", "NODE", "AGENT", "NAME", "DEVICE", "GROUP", "RESOURCE", "SCOPE", "TICKET"}
	made := map[string]bool{ // names of things that these make
		"resource create ID": true, "resource bundle create ID": true, "fence create ID": true, "tag create ID": true, "secret set NAME": true,
	}
	for _, cmd := range commands(newConsole(t).app.root()) {
		path := strings.TrimPrefix(cmd.CommandPath(), "belayctl ")
		_, rest, _ := strings.Cut(cmd.Use, " ")
		for _, word := range capital.FindAllString(rest, -1) {
			if word = strings.TrimRight(word, "."); len(word) > 1 && !slices.Contains(named, word) && !slices.Contains(free, word) {
				t.Errorf("%s: %s is in no list of this test", path, word)
			}
		}
		line := append([]string{"__complete"}, strings.Fields(path)...)
		for _, kind := range placeholders(cmd) {
			name := strings.TrimSuffix(kind, "...")
			found := completions(t, append(line, "")...)
			if len(found) == 0 && name != "LEVEL" && !strings.Contains(name, "=") && !made[path+" "+name] {
				t.Errorf("%s: nothing completes %s", path, name)
			}
			line = append(line, append(found, "x")[0])
		}
	}
}

// completions are what a shell would offer.
func completions(t *testing.T, line ...string) []string {
	t.Helper()
	c := newConsole(t)
	c.fake.state.Tickets = map[resources.TicketName]*state.Ticket{"geo": {}}
	c.fake.state.Secrets = map[string]string{"bmc-0": "sealed"}
	c.fake.state.Definition.Tags = []resources.Tag{{ID: "edge", Members: []resources.ResourceID{"vip"}}}
	var found []string
	for word := range strings.Lines(c.must(t, line...)) {
		if word = strings.TrimSpace(word); !strings.HasPrefix(word, ":") {
			found = append(found, word)
		}
	}
	return found
}

// TestWordsComplete: parameters, settings and flags, too.
func TestWordsComplete(t *testing.T) {
	for line, want := range map[string]string{
		"resource create x vip ":                "address=",
		"resource create x vip address=1 meta ": "target_role=",
		"resource create x vip op monitor ":     "interval=",
		"resource create x vip --group ":        "web",
		"resource create x vip --cl":            "--clone",
		"resource create x vip --wa":            "--wait",
		"resource update vip ":                  "address=",
		"resource update galera meta ":          "priority=",
		"resource meta vip ":                    "managed=",
		"resource clone vip ":                   "interleave=",
		"defaults op ":                          "timeout=",
		"defaults resource ":                    "failure_timeout=",
		"fence create x redfish ":               "endpoint=",
		"fence update bmc-0 ":                   "password=",
		"attribute list ":                       "osprole",
		"attribute list --node ":                "controller-1",
		"attribute unset controller-0 ":         "osprole",
		"galera bootstrap --from ":              "controller-2",
		"history --node ":                       "compute-7",
		"explain ":                              "web",
		"ticket grant ":                         "geo",
		"tag delete ":                           "edge",
		"secret rotate ":                        "bmc-0",
		"apply --prune=":                        "owned",
		"role certificate alice --role ":        "viewer",
		"status --output ":                      "json",
	} {
		words := append([]string{"__complete"}, strings.Fields(line)...)
		if strings.HasSuffix(line, " ") {
			words = append(words, "")
		}
		if found := completions(t, words...); !slices.Contains(found, want) {
			t.Errorf("%q: no %s in %v", line, want, found)
		}
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
