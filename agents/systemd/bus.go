package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	unitbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/belay-ha/belay/agents"
)

// bus is one connection to systemd.
type bus interface {
	// submit queues a job; its result is sent to the channel, which must have
	// room for it.
	submit(ctx context.Context, verb, unit string, result chan<- string) error
	transient(ctx context.Context, unit string, properties []unitbus.Property, result chan<- string) error
	kill(ctx context.Context, unit string, signal int32) error
	properties(ctx context.Context, unit string) (map[string]any, error)
	// stateChanged returns when the unit's state changed last, in microseconds of
	// the monotonic clock; 0 if it never did.
	stateChanged(ctx context.Context, unit string) (uint64, error)
	resetFailed(ctx context.Context, unit string) error
	reload(ctx context.Context) error
	setEnvironment(ctx context.Context, assignments []string) error
	unsetEnvironment(ctx context.Context, names []string) error
	// unitFile carries out one of SetUnitFile's verbs.
	unitFile(ctx context.Context, verb, unit string) error
	connected() bool
	close()
}

// addresses of systemd in the order of use: its own socket needs no message
// bus and is what systemctl uses for root.
var addresses = []struct {
	address string
	hello   bool
}{
	{"unix:path=/run/systemd/private", false},
	{"unix:path=/run/dbus/system_bus_socket", true},
}

const manager = "org.freedesktop.systemd1.Manager."

// conn is a bus over D-Bus.
type conn struct {
	*unitbus.Conn
	object dbus.BusObject // the manager, for calls that unitbus lacks
	cancel context.CancelFunc
}

// dialSystemd connects and authenticates within ctx. The connection outlives
// ctx.
func dialSystemd(ctx context.Context) (bus, error) {
	type answer struct {
		bus bus
		err error
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan answer, 1)
	go func() {
		connected, err := connect(life, cancel)
		done <- answer{connected, err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			cancel()
		}
		return got.bus, got.err
	case <-ctx.Done():
		cancel() // closes the sockets, which ends the goroutine
		return nil, context.Cause(ctx)
	}
}

func connect(life context.Context, cancel context.CancelFunc) (bus, error) {
	var problems []error
	for _, at := range addresses {
		var first *dbus.Conn
		joined, err := unitbus.NewConnection(func() (*dbus.Conn, error) {
			c, err := dialAt(life, at.address, at.hello)
			if err == nil && first == nil {
				first = c
			}
			return c, err
		})
		if err == nil {
			return &conn{Conn: joined, cancel: cancel, object: first.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")}, nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", at.address, err))
	}
	return nil, errors.Join(problems...)
}

func dialAt(life context.Context, address string, hello bool) (*dbus.Conn, error) {
	c, err := dbus.Dial(address, dbus.WithContext(life))
	if err != nil {
		return nil, err
	}
	err = c.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))})
	if err == nil && hello {
		err = c.Hello()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *conn) submit(ctx context.Context, verb, unit string, result chan<- string) error {
	var err error
	switch verb {
	case "start":
		_, err = c.StartUnitContext(ctx, unit, "replace", result)
	case "stop":
		_, err = c.StopUnitContext(ctx, unit, "replace", result)
	case "restart":
		_, err = c.RestartUnitContext(ctx, unit, "replace", result)
	case "reload":
		_, err = c.ReloadUnitContext(ctx, unit, "replace", result)
	default:
		panic("systemd: no such verb " + verb)
	}
	return classify(err)
}

func (c *conn) transient(ctx context.Context, unit string, properties []unitbus.Property, result chan<- string) error {
	_, err := c.StartTransientUnitContext(ctx, unit, "replace", properties, result)
	return classify(err)
}

func (c *conn) kill(ctx context.Context, unit string, signal int32) error {
	return classify(c.KillUnitWithTarget(ctx, unit, unitbus.All, signal))
}

func (c *conn) properties(ctx context.Context, unit string) (map[string]any, error) {
	all, err := c.GetAllPropertiesContext(ctx, unit)
	return all, classify(err)
}

func (c *conn) stateChanged(ctx context.Context, unit string) (uint64, error) {
	got, err := c.GetUnitPropertyContext(ctx, unit, "StateChangeTimestampMonotonic")
	if err != nil {
		return 0, classify(err)
	}
	at, _ := got.Value.Value().(uint64)
	return at, nil
}

func (c *conn) resetFailed(ctx context.Context, unit string) error {
	return classify(c.ResetFailedUnitContext(ctx, unit))
}

func (c *conn) reload(ctx context.Context) error { return classify(c.ReloadContext(ctx)) }

func (c *conn) setEnvironment(ctx context.Context, assignments []string) error {
	return classify(c.object.CallWithContext(ctx, manager+"SetEnvironment", 0, assignments).Err)
}

func (c *conn) unsetEnvironment(ctx context.Context, names []string) error {
	return classify(c.object.CallWithContext(ctx, manager+"UnsetEnvironment", 0, names).Err)
}

func (c *conn) unitFile(ctx context.Context, verb, unit string) error {
	var err error
	switch files := []string{unit}; verb {
	case VerbEnable:
		_, _, err = c.EnableUnitFilesContext(ctx, files, false, false)
	case VerbEnableRuntime:
		_, _, err = c.EnableUnitFilesContext(ctx, files, true, false)
	case VerbDisable:
		// A unit may be enabled for this boot, too.
		_, err = c.DisableUnitFilesContext(ctx, files, false)
		if err == nil {
			_, err = c.DisableUnitFilesContext(ctx, files, true)
		}
	case VerbMask:
		_, err = c.MaskUnitFilesContext(ctx, files, false, false)
	case VerbUnmask:
		_, err = c.UnmaskUnitFilesContext(ctx, files, false)
	default:
		panic("systemd: no such verb " + verb)
	}
	return classify(err)
}

func (c *conn) connected() bool { return c.Connected() }

func (c *conn) close() {
	c.Close()
	c.cancel()
}

// classify joins the errors that callers branch on to what D-Bus says.
func classify(err error) error {
	var said dbus.Error
	if !errors.As(err, &said) {
		return err
	}
	switch said.Name {
	case "org.freedesktop.systemd1.NoSuchUnit":
		return errors.Join(agents.ErrNoUnit, err)
	case "org.freedesktop.systemd1.UnitMasked":
		return errors.Join(agents.ErrUnitMasked, err)
	}
	return err
}
