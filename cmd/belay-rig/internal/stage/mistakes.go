package stage

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// mistakes are put at the end of a good definition. Each has a word by which its
// line is found and what the message must hold.
const mistakes = `
[[resource]]
id = "spare"
agent = "vip"
parms = { address = "10.77.0.102/24" }

[[order]]
first = "galera"
then = "rabbitmq"

[[order]]
first = "rabbitmq"
then = "galera"

[[colocation]]
resource = "vip-internal"
with = "haprox"
`

// places are lines of mistakes and words of the message about them.
var places = map[string]string{
	`parms = {`:       `params`,
	`with = "haprox"`: `haproxy`,
}

// badDefinition applies a definition with an unknown key, a cycle and a name
// that does not exist.
func badDefinition(ctx context.Context, s *Stage) error {
	text, err := os.ReadFile(s.definition)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "belay-mistakes-*.toml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a leftover in the temporary directory
	whole := string(text) + mistakes
	if _, err := file.WriteString(whole); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	first := rig.Hosts()[0]
	if err := s.rig.Push(ctx, first, file.Name(), "/root/mistakes.toml", 0o600); err != nil {
		return err
	}
	before, err := s.Status(ctx)
	if err != nil {
		return err
	}
	command, err := s.rig.Command(ctx, first, "belayctl", "apply", "-f", "/root/mistakes.toml")
	if err != nil {
		return err
	}
	out, err := command.CombinedOutput()
	if status, known := exitStatus(err); !known || status != 2 {
		return fmt.Errorf("belayctl apply: want exit status 2, got %d: %w: %s", status, err, out)
	}
	s.Say("belayctl: %s", strings.TrimSpace(string(out)))
	for line, word := range places {
		number := 1 + strings.Count(whole[:strings.LastIndex(whole, line)], "\n")
		if place := fmt.Sprintf("mistakes.toml:%d:", number); !lineWith(string(out), place, word) {
			return fmt.Errorf("belayctl apply does not say %q at %s:\n%s", word, place, out)
		}
	}
	if !lineWith(string(out), "mistakes.toml:", "wait for each other: start galera -> start rabbitmq -> start galera") {
		return fmt.Errorf("belayctl apply does not name the cycle with its place:\n%s", out)
	}
	after, err := s.Status(ctx)
	if err != nil {
		return err
	}
	if after.Revision != before.Revision || len(after.Actions) > 0 {
		return fmt.Errorf("revision %d before, %d after, with %d actions to do", before.Revision, after.Revision, len(after.Actions))
	}
	return nil
}

// lineWith reports whether one line of a text holds all words.
func lineWith(text string, words ...string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return true
		}
	}
	return false
}
