package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// definitions writes a file that differs from the cluster's by a replacement.
func definitionFile(t *testing.T, old, new string) string {
	t.Helper()
	text := strings.Replace(baseFile, old, new, 1)
	if text == baseFile {
		t.Fatalf("%q is not in the file", old)
	}
	path := filepath.Join(t.TempDir(), "cluster.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serving is a console whose cluster runs what leans on the address.
func serving(t *testing.T) *console {
	c := newConsole(t)
	def := c.fake.state.Definition
	def.Orders = append(def.Orders, resources.Order{ID: "vip-first", First: "vip", Then: "keystone"})
	def.Colocations = append(def.Colocations, resources.Colocation{ID: "reader-with", Resource: "reader", With: "keystone", Score: 100})
	for _, name := range c.fake.state.NodeNames() {
		for _, r := range def.Resources {
			i := c.fake.runs(name, resources.InstanceID(r.ID), resources.RoleStopped)
			if r.ID == "haproxy" || r.ID == "vip" && name == "controller-0" || r.ID == "keystone" && name == "controller-1" || r.ID == "reader" && name == "controller-1" {
				i.Role, i.Config, i.Digest = resources.RoleStarted, &r, resources.Digest(&r)
			}
		}
	}
	return c
}

func TestApplyAsksBeforeItInterrupts(t *testing.T) {
	file := definitionFile(t, "192.0.2.9/24", "192.0.2.10/24")
	c := serving(t)
	want := "vip: restarts on controller-0; needed by keystone, reader"
	if out := c.must(t, "plan", "-f", file); !strings.Contains(out, "would be interrupted:") || !strings.Contains(out, want) || !strings.Contains(out, "revision 7\n") {
		t.Errorf("plan: %s", out)
	}
	if code := c.run(t, "apply", "-f", file); code != exitInput || !strings.Contains(c.err.String(), want) || !strings.Contains(c.err.String(), "nothing was changed: add --yes to do it") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	c.app.interactive, c.app.in = true, strings.NewReader("no\n")
	if code := c.run(t, "apply", "-f", file); code != exitInput || !strings.Contains(c.err.String(), "not confirmed: nothing was changed") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	if len(c.fake.commands) > 0 {
		t.Fatalf("commands were given: %v", c.fake.commands)
	}
	c.app.in = strings.NewReader("yes\n")
	c.must(t, "apply", "-f", file)
	if r, _ := c.fake.state.Definition.Resource("vip"); r.Params["address"] != "192.0.2.10/24" || len(c.fake.commands) != 1 {
		t.Errorf("applied %v by %d commands", r.Params, len(c.fake.commands))
	}
	again := serving(t)
	again.must(t, "apply", "-f", file, "--yes")
	if len(again.fake.commands) != 1 {
		t.Error("--yes applied nothing")
	}
}

// TestApplyWithoutInterruption asks nobody, also where the cluster has things of
// its own to do.
func TestApplyWithoutInterruption(t *testing.T) {
	c := serving(t)
	c.must(t, "apply", "-f", definitionFile(t, "[[resource]]\nid = \"galera\"", "[[resource]]\nid = \"more\"\nagent = \"systemd:more\"\n[[resource]]\nid = \"galera\""))
	if _, made := c.fake.state.Definition.Resource("more"); !made {
		t.Error("nothing was applied")
	}
}

// TestTwoApplyAtOnce: the second is told what changed under it, and nothing of it
// is applied, whether the first is done before it looks at what would follow or after.
func TestTwoApplyAtOnce(t *testing.T) {
	for _, when := range []string{"before it looks", "before it is committed"} {
		t.Run(when, func(t *testing.T) {
			c := newConsole(t)
			other := func(f *fakeCluster) {
				f.before, f.beforeState = nil, nil
				other := f.state.Definition.Clone()
				other.Resources = append(other.Resources, resources.Resource{ID: "theirs", Agent: "systemd:x"})
				f.state, _ = state.ApplyCommand(f.state, f.state.Index+1, 1, epoch, "ann", &state.DefinitionSet{Base: f.state.Revision, Definition: other, Owner: "theirs"})
			}
			if when == "before it looks" {
				c.fake.beforeState = other
			} else {
				c.fake.before = other
			}
			secondIsTold(t, c, definitionFile(t, "192.0.2.9/24", "192.0.2.10/24"))
		})
	}
}

// secondIsTold applies a file that meets somebody else's change.
func secondIsTold(t *testing.T, c *console, file string) {
	t.Helper()
	code := c.run(t, "apply", "-f", file)
	for _, want := range []string{"the definition has changed since revision 7: it is at 8 now; nothing was applied", "revision 8 by ann, 2026-03-04T05:06:07Z, theirs", "resource[theirs] added", "look again: belayctl plan"} {
		if !strings.Contains(c.err.String(), want) {
			t.Errorf("no %q in: %s", want, c.err.String())
		}
	}
	if r, _ := c.fake.state.Definition.Resource("vip"); code != exitError || r.Params["address"] != "192.0.2.9/24" {
		t.Errorf("exit %d, vip has %v", code, r.Params)
	}
	if code := c.run(t, "apply", "-f", file, "--revision", "7"); code != exitError || !strings.Contains(c.err.String(), "it is at 8 now") {
		t.Errorf("a revision that is past: exit %d: %s", code, c.err.String())
	}
	c.must(t, "apply", "-f", file, "--revision", "8")
	if _, kept := c.fake.state.Definition.Resource("theirs"); !kept {
		t.Error("what another made is gone")
	}
}

func TestDrift(t *testing.T) {
	c := newConsole(t)
	file := definitionFile(t, "192.0.2.9/24", "192.0.2.10/24")
	c.must(t, "resource", "create", "passing", "systemd:x") // of nobody's files, when they are applied
	c.must(t, "apply", "-f", file)
	c.must(t, "resource", "delete", "passing")
	more := definitionFile(t, "[[resource]]\nid = \"reader\"", "[[resource]]\nid = \"once\"\nagent = \"systemd:once\"\n[[resource]]\nid = \"reader\"")
	c.must(t, "apply", "-f", more, "--yes")
	c.must(t, "resource", "delete", "once")
	if out := c.must(t, "plan", "-f", file); strings.Contains(out, "once") { // the files hold it no more, either
		t.Errorf("what is gone from both has drifted:\n%s", out)
	}
	c.must(t, "apply", "-f", file, "--yes")
	revision := strconv.FormatUint(c.fake.state.Revision, 10)
	c.must(t, "resource", "update", "vip", "address=192.0.2.11/24")
	if !strings.Contains(c.err.String(), `note: resource[vip] is kept by the files of "files"`) {
		t.Errorf("noted: %s", c.err.String())
	}
	c.must(t, "resource", "delete", "reader")
	c.must(t, "resource", "create", "extra", "systemd:x")
	out := c.must(t, "plan", "-f", file)
	for _, want := range []string{"drift: resource[vip] was changed in the cluster after revision " + revision + ", by tester", "drift: resource[reader] was removed in the cluster after revision " + revision, "resource[reader] added", "left as it is, made by single commands: resource[extra]\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "drift: resource[extra]") || strings.Contains(out, "passing") || strings.Contains(out, "once") {
		t.Errorf("what is not of these files has drifted:\n%s", out)
	}
	var answer planAnswer
	if err := json.Unmarshal([]byte(c.must(t, "plan", "-f", file, "-o", "json")), &answer); err != nil || len(answer.Drift) != 2 || len(answer.Kept) != 1 || !answer.Changed {
		t.Errorf("%v, %+v", err, answer)
	}
	c.must(t, "apply", "-f", file)
	if out := c.must(t, "plan", "-f", file); strings.Contains(out, "drift") || !strings.Contains(out, "nothing would change") {
		t.Errorf("after apply: %s", out)
	}
}

// TestOwnersPruneTheirOwn: two sets of files in one cluster.
func TestOwnersPruneTheirOwn(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := newConsole(t)
	one := func(id string) string { return "[[resource]]\nid = \"" + id + "\"\nagent = \"systemd:x\"\n" }
	write("web/a.toml", one("web-a"))
	write("web/b.toml", one("web-b")+"[[order]]\nfirst = \"web-a\"\nthen = \"web-b\"\n")
	write("web/notes.txt", "not a definition")
	c.must(t, "apply", "-f", filepath.Join(dir, "web"), "--owner", "web")
	c.must(t, "apply", "-f", write("jobs.toml", one("job")), "--owner", "jobs")
	write("web/b.toml", "")
	out := c.must(t, "apply", "-f", filepath.Join(dir, "web"), "--owner", "web", "--prune")
	if !strings.Contains(out, "resource[web-b] removed") || !strings.Contains(out, "order[order-web-a-web-b] removed") || !strings.Contains(out, "left as it is, kept by jobs: resource[job]\n") {
		t.Errorf("got %s", out)
	}
	for id, want := range map[resources.ResourceID]bool{"web-a": true, "web-b": false, "job": true, "vip": true} {
		if _, got := c.fake.state.Definition.Resource(id); got != want {
			t.Errorf("%s is there: %v", id, got)
		}
	}
	if code := c.run(t, "apply", "-f", t.TempDir()); code != exitInput || !strings.Contains(c.err.String(), "holds no file *.toml") {
		t.Errorf("an empty directory: exit %d: %s", code, c.err.String())
	}
}

// TestOwnersNameEachOthersThings: what one set of files names may be another's, and
// is checked against what the cluster has.
func TestOwnersNameEachOthersThings(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := newConsole(t)
	refused := func(want string, command ...string) {
		t.Helper()
		before := c.fake.state.Revision
		if code := c.run(t, command...); code != exitInput || !strings.Contains(c.err.String(), want) || c.fake.state.Revision != before {
			t.Errorf("%v: exit %d, no %q in:\n%s", command, code, want, c.err.String())
		}
	}
	db := write("db.toml", "[[resource]]\nid = \"db\"\nagent = \"systemd:db\"\n[[resource]]\nid = \"other\"\nagent = \"systemd:x\"\n")
	web := write("web.toml", "[[resource]]\nid = \"shop\"\nagent = \"systemd:shop\"\n[[order]]\nfirst = \"db\"\nthen = \"shop\"\n[[location]]\nresource = \"shop\"\nnode = \"controller-1\"\n")
	refused(web+`:5:9: order[order-db-shop].first: no resource or group is called "db"`, "apply", "-f", web, "--owner", "web")
	refused(`no resource or group is called "db"`, "validate", web)
	c.must(t, "apply", "-f", db, "--owner", "db")
	c.must(t, "plan", "-f", web, "--owner", "web")
	c.must(t, "apply", "-f", web, "--owner", "web")
	if out := c.must(t, "apply", "-f", web, "--owner", "web"); !strings.HasPrefix(out, "nothing to change") {
		t.Errorf("again: %s", out)
	}

	// The other owner's files no longer hold what these name.
	db = write("db.toml", "[[resource]]\nid = \"other\"\nagent = \"systemd:x\"\n")
	want := `order[order-db-shop].first: no resource or group is called "db"; it is kept by the files of "web": change those first, or leave out --prune`
	refused(want, "plan", "-f", db, "--owner", "db", "--prune")
	refused(want, "apply", "-f", db, "--owner", "db", "--prune", "--yes")
	var told failureAnswer
	c.run(t, "apply", "-f", db, "--owner", "db", "--prune", "--yes", "-o", "json")
	if err := json.Unmarshal(c.err.Bytes(), &told); err != nil || len(told.Error.Problems) != 1 || told.Error.Problems[0].Code != "unknown_name" || told.Error.Problems[0].File != "" {
		t.Errorf("%v: %+v", err, told)
	}
	if out := c.must(t, "apply", "-f", db, "--owner", "db"); !strings.Contains(out, "not in the files any more: resource[db]; --prune takes it out") {
		t.Errorf("without --prune: %s", out)
	}
	write("web.toml", "[[resource]]\nid = \"shop\"\nagent = \"systemd:shop\"\n")
	c.must(t, "apply", "-f", web, "--owner", "web", "--prune")
	c.must(t, "apply", "-f", db, "--owner", "db", "--prune")

	// What single commands made is told, too, and what the file says wrong itself.
	c.must(t, "constraint", "order", "other", "then", "shop")
	refused(`order[order-other-shop].first: no resource or group is called "other"; it was made by single commands`, "apply", "-f", write("db.toml", "[[resource]]\nid = \"late\"\nagent = \"systemd:x\"\n"), "--owner", "db", "--prune")
	refused(`:3:1: resource[shop]: unknown key "agnet"`, "apply", "-f", write("web.toml", "[[resource]]\nid = \"shop\"\nagnet = \"systemd:shop\"\n"), "--owner", "web")
}

// TestFilesWithoutACluster: what is wrong with the files alone is told although
// nobody can be asked; what might be another owner's is not called wrong.
func TestFilesWithoutACluster(t *testing.T) {
	c := newConsole(t)
	c.fake.err = &api.Error{Code: api.CodeNoQuorum, Text: "no leader"}
	path := filepath.Join(t.TempDir(), "f.toml")
	for text, want := range map[string]int{"[[resource]]\nid = 7\n": exitInput, "[[order]]\nfirst = \"db\"\nthen = \"vip\"\n": exitNoQuorum} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := c.run(t, "plan", "-f", path); code != want {
			t.Errorf("%s: exit %d: %s", text, code, c.err.String())
		}
	}
}

// TestApplyToAnOlderCluster: members that keep no owners are sent none.
func TestApplyToAnOlderCluster(t *testing.T) {
	c := newConsole(t)
	c.fake.state.Version = 1
	file := definitionFile(t, "192.0.2.9/24", "192.0.2.10/24")
	if code := c.run(t, "apply", "-f", file, "--prune"); code != exitInput || !strings.Contains(c.err.String(), "not all members run this release") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	c.must(t, "apply", "-f", file)
	if got := state.Needs(c.fake.commands[0]); got != 1 {
		t.Errorf("the command needs command set %d", got)
	}
}

// TestPlanForAnOlderCluster: what would be refused is said before anybody applies it,
// with its place and whom to upgrade.
func TestPlanForAnOlderCluster(t *testing.T) {
	c := newConsole(t)
	c.fake.state.Version = 4
	for _, n := range c.fake.state.Nodes {
		n.Software = state.Version
	}
	c.fake.state.Nodes["controller-1"].Software = 4
	path := filepath.Join(t.TempDir(), "cluster.toml")
	text := baseFile + "[[group]]\nid = \"pair\"\nmembers = [\"keystone\", \"nova-api\"]\nordered = false\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"plan", "apply"} {
		code := c.run(t, verb, "-f", path)
		if said := c.err.String(); code != exitError || !strings.Contains(said, "group[pair].ordered needs command set 5, and the cluster is at 4: upgrade belayd on controller-1 first [needs_upgrade]") {
			t.Errorf("%s: exit %d: %s", verb, code, said)
		}
	}
	if len(c.fake.commands) > 0 {
		t.Errorf("it was sent: %v", c.fake.commands)
	}
}

