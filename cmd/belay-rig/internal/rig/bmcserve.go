package rig

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/bmc"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/ironic"
	"github.com/belay-ha/belay/cmd/belay-rig/internal/redfish"
)

// ironicAddr is where hosts find the stand-in for the Ironic API.
const ironicAddr = "10.77.0.1:6385"

// ironicNodes is how many nodes that stand-in knows.
const ironicNodes = 3

// machine is a rig host as its BMC sees it.
type machine struct {
	rig  *Rig
	host Host
}

func (m machine) Power(ctx context.Context) (bool, error) { return m.rig.Power(ctx, m.host) }
func (m machine) On(ctx context.Context) error            { return m.rig.PowerOn(ctx, m.host) }
func (m machine) Off(ctx context.Context) error           { return m.rig.PowerOff(ctx, m.host) }
func (m machine) Press(_ context.Context) error           { return m.rig.pressPower(m.host) }

// controller is one host's BMC: a chassis and two services in front of it.
type controller struct {
	rig      *Rig
	host     Host
	chassis  *bmc.Chassis
	emulator *redfish.Emulator
	redfish  *redfishServer
	ipmi     *ipmiSim
}

// serveBMCs runs all BMCs, the stand-in for Ironic, and the control socket,
// until ctx ends.
func serveBMCs(ctx context.Context, r *Rig, _ []string) error {
	group, err := r.bmcGroup()
	if err != nil {
		return err
	}
	if err := group.Join(""); err != nil {
		return err
	}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err := os.WriteFile(r.runDir("bmc", "server.pid"), []byte(pid), 0o644); err != nil {
		return err
	}
	certificate, err := r.makeCertificate()
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	var controllers []*controller
	for _, host := range Hosts() {
		c, err := r.newController(host, certificate)
		if err != nil {
			return err
		}
		defer c.chassis.Close()
		if err := c.redfish.Listen(); err != nil {
			return err
		}
		work.Go(func() error { return c.ipmi.Run(ctx) })
		controllers = append(controllers, c)
	}
	work.Go(func() error {
		return serve(ctx, "tcp", ironicAddr, ironic.New("http://"+ironicAddr, ironicNodes))
	})
	work.Go(func() error {
		return serve(ctx, "unix", r.controlSocket(), controlHandler(controllers))
	})
	return work.Wait()
}

func (r *Rig) makeCertificate() (tls.Certificate, error) {
	var names []string
	for _, host := range Hosts() {
		names = append(names, host.BMCAddr(), host.String()+".bmc")
	}
	certificate, pem, err := redfish.SelfSigned(names...)
	if err != nil {
		return tls.Certificate{}, err
	}
	return certificate, os.WriteFile(r.BMCCertificate(), pem, 0o644)
}

func (r *Rig) newController(host Host, certificate tls.Certificate) (*controller, error) {
	c := &controller{rig: r, host: host}
	c.chassis = bmc.NewChassis(machine{r, host}, bmc.Behaviour{}, func(err error) {
		r.logf("%s: %v", host, err)
	})
	c.emulator = redfish.New(host.String(), BMCUser, BMCPassword, c.chassis)
	c.redfish = &redfishServer{address: host.BMCAddr() + ":443", handler: c.emulator, certificate: certificate}
	sim, err := r.newIPMISim(host)
	if err != nil {
		return nil, err
	}
	c.ipmi = sim
	return c, nil
}

func serve(ctx context.Context, network, address string, handler http.Handler) error {
	if network == "unix" {
		if err := os.MkdirAll(filepath.Dir(address), 0o755); err != nil {
			return err
		}
		_ = os.Remove(address)
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", address, err)
	}
	return nil
}

// redfishServer is the listener of one BMC, which faults take away and bring
// back.
type redfishServer struct {
	address     string
	handler     http.Handler
	certificate tls.Certificate

	mu     sync.Mutex // guards server
	server *http.Server
}

// Listen starts to serve, unless it does.
func (s *redfishServer) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.server = &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.certificate}, MinVersion: tls.VersionTLS12},
	}
	// Ended by Close or with the process, which owns it.
	go func(server *http.Server) { _ = server.ServeTLS(listener, "", "") }(s.server)
	return nil
}

// Close stops serving and drops all connections.
func (s *redfishServer) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return nil
	}
	err := s.server.Close()
	s.server = nil
	return err
}

func controlHandler(controllers []*controller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hosts", func(w http.ResponseWriter, r *http.Request) {
		var all []BMCStatus
		for _, c := range controllers {
			on, err := c.chassis.Power(r.Context())
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			all = append(all, BMCStatus{c.host, on, c.emulator.Fault(), c.ipmi.Fault(), c.chassis.Behaviour()})
		}
		_ = json.NewEncoder(w).Encode(all)
	})
	handle := func(pattern string, act func(*http.Request, *controller) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			host, err := ParseHost(r.PathValue("host"))
			var result any
			if err == nil {
				result, err = act(r, controllers[host])
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_ = json.NewEncoder(w).Encode(result)
		})
	}
	handle("PUT /hosts/{host}/behaviour", func(r *http.Request, c *controller) (any, error) {
		var behaviour bmc.Behaviour
		if err := json.NewDecoder(r.Body).Decode(&behaviour); err != nil {
			return nil, err
		}
		c.chassis.SetBehaviour(behaviour)
		return nil, nil
	})
	handle("PUT /hosts/{host}/fault", func(r *http.Request, c *controller) (any, error) {
		var request faultRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, err
		}
		return nil, c.setFault(request)
	})
	handle("POST /hosts/{host}/chassis", func(r *http.Request, c *controller) (any, error) {
		var request chassisRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			return nil, err
		}
		output, err := c.control(r.Context(), request.Args)
		return chassisAnswer{output}, err
	})
	return mux
}

func (c *controller) setFault(request faultRequest) error {
	if !slices.Contains(bmc.Faults(), request.Fault) {
		return fmt.Errorf("no fault %q: use one of %v", request.Fault, bmc.Faults())
	}
	silent := request.Fault == bmc.Silent
	wasSilent := c.emulator.Fault() == bmc.Silent
	if silent || wasSilent {
		request.Protocols = []Protocol{Redfish, IPMI} // they share the address
		if err := c.rig.netns().SetAddress(oobBridge, c.host.bmcCIDR(), !silent); err != nil {
			return err
		}
	}
	for _, protocol := range request.Protocols {
		switch protocol {
		case Redfish:
			c.emulator.SetFault(request.Fault)
			change := c.redfish.Listen
			if request.Fault == bmc.Stop {
				change = c.redfish.Close
			}
			if err := change(); err != nil {
				return err
			}
		case IPMI:
			if err := c.ipmi.SetFault(request.Fault); err != nil {
				return err
			}
		default:
			return fmt.Errorf("no protocol %q: use redfish or ipmi", protocol)
		}
	}
	return nil
}
