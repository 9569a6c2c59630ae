package fencetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/hal"
	"github.com/bougou/go-ipmi/pkg/hal/mock"
	"github.com/bougou/go-ipmi/pkg/server"
	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/belay-ha/belay/fencing"
)

// IPMI is an emulated BMC that speaks IPMI 2.0 over UDP.
type IPMI struct {
	// Script of faults; it may be changed at any time. OpLogin does not occur.
	Script Script

	conn   *packetConn
	server *server.Server
	bmc    *bmc.BMC
	stop   context.CancelFunc
	served chan struct{}
}

// IPMIConfig is what an IPMI BMC is made of.
type IPMIConfig struct {
	Username, Password string
	Machine            *Machine
	// CipherSuites that it accepts; 3 and 17 if empty.
	CipherSuites []int
	// KG is its BMC key for two-key logins, or nil.
	KG []byte
	// Operator limits the account to the operator privilege instead of
	// administrator; User to less than it takes to switch power.
	Operator, User bool
	// Address to listen on, "127.0.0.1:0" if empty.
	Address string
}

// StartIPMI listens and serves until Close.
func StartIPMI(config IPMIConfig) (*IPMI, error) {
	if config.Address == "" {
		config.Address = "127.0.0.1:0"
	}
	address, err := net.ResolveUDPAddr("udp", config.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for ipmi: %w", err)
	}
	socket, err := net.ListenUDP("udp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for ipmi: %w", err)
	}
	b := &IPMI{conn: &packetConn{UDPConn: socket}, served: make(chan struct{})}
	suites := []types.CipherSuiteID{types.CipherSuiteID3, types.CipherSuiteID17}
	if len(config.CipherSuites) > 0 {
		suites = nil
		for _, id := range config.CipherSuites {
			suites = append(suites, types.CipherSuiteID(id))
		}
	}
	hardware := &hardware{HAL: mock.New(), chassis: &chassis{Chassis: new(mock.Chassis), machine: config.Machine, bmc: b}}
	b.bmc = bmc.New(bmc.DeviceInfo{IPMIVersion: 0x20}, [16]byte{1}, hardware, bmc.WithCipherSuites(suites), bmc.WithKG(config.KG))
	b.conn.sessions = b.bmc.Sessions.Count
	user, err := b.bmc.Users.Add(2, config.Username)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("add the ipmi user: %w", err)
	}
	privilege := bmc.PrivilegeLevelAdministrator
	switch {
	case config.User:
		privilege = bmc.PrivilegeLevelUser
	case config.Operator:
		privilege = bmc.PrivilegeLevelOperator
	}
	user.SetPassword([]byte(config.Password))
	user.Enabled = true
	user.ChannelAccess[1] = bmc.UserChannelAccess{MaxPrivilege: privilege, Enabled: true}

	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.server = server.NewServer(b.bmc, b.conn)
	go func() {
		defer close(b.served)
		_ = b.server.Serve(ctx)
	}()
	return b, nil
}

// Close ends the BMC.
func (b *IPMI) Close() {
	b.stop()
	_ = b.server.Close()
	<-b.served
}

// Addr is the address that the BMC listens on.
func (b *IPMI) Addr() *net.UDPAddr { return b.conn.LocalAddr().(*net.UDPAddr) }

// Mute makes the BMC swallow every packet, as one that is hung or cut off, or
// undoes that.
func (b *IPMI) Mute(on bool) { b.conn.muted.Store(on) }

// Tamper passes every packet that the BMC sends through the function, which may
// change it, or drop it by returning nil. A nil function undoes that.
func (b *IPMI) Tamper(fn func(packet []byte) []byte) { b.conn.setTamper(fn) }

// Packets returns how many packets have reached the BMC.
func (b *IPMI) Packets() int { return int(b.conn.received.Load()) }

// Sessions returns how many sessions are open.
func (b *IPMI) Sessions() int { return b.bmc.Sessions.Count() }

// MostSessions returns the largest number of sessions that were open when a
// packet arrived.
func (b *IPMI) MostSessions() int { return int(b.conn.most.Load()) }

// hardware is a mock board whose chassis is a Machine's.
type hardware struct {
	*mock.HAL
	chassis *chassis
}

func (h *hardware) Chassis() hal.ChassisHAL { return h.chassis }

type chassis struct {
	*mock.Chassis
	machine *Machine
	bmc     *IPMI
}

var errScripted = errors.New("scripted fault")

// completionCodes of faults, by HTTP status; others are 0xff, unspecified.
var completionCodes = map[int]types.CompletionCode{
	http.StatusForbidden:          types.CompletionCode(0xd4),
	http.StatusConflict:           types.CompletionCode(0xd5),
	http.StatusServiceUnavailable: types.CompletionCode(0xc0),
}

func (c *chassis) PowerState(context.Context) (bool, error) {
	fault := c.bmc.Script.next(OpRead)
	if err := c.bmc.faulty(fault); err != nil {
		return false, err
	}
	if fault.Report != fencing.PowerUnknown {
		return fault.Report == fencing.PowerOn, nil
	}
	return c.machine.Power() == fencing.PowerOn, nil
}

func (c *chassis) SetPower(_ context.Context, on bool) error {
	op := OpOff
	if on {
		op = OpOn
	}
	fault := c.bmc.Script.next(op)
	if fault.Act {
		fault.act(c.machine, on)
	}
	if err := c.bmc.faulty(fault); err != nil {
		return err
	}
	if !fault.Hang && !fault.Drop {
		fault.act(c.machine, on)
	}
	return nil
}

// faulty waits and fails as the fault says; a hung or dropped request has its
// answer swallowed.
func (b *IPMI) faulty(fault Fault) error {
	if fault.Delay > 0 {
		<-time.After(fault.Delay)
	}
	if fault.Hang || fault.Drop {
		b.conn.swallow.Add(1)
	}
	if code, ok := completionCodes[fault.Status]; ok {
		return code
	}
	if fault.Status != 0 {
		return errScripted
	}
	return nil
}

// packetConn is a UDP socket that can lose and change packets.
type packetConn struct {
	*net.UDPConn
	muted    atomic.Bool
	swallow  atomic.Int64 // answers still to be lost
	received atomic.Int64
	most     atomic.Int64 // written by the server's one reading goroutine
	sessions func() int   // set before the server starts

	mu     sync.Mutex
	tamper func([]byte) []byte
}

func (c *packetConn) setTamper(fn func([]byte) []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tamper = fn
}

func (c *packetConn) ReadFrom(buf []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(buf)
		if err != nil {
			return n, from, err
		}
		c.received.Add(1)
		c.most.Store(max(c.most.Load(), int64(c.sessions())))
		if !c.muted.Load() {
			return n, from, nil
		}
	}
}

func (c *packetConn) WriteTo(data []byte, to net.Addr) (int, error) {
	if c.swallow.Load() > 0 {
		c.swallow.Add(-1)
		return len(data), nil
	}
	c.mu.Lock()
	tamper := c.tamper
	c.mu.Unlock()
	if tamper != nil {
		changed := tamper(append([]byte(nil), data...))
		if changed == nil {
			return len(data), nil
		}
		if _, err := c.UDPConn.WriteTo(changed, to); err != nil {
			return 0, err
		}
		return len(data), nil
	}
	return c.UDPConn.WriteTo(data, to)
}
