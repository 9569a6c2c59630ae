package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

// TestDevicesTellNoSecrets: whatever a parameter is called, what it was told as a
// secret is in no check, evidence or error.
func TestDevicesTellNoSecrets(t *testing.T) {
	const planted = "pl4nted-Passw0rd-7f3a9c"
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		ring, err := security.NewKeyring(firstDataKey)
		if err != nil {
			t.Fatal(err)
		}
		m.config.Keys = security.NewVault(ring, nil)
		sealed, err := ring.Seal(secretName("plug"), []byte(planted))
		if err != nil {
			t.Fatal(err)
		}
		m.apply(&state.SecretSet{Secret: "plug", Sealed: sealed})
		// The device is called by its outlet, and says its name in all that it says.
		m.define(func(d *resources.Definition) { d.Fences[0].Params = resources.Params{"outlet": "secret://plug"} })
		m.bmc.kinds = map[string]fencing.Kind{planted: fencing.KindUnreachable}
		check, err := m.ReadFence(t.Context(), api.FenceCheckOrder{Index: m.index, Device: "plug-b", Target: "b", Timeout: resources.Duration(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		m.apply(&state.FenceRequested{Node: "b", Reason: "test"})
		answer, err := m.fence(t.Context(), m.machine.current.Load(), api.FenceOrder{Node: "b"})
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"check": fmt.Sprintf("%+v", check), "fencing": fmt.Sprintf("%+v", answer)} {
			if strings.Contains(text, planted) || !strings.Contains(text, "[secret plug]") {
				t.Errorf("the %s says %s", what, text)
			}
		}
	})
}
