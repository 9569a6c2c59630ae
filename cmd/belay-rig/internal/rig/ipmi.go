package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
)

// ipmiSim runs OpenIPMI's simulator as the IPMI side of one BMC.
type ipmiSim struct {
	dir  string
	logf func(string, ...any)

	mu      sync.Mutex // guards what follows
	fault   bmc.Fault
	process *os.Process
	changed chan struct{} // closed and replaced when fault changes
}

// newIPMISim writes the simulator's configuration.
func (r *Rig) newIPMISim(host Host) (*ipmiSim, error) {
	sim := &ipmiSim{dir: r.runDir("bmc", host.String()), logf: r.logf, fault: bmc.Healthy, changed: make(chan struct{})}
	if err := os.MkdirAll(filepath.Join(sim.dir, "state"), 0o755); err != nil {
		return nil, err
	}
	control := strings.Join([]string{r.program(), childChassis, r.options.Name, host.String()}, " ")
	lan := fmt.Sprintf(`name "%[1]s"
set_working_mc 0x20
  startlan 1
    addr %[2]s 623
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcd%02[3]x
  endlan
  chassis_control "%[4]s 0x20"
  user 1 true "" "" user 10 none md2 md5 straight
  user 2 true "%[5]s" "%[6]s" admin 10 none md2 md5 straight
`, host, host.BMCAddr(), int(host)+1, control, BMCUser, BMCPassword)
	// One controller with its own address, chassis support and no sensors.
	const commands = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n"
	for name, text := range map[string]string{"lan.conf": lan, "commands": commands} {
		if err := os.WriteFile(filepath.Join(sim.dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return sim, nil
}

// Run keeps the simulator running, except while the fault is Stop, until ctx
// ends.
func (s *ipmiSim) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		s.mu.Lock()
		fault, changed := s.fault, s.changed
		s.mu.Unlock()
		if fault == bmc.Stop {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		err := s.runOnce(ctx)
		if ctx.Err() != nil {
			break
		}
		if s.Fault() != bmc.Stop {
			s.logf("ipmi_sim in %s ended: %v", s.dir, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
	return nil
}

func (s *ipmiSim) runOnce(ctx context.Context) error {
	log, err := os.Create(filepath.Join(s.dir, "ipmi_sim.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "ipmi_sim", "-n",
		"-c", filepath.Join(s.dir, "lan.conf"), "-f", filepath.Join(s.dir, "commands"), "-s", filepath.Join(s.dir, "state"))
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.mu.Lock()
	s.process = cmd.Process
	err = s.signal()
	s.mu.Unlock()
	return errors.Join(err, cmd.Wait())
}

// Fault returns what is wrong with the IPMI side.
func (s *ipmiSim) Fault() bmc.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// SetFault makes it faulty or well again. Broken and Ignore are for the
// chassis program, which asks for Fault.
func (s *ipmiSim) SetFault(fault bmc.Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
	close(s.changed)
	s.changed = make(chan struct{})
	return s.signal()
}

// signal brings the process into the state that the fault asks for. The caller
// holds mu.
func (s *ipmiSim) signal() error {
	if s.process == nil {
		return nil
	}
	signal := unix.SIGCONT
	switch s.fault {
	case bmc.Stop:
		signal = unix.SIGKILL
	case bmc.Hang:
		signal = unix.SIGSTOP
	}
	return ignoreGone(s.process.Signal(signal))
}

// control does what ipmi_sim asks of its chassis program: "MC get NAME...",
// "MC set NAME VALUE ..." or "MC check NAME...".
func (c *controller) control(ctx context.Context, args []string) (output string, err error) {
	if len(args) < 2 {
		return "", errors.New("want an address and get, set or check")
	}
	fault := c.ipmi.Fault()
	if fault == bmc.Broken {
		return "", errors.New("this BMC is broken by request")
	}
	verb, words := args[1], args[2:]
	switch verb {
	case "check":
		return "", nil
	case "get":
		return c.get(ctx, words)
	case "set":
		if fault == bmc.Ignore {
			return "", nil
		}
		return "", c.set(ctx, words)
	}
	return "", fmt.Errorf("no verb %q", verb)
}

func (c *controller) get(ctx context.Context, names []string) (string, error) {
	var out strings.Builder
	for _, name := range names {
		value := "0"
		switch name {
		case "power":
			on, err := c.chassis.Power(ctx)
			if err != nil {
				return "", err
			}
			if on {
				value = "1"
			}
		case "boot":
			value = "default"
		}
		fmt.Fprintf(&out, "%s:%s\n", name, value)
	}
	return out.String(), nil
}

func (c *controller) set(ctx context.Context, words []string) error {
	for len(words) >= 2 {
		name, value := words[0], words[1]
		words = words[2:]
		var err error
		switch {
		case name == "power" && value == "1":
			err = c.chassis.On(ctx)
		case name == "power":
			err = c.chassis.Off(ctx)
		case name == "reset":
			err = c.chassis.Restart(ctx)
		case name == "shutdown":
			err = c.chassis.Press(ctx)
		}
		// IPMI has no word for "it is so already".
		if err != nil && !errors.Is(err, bmc.ErrConflict) {
			return err
		}
	}
	return nil
}
