package dev

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/node"
)

// hostWatchdog is a simulated host's hardware watchdog: unfed it switches the
// host off and on.
type hostWatchdog struct {
	host    *Host
	timeout time.Duration
	expires *time.Timer
}

// openWatchdog arms the host's watchdog. A timer that an earlier run of the
// daemon left armed is fed by it, as the one device is.
func (h *Host) openWatchdog(_ string, timeout time.Duration) (node.Watchdog, error) {
	on, boot := h.watchPower()
	if !on {
		return nil, errors.New("the simulated host has no power")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchdog != nil {
		h.watchdog.expires.Stop()
	}
	h.watchdog = &hostWatchdog{host: h, timeout: timeout, expires: time.AfterFunc(timeout, func() { h.reset(boot) })}
	return h.watchdog, nil
}

// reset is what the timer does: nothing to a host that has started again since.
func (h *Host) reset(boot <-chan struct{}) {
	if on, now := h.watchPower(); !on || now != boot {
		return
	}
	h.log.Info("the watchdog resets the host", zap.String("node", string(h.Settings.Node)))
	h.machine.SetPower(false)
	h.mu.Lock()
	h.resets++
	h.mu.Unlock()
	time.AfterFunc(bootTime, h.PowerOn)
}

// bootTime is how long a simulated host is down when it is reset.
const bootTime = 2 * time.Second

// Resets returns how often the host's watchdog has reset it.
func (h *Host) Resets() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.resets
}

// Timeout implements node.Watchdog.
func (w *hostWatchdog) Timeout() time.Duration { return w.timeout }

// Software implements node.Watchdog.
func (w *hostWatchdog) Software() bool { return false }

// Feed implements node.Watchdog.
func (w *hostWatchdog) Feed() error {
	w.expires.Reset(w.timeout)
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	w.host.fed++
	return nil
}

// Disarm implements node.Watchdog.
func (w *hostWatchdog) Disarm() error {
	w.expires.Stop()
	return nil
}

// Abandon implements node.Watchdog.
func (w *hostWatchdog) Abandon() error { return nil }
