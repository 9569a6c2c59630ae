package systemd

import (
	"strings"
	"testing"
)

// A program that is missing is named by the unit's state, not only by a journal
// that may be late.
func TestStateNamesTheProgramThatIsMissing(t *testing.T) {
	command := func(path string, status int32) []any {
		return []any{path, []string{path, "-Ws"}, false, uint64(1), uint64(2), uint64(3), uint64(4), uint32(43), int32(1), status}
	}
	for name, c := range map[string]struct {
		all  map[string]any
		want string
	}{
		"missing": {map[string]any{"Result": "exit-code", "ExecMainStatus": int32(203), "ExecStart": [][]any{command("/usr/sbin/haproxy", 203)}}, "/usr/sbin/haproxy"},
		"missing before the start": {map[string]any{"Result": "exit-code", "ExecMainStatus": int32(203), "ExecStart": [][]any{command("/b", 0)},
			"ExecStartPre": [][]any{command("/a", 0), command("/check", 203)}}, "/check"},
		"failed otherwise": {map[string]any{"Result": "exit-code", "ExecMainStatus": int32(1), "ExecStart": [][]any{command("/usr/sbin/haproxy", 1)}}, ""},
		"of another form":  {map[string]any{"Result": "exit-code", "ExecMainStatus": int32(203), "ExecStart": "x", "ExecStartPre": [][]any{{}, {7}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			state := stateOf("haproxy.service", c.all)
			if state.NotExecuted != c.want || strings.Contains(state.String(), "cannot be executed") != (c.want != "") {
				t.Errorf("got %q: %s", state.NotExecuted, state)
			}
		})
	}
}
