package policy_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/belay-ha/belay/cluster/policy"
	"github.com/belay-ha/belay/resources/cib"
)

// FuzzCompute: whatever can be read is decided about, without a panic and
// without changing it. The scenarios are what it begins with.
func FuzzCompute(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if !strings.HasSuffix(part.Name, ".in") {
				continue
			}
			s, err := parseScenario(string(part.Data))
			if err != nil {
				f.Fatal(err)
			}
			f.Add([]byte(s.xml()))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		const most = 1 << 16 // larger ones only take longer
		if len(file) > most {
			t.Skip("too long")
		}
		in, err := cib.Read(bytes.NewReader(file), "fuzz.xml")
		if err != nil {
			return
		}
		if in.Now.IsZero() {
			in.Now = scenarioTime
		}
		plan := policy.Compute(in)
		for i, s := range plan.Steps {
			for _, before := range s.After {
				if before < 0 || before >= len(plan.Steps) || before == i {
					t.Errorf("step %d comes after %d of %d", i, before, len(plan.Steps))
				}
			}
		}
	})
}