func TestConfigHistory(t *testing.T) {
	c := newConsole(t)
	if out := c.must(t, "config", "history"); out != "no revisions are kept yet\n" {
		t.Errorf("got %s", out)
	}
	c.must(t, "apply", "-f", definitionFile(t, "192.0.2.9/24", "192.0.2.10/24"))
	c.must(t, "resource", "update", "vip", "address=192.0.2.11/24")
	c.must(t, "resource", "create", "extra", "systemd:x")
	out := c.must(t, "config", "history")
	lines := strings.Split(out, "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[1], "10 ") || !strings.Contains(lines[1], "resource[extra] added") || !strings.Contains(lines[2], "resource[vip] changed") || !strings.Contains(lines[3], "files") {
		t.Errorf("got %s", out)
	}
	if out := c.must(t, "config", "show", "8"); !strings.Contains(out, "192.0.2.10/24") {
		t.Errorf("show: %s", out)
	}
	if out := c.must(t, "config", "diff", "8", "9"); !strings.Contains(out, "192.0.2.10") || !strings.Contains(out, "192.0.2.11") || strings.Contains(out, "extra") {
		t.Errorf("diff: %s", out)
	}
	if out := c.must(t, "config", "diff", "8"); !strings.Contains(out, "extra") {
		t.Errorf("diff with now: %s", out)
	}
	if code := c.run(t, "config", "show", "3"); code != exitInput || !strings.Contains(c.err.String(), "revision 3 is not kept: there are 8, 9, 10") {
		t.Errorf("exit %d: %s", code, c.err.String())
	}
	c.must(t, "config", "rollback", "8")
	if _, there := c.fake.state.Definition.Resource("extra"); there {
		t.Error("it did not go back")
	}
	if out := c.must(t, "config", "history"); !strings.Contains(out, "rollback to 8") {
		t.Errorf("after: %s", out)
	}
	if c.fake.state.Owners["resource[vip]"] != "files" || c.fake.state.Owners["resource[extra]"] != "" {
		t.Errorf("owners %v", c.fake.state.Owners)
	}
}
