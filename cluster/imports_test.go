package cluster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/belay-ha/belay"

// layer is one row of the order of packages. A package may import packages of
// rows above its own only (in this table: earlier rows), never a sibling.
type layer struct {
	name     string
	packages []string // patterns of path.Match, below the module
	why      string
}

// layers, from the ground up.
var layers = []layer{
	{"mutants", []string{"internal/mutant"},
		"ways to break the product on purpose, which the simulation has to notice: nothing in what is shipped"},
	{"codes", []string{"internal/codes"},
		"what each error code means: texts, for whoever shows them"},
	{"redact", []string{"internal/redact"},
		"how a secret may be written in a text: for whoever keeps or shows what agents, devices and logs say"},
	{"host", []string{"internal/ordinary", "internal/durable"},
		"how services are started that are not to inherit what the daemon has, and how files are written that outlive a power cut: a few system calls"},
	{"L0", []string{"resources"},
		"the nouns and their validation: everything may speak of them, so they depend on nothing"},
	{"contracts", []string{"agents", "fencing"},
		"what an agent and a fence device promise: the core plans by it, the shell fulfils it"},
	{"test support", []string{"internal/bubble", "internal/ordinary/ordinarytest"},
		"tests of every layer run in bubbles, and so do the contract's own for agents; some run in a process that its host favours"},
	{"L1", []string{"cluster/state"},
		"the replicated state is a function of the log alone"},
	{"L2 transition", []string{"cluster/transition"},
		"a plan is data; who makes it and who carries it out both need to read it"},
	{"L2 policy", []string{"cluster/policy"},
		"where everything runs, and Pacemaker's way there: it knows clusters as data, whether from a saved one or from a running one"},
	{"L2 scheduler", []string{"cluster/scheduler"},
		"the planner; simulation and production run the same code because it reaches nothing else"},
	{"L2 view", []string{"cluster/view"},
		"what agents may know of a state: the leader's advisors and every member's agents see the same"},
	{"L2 metrics", []string{"cluster/metrics"},
		"how a cluster and a member are in numbers: it is handed what it says"},
	{"L2 doctor", []string{"cluster/doctor"},
		"what is wrong with hosts and members: it judges facts that others have gathered"},
	{"L2 decisions", []string{"cluster/leader", "cluster/member", "cluster/doctor"},
		"what a leader decides, and what each member decides by itself: the daemon and simulations run the same code because it reaches nothing else"},
	{"L2 simulation", []string{"cluster/policy/simulate", "cluster/simulate"},
		"what a plan leads to, without a cluster: they carry plans out on paper, of Pacemaker's clusters and of Belay's, and know nothing of each other"},
	{"shell support", []string{"agents/command", "agents/reach", "agents/simulated", "agents/agenttest", "fencing/fencetest", "cluster/membership/memnet", "cluster/raftlog/raftnet"},
		"what several agents, the development cluster and tests share; it stands on contracts alone"},
	{"L3", []string{
		"cluster/raftlog", "cluster/membership", "cluster/localexec", "cluster/api", "cluster/security", "cluster/examine",
		"agents/*", "fencing/*", "resources/definition", "resources/edit", "resources/cib",
	}, "the I/O shell: siblings meet through interfaces that their caller declares, so each can be tested and replaced alone"},
	{"L3 scripts", []string{"resources/pcs"},
		"scripts of commands as a definition: it carries out the verbs of resources/edit and names things as resources/definition does"},
	{"L4 wiring", []string{"cluster/node", "cluster/catalog", "cluster/sim"},
		"wires one member; the catalog of agents is handed in, so that a member never depends on one service"},
	{"L4 enroll", []string{"cluster/enroll"},
		"founding and joining write the settings that node reads"},
	{"L4 dev", []string{"cluster/dev"},
		"several members in one process, enrolled as real ones are"},
	{"rig", []string{"cmd/belay-rig/internal/*"},
		"the rig's own parts; they import one another freely, as nothing else can"},
	{"screen", []string{"cmd/belayctl/internal/top"},
		"belayctl's full screen: it shows what the API says, and alone knows of terminals"},
	{"L5", []string{"cmd/*", "internal/*", "examples", "docs", "cluster/policy/simulate/fuzz", "cluster/policy/simulate/bench"},
		"programs, and the tests of examples and documents; nobody imports them"},
}

