package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/cgroup"
)

// The login of every BMC, for both protocols. They exist only inside the rig.
const (
	BMCUser     = "admin"
	BMCPassword = "belay-rig"
)

// Protocol is a way to talk to a BMC.
type Protocol string

// Protocols.
const (
	Redfish Protocol = "redfish"
	IPMI    Protocol = "ipmi"
)

// BMCStatus is what one BMC does now.
type BMCStatus struct {
	Host      Host          `json:"host"`
	Power     bool          `json:"power"`
	Redfish   bmc.Fault     `json:"redfish"`
	IPMI      bmc.Fault     `json:"ipmi"`
	Behaviour bmc.Behaviour `json:"behaviour"`
}

// BMCCertificate is the PEM file of the certificate that all BMCs present.
func (r *Rig) BMCCertificate() string { return r.runDir("bmc", "certificate.pem") }

// SetBMCBehaviour changes how the host's BMC switches, from the next request.
func (r *Rig) SetBMCBehaviour(ctx context.Context, host Host, behaviour bmc.Behaviour) error {
	err := r.control(ctx, http.MethodPut, fmt.Sprintf("/hosts/%d/behaviour", int(host)), behaviour, nil)
	return named("set behaviour of the BMC of", host, err)
}

// SetBMCFault makes the host's BMC faulty, or well with bmc.Healthy, for the
// protocols given, or for both. bmc.Silent always concerns both, as they share
// an address.
func (r *Rig) SetBMCFault(ctx context.Context, host Host, fault bmc.Fault, protocols ...Protocol) error {
	if len(protocols) == 0 {
		protocols = []Protocol{Redfish, IPMI}
	}
	request := faultRequest{Fault: fault, Protocols: protocols}
	err := r.control(ctx, http.MethodPut, fmt.Sprintf("/hosts/%d/fault", int(host)), request, nil)
	return named("set fault of the BMC of", host, err)
}

// BMCs returns the state of all BMCs.
func (r *Rig) BMCs(ctx context.Context) ([]BMCStatus, error) {
	var status []BMCStatus
	err := r.control(ctx, http.MethodGet, "/hosts", nil, &status)
	return status, err
}

type faultRequest struct {
	Fault     bmc.Fault  `json:"fault"`
	Protocols []Protocol `json:"protocols"`
}

type chassisRequest struct {
	Args []string `json:"args"`
}

type chassisAnswer struct {
	Output string `json:"output"`
}

// chassis is the program that ipmi_sim runs to look at and switch a host: it
// passes its arguments to the BMC server, which knows the BMC's delays.
func chassis(ctx context.Context, r *Rig, args []string) error {
	if len(args) < 2 {
		return errors.New("want a host and ipmi_sim's arguments")
	}
	host, err := ParseHost(args[0])
	if err != nil {
		return err
	}
	output, err := r.Chassis(ctx, host, args[1:]...)
	if err != nil {
		return err
	}
	_, err = io.WriteString(os.Stdout, output)
	return err
}

// Chassis does what ipmi_sim asks of a chassis-control program. args are
// ipmi_sim's: the address of the management controller, get, set or check,
// and names, with values for set.
func (r *Rig) Chassis(ctx context.Context, host Host, args ...string) (output string, err error) {
	var answer chassisAnswer
	err = r.control(ctx, http.MethodPost, fmt.Sprintf("/hosts/%d/chassis", int(host)), chassisRequest{args}, &answer)
	return answer.Output, err
}

func (r *Rig) controlSocket() string { return r.runDir("bmc", "control.sock") }

// control asks the BMC server over its socket.
func (r *Rig) control(ctx context.Context, method, path string, request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	var body bytes.Buffer
	if request != nil {
		if err := json.NewEncoder(&body).Encode(request); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://rig"+path, &body)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", r.controlSocket())
		},
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("ask the BMC server (is the rig up?): %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask the BMC server: %w", err)
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("BMC server: %s", bytes.TrimSpace(data))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(data, into)
}

func (r *Rig) bmcGroup() (cgroup.Group, error) {
	tree, err := cgroup.Detect(r.options.Name)
	if err != nil {
		return cgroup.Group{}, err
	}
	return tree.Host("bmc"), nil
}

// startBMCs starts the BMC server unless it runs, and waits until it answers.
func (r *Rig) startBMCs(ctx context.Context) error {
	group, err := r.bmcGroup()
	if err != nil {
		return err
	}
	if _, err := r.BMCs(ctx); err == nil {
		return nil
	}
	// A server that was killed leaves its simulators: they hold the ports.
	if err := r.stopBMCs(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(r.runDir("bmc"), 0o755); err != nil {
		return err
	}
	if err := group.Make(""); err != nil {
		return err
	}
	logPath := r.runDir("bmc", "server.log")
	if _, err := r.startChild(childBMCs, nil, logPath); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = poll(ctx, "BMC server", func() (bool, error) {
		_, err := r.BMCs(ctx)
		return err == nil, nil
	})
	if err != nil {
		text, _ := os.ReadFile(logPath)
		return fmt.Errorf("%w: %s", err, tail(string(text), 500))
	}
	return nil
}

// stopBMCs ends the BMC server and all ipmi_sim. They keep nothing on disk
// that a kill could spoil.
func (r *Rig) stopBMCs(ctx context.Context) error {
	group, err := r.bmcGroup()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	if err := errors.Join(group.Kill(), group.WaitEmpty(ctx)); err != nil {
		return fmt.Errorf("stop the BMCs: %w", err)
	}
	return group.Remove()
}
