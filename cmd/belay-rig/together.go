package main

import (
	"errors"
	"sync"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/rig"
)

// together does one thing to several hosts at once and returns all errors.
func together(hosts []rig.Host, do func(rig.Host) error) error {
	all := make([]error, len(hosts))
	var wait sync.WaitGroup
	for i, host := range hosts {
		wait.Go(func() { all[i] = do(host) })
	}
	wait.Wait()
	return errors.Join(all...)
}
