package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the named lock of this rig, across processes. A host's lock is
// held while its power changes, never while it boots.
func (r *Rig) lock(ctx context.Context, name string) (unlock func(), err error) {
	// Not under /run: Down removes that, and a lock must outlive what it guards.
	dir := r.stateDir("locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	err = poll(ctx, "lock of "+name, func() (bool, error) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}

// ErrInUse means that another program has the rig's hosts for itself.
var ErrInUse = errors.New("the rig is in use")

// Hold takes the hosts of this rig for a demo, a test or a benchmark of several
// minutes, or fails at once with ErrInUse. It guards such programs against each
// other, not against single commands.
func (r *Rig) Hold(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	release, err = r.lock(ctx, "hold")
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w by another demo, test or benchmark: wait for it, or use another with --rig NAME", ErrInUse)
	}
	return release, err
}

// poll calls done every 10 ms until it is true, fails, or ctx ends.
func poll(ctx context.Context, what string, done func() (bool, error)) error {
	return pollEvery(ctx, 10*time.Millisecond, what, done)
}

func pollEvery(ctx context.Context, interval time.Duration, what string, done func() (bool, error)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}
