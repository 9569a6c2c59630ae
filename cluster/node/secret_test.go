package node

import (
	"bytes"
	"strings"
	"testing"

	"github.com/belay-ha/belay/cluster/api"
)

// Snapshots, which are written to disks and sent to members that have fallen
// behind, hold what is sealed and nothing of what is in it.
func TestSnapshotsHoldNoSecret(t *testing.T) {
	const planted = "pl4nted-Passw0rd-7f3a9c"
	inWorld(t, 1, 1, func(w *world) {
		n := w.leader().run()
		if err := n.SetSecret(w.t.Context(), api.Identity{Name: "root", Role: api.RoleAdmin}, api.SecretRequest{Secret: "bmc", Value: planted}); err != nil {
			t.Fatal(err)
		}
		if value, err := n.openSecret(n.Local(), "bmc"); err != nil || value != planted {
			t.Fatalf("opened %q, %v", value, err)
		}
		snapshot, err := n.machine.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		var data bytes.Buffer
		if _, err := snapshot.WriteTo(&data); err != nil {
			t.Fatal(err)
		}
		if sealed := n.Local().Secrets["bmc"]; sealed == "" || !strings.Contains(data.String(), sealed) {
			t.Error("what is sealed is not in the snapshot: the search proves nothing")
		}
		if strings.Contains(data.String(), planted) {
			t.Error("the snapshot holds the secret")
		}
	})
}
