package stage

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// Census looks again and again, from outside, on which hosts something is.
type Census struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu sync.Mutex
	// Guarded by mu: what changed, and when two hosts had it at once.
	changes []sighting
	doubles []sighting
	looks   int
}

// sighting is where it was from a moment on.
type sighting struct {
	at    time.Time
	hosts []rig.Host
}

// Count starts a Census that asks has about every host, once in an interval.
func Count(ctx context.Context, interval time.Duration, has func(rig.Host) bool) *Census {
	ctx, cancel := context.WithCancel(ctx)
	c := &Census{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			c.look(has)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c
}

// look asks about every host. One look is not one moment: what moves meanwhile
// is seen twice, so that two hosts count only if both have it at a second look.
func (c *Census) look(has func(rig.Host) bool) {
	hosts := where(has)
	if len(hosts) > 1 {
		hosts = where(has)
	}
	c.add(sighting{time.Now(), hosts})
}

func where(has func(rig.Host) bool) []rig.Host {
	var hosts []rig.Host
	for _, host := range rig.Hosts() {
		if has(host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func (c *Census) add(s sighting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	if len(s.hosts) > 1 {
		c.doubles = append(c.doubles, s)
	}
	if len(c.changes) == 0 || !slices.Equal(c.changes[len(c.changes)-1].hosts, s.hosts) {
		c.changes = append(c.changes, s)
	}
}

// Now returns where it was at the last look.
func (c *Census) Now() []rig.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.changes) == 0 {
		return nil
	}
	return c.changes[len(c.changes)-1].hosts
}

// FirstElsewhere returns when another host than this one was first seen with it,
// at or after a moment.
func (c *Census) FirstElsewhere(host rig.Host, moment time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.changes {
		other := slices.ContainsFunc(s.hosts, func(h rig.Host) bool { return h != host })
		if other && !s.at.Before(moment) {
			return s.at, true
		}
	}
	return time.Time{}, false
}

// Stop ends the census and returns an error if two hosts ever had it at once.
func (c *Census) Stop(what string) error {
	c.cancel()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.doubles) == 0 {
		return nil
	}
	first := c.doubles[0]
	return fmt.Errorf("%s was on %v at once, at %s (%d of %d looks)", what, first.hosts, first.at.Format(time.TimeOnly+".000"), len(c.doubles), c.looks)
}
