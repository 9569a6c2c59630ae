package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// FenceCheck is what harmless looks at a fence device came to, for one of its
// targets: whether it would do its work if it were needed now.
type FenceCheck struct {
	Device string             `json:"device"`
	Target resources.NodeName `json:"target"`
	// Digest of the parameters and secrets that were used (State.FenceDigest).
	Digest string `json:"digest"`
	// Results holds one result of each member that looks.
	Results []FenceCheckResult `json:"results"`
}

// FenceCheckResult is what one member was answered.
type FenceCheckResult struct {
	By resources.NodeName `json:"by"`
	// At is when this result was first seen: the same again is not recorded.
	At    time.Time          `json:"at"`
	Power string             `json:"power,omitempty"`
	Took  resources.Duration `json:"took,omitempty"`
	// Failure is the kind of what is wrong (fencing.Kind, or FailureWrongHost),
	// and empty when the device would do its work. Text says it in words.
	Failure string `json:"failure,omitempty"`
	Text    string `json:"text,omitempty"`
}

// Kinds of a check's failure that the cluster acts on.
const (
	// FailureWrongHost: the device reads off although its target is alive.
	FailureWrongHost = "wrong host"
	// FailureCutOff: the device reads off although it has let its target in and
	// nobody has cut it off since.
	FailureCutOff = "cut off"
	// FailureUnfed: the target's own watchdog is not fed by its daemon.
	FailureUnfed = "no watchdog"
	// FailureUnproven: the target's daemon does not feed its watchdog because that
	// would prove nothing, or because it cannot.
	FailureUnproven = "no proof"
	// FailureLogin is fencing.KindAuth's word: the device refuses the login.
	FailureLogin = "auth"
)

// Bounds of one check on record.
const (
	maxCheckResults = 4
	maxCheckText    = 512
)

// FenceCheckKey names a device's check of a target in State.FenceChecks.
func FenceCheckKey(device string, target resources.NodeName) string {
	return device + " " + string(target)
}

// Failing returns the results that say that the device would fail.
func (c *FenceCheck) Failing() []FenceCheckResult {
	var failing []FenceCheckResult
	for _, r := range c.Results {
		if r.Failure != "" {
			failing = append(failing, r)
		}
	}
	return failing
}

// FenceChecked records what looks at fence devices came to, where it differs
// from what is on record. Each check replaces the one before it of the same
// device and target.
type FenceChecked struct {
	Checks []FenceCheck `json:"checks"`
}

func (*FenceChecked) name() string { return "fence.checked/1" }

func (c *FenceChecked) apply(t *tx) error {
	checks := maps.Clone(t.s.FenceChecks)
	if checks == nil {
		checks = map[string]*FenceCheck{}
	}
	for _, given := range c.Checks {
		if !t.s.Definition.Fenced(given.Device, given.Target) {
			continue // the definition has changed since
		}
		fresh := given
		fresh.Results = slices.Clone(given.Results[:min(len(given.Results), maxCheckResults)])
		for i := range fresh.Results {
			text := &fresh.Results[i].Text
			*text = strings.ToValidUTF8((*text)[:min(len(*text), maxCheckText)], "")
		}
		key := FenceCheckKey(given.Device, given.Target)
		t.checkEvent(checks[key], &fresh)
		checks[key] = &fresh
	}
	t.s.FenceChecks = checks
	t.forgetChecks()
	return nil
}

// checkEvent tells of a device that would fail now, or would not any more.
func (t *tx) checkEvent(before, after *FenceCheck) {
	failed, fails := before != nil && len(before.Failing()) > 0, after.Failing()
	switch {
	case !failed && len(fails) > 0:
		t.event("fence_check", after.Target, "", "device %s would fail, seen by %s: %s", after.Device, fails[0].By, fails[0].Text)
	case failed && len(fails) == 0:
		t.event("fence_check", after.Target, "", "device %s answers again", after.Device)
	}
}

// forgetChecks drops the checks of devices and targets that are not defined any
// more, which bounds what is kept.
func (t *tx) forgetChecks() {
	owned := false
	for key, check := range t.s.FenceChecks {
		if t.s.Definition.Fenced(check.Device, check.Target) {
			continue
		}
		if !owned {
			t.s.FenceChecks, owned = maps.Clone(t.s.FenceChecks), true
		}
		delete(t.s.FenceChecks, key)
	}
	if len(t.s.FenceChecks) == 0 {
		t.s.FenceChecks = nil
	}
}

// FenceRefused says that the attempt that is running was refused the login at
// every level: the same again locks accounts and does not heal. It is tried
// again much later, or as soon as Digest is not that of the node's devices any
// more.
type FenceRefused struct {
	Fence  string             `json:"fence"`
	Node   resources.NodeName `json:"node"`
	Digest string             `json:"digest"`
}

func (*FenceRefused) name() string { return "fence.refused/1" }

func (c *FenceRefused) apply(t *tx) error {
	f, err := t.openFencing(c.Node, c.Fence)
	if err != nil {
		return err
	}
	if f.Phase != FencingRunning {
		return reject(Conflict, "no attempt of fencing %s of %s is running", c.Fence, c.Node)
	}
	f.Refused = c.Digest
	return nil
}

// FenceDigest names what a fence device is used with: its agent, parameters and
// sealed secrets. It changes when one of them is set anew.
func (s *State) FenceDigest(device resources.FenceDevice) string {
	return s.fenceDigest([]resources.FenceDevice{device})
}

// FencingDigest is FenceDigest of everything that fences a node.
func (s *State) FencingDigest(node resources.NodeName) string {
	return s.fenceDigest(s.Definition.FencesOf(node))
}

func (s *State) fenceDigest(devices []resources.FenceDevice) string {
	type used struct {
		ID, Agent string
		Level     int
		Params    resources.Params
		Sealed    map[string]string
		Hosts     map[resources.NodeName]string `json:",omitempty"`
		HostParam string                        `json:",omitempty"`
	}
	var all []used
	for _, f := range devices {
		u := used{ID: f.ID, Agent: f.Agent, Level: f.Level, Params: f.Params, Sealed: map[string]string{}, Hosts: f.HostMap, HostParam: f.HostParam}
		for _, value := range f.Params {
			if name, isSecret := strings.CutPrefix(value, resources.SecretPrefix); isSecret {
				u.Sealed[name] = s.Secrets[name]
			}
		}
		all = append(all, u)
	}
	data, err := json.Marshal(all)
	if err != nil {
		panic("state: plain data: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
