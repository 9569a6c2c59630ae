package resources

import "reflect"

// Op is what an agent can be asked to do. Words are Pacemaker's.
type Op string

// The operations. A probe is a monitor that asks what is there and expects
// nothing.
const (
	OpStart   Op = "start"
	OpStop    Op = "stop"
	OpPromote Op = "promote"
	OpDemote  Op = "demote"
	OpMonitor Op = "monitor"
	OpProbe   Op = "probe"
	OpNotify  Op = "notify"
	OpReload  Op = "reload"
	// OpMigrateTo moves a running instance away from its node, OpMigrateFrom
	// completes that on the node where it has gone.
	OpMigrateTo   Op = "migrate_to"
	OpMigrateFrom Op = "migrate_from"
)

// OnFail is what the cluster does when an operation fails.
type OnFail string

// The reactions (Pacemaker Explained, "Operation Properties").
const (
	OnFailDefault OnFail = ""        // restart; for stop: fence, or block without fencing
	OnFailIgnore  OnFail = "ignore"  // as if it had succeeded
	OnFailBlock   OnFail = "block"   // touch the resource no more until retry
	OnFailDemote  OnFail = "demote"  // demote, promote again elsewhere or here
	OnFailStop    OnFail = "stop"    // stop it and start it nowhere
	OnFailRestart OnFail = "restart" // stop and start, perhaps elsewhere
	OnFailStandby OnFail = "standby" // move everything off the node
	OnFailFence   OnFail = "fence"   // fence the node
)

// OnFailValues lists every reaction that a definition may name.
var OnFailValues = []OnFail{OnFailIgnore, OnFailBlock, OnFailDemote, OnFailStop, OnFailRestart, OnFailStandby, OnFailFence}

// Operation is a definition's wish about one operation of a resource. Zero
// fields mean the agent's default.
type Operation struct {
	Name Op `json:"name" since:"migrate_to=3,migrate_from=3"`
	// Interval of a recurring monitor; 0 for everything else.
	Interval Duration `json:"interval,omitempty"`
	Timeout  Duration `json:"timeout,omitempty"`
	// StartDelay of a monitor: how long after the start it begins at the earliest. Of
	// a start: how long it waits once it may begin, before its Timeout runs.
	StartDelay Duration `json:"start_delay,omitempty" since:"3"`
	// Role limits a monitor to instances in that role; RoleUnknown means any that
	// is active. One for RoleStopped looks where the resource does not run.
	Role    Role   `json:"role,omitempty" since:"stopped=4"`
	OnFail  OnFail `json:"on_fail,omitempty"`
	Enabled *bool  `json:"enabled,omitempty"`
	// Params of this operation alone, over those of the resource.
	Params Params `json:"params,omitempty" since:"4"`
}

// IsZero reports whether the operation says nothing.
func (o Operation) IsZero() bool { return o.Only("") }

// Only reports whether the operation says nothing but its name.
func (o Operation) Only(name Op) bool {
	return len(o.Params) == 0 && o.Name == name && o.Interval == 0 && o.Timeout == 0 && o.StartDelay == 0 && o.Role == RoleUnknown && o.OnFail == OnFailDefault && o.Enabled == nil
}

// Same reports whether two operations say the same.
func (o Operation) Same(other Operation) bool { return reflect.DeepEqual(o, other) }
