package leader

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/fencing"
	"github.com/belay-ha/belay/resources"
)

func TestWalk(t *testing.T) {
	device := func(id string, level int) resources.FenceDevice { return resources.FenceDevice{ID: id, Level: level} }
	devices := []resources.FenceDevice{device("bmc", 0), device("feed-1", 2), device("feed-2", 2), device("dog", 3)}
	broken, denied := errors.New("broken"), fencing.NewError(fencing.KindAuth, "x", "ask", "denied", nil)
	scsi := resources.FenceDevice{ID: "scsi"}
	for name, c := range map[string]struct {
		devices []resources.FenceDevice
		only    int
		comes   map[string]error
		proofs  map[string]string
		used    []string
		proof   string
		proven  bool
		refused bool
	}{
		"the first level is enough":          {devices: devices, used: []string{"bmc"}, proven: true},
		"the next level":                     {devices: devices, comes: map[string]error{"bmc": broken}, used: []string{"bmc", "feed-1", "feed-2"}, proven: true},
		"half a level is none":               {devices: devices, comes: map[string]error{"bmc": broken, "feed-2": broken}, proofs: map[string]string{"dog": state.ProofWatchdog}, used: []string{"bmc", "feed-1", "feed-2", "dog"}, proof: state.ProofWatchdog, proven: true},
		"a level's first device fails":       {devices: devices[1:3], comes: map[string]error{"feed-1": broken}, used: []string{"feed-1"}},
		"nothing works":                      {devices: devices, comes: map[string]error{"bmc": denied, "feed-1": broken, "dog": denied}, used: []string{"bmc", "feed-1", "dog"}},
		"each is refused the login":          {devices: devices, comes: map[string]error{"bmc": denied, "feed-1": denied, "dog": denied}, used: []string{"bmc", "feed-1", "dog"}, refused: true},
		"one level alone":                    {devices: devices, only: 3, proofs: map[string]string{"dog": state.ProofWatchdog}, used: []string{"dog"}, proof: state.ProofWatchdog, proven: true},
		"what only cuts off proves nothing":  {devices: []resources.FenceDevice{scsi}, used: nil},
		"beside power it has to succeed":     {devices: []resources.FenceDevice{scsi, device("bmc", 0)}, comes: map[string]error{"scsi": broken}, used: []string{"scsi"}},
		"beside power, the power is proof":   {devices: []resources.FenceDevice{scsi, device("bmc", 0)}, proofs: map[string]string{"scsi": state.ProofCut}, used: []string{"scsi", "bmc"}, proven: true},
		"of one kind of proof and the power": {devices: []resources.FenceDevice{device("kdump", 0), device("bmc", 0)}, proofs: map[string]string{"kdump": state.ProofKdump}, used: []string{"kdump", "bmc"}, proof: state.ProofKdump, proven: true},
		"no device":                          {},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWalk(c.devices, c.only, func(resources.FenceDevice) bool { return true }, func(f resources.FenceDevice) bool { return f.ID == "scsi" })
			var used []string
			for f, more := w.Next(); more; f, more = w.Next() {
				used = append(used, f.ID)
				w.Took(c.proofs[f.ID], c.comes[f.ID])
			}
			proof, proven := w.Proven()
			text, refused := w.Failure()
			if !slices.Equal(used, c.used) || proof != c.proof && proven || proven != c.proven || refused != c.refused || (text == "") != (proven && len(c.comes) == 0 || len(c.devices) == 0) {
				t.Error(fmt.Sprint(used, proof, proven, text, refused))
			}
		})
	}
}
