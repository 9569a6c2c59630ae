package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

func commands(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, child := range root.Commands() {
		if child.Hidden {
			continue
		}
		all = append(all, commands(child)...)
	}
	return all
}

// shellWords splits a line as a shell does, as far as examples go.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	open := false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, open = c, true
		case quote == 0 && c == ' ':
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}

// runExample carries out an example's commands, with pipes, files and && as a
// shell would, and requires each to succeed. It returns what the last one wrote,
// which more words may be added to.
func runExample(t *testing.T, line string, more ...string) string {
	t.Helper()
	c := newConsole(t)
	c.fake.runs("controller-0", "vip", resources.RoleStarted)
	c.fake.runs("controller-0", "galera", resources.RolePromoted)
	c.fake.runs("controller-1", "galera", resources.RolePromoted)
	c.fake.runs("controller-2", "galera", resources.RolePromoted)
	c.fake.runs("compute-7", "haproxy", resources.RoleStarted)
	output := ""
	parts := separators.Split(line, -1)
	for n, part := range parts {
		_, part, _ = strings.Cut(part, "belayctl ")
		part, target, redirected := strings.Cut(part, " > ")
		if redirected && target == "" {
			t.Fatal("a redirection to nowhere")
		}
		part, source, fed := strings.Cut(part, " < ")
		if fed {
			content, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			output = string(content)
		}
		c.app.in = strings.NewReader(output)
		words := shellWords(part)
		if n == len(parts)-1 {
			words = append(words, more...)
		}
		if strings.Contains(part, " --reason ") && (strings.HasPrefix(part, "fence confirm") || strings.HasPrefix(part, "galera bootstrap")) {
			words = append(words, "--yes") // nobody is there to be asked
		}
		switch {
		case strings.HasPrefix(part, "fence controller-2"), strings.HasPrefix(part, "fence test"):
			c.fenced()
		case strings.HasPrefix(part, "fence confirm"):
			c.fake.state.Nodes["controller-2"].Liveness = state.LivenessDead
		case strings.HasPrefix(part, "fence unfence"):
			c.fake.state.Definition.Fences = append(c.fake.state.Definition.Fences, resources.FenceDevice{ID: "scsi", Agent: "fence_scsi", Targets: []resources.NodeName{"controller-1"}, Provides: resources.ProvidesUnfencing})
		case strings.HasPrefix(part, "fence release"):
			c.leftOff("controller-1")
		case strings.HasPrefix(part, "tag delete"):
			c.fake.state.Definition.Tags = []resources.Tag{{ID: "edge", Members: []resources.ResourceID{"vip"}}}
		case strings.HasPrefix(part, "ticket forget"):
			c.fake.state.Tickets = map[resources.TicketName]*state.Ticket{"geo": {Granted: true}}
		case part == "secret set bmc-0" && !fed:
			c.app.interactive = true // it is typed
		case strings.HasPrefix(part, "resource take-over") && strings.Contains(part, "--end"):
			c.fake.state.TakeOvers = map[resources.ResourceID]*state.TakeOver{"keystone": {Units: []state.OwnedUnit{{Unit: "keystone.service"}}}}
		case strings.HasPrefix(part, "role unbind"):
			c.fake.state.Roles = map[state.Subject]state.RoleBinding{"group:support": {Role: "viewer"}}
		case strings.HasPrefix(part, "maintenance end"):
			c.fake.state.Maintenance = map[state.Scope]*state.Maintenance{"resource/galera": {By: "alice"}}
		case part == "top" || strings.HasPrefix(part, "top --interval"):
			c.app.terminal, c.app.interactive = true, true
		case strings.HasPrefix(part, "doctor"):
			c.fit()
		case strings.HasPrefix(part, "config "):
			c.fake.state.Revisions = []state.Revision{{Index: 12, Definition: &resources.Definition{Name: "overcloud"}}, {Index: 15, Definition: c.fake.state.Definition}}
		case strings.HasPrefix(part, "node remove"):
			c.fake.state.Nodes["compute-7"].Instances = nil
			c.fake.state.Nodes["compute-7"].Liveness = state.LivenessLeft
		case strings.Contains(part, "--watch"), strings.Contains(part, "--follow"):
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if code := c.app.run(ctx, words); code != exitDone {
				t.Errorf("exit %d: %s", code, c.err.String())
			}
			output = c.out.String()
			continue
		}
		if code := c.run(t, words...); code != exitDone {
			t.Errorf("belayctl %q: exit %d: %s", words, code, c.err.String())
		}
		output = c.out.String()
	}
	return output
}

var separators = regexp.MustCompile(` (\||&&) `)

// exampleFiles makes the files that examples read, and goes there.
func exampleFiles(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	parts := strings.SplitN(baseFile, "[[resource]]", 2)
	for name, text := range map[string]string{
		"cluster.toml": baseFile + "[[ticket]]\nticket = \"geo\"\nresource = \"reader\"\n", "base.toml": parts[0], "site.toml": "[[resource]]" + parts[1], "password-file": "hunter2\n", "token": "belay-token\n", "cluster.xml": baseCIB,
		"audit.json": `{"cluster_id": "id", "records": []}`,
		"setup.sh":   "pcs resource create web systemd:web --clone\n", "constraints.sh": "pcs constraint order web-clone then webb-clone\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("cluster.d", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cluster.d/all.toml", []byte(baseFile), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestExamples runs what every help shows.
func TestExamples(t *testing.T) {
	exampleFiles(t)
	for _, cmd := range commands(newConsole(t).app.root()) {
		if cmd.Example == "" || cmd.Short == "" {
			t.Errorf("%s has no example or no summary", cmd.CommandPath())
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			t.Run(cmd.Name()+"/"+strings.TrimSpace(line), func(t *testing.T) {
				if !strings.Contains(line, strings.TrimSuffix(cmd.CommandPath(), " fence")) {
					t.Errorf("this is no example of %s", cmd.CommandPath())
				}
				runExample(t, line)
			})
		}
	}
}

// TestHelp shows every help, and finds that unknown sub-commands fail.
func TestHelp(t *testing.T) {
	for _, cmd := range commands(newConsole(t).app.root()) {
		path := strings.Fields(cmd.CommandPath())[1:]
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			c := newConsole(t)
			help := c.must(t, append(path, "--help")...)
			if !strings.Contains(help, "Examples:") || !strings.Contains(help, "Usage:") {
				t.Errorf("help says:\n%s", help)
			}
			if !cmd.HasSubCommands() || cmd.Name() == "fence" || cmd.Name() == "help" {
				return
			}
			if code := c.run(t, append(path, "lisst")...); code != exitInput || !strings.Contains(c.err.String(), `no command "lisst"`) {
				t.Errorf("unknown sub-command: exit %d, %s", code, c.err.String())
			}
			if cmd.Name() == "audit" {
				if alone, list := c.must(t, path...), newConsole(t).must(t, append(path, "list")...); alone != list {
					t.Errorf("alone it wrote %q, and with list %q", alone, list)
				}
				return
			}
			if code := c.run(t, path...); code != exitInput || !strings.Contains(c.err.String(), "Usage:") {
				t.Errorf("no sub-command: exit %d, %s", code, c.err.String())
			}
			if c.out.Len() > 0 {
				t.Errorf("wrote to the standard output:\n%s", c.out.String())
			}
		})
	}
}
