package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// sentence is one block of testdata/sentences.txt.
type sentence struct {
	name, given, want string
	commands          []string
}

func readSentences(t *testing.T) []sentence {
	t.Helper()
	text, err := os.ReadFile("testdata/sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []sentence
	for _, block := range strings.Split("\n"+string(text), "\n== ")[1:] {
		name, body, _ := strings.Cut(block, "\n")
		before, want, found := strings.Cut(body, "\n--\n")
		if !found {
			t.Fatalf("%s: no line --", name)
		}
		s := sentence{name: name, want: want}
		for line := range strings.SplitSeq(before, "\n") {
			if command, isCommand := strings.CutPrefix(line, "$ "); isCommand {
				s.commands = append(s.commands, command)
			} else {
				s.given += line + "\n"
			}
		}
		all = append(all, s)
	}
	if len(all) < 20 {
		t.Fatalf("%d blocks", len(all))
	}
	return all
}

// realConsole has this build's own agents.
func realConsole(t *testing.T, def *resources.Definition) *console {
	t.Helper()
	c := newConsole(t)
	c.app.agents, c.app.fences = catalog.Agents(zap.NewNop()), catalog.Fences()
	c.fake.state.Version = state.Version
	c.fake.state.Definition = def
	return c
}

// decodeSentence reads a definition, adds the nodes of every block, with what
// [[attributes]] of the block says of them.
func decodeSentence(t *testing.T, text string) *resources.Definition {
	t.Helper()
	rest, attributes, _ := strings.Cut(text, "[[attributes]]")
	file := ""
	for _, node := range []string{"controller-0", "controller-1", "compute-0"} {
		file += "[[node]]\nname = \"" + node + "\"\n"
		for line := range strings.SplitSeq(attributes, "\n") {
			if value, found := strings.CutPrefix(line, node+" = "); found {
				file += "attributes = " + value + "\n"
			}
		}
	}
	agents, fences := definition.Agents(catalog.Agents(zap.NewNop()).Specs()), definition.Fences(catalog.Fences())
	def, err := definition.Decode(agents, fences, definition.File{Name: "block", Text: []byte(rest + "\n" + file)})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	def.Name = "overcloud"
	return def
}

// TestSentences: commands, and the definition file that says the same, end in one
// definition; and that file is empty work for apply.
func TestSentences(t *testing.T) {
	for _, s := range readSentences(t) {
		t.Run(s.name, func(t *testing.T) {
			want := decodeSentence(t, s.want)
			c := realConsole(t, decodeSentence(t, s.given))
			for _, command := range s.commands {
				c.must(t, words(t, command)...)
			}
			got := c.fake.state.Definition
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("commands differ from the file (-file +commands):\n%s", diff)
			}
			again, err := definition.Decode(resources.AgentTable{}, resources.FenceTable{}, definition.File{Name: "export", Text: definition.Encode(got)})
			if err != nil {
				t.Fatalf("its export cannot be read: %v", err)
			}
			if diff := cmp.Diff(got, again, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b resources.Operation) bool { return a.Name < b.Name })); diff != "" {
				t.Errorf("its export says something else:\n%s", diff)
			}
		})
	}
}

// words splits a command line as a shell does.
func words(t *testing.T, line string) []string {
	t.Helper()
	var all []string
	var word strings.Builder
	open, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && c == ' ':
			if open {
				all = append(all, word.String())
			}
			word.Reset()
			open = false
		case quote == 0 && (c == '\'' || c == '"'):
			quote, open = c, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == '"' && c == '\\' && i+1 < len(line) && strings.IndexByte(`"\$`, line[i+1]) >= 0:
			i++
			word.WriteByte(line[i])
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		t.Fatalf("a quote stays open: %s", line)
	}
	if open {
		all = append(all, word.String())
	}
	return all
}

