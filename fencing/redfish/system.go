package redfish

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/stmcginnis/gofish/schemas"

	"github.com/belay-ha/belay/fencing"
)

// system holds the few properties of a ComputerSystem that fencing needs. The
// full schema is not decoded: one odd value in it, in a part that does not
// matter here, must not keep a node from being fenced.
type system struct {
	ODataID      string `json:"@odata.id"`
	Etag         string `json:"@odata.etag"`
	ID           string `json:"Id"`
	Name         string
	UUID         string
	SerialNumber string
	PowerState   schemas.PowerState
	Actions      struct {
		Reset struct {
			Target     string              `json:"target"`
			ActionInfo string              `json:"@Redfish.ActionInfo"`
			Allowed    []schemas.ResetType `json:"ResetType@Redfish.AllowableValues"`
		} `json:"#ComputerSystem.Reset"`
	}
}

// power returns what the PowerState says: anything but Off still has power.
func (s *system) power() fencing.Power {
	switch s.PowerState {
	case schemas.OffPowerState:
		return fencing.PowerOff
	case schemas.OnPowerState, schemas.PoweringOnPowerState, schemas.PoweringOffPowerState, schemas.PausedPowerState:
		return fencing.PowerOn
	default:
		return fencing.PowerUnknown
	}
}

func (s *system) String() string {
	return fmt.Sprintf("%s (Id %q, name %q, UUID %q, serial %q)", s.ODataID, s.ID, s.Name, s.UUID, s.SerialNumber)
}

// maxSystems bounds how many systems of one BMC are looked at.
const maxSystems = 64

type link struct {
	ODataID string `json:"@odata.id"`
}

// findSystem returns the one system that the parameters name. The host name is
// no way to name it: the host itself sets it, so a node could take another's.
func (d *device) findSystem(c *conn) (*system, error) {
	selector := d.params["system"]
	if strings.HasPrefix(selector, "/") {
		d.path = strings.TrimRight(selector, "/")
		return d.readSystem(c, d.path)
	}
	if d.path != "" {
		s, err := d.readSystem(c, d.path)
		if err != nil && c.rec.status != http.StatusNotFound {
			return nil, err
		}
		// The BMC may have numbered its systems anew since.
		if err == nil && (selector == "" || s.matches(selector)) {
			return s, nil
		}
		d.path = ""
	}
	systems, err := d.listSystems(c)
	if err != nil {
		return nil, err
	}
	s, err := d.choose(selector, systems)
	if err != nil {
		return nil, err
	}
	d.path = s.ODataID
	return s, nil
}

func (d *device) readSystem(c *conn, path string) (*system, error) {
	s := new(system)
	etag, err := c.read(path, s)
	if err != nil {
		return nil, err
	}
	if s.Etag == "" {
		s.Etag = etag
	}
	s.ODataID = path
	return s, nil
}

func (d *device) listSystems(c *conn) ([]*system, error) {
	var root struct{ Systems link }
	if err := c.get(schemas.DefaultServiceRoot, &root); err != nil {
		return nil, err
	}
	var paths []string
	for next := root.Systems.ODataID; next != ""; {
		path, err := d.localPath(next)
		if err != nil {
			return nil, err
		}
		var page struct {
			Members []link
			Next    string `json:"Members@odata.nextLink"`
		}
		if err := c.get(path, &page); err != nil {
			return nil, err
		}
		for _, member := range page.Members {
			path, err := d.localPath(member.ODataID)
			if err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
		if len(paths) > maxSystems {
			return nil, d.fail(fencing.KindConfig, "", fmt.Sprintf("the BMC has more than %d systems; set system to the path of the node's", maxSystems), nil)
		}
		if len(page.Members) == 0 || page.Next == next {
			break
		}
		next = page.Next
	}
	systems := make([]*system, 0, len(paths))
	for _, path := range paths {
		s, err := d.readSystem(c, path)
		if err != nil {
			return nil, err
		}
		systems = append(systems, s)
	}
	return systems, nil
}

// ways to name a system, the surest first.
var ways = []func(*system) string{
	func(s *system) string { return s.UUID },
	func(s *system) string { return s.ID },
	func(s *system) string { return s.SerialNumber },
	func(s *system) string { return s.Name },
}

func (s *system) matches(selector string) bool {
	for _, way := range ways {
		if strings.EqualFold(way(s), selector) {
			return true
		}
	}
	return false
}

// choose returns the one system that the selector names, or the only one there
// is when there is no selector. It never guesses.
func (d *device) choose(selector string, systems []*system) (*system, error) {
	list := make([]string, len(systems))
	for i, s := range systems {
		list[i] = s.String()
	}
	all := strings.Join(list, "; ")
	switch {
	case len(systems) == 0:
		return nil, d.fail(fencing.KindNotFound, "", "the BMC shows no systems", nil)
	case selector == "" && len(systems) == 1:
		return systems[0], nil
	case selector == "":
		return nil, d.fail(fencing.KindConfig, "", fmt.Sprintf("the BMC has %d systems; set system to the node's: %s", len(systems), all), nil)
	}
	for _, way := range ways {
		var found []*system
		for _, s := range systems {
			if strings.EqualFold(way(s), selector) {
				found = append(found, s)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return nil, d.fail(fencing.KindConfig, "", fmt.Sprintf("%d systems are called %q; name one by its UUID or path: %s", len(found), selector, all), nil)
		}
	}
	return nil, d.fail(fencing.KindNotFound, "", fmt.Sprintf("the BMC has no system %q but: %s", selector, all), nil)
}

// allowedResets returns the reset types that the system allows, or none when
// the BMC does not say.
func (d *device) allowedResets(c *conn, s *system) []schemas.ResetType {
	if len(s.Actions.Reset.Allowed) > 0 || s.Actions.Reset.ActionInfo == "" {
		return s.Actions.Reset.Allowed
	}
	path, err := d.localPath(s.Actions.Reset.ActionInfo)
	if err != nil {
		return nil
	}
	var info struct {
		Parameters []struct {
			Name            string
			AllowableValues []schemas.ResetType
		}
	}
	if err := c.get(path, &info); err != nil {
		return nil // ask, and let the BMC refuse
	}
	for _, parameter := range info.Parameters {
		if parameter.Name == "ResetType" {
			return parameter.AllowableValues
		}
	}
	return nil
}

func (d *device) resetTarget(s *system) (string, error) {
	if s.Actions.Reset.Target == "" {
		return d.path + "/Actions/ComputerSystem.Reset", nil
	}
	return d.localPath(s.Actions.Reset.Target)
}
