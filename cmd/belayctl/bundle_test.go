package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/dev"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// Report is what the fake's members say of themselves.
func (f *fakeCluster) Report(_ context.Context, node resources.NodeName, whole bool) (api.MemberReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return api.MemberReport{}, f.err
	}
	if node == "compute-7" {
		return api.MemberReport{}, errors.New("compute-7 does not answer")
	}
	if node == "" {
		node = "controller-0"
	}
	report := api.MemberReport{Node: node, At: epoch, Files: []api.ReportFile{{Name: "journal.txt", Text: "a line\n"}, {Name: "../../escape", Text: "out"}}}
	if whole {
		var text strings.Builder
		if err := f.state.WriteSnapshot(&text); err != nil {
			return report, err
		}
		report.Files = append(report.Files, api.ReportFile{Name: api.ReportState, Text: text.String()}, api.ReportFile{Name: api.ReportStatus, Text: "{torn"})
	}
	return report, nil
}

// unpack reads an archive.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for in := tar.NewReader(unzipped); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}

// TestBundle: what can be had is in it, what cannot is named, nothing leaves its
// directory, and nothing is overwritten.
func TestBundle(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newConsole(t)
	c.lived(t)
	var answer bundleAnswer
	if err := json.Unmarshal([]byte(c.must(t, "bundle", "b.tar.gz", "-o", "json")), &answer); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, "b.tar.gz")
	for name, want := range map[string]string{
		"belay/MANIFEST.txt": "compute-7 does not answer", "belay/cluster/definition.toml": `id = "galera"`, "belay/cluster/history.txt": "dead, was alive",
		"belay/cluster/fence-history.txt": "controller-2", "belay/cluster/state.json": `"performed"`, "belay/members/controller-1/journal.txt": "a line", "belay/members/controller-1/____escape": "out",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s has no %q:\n%.500s", name, want, files[name])
		}
	}
	if len(files) != len(answer.Files) || !slices.ContainsFunc(answer.Missing, func(m string) bool { return strings.Contains(m, "the status cannot be read") }) {
		t.Errorf("%d files, said %+v", len(files), answer)
	}
	if info, err := os.Stat("b.tar.gz"); err != nil || info.Mode().Perm() != 0o600 || info.Size() != int64(answer.Bytes) {
		t.Errorf("the file is %v %v", info, err)
	}
	if !strings.Contains(c.err.String(), "gathering member controller-2\n") {
		t.Errorf("progress: %s", c.err.String())
	}
	if code := c.run(t, "bundle", "b.tar.gz"); code != exitInput {
		t.Errorf("again: exit %d", code)
	}
	c.fake.err = &api.Error{Code: api.CodeForbidden, Text: "for admins"}
	if code := c.run(t, "bundle", "c.tar.gz"); code != exitError {
		t.Errorf("forbidden: exit %d", code)
	}
	if _, err := os.Stat("c.tar.gz"); err == nil {
		t.Error("an archive without anything is left")
	}
}

// TestBundleHasNoSecrets plants secrets in a real cluster, has people and devices
// tell them where they should not, and searches the whole archive.
func TestBundleHasNoSecrets(t *testing.T) {
	cluster, err := dev.New(dev.Config{DataDir: t.TempDir(), Nodes: 3, Specs: catalog.Agents(zap.NewNop()).Specs(), Fences: catalog.Fences(), Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- cluster.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case <-time.After(2 * time.Minute):
		t.Fatal("the cluster does not form")
	}
	secrets := map[string]string{"plain": "tr0ub4dor-and-three", "odd": `cor"rect & hörse'`, "key": "-----BEGIN\nMIIEvQIBADANBgkq\n-----END", "bmc": dev.BMCPassword}
	open := "left-in-the-definition"
	client := cluster.Client()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range secrets {
		must(client.SetSecret(ctx, api.SecretRequest{Secret: name, Value: value}))
	}
	answer, err := client.Definition(ctx)
	must(err)
	def := answer.Definition.Clone()
	def.Fences = cluster.Fences()
	def.Resources = []resources.Resource{{ID: "old", Agent: "process", Params: resources.Params{"command": "/bin/sleep", "env.DB_PASSWORD_OLD": open, "env.PORT": "6379"}, Meta: resources.Meta{TargetRole: new(resources.RoleStopped)}}}
	for _, h := range cluster.Hosts() {
		def.Nodes = append(def.Nodes, resources.Node{Name: h.Name()})
	}
	_, err = client.Command(ctx, &state.DefinitionSet{Base: answer.Revision, Definition: def, Note: "password is " + open})
	must(err)
	for _, value := range secrets {
		_, err = client.Command(ctx, &state.NodeMaintenance{Node: "controller-1", On: true, Reason: "logged in with " + value})
		must(err)
		_, err = client.Command(ctx, &state.NodeAttribute{Node: "controller-2", Key: "note", Value: new(url.QueryEscape(value))})
		must(err)
	}

	c := newConsole(t)
	c.app.dial = dial
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	c.must(t, "--addr", "unix://"+cluster.Hosts()[1].Settings.Socket, "bundle", path)
	files := unpack(t, path)
	for _, name := range []string{"belay/cluster/state.json", "belay/cluster/status.txt", "belay/cluster/history.txt", "belay/cluster/doctor.txt", "belay/members/controller-2/goroutines.txt", "belay/members/controller-0/member.json"} {
		if files[name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	if !strings.Contains(files["belay/cluster/history.txt"], "logged in with (removed)") || !strings.Contains(files["belay/cluster/definition.toml"], "6379") {
		t.Errorf("what is not secret is gone:\n%s\n%s", files["belay/cluster/history.txt"], files["belay/cluster/definition.toml"])
	}
	for _, value := range append([]string{open, "MIIEvQIBADANBgkq", `cor\"rect`}, secrets["plain"], secrets["odd"], secrets["bmc"]) {
		quoted, err := json.Marshal(value)
		must(err)
		for _, form := range []string{value, strings.Trim(string(quoted), `"`), url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value))} {
			for name, text := range files {
				if at := strings.Index(text, form); at >= 0 {
					t.Errorf("%s holds %q: …%s…", name, form, text[max(0, at-60):min(len(text), at+60)])
				}
			}
		}
	}
}
