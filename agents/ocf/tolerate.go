package ocf

import (
	"slices"

	"github.com/belay-ha/belay/agents"
)

// tolerance says under which conditions a script that names a command of Pacemaker
// does not call it.
type tolerance struct {
	command string
	// off are parameters that are false, for the script to call none.
	off []string
}

// tolerated are the scripts whose use of Pacemaker can be switched off, by PROVIDER
// and TYPE. Read in resource-agents 4.12.
var tolerated = map[string]tolerance{
	// It tells Pacemaker how much of a node the guest takes, from its monitor.
	"heartbeat:VirtualDomain": {"crm_resource", []string{
		"autoset_utilization_cpu", "autoset_utilization_host_memory", "autoset_utilization_hv_memory",
		"unset_utilization_cpu", "unset_utilization_host_memory", "unset_utilization_hv_memory",
	}},
}

func (s script) tolerance() tolerance { return tolerated[s.provider+":"+s.kind] }

// checkPacemaker refuses a script that asks Pacemaker, which does not run here.
func (s script) checkPacemaker(text string) *agents.Result {
	t := s.tolerance()
	asked := slices.DeleteFunc(pacemaker.FindAllString(uncommented(text), -1), func(command string) bool { return command == t.command })
	if len(asked) > 0 {
		return refuse(agents.OutcomeUnsupported, "%s asks Pacemaker (%s), which does not run here: run its service as rabbitmq, process or a systemd unit", s.name(), asked[0])
	}
	for _, name := range t.off {
		if value := s.req.Params[name]; value != "" && value != "false" {
			return refuse(agents.OutcomeUnsupported, "%s asks Pacemaker (%s) with %s, which does not run here: leave the parameter out", s.name(), t.command, name)
		}
	}
	return nil
}
