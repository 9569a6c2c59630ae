package dev

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// planted is a secret that can be searched for.
const planted = "pl4nted-Passw0rd-7f3a9c"

// blabbing is an agent that says its password in everything that it returns, as a
// script does that traces its arguments. It fails on one node.
type blabbing struct {
	agents.Agent
	node resources.NodeName
	told func(string)
}

func (b blabbing) Start(ctx context.Context, r agents.Request) agents.Result {
	return b.say(b.Agent.Start(ctx, r), r)
}
func (b blabbing) Monitor(ctx context.Context, r agents.Request) agents.Result {
	return b.say(b.Agent.Monitor(ctx, r), r)
}

func (b blabbing) say(result agents.Result, r agents.Request) agents.Result {
	token := r.Params["token"]
	b.told(token)
	r.Progress(agents.Progress{Text: "logging in as admin:" + token})
	result.Reason, result.Output = "told "+token, "+ login --password="+token
	result.Attributes = map[string]string{"url": "http://admin:" + token + "@host"}
	if b.node == "controller-2" && r.Op == resources.OpStart {
		result.Outcome = agents.OutcomeFailed
	}
	return result
}

// logBook is everything that is logged.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logBook) Sync() error { return nil }

// bytes returns what was logged so far; gossip's last probes outlive its end.
func (l *logBook) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

// TestNoSecretComesOut plants a secret, has it used by an agent that says it aloud
// and by a power controller that refuses it, and searches all that a cluster
// writes, logs and answers for it.
func TestNoSecretComesOut(t *testing.T) {
	var book logBook
	var mu sync.Mutex
	tokens := map[string]bool{}
	dir := t.TempDir()
	c, stop := startAndStop(t, func(config *Config) {
		config.DataDir = dir
		config.Log = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &book, zapcore.DebugLevel))
		config.Specs[1].Params = []agents.Param{{Name: "token", Kind: agents.KindString, Secret: true}}
		config.Wrap = func(node resources.NodeName, agent agents.Agent) agents.Agent {
			if agent.Spec().Name != "web" {
				return agent
			}
			return blabbing{agent, node, func(token string) {
				mu.Lock()
				defer mu.Unlock()
				tokens[token] = true
			}}
		}
	})
	running := true
	defer func() {
		if running {
			stop()
		}
	}()
	client := c.Client()
	if err := client.SetSecret(t.Context(), api.SecretRequest{Secret: "planted", Value: planted}); err != nil {
		t.Fatal(err)
	}
	define(t, c, func(d *resources.Definition) {
		web, _ := d.Resource("web")
		web.Params = resources.Params{"token": "secret://planted"}
		d.Fences[1].Params["password"] = "secret://planted"
	})
	until(t, c, "a start failed", 30*time.Second, func(s api.Status) bool {
		for _, r := range s.Resources {
			if r.Resource == "web" && r.Node == "controller-2" && len(r.Failures) > 0 {
				return count(s, "web") == 2
			}
		}
		return false
	})
	checks, err := client.CheckFences(t.Context(), api.FenceCheckRequest{Devices: []string{c.Fences()[1].ID}})
	if err != nil || len(checks.Checks) == 0 {
		t.Fatalf("checks: %+v, %v", checks, err)
	}
	mu.Lock()
	if !tokens[planted] || len(tokens) != 1 {
		t.Errorf("the agent was told %d values, the secret: %v", len(tokens), tokens[planted])
	}
	mu.Unlock()
	searched := map[string][]byte{"environment": []byte(strings.Join(os.Environ(), "\n")), "checks": asJSON(t, checks, nil)}
	ctx := t.Context()
	answer := func(what string) func(any, error) {
		return func(value any, err error) { searched[what] = asJSON(t, value, err) }
	}
	ask(answer("status"), func() (any, error) { return client.Status(ctx, false) })
	ask(answer("state"), func() (any, error) { return client.State(ctx, false) })
	ask(answer("state of one member"), func() (any, error) { return client.State(ctx, true) })
	ask(answer("definition"), func() (any, error) { return client.Definition(ctx) })
	ask(answer("revisions"), func() (any, error) { return client.Revisions(ctx, "") })
	ask(answer("history"), func() (any, error) { return client.History(ctx, 0, false) })
	ask(answer("live"), func() (any, error) { return client.Live(ctx) })
	ask(answer("audit"), func() (any, error) { return client.Audit(ctx, false) })
	ask(answer("explanation"), func() (any, error) { return client.Explain(ctx, "web", "") })
	ask(answer("doctor"), func() (any, error) { return client.Doctor(ctx) })
	for _, h := range c.Hosts() { // what a support archive is made of
		ask(answer("report of "+string(h.Name())), func() (any, error) { return client.Report(ctx, h.Name(), true) })
	}
	after, err := client.Definition(ctx)
	if err != nil {
		t.Fatal(err)
	}
	searched["export"] = definition.Encode(after.Definition)
	searched["difference"] = asJSON(t, definition.Diff(&resources.Definition{}, after.Definition), nil)
	if !bytes.Contains(searched["export"], []byte("secret://planted")) || !bytes.Contains(searched["difference"], []byte("secret://planted")) {
		t.Errorf("no reference in the export or the difference: the search proves nothing\n%s", searched["export"])
	}
	// Refusals name what is wrong, and hold nothing of it.
	for what, refused := range map[string]error{
		"a name that cannot be": client.SetSecret(ctx, api.SecretRequest{Secret: "no name", Value: planted}),
		"nothing to rotate":     client.SetSecret(ctx, api.SecretRequest{Secret: "absent", Value: planted, Rotate: true}),
		"too long":              client.SetSecret(ctx, api.SecretRequest{Secret: "long", Value: strings.Repeat(planted, 4000)}),
	} {
		if refused == nil {
			t.Errorf("%s is taken", what)
		} else {
			searched[what] = []byte(fmt.Sprintf("%+v", refused))
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(processes) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	for _, path := range processes {
		searched[path], _ = os.ReadFile(path) // it may have ended
	}
	if !bytes.Contains(searched["status"], []byte("[secret planted]")) {
		t.Errorf("the agent's words are not in the status: the search proves nothing\n%s", searched["status"])
	}
	for _, sealed := range []string{"state", "state of one member"} {
		if bytes.Contains(searched[sealed], []byte(`"v1.`)) {
			t.Errorf("the %s holds what is sealed", sealed)
		}
	}
	stop()
	running = false
	searched["log"] = book.bytes()
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		searched[path], err = os.ReadFile(path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	forms := map[string]string{"plain": planted, "base64": base64.StdEncoding.EncodeToString([]byte(planted))[:24], "hex": hex.EncodeToString([]byte(planted))}
	for place, text := range searched {
		for form, secret := range forms {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds the secret (%s)", place, form)
			}
		}
	}
	if len(searched) < 20 || len(searched["log"]) == 0 {
		t.Errorf("only %d places were searched", len(searched))
	}
}

func ask(take func(any, error), question func() (any, error)) { take(question()) }

func asJSON(t *testing.T, value any, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
