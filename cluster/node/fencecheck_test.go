package node

import (
	"testing"
	"time"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/internal/bubble"
	"github.com/belay-ha/belay/resources"
)

func TestReadFence(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMember(t)
		order := api.FenceCheckOrder{Index: m.index, Device: "plug-b", Target: "b", Timeout: resources.Duration(time.Minute)}
		result, err := m.ReadFence(t.Context(), order)
		if err != nil || result.Failure != "" || result.Power != "on" || result.By != "a" {
			t.Errorf("%+v, %v", result, err)
		}
		if asked := m.bmc.requests(); len(asked) != 0 {
			t.Errorf("the power was touched: %v", asked)
		}
		order.Device = "plug-x"
		if _, err := m.ReadFence(t.Context(), order); err == nil {
			t.Error("a device that is not defined was read")
		}
		order.Device, order.Index = "plug-b", m.index+1
		if _, err := m.ReadFence(t.Context(), order); err == nil {
			t.Error("read by a member that is behind")
		}
		m.define(func(d *resources.Definition) { d.Fences[0].Params = resources.Params{"password": "secret://none"} })
		order.Index = m.index
		if result, err := m.ReadFence(t.Context(), order); err != nil || result.Failure != fencing.KindConfig.String() {
			t.Errorf("%+v, %v", result, err)
		}
	})
}
