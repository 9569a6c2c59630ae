package cib_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ha/belay/resources/cib"
)

// TestCases reads every recorded cluster, where they are at hand.
func TestCases(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/scheduler-cases/*.xml")
	if len(files) == 0 {
		t.Skip("the recorded clusters are not here")
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		in, err := cib.Read(f, filepath.Base(name))
		f.Close()
		if err != nil {
			t.Error(err)
			continue
		}
		if len(in.Options) == 0 && len(in.Nodes) == 0 {
			t.Errorf("%s: nothing was read", name)
		}
	}
	t.Logf("%d files read", len(files))
}
