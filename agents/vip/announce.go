package vip

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/resources"
)

// Announcements after the first burst: for switches and neighbours that were
// busy with the failover, too.
var announceLater = []time.Duration{time.Second, 5 * time.Second}

const (
	// burstGap is the time between the announcements of the first burst.
	burstGap = 50 * time.Millisecond
	// maxLate is how late an announcement may be. A daemon, or a host, that was frozen
	// for longer may have been given up, and the address be another node's by now.
	maxLate = time.Second
)

// announcement is a goroutine that announces an address.
type announcement struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has sent its last
}

// announce sends the first announcement at once and the others in the
// background, so that the start does not wait for them.
func (a *Agent) announce(instance resources.InstanceID, on link, ip netip.Addr, burst int) {
	a.tell(on, ip)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	if earlier, found := a.announcing[instance]; found {
		earlier.cancel()
	}
	ctx, cancel := context.WithCancel(context.Background())
	one := announcement{cancel: cancel, done: make(chan struct{})}
	a.announcing[instance] = one
	a.running.Go(func() {
		defer close(one.done)
		defer cancel()
		a.announceAgain(ctx, on, ip, burst)
	})
}

// announceAgain sends all announcements but the first, as long as the address is
// here and they are not late.
func (a *Agent) announceAgain(ctx context.Context, on link, ip netip.Addr, burst int) {
	began := time.Now()
	for i := range burst - 1 + len(announceLater) {
		due := began.Add(burstGap * time.Duration(i+1))
		if later := i - (burst - 1); later >= 0 {
			due = began.Add(announceLater[later])
		}
		wait := time.NewTimer(time.Until(due))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
		if time.Since(due) > maxLate || !a.holds(ctx, ip) {
			return
		}
		a.tell(on, ip)
	}
}

// holds reports whether the address is here, as far as the kernel can tell.
func (a *Agent) holds(ctx context.Context, ip netip.Addr) bool {
	all, err := a.host.addresses(ctx)
	return err == nil && slices.ContainsFunc(all, func(h address) bool { return h.prefix.Addr() == ip })
}

func (a *Agent) tell(on link, ip netip.Addr) {
	// A lost announcement delays clients until their entry ages; it is no
	// reason to give the address up.
	if err := a.host.announce(on, ip); err != nil {
		a.log.Warn("announce the address", zap.Stringer("address", ip), zap.String("interface", on.name), zap.Error(err))
	}
}

// hush ends the announcements of an instance and waits until the last is sent: one
// after the stop would point the neighbours away from the address's next holder.
func (a *Agent) hush(instance resources.InstanceID) {
	a.mu.Lock()
	one, found := a.announcing[instance]
	delete(a.announcing, instance)
	a.mu.Unlock()
	if found {
		one.cancel()
		<-one.done
	}
}
