package redfish

import (
	"net/http"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
)

const (
	systemPath   = "/redfish/v1/Systems/1"
	resetPath    = systemPath + "/Actions/ComputerSystem.Reset"
	chassisPath  = "/redfish/v1/Chassis/1"
	managerPath  = "/redfish/v1/Managers/1"
	sessionsPath = "/redfish/v1/SessionService/Sessions"
)

type object = map[string]any

func link(path string) object { return object{"@odata.id": path} }

var healthy = object{"State": "Enabled", "Health": "OK"}

func (e *Emulator) versions(w http.ResponseWriter, _ *http.Request) {
	answer(w, object{"v1": "/redfish/v1/"})
}

func (e *Emulator) root(w http.ResponseWriter, _ *http.Request) {
	answer(w, object{
		"@odata.id": "/redfish/v1/", "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot",
		"Id": "RootService", "Name": "Root Service", "RedfishVersion": "1.6.0",
		"UUID":           "b11a7000-0000-4000-8000-000000000000",
		"Systems":        link("/redfish/v1/Systems"),
		"Chassis":        link("/redfish/v1/Chassis"),
		"Managers":       link("/redfish/v1/Managers"),
		"SessionService": link("/redfish/v1/SessionService"),
		"Links":          object{"Sessions": link(sessionsPath)},
	})
}

func (e *Emulator) collection(kind, member string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer(w, object{
			"@odata.id": r.URL.Path, "@odata.type": "#" + kind + "Collection." + kind + "Collection",
			"Name": kind + " Collection", "Members@odata.count": 1, "Members": []object{link(member)},
		})
	}
}

func (e *Emulator) system(w http.ResponseWriter, r *http.Request) {
	on, err := e.chassis.Power(r.Context())
	if err != nil {
		failAction(w, err)
		return
	}
	power := "Off"
	if on {
		power = "On"
	}
	e.mu.Lock()
	boot := e.bootTarget
	e.mu.Unlock()
	answer(w, object{
		"@odata.id": systemPath, "@odata.type": "#ComputerSystem.v1_10_0.ComputerSystem",
		"Id": "1", "Name": e.name, "HostName": e.name, "SystemType": "Physical",
		"Manufacturer": "Belay", "Model": "Rig host", "SerialNumber": e.name,
		"PowerState": power, "Status": healthy,
		"Boot": object{
			"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": boot,
			"BootSourceOverrideTarget@Redfish.AllowableValues": []string{"None", "Pxe", "Hdd"},
		},
		"Links": object{"Chassis": []object{link(chassisPath)}, "ManagedBy": []object{link(managerPath)}},
		"Actions": object{"#ComputerSystem.Reset": object{
			"target": resetPath, "ResetType@Redfish.AllowableValues": resetTypes,
		}},
	})
}

func (e *Emulator) chassisResource(w http.ResponseWriter, _ *http.Request) {
	answer(w, object{
		"@odata.id": chassisPath, "@odata.type": "#Chassis.v1_10_0.Chassis",
		"Id": "1", "Name": e.name, "ChassisType": "RackMount", "Status": healthy,
		"Links": object{"ComputerSystems": []object{link(systemPath)}, "ManagedBy": []object{link(managerPath)}},
	})
}

func (e *Emulator) manager(w http.ResponseWriter, _ *http.Request) {
	status := healthy
	if e.Fault() != bmc.Healthy {
		status = object{"State": "Enabled", "Health": "Warning"}
	}
	answer(w, object{
		"@odata.id": managerPath, "@odata.type": "#Manager.v1_5_0.Manager",
		"Id": "1", "Name": e.name + " BMC", "ManagerType": "BMC", "Status": status,
		"Links": object{"ManagerForServers": []object{link(systemPath)}, "ManagerForChassis": []object{link(chassisPath)}},
	})
}