// refusals are the patterns that Belay answers with what to do instead, by how
// they begin: what the answer must say, and the exit code that a script sees.
var refusals = map[string]string{
	"cluster auth":                     "belayctl cluster token create",
	"cluster setup":                    "belayctl cluster init --name",
	"cluster enable":                   "systemctl enable belayd",
	"cluster start":                    "systemctl start belayd",
	"resource create ID ocf:pacemaker": "belayctl cluster join",
	"resource create ID ocf:openstack": "systemd:openstack-nova-compute",
	"resource create ID ocf:neutron":   "systemd:neutron-",
	"resource create ID redis":         "systemd:redis",
	"stonith create ID fence_xvm":      "name the nodes that it can switch off",
	"stonith create ID fence_compute":  "name the nodes that it can switch off",
	// Agents whose work is a service of OpenStack's or of nobody: what to run.
	"resource create ID ocf:openstack:NovaEvacuate":      "process",
	"resource create ID ocf:neutron:NeutronScale":        "told apart by their host",
	"resource create ID ocf:openstack:NovaCompute":       "systemd:openstack-nova-compute",
	"resource create ID ocf:pacemaker:remote":            "belayctl cluster join",
	"resource create ID ocf:neutron:OVSCleanup":          "systemd:neutron-ovs-cleanup",
	"resource create ID ocf:neutron:NetnsCleanup":        "systemd:neutron-netns-cleanup",
	"resource create ID ocf:openstack:nova-compute-wait": "systemd:openstack-nova-compute",
}

// TestAcceptance runs every pattern of the list of pcs commands that a real
// installation of OpenStack uses, with values in the places of its names. The list is
// that of the how-to at github.com/beekhof/osp-ha-deploy, each pattern once.
func TestAcceptance(t *testing.T) {
	list, err := os.ReadFile(filepath.Join("testdata", "pcs-patterns.txt"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for pattern := range strings.Lines(string(list)) {
		count++
		pattern = strings.TrimSpace(pattern)
		t.Run(pattern, func(t *testing.T) { runPattern(t, pattern) })
	}
	if count < 70 {
		t.Errorf("found only %d patterns", count)
	}
}

// given is what patterns refer to.
const given = `
[[resource]]
id = "clone-a"
agent = "systemd:clone-a"
clone = true
[[resource]]
id = "clone-b"
agent = "systemd:clone-b"
clone = true
[[resource]]
id = "db"
agent = "galera"
clone = { promotable = true }
[[resource]]
id = "one"
agent = "systemd:one"
[[resource]]
id = "two"
agent = "systemd:two"
[[fence]]
id = "dev-a"
agent = "fence_xvm"
targets = ["compute-0"]
[[fence]]
id = "dev-b"
agent = "fence_xvm"
targets = ["compute-0"]
`

func runPattern(t *testing.T, pattern string) {
	c := realConsole(t, decodeSentence(t, given))
	line := pattern
	next := func(placeholder string, values ...string) {
		expression := regexp.MustCompile(`\b` + placeholder + `\b`)
		n := 0
		line = expression.ReplaceAllStringFunc(line, func(string) string {
			value := values[min(n, len(values)-1)]
			n++
			return value
		})
	}
	line = strings.NewReplacer("DEV1,DEV2", "dev-a,dev-b", "ip=V", "ip=192.0.2.9", "directory=V", "directory=/srv/x", "enable_creation=V", "enable_creation=true",
		"pcmk_host_map=V", "pcmk_host_map=controller-0:1;controller-1:2", "passwd=V", "passwd=secret://p", "NODE...", "controller-0 controller-1", "startdelay=V", "startdelay=10").Replace(line)
	next("PROMOTABLE", "db-master")
	next("CLONE", "clone-a-clone", "clone-b-clone")
	next("RSC", "one", "two")
	next("ID", "new-thing")
	next("UNIT", "new-unit")
	next("GROUP", "stack")
	next("NODE", "compute-0")
	next("NAME", "cloud")
	next("USER", "admin")
	next("PW", "none")
	next("T", "300s")
	next("V", "value")
	code := c.run(t, strings.Fields(line)...)
	keys := make([]string, 0, len(refusals))
	for key := range refusals {
		if strings.HasPrefix(pattern, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		if code != exitDone {
			t.Errorf("belayctl %s: exit %d: %s", line, code, c.err.String())
		}
		return
	}
	best := slices.MaxFunc(keys, func(a, b string) int { return len(a) - len(b) })
	if code != exitInput || !strings.Contains(c.err.String(), refusals[best]) {
		t.Errorf("belayctl %s: exit %d, want %d and %q: %s", line, code, exitInput, refusals[best], c.err.String())
	}
}
