package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/node"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cluster/transition"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// served is a leader of one process behind the real API, on a real socket.
type served struct {
	*fakeCluster
	// entries are the commands that reached the log.
	entries []state.Command
}

func (s *served) Self() resources.NodeName { return "controller-0" }
func (s *served) Local() *state.State      { return s.state }
func (s *served) Leader() (resources.NodeName, string, bool) {
	return "controller-0", "192.0.2.1:7450", true
}
func (s *served) Read(context.Context) (*state.State, error) { return s.state, nil }
func (s *served) Live() api.Live                             { return api.Live{} }
func (s *served) Electing() bool                             { return false }
func (s *served) Metrics() string                            { return "belay_up 1\n" }
func (s *served) NoQuorum() string                           { return "" }
func (s *served) Plan(*state.State) transition.Transition    { return transition.Transition{} }
func (s *served) CreateToken(context.Context, api.Identity, time.Duration) (api.TokenAnswer, error) {
	return api.TokenAnswer{}, nil
}
func (s *served) IssueCertificate(context.Context, api.Identity, api.CertificateRequest) (api.CertificateAnswer, error) {
	return api.CertificateAnswer{}, nil
}

func (s *served) Units(context.Context, []string) []api.UnitFound { return nil }

func (s *served) RotateKey(context.Context, api.Identity) (api.DataKeyAnswer, error) {
	return api.DataKeyAnswer{}, nil
}
func (s *served) SetSecret(context.Context, api.Identity, api.SecretRequest) error { return nil }
func (s *served) Forward(context.Context, string, *http.Request, []byte, api.Identity) (*http.Response, error) {
	return nil, errors.New("it leads")
}

func (s *served) Doctor(context.Context) (api.DoctorAnswer, error) { return api.DoctorAnswer{}, nil }

func (s *served) Report(context.Context, resources.NodeName, bool) (api.MemberReport, error) {
	return api.MemberReport{}, nil
}

func (s *served) Propose(_ context.Context, who api.Identity, command state.Command) (state.Result, error) {
	s.entries = append(s.entries, command)
	next, result := state.ApplyCommand(s.state, s.state.Index+1, 1, epoch, who.Name, command)
	s.state = next
	return result, result.Err
}

// many is 121 resources on 3 nodes: addresses, clones and what hangs together.
func many() string {
	var b strings.Builder
	b.WriteString("[cluster]\nname = \"many\"\n")
	for n := range 3 {
		fmt.Fprintf(&b, "[[node]]\nname = \"controller-%d\"\nattributes = { osprole = \"controller\" }\n", n)
	}
	for n := range 121 {
		switch {
		case n < 13:
			fmt.Fprintf(&b, "[[resource]]\nid = \"r%d\"\nagent = \"vip\"\nparams = { address = \"192.0.2.%d/24\" }\n", n, n+1)
		case n < 101:
			fmt.Fprintf(&b, "[[resource]]\nid = \"r%d\"\nagent = \"systemd:unit-%d\"\nclone = { interleave = true }\n[[order]]\nfirst = \"r%d\"\nthen = \"r%d\"\n", n, n, 13+(n-13)/4, n+1-1)
		default:
			fmt.Fprintf(&b, "[[resource]]\nid = \"r%d\"\nagent = \"systemd:unit-%d\"\n[[colocation]]\nresource = \"r%d\"\nwith = \"r%d\"\n", n, n, n, n-80)
		}
	}
	text := strings.ReplaceAll(b.String(), "[[order]]\nfirst = \"r13\"\nthen = \"r13\"\n", "")
	return text + "[[location]]\nresources = { agent = \"systemd:*\" }\nrule = 'osprole == \"controller\"'\n"
}

// serve puts a cluster with that definition on a socket, running or empty, and
// returns it with its address.
func serve(t testing.TB, def *resources.Definition, runs bool) (*served, string) {
	t.Helper()
	opts := simulate.Options{Now: epoch, Planner: scheduler.Options{Quorum: true, Agents: node.AgentFacts(catalog.Agents(zap.NewNop()))}}
	current := simulate.Empty(def, epoch)
	if runs {
		current = simulate.Run(current, opts).After
	} else {
		current.Definition = &resources.Definition{Name: def.Name}
	}
	fresh := *current
	fresh.Version, fresh.Revision, fresh.Index = state.Version, max(current.Index, 1), max(current.Index, 1)
	s := &served{fakeCluster: &fakeCluster{state: &fresh, waits: []api.WaitAnswer{{Settled: true, AsAsked: true}}}}
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: api.NewServer(s, nil, zap.NewNop()).Handler(func(*http.Request) api.Identity {
		return api.Identity{Name: "op", Role: api.RoleAdmin}
	})}
	go server.Serve(listener)            //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() }) //nolint:errcheck // the test is over
	return s, "unix://" + path
}

func manyFile(t testing.TB) (string, *resources.Definition) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "many.toml")
	if err := os.WriteFile(path, []byte(many()), 0o600); err != nil {
		t.Fatal(err)
	}
	def, err := definition.Decode(definition.Agents(catalog.Agents(zap.NewNop()).Specs()), definition.Fences(catalog.Fences()), definition.File{Name: path, Text: []byte(many())})
	if err != nil {
		t.Fatal(err)
	}
	if len(def.Resources) != 121 || len(def.Nodes) != 3 {
		t.Fatalf("%d resources on %d nodes", len(def.Resources), len(def.Nodes))
	}
	return path, def
}

// TestApplyIsOneEntry: a whole definition of 121 resources is one command in the
// log, over the real API, and applying it again is none.
func TestApplyIsOneEntry(t *testing.T) {
	path, def := manyFile(t)
	s, address := serve(t, def, false)
	c := newConsole(t)
	c.app.agents, c.app.fences = catalog.Agents(zap.NewNop()), catalog.Fences()
	c.app.dial = dial
	c.must(t, "--addr", address, "apply", "-f", path)
	if len(s.entries) != 1 || len(s.state.Definition.Resources) != 121 || len(s.state.Owners) < 121 {
		t.Fatalf("%d entries, %d resources, %d owners", len(s.entries), len(s.state.Definition.Resources), len(s.state.Owners))
	}
	if out := c.must(t, "--addr", address, "apply", "-f", path); out != "nothing to change\n" || len(s.entries) != 1 {
		t.Errorf("again: %q, %d entries", out, len(s.entries))
	}
	if out := c.must(t, "--addr", address, "config", "history"); !strings.Contains(out, "files") {
		t.Errorf("history: %s", out)
	}
}

// BenchmarkProcess measures whole runs of belayctl, from exec to exit, against
// 121 resources that run on 3 nodes; cpu-ms is what the process itself used, which
// tells more on a busy machine.
func BenchmarkProcess(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "belayctl")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	path, def := manyFile(b)
	_, address := serve(b, def, true)
	changed := filepath.Join(b.TempDir(), "changed.toml")
	if err := os.WriteFile(changed, []byte(strings.Replace(many(), "192.0.2.1/24", "192.0.2.99/24", 1)), 0o600); err != nil {
		b.Fatal(err)
	}
	for name, args := range map[string][]string{"status": {"status"}, "plan": {"plan", "-f", changed}, "plan-same": {"plan", "-f", path}, "validate": {"validate", path}} {
		b.Run(name, func(b *testing.B) {
			var busy time.Duration
			for b.Loop() {
				cmd := exec.Command(binary, args...)
				cmd.Env = append(os.Environ(), "BELAY_ADDR="+address)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				busy += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(float64(busy.Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}