// never forbids what the order of layers alone would allow.
var never = []struct{ from, to, why string }{
	{"agents", "cluster/", "an agent serves any cluster manager that keeps its contract; it knows nothing of this one"},
	{"agents/*", "cluster/", "an agent knows its service and its host, never the cluster's state"},
	{"fencing", "cluster/", "a device switches power; whom and when is decided elsewhere"},
	{"fencing/*", "cluster/", "a device switches power; whom and when is decided elsewhere"},
	{"fencing/*", "agents", "devices and agents have nothing to say to each other"},
	{"agents/*", "fencing", "an agent that could fence would decide about nodes"},
	{"resources", "cluster/", "definitions are checked without a cluster, on any machine"},
	{"resources/definition", "cluster/", "definitions are checked without a cluster, on any machine"},
	{"resources/pcs", "cluster/", "definitions are checked without a cluster, on any machine"},
	{"resources/edit", "cluster/", "definitions are checked without a cluster, on any machine"},
	{"cluster/raftlog", "cluster/", "the log carries bytes; their meaning is handed in"},
	{"cluster/membership", "cluster/state", "gossip is a hint: it reports observations and decides nothing"},
	{"cluster/node", "agents/", "a member runs the agents it is handed"},
	{"cluster/node", "fencing/", "a member uses the devices it is handed"},
	{"cmd/belayctl", "cluster/dev", "the command line is not a member"},
}

// pure lists the packages whose result is a function of their arguments: they
// run in every replica and in every simulation and must agree.
var pure = []string{"resources", "resources/definition", "resources/edit", "resources/pcs", "cluster/state", "cluster/transition", "cluster/scheduler", "cluster/simulate", "cluster/policy", "cluster/view", "cluster/metrics", "cluster/leader", "cluster/member", "internal/codes", "internal/redact"}

// impure are the imports that pure packages may not have, and may not reach
// through other packages of this module. net/netip is not among them: it
// parses addresses and opens nothing.
var impure = []string{
	"os", "os/exec", "os/signal", "os/user", "io/ioutil", "syscall", "golang.org/x/sys/unix",
	"net", "net/http", "net/url", "net/rpc", "net/smtp", "net/mail", "net/textproto",
	"log", "log/slog", "go.uber.org/zap", "go.uber.org/zap/zapcore",
	"math/rand", "math/rand/v2", "crypto/rand", "runtime", "sync", "unsafe",
}

// impureHere may not be imported by a pure package itself. The contracts it
// builds on speak of contexts without using one.
var impureHere = []string{"context"}

// confined names the libraries that one package hides from the rest, so that
// replacing one, or a fault in it, touches that package alone.
var confined = []struct {
	library string
	users   []string
}{
	{"github.com/hashicorp/raft", []string{"cluster/raftlog", "cluster/raftlog/raftnet"}},
	{"go.etcd.io/bbolt", []string{"cluster/raftlog"}},
	{"github.com/hashicorp/memberlist", []string{"cluster/membership", "cluster/membership/memnet", "cluster/node"}},
	{"github.com/stmcginnis/gofish", []string{"fencing/redfish"}},
	{"github.com/bougou/go-ipmi", []string{"fencing/ipmi", "fencing/fencetest"}},
	{"github.com/coreos/go-systemd/v22/dbus", []string{"agents/systemd"}},
	{"github.com/coreos/go-systemd/v22/daemon", []string{"cmd/belayd"}},
	{"github.com/go-sql-driver/mysql", []string{"agents/galera", "cmd/belay-rig/internal/*"}},
	{"github.com/vishvananda/netlink", []string{"agents/*", "cmd/belay-rig/internal/*"}},
	{"github.com/spf13/cobra", []string{"cmd/*"}},
	{"charm.land/bubbletea", []string{"cmd/belayctl/internal/top"}},
	{"github.com/santhosh-tekuri/jsonschema/v6", nil},
	{"pgregory.net/rapid", nil},
	{"go.uber.org/goleak", nil},
	{"github.com/google/go-cmp", nil},
	{"github.com/anishathalye/porcupine", nil},
}

// pkg is what `go list -json` says of a package; test files are not part of
// Imports and may import more.
type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// tree is the module's packages by their path below the module.
type tree map[string]pkg

func TestEveryPackageHasALayer(t *testing.T) {
	for name := range list(t) {
		if _, found := layerOf(name); !found {
			t.Errorf("%s is in no layer: add it to the table in this file, with the reason", name)
		}
	}
}

func TestImportsGoDown(t *testing.T) {
	packages := list(t)
	for _, problem := range upward(packages) {
		t.Error(problem)
	}
}

