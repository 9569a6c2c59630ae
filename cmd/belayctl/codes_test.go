package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/internal/codes"
	"github.com/belay-ha/belay/resources"
)

// golden compares with a file, or with -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), rewritten by -update:\n%s", name, diff)
	}
}

// badFiles are what the examples of the catalogue read.
var badFiles = map[string]string{
	"tampered.json": `{"cluster_id": "id", "records": [{"number": 1, "by": "alice", "command": "node.standby/1", "hash": "another"}]}`,
	"broken.json":   "{", "other.toml": "[cluster]\nname = \"other\"\n",
	"dangling.sh": "pcs constraint order web-clone then webb-clone\n",
}

// provoke carries out the example of a command's code, in the circumstances that
// it is about.
func provoke(t *testing.T, e codes.Entry) *console {
	t.Helper()
	c := newConsole(t)
	c.fake.runs("controller-0", "vip", resources.RoleStarted)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch e.Code {
	case string(codeNotAsAsked):
		c.fake.waits = []api.WaitAnswer{{Settled: true, Problems: []api.ProblemStatus{{Code: "unplaced", Severity: "critical", Resource: "x", Text: "no node may run x", Next: "belayctl explain x"}}}}
	case string(codeTimedOut):
		c.fake.waits = []api.WaitAnswer{{Actions: []api.ActionStatus{{Key: "stop vip@controller-0", InFlight: true}}}}
	case string(codeFenceCheckFailed):
		c.fake.broken = map[string]string{"bmc-0": "auth"}
	case string(codeUnreachable), string(codeBadAddress):
		c.app.dial = dial
	case string(codeInterrupted):
		c.fake.err = context.Canceled
		cancel()
	}
	line, _, _ := strings.Cut(e.Example, "   #")
	c.app.run(ctx, shellWords(strings.TrimPrefix(line, "belayctl ")))
	return c
}

// TestExamplesOfCodes: the example of each code ends in that very code, as text
// and as JSON, and with the exit code of the catalogue.
func TestExamplesOfCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range badFiles {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range codes.All() {
		var line string
		switch e.Family {
		case codes.Command:
			line = e.Example
		case codes.Definition:
			if err := os.WriteFile(e.Code+".toml", []byte(e.Example), 0o600); err != nil {
				t.Fatal(err)
			}
			line = "belayctl validate " + e.Code + ".toml"
		default:
			continue
		}
		t.Run(e.Code, func(t *testing.T) {
			story := e
			story.Example = line
			c := provoke(t, story)
			if !strings.Contains(c.err.String(), "["+e.Code+"]\n") {
				t.Errorf("%s: no [%s] in\n%s", line, e.Code, c.err.String())
			}
			command, comment, _ := strings.Cut(line, "   #")
			story.Example = command + " -o json   #" + comment
			c = provoke(t, story)
			lines := bytes.Split(bytes.TrimSpace(c.err.Bytes()), []byte("\n"))
			var answer failureAnswer
			if err := json.Unmarshal(lines[len(lines)-1], &answer); err != nil {
				t.Fatalf("the last line is no JSON: %v\n%s", err, c.err.String())
			}
			fits(t, []string{"error"}, string(lines[len(lines)-1]))
			if answer.Error.Code != e.Code || answer.Error.Exit != e.Exit || answer.Error.Text == "" || len(answer.Error.Next) == 0 {
				t.Errorf("got %+v, want code %s and exit %d", answer.Error, e.Code, e.Exit)
			}
		})
	}
}

// TestTextsOfErrors holds what people read of each error.
func TestTextsOfErrors(t *testing.T) {
	golden := goldenHere(t, "testdata/errors.txt")
	t.Chdir(t.TempDir())
	for name, text := range badFiles {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all strings.Builder
	for _, e := range codes.All() {
		line := e.Example
		if e.Family == codes.Definition {
			if err := os.WriteFile("cluster.toml", []byte(e.Example), 0o600); err != nil {
				t.Fatal(err)
			}
			line = "belayctl validate cluster.toml"
		} else if e.Family != codes.Command {
			continue
		}
		if e.Family == codes.Definition {
			all.WriteString("# " + e.Code + "\n")
		}
		e.Example = line
		c := provoke(t, e)
		all.WriteString("$ " + line + "\n" + c.err.String() + "\n")
	}
	golden(all.String())
}

// goldenHere is golden for a test that leaves its directory.
func goldenHere(t *testing.T, name string) func(got string) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return func(got string) { golden(t, here+"/"+name, got) }
}

// TestNextCommands: what the catalogue says to type next is a command.
func TestNextCommands(t *testing.T) {
	for _, e := range codes.All() {
		line, isOurs := strings.CutPrefix(e.Next, "belayctl ")
		if !isOurs {
			continue
		}
		root := newConsole(t).app.root()
		cmd, rest, err := root.Find(shellWords(line))
		if err != nil || cmd == root && !strings.HasPrefix(line, "--addr ") {
			t.Errorf("%s: %q is no command: %v", e.Code, e.Next, err)
			continue
		}
		for _, word := range rest {
			name, isFlag := strings.CutPrefix(word, "--")
			name, _, _ = strings.Cut(name, "=")
			if isFlag && cmd.Flag(name) == nil {
				t.Errorf("%s: %q: %s has no flag --%s", e.Code, e.Next, cmd.CommandPath(), name)
			}
		}
	}
}

// TestErrorsPage writes the catalogue as a document.
func TestErrorsPage(t *testing.T) {
	golden(t, "../../docs/errors.md", errorsPage())
}

func errorsPage() string {
	var page strings.Builder
	page.WriteString(`# Error codes

Every error, and every problem that a cluster tells, ends in its code in brackets. Codes stay as they are; new ones are added. ` + "`belayctl help errors`" + `
lists them and ` + "`belayctl help errors CODE`" + ` tells one's story. With ` + "`-o json`" + ` an error is one line of JSON, the last on the standard error:
` + "`{\"error\": {\"code\": …, \"text\": …, \"exit\": …, \"next\": […], \"problems\": […]}}`" + `.

This page is written from the catalogue (` + "[internal/codes](../internal/codes/codes.go)" + `) by ` + "`make golden`" + `.
`)
	for _, family := range codes.Families() {
		page.WriteString("\n## " + strings.ToUpper(string(family.Family[:1])) + string(family.Family[1:]) + "\n\nCodes " + family.Text + ".\n")
		for _, e := range codes.All() {
			if e.Family != family.Family {
				continue
			}
			page.WriteString("\n### `" + e.Code + "`\n\n" + strings.ToUpper(e.Short[:1]) + e.Short[1:] + ". " + e.Cause + "\n\n**What to do.** " + e.Cure + " Next: `" + e.Next + "`.")
			if e.Exit != exitDone {
				page.WriteString(" Exit code " + string(rune('0'+e.Exit)) + ".")
			}
			language := "text"
			if e.Family == codes.Definition {
				language = "toml"
			}
			page.WriteString("\n\n```" + language + "\n" + strings.TrimRight(e.Example, "\n") + "\n```\n")
		}
	}
	return page.String()
}
