package chaos

import (
	"maps"
	"slices"
	"sync"
)

// Ledger remembers which numbered writes were tried and which of them were
// acknowledged. Its methods may be called from several goroutines.
type Ledger struct {
	mu     sync.Mutex
	tried  int64
	acked  map[int64]bool
	failed int
}

// NewLedger returns an empty Ledger.
func NewLedger() *Ledger { return &Ledger{acked: map[int64]bool{}} }

// Next returns the number of a write that is about to be tried, from 1.
func (l *Ledger) Next() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried++
	return l.tried
}

// Acknowledged notes that a write was acknowledged: from now on it must survive.
func (l *Ledger) Acknowledged(number int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[number] = true
}

// Failed notes a write without an answer, or with a refusal: it may be there or
// not.
func (l *Ledger) Failed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed++
}

// Count returns how many writes were acknowledged and how many failed.
func (l *Ledger) Count() (acknowledged, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked), l.failed
}

// Due returns the acknowledged writes so far. To be taken before reading back:
// what is acknowledged meanwhile need not be in what was read.
func (l *Ledger) Due() map[int64]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acked)
}

// Account is what reading back came to.
type Account struct {
	Due int
	// Lost are acknowledged writes that are not there.
	Lost []int64
	// Strange are numbers that nobody ever tried to write.
	Strange []int64
	// Unasked counts writes that are there without having been acknowledged, Twice
	// what was read more than once: neither is wrong.
	Unasked, Twice int
}

// Good reports whether nothing is lost or made up.
func (a Account) Good() bool { return len(a.Lost) == 0 && len(a.Strange) == 0 }

// Check compares what was due with what was read.
func (l *Ledger) Check(due map[int64]bool, read []int64) Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	account := Account{Due: len(due)}
	seen := make(map[int64]bool, len(read))
	for _, number := range read {
		switch {
		case seen[number]:
			account.Twice++
		case number < 1 || number > l.tried:
			account.Strange = append(account.Strange, number)
		case !l.acked[number]:
			account.Unasked++
		}
		seen[number] = true
	}
	for _, number := range slices.Sorted(maps.Keys(due)) {
		if !seen[number] {
			account.Lost = append(account.Lost, number)
		}
	}
	return account
}
