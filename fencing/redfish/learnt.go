package redfish

import "sync"

// learnt remembers how each BMC was signed in to, so that one that takes only one way
// is not asked the other way first each time: some lock accounts after a few refused
// logins. It is safe for concurrent use. A nil one remembers nothing.
type learnt struct {
	mu    sync.Mutex
	modes map[account]string // guarded by mu; at most maxLearnt
}

// account is an account of a BMC. The password is no part of it: it is kept nowhere.
type account struct{ endpoint, username string }

// maxLearnt bounds what is remembered: more BMCs than a cluster has.
const maxLearnt = 1024

func newLearnt() *learnt { return &learnt{modes: map[account]string{}} }

// mode returns the way that worked last, or "".
func (l *learnt) mode(a account) string {
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.modes[a]
}

// worked remembers a way that a BMC has taken.
func (l *learnt) worked(a account, mode string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.modes[a]; !known && len(l.modes) >= maxLearnt {
		clear(l.modes) // all are learnt anew, at the cost of a login each
	}
	l.modes[a] = mode
}

// forget drops what was learnt of an account whose login was refused.
func (l *learnt) forget(a account) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.modes, a)
}
