package membership

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// watchers is how many members watch each member.
const watchers = 3

// seat is a member's place on the ring. Healthy seats count as watchers.
type seat struct {
	name    string
	healthy bool
}

// targets returns whom self watches: its successors on the ring up to and
// including the third healthy one. So each member is watched by its three
// nearest healthy predecessors, and those of a failed watcher take over as soon
// as it is doubted. The order is by hash so that neighbours in a rack, whose
// names are alike, are not each other's only watchers.
func targets(self string, seats []seat) []string {
	ring := slices.Clone(seats)
	slices.SortFunc(ring, func(a, b seat) int {
		return cmp.Or(cmp.Compare(place(a.name), place(b.name)), cmp.Compare(a.name, b.name))
	})
	at := slices.IndexFunc(ring, func(s seat) bool { return s.name == self })
	if at < 0 {
		return nil
	}
	var out []string
	for i, healthy := 1, 0; i < len(ring) && healthy < watchers; i++ {
		s := ring[(at+i)%len(ring)]
		out = append(out, s.name)
		if s.healthy {
			healthy++
		}
	}
	return out
}

func place(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	x := h.Sum64()
	// FNV leaves names that differ in the last byte close together: mix.
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}
