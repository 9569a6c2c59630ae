package stage

import (
	"context"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// manyFences is a fence budget that a run of tests does not spend: the storm
// guard would rightly stop whoever loses a node every half minute.
const manyFences = 1000

// fenceOften lifts what bounds repeated fencing.
func fenceOften(p *resources.Properties) {
	p.FenceBudget, p.FenceLimit, p.FenceQuarantine = manyFences, manyFences, new(resources.Duration)
}

// fenceBy applies the definition with its fence devices replaced by those of
// one kind.
func (s *Stage) fenceBy(ctx context.Context, file, device string) error {
	return s.applyEdited(ctx, file, device, func(def *resources.Definition) error {
		fenceOften(&def.Properties)
		return setDevices(def, device)
	}, "--wait=60")
}

// setDevices replaces a definition's fence devices by those of one kind.
func setDevices(def *resources.Definition, device string) error {
	for i := range def.Fences {
		f := &def.Fences[i]
		host, err := rig.ParseHost(string(f.Targets[0]))
		if err != nil {
			return err
		}
		params := resources.Params{"username": rig.BMCUser, "password": "secret://bmc-" + host.String()}
		switch device {
		case "redfish":
			params["endpoint"], params["system"], params["verify_tls"] = "https://"+host.BMCAddr(), "/redfish/v1/Systems/1", "false"
		case "ipmi":
			// Debian's ipmi_sim speaks suite 3 only.
			params["address"], params["cipher_suite"] = host.BMCAddr(), "3"
		}
		f.Agent, f.Params = device, params
	}
	return nil
}

// applyEdited applies a definition file after a change; name is the changed
// one's, flags are for belayctl apply.
func (s *Stage) applyEdited(ctx context.Context, file, name string, edit func(*resources.Definition) error, flags ...string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	agents := definition.Agents(catalog.Agents(zap.NewNop()).Specs())
	fences := definition.Fences(catalog.Fences())
	def, err := definition.Decode(agents, fences, definition.File{Name: file, Text: text})
	if err != nil {
		return err
	}
	if err := edit(def); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "belay-rig-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory
	path := filepath.Join(dir, name+".toml")
	if err := os.WriteFile(path, definition.Encode(def), 0o600); err != nil {
		return err
	}
	first := rig.Hosts()[0]
	if err := s.rig.Push(ctx, first, path, "/root/"+name+".toml", 0o600); err != nil {
		return err
	}
	_, err = s.Ctl(ctx, first, append([]string{"apply", "--yes", "-f", "/root/" + name + ".toml"}, flags...)...)
	return err
}
