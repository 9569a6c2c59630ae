package resources_test

import (
	"slices"
	"strings"
	"testing"

	. "github.com/belay-ha/belay/resources"
)

// TestLauncherOptions: what TripleO says is taken; what would let a container out of
// the cluster's hands is not, in whatever form it is written.
func TestLauncherOptions(t *testing.T) {
	words, err := LauncherOptions(`--user=root --log-driver=k8s-file --log-opt path=/var/log/x.log -e KOLLA_CONFIG_STRATEGY=COPY_ALWAYS --health-cmd "curl -s localhost" --pid private -v/dev:/dev -dX`)
	if err == nil || !strings.Contains(err.Error(), "-dX") {
		t.Errorf("-dX was taken: %v", err)
	}
	words, err = LauncherOptions(`--user=root -e A=-d --health-cmd "curl -s localhost" --pid private -v/dev:/dev -itu0`)
	if want := []string{"--user=root", "-e", "A=-d", "--health-cmd", "curl -s localhost", "--pid", "private", "-v/dev:/dev", "-itu0"}; err != nil || !slices.Equal(words, want) {
		t.Errorf("%q, %v", words, err)
	}
	for _, bad := range []string{
		"--name=x", "--name x", "--restart=always", "--rm", "-d", "-itd", "--pid=host", "--pid host", "--pid", "--pod p", "--pull=always",
		"--label belay.node=x", "--label=belay.node=x", "-l belay.node=x", "-lbelay.node=x", "--replace", "'",
	} {
		if got, err := LauncherOptions(bad); err == nil {
			t.Errorf("%q was taken: %q", bad, got)
		}
	}
}