func TestForbiddenImports(t *testing.T) {
	packages := list(t)
	for _, rule := range never {
		for name := range packages {
			if !matches(name, rule.from) {
				continue
			}
			chain := packages.chain(name, func(imported string) bool {
				below, inside := strings.CutPrefix(imported, module+"/")
				return inside && (below == rule.to || strings.HasSuffix(rule.to, "/") && strings.HasPrefix(below, rule.to))
			})
			if chain != nil {
				t.Errorf("%s: %s", strings.Join(chain, " -> "), rule.why)
			}
		}
	}
}

func TestLibrariesAreConfined(t *testing.T) {
	for name, p := range list(t) {
		for _, imported := range p.Imports {
			for _, c := range confined {
				if (imported == c.library || strings.HasPrefix(imported, c.library+"/")) && !slices.ContainsFunc(c.users, func(u string) bool { return matches(name, u) }) {
					t.Errorf("%s -> %s: %s", name, imported, onlyFor(c.users))
				}
			}
		}
	}
}

// Outside internal/bubble a bubble under the race detector can kill the process.
func TestBubblesAreSafe(t *testing.T) {
	users := 0
	for name, p := range list(t) {
		imported := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
		if slices.Contains(imported, module+"/internal/bubble") {
			users++
		}
		if name != "internal/bubble" && slices.Contains(imported, "testing/synctest") {
			t.Errorf("%s imports testing/synctest: internal/bubble does the same and is safe with the race detector", name)
		}
	}
	if users < 10 {
		t.Errorf("%d packages use internal/bubble: did the check miss them?", users)
	}
}

func onlyFor(users []string) string {
	if len(users) == 0 {
		return "for tests only"
	}
	return "only " + strings.Join(users, ", ") + " may import it"
}

// upward returns one line for each import of a package that is not below.
func upward(packages tree) []string {
	var problems []string
	for name, p := range packages {
		from, known := layerOf(name)
		if !known {
			continue
		}
		for _, imported := range p.Imports {
			below, inside := strings.CutPrefix(imported, module+"/")
			if !inside {
				continue
			}
			to, known := layerOf(below)
			sameRoom := layers[from].name == "rig" && to == from
			if known && to >= from && !sameRoom {
				problems = append(problems, fmt.Sprintf("%s: %s (%s) may not import %s (%s): %s",
					strings.Join(append(packages.importers(name), below), " -> "), name, layers[from].name, below, layers[to].name, layers[from].why))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// importers returns a chain of imports that leads from a package that nobody
// imports to name, which is its last element.
func (packages tree) importers(name string) []string {
	chain := []string{name}
	for seen := map[string]bool{name: true}; ; {
		var above string
		for _, candidate := range sorted(packages) {
			if !seen[candidate] && slices.Contains(packages[candidate].Imports, module+"/"+chain[0]) {
				above = candidate
				break
			}
		}
		if above == "" {
			return chain
		}
		seen[above] = true
		chain = slices.Insert(chain, 0, above)
	}
}

// chain returns the shortest chain of imports from name, through packages of
// this module, to one for which is holds; nil when there is none.
func (packages tree) chain(name string, is func(string) bool) []string {
	type step struct{ chain []string }
	queue := []step{{[]string{name}}}
	seen := map[string]bool{name: true}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, imported := range packages[at.chain[len(at.chain)-1]].Imports {
			below, inside := strings.CutPrefix(imported, module+"/")
			if is(imported) {
				return append(slices.Clone(at.chain), below)
			}
			if inside && !seen[below] {
				seen[below] = true
				queue = append(queue, step{append(slices.Clone(at.chain), below)})
			}
		}
	}
	return nil
}

func layerOf(name string) (int, bool) {
	for i, l := range layers {
		for _, pattern := range l.packages {
			if matches(name, pattern) {
				return i, true
			}
		}
	}
	// The map of packages itself holds no code.
	return 0, name == "cluster"
}

func matches(name, pattern string) bool {
	is, err := path.Match(pattern, name)
	if err != nil {
		panic(err) // a pattern in this file
	}
	return is
}

func sorted(packages tree) []string {
	names := make([]string, 0, len(packages))
	for name := range packages {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// list asks the go command for every package of the module.
func list(t *testing.T) tree {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", module+"/...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	packages := tree{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read what go list says: %v", err)
		}
		packages[strings.TrimPrefix(p.ImportPath, module+"/")] = p
	}
	if len(packages) < 20 {
		t.Fatalf("go list knows %d packages only: is this the whole module?", len(packages))
	}
	return packages
}
