package ipmi

import (
	"context"
	"sync"
)

// Locks lets one session at a time into each BMC: BMCs have a handful of
// session slots, and some stall when two are in use. One Locks is shared by
// all devices of a process.
type Locks struct {
	mu    sync.Mutex
	byKey map[string]*slot
}

type slot struct {
	taken chan struct{} // holds a token while the slot is in use
	users int           // that hold it or wait for it
}

// acquire waits for the key's slot until the context ends, and returns the
// function that gives it back.
func (l *Locks) acquire(ctx context.Context, key string) (func(), error) {
	l.mu.Lock()
	if l.byKey == nil {
		l.byKey = map[string]*slot{}
	}
	s := l.byKey[key]
	if s == nil {
		s = &slot{taken: make(chan struct{}, 1)}
		l.byKey[key] = s
	}
	s.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(l.byKey, key)
		}
	}
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
