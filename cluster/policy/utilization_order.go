package policy

// Where two nodes have as much left, Pacemaker takes the one that it meets first in
// a table of GLib's, which it goes through by place. A place follows from a node's id
// alone, but for collisions, so that the same can be met first here.

// tablePlaces returns the numbers of nodes in the order of such a table.
func tablePlaces(nodes []*node) []int {
	size := uint32(8)
	for uint32(len(nodes)) >= size && size < 1<<16 {
		size *= 2
	}
	if uint32(len(nodes)) >= size { // more than there ever are
		order := make([]int, len(nodes))
		for i := range order {
			order[i] = i
		}
		return order
	}
	table := make([]int, size)
	for i, n := range nodes {
		at := tableHash(n.id) * 11 % largestPrimes[size]
		for step := uint32(1); table[at] != 0; step++ {
			at = (at + step) & (size - 1)
		}
		table[at] = i + 1
	}
	order := make([]int, 0, len(nodes))
	for _, number := range table {
		if number > 0 {
			order = append(order, number-1)
		}
	}
	return order
}

// largestPrimes are those below each size of a table, as far as GLib has them.
var largestPrimes = map[uint32]uint32{
	8: 7, 16: 13, 32: 31, 64: 61, 128: 127, 256: 251, 512: 509, 1024: 1021, 2048: 2039, 4096: 4093, 8192: 8191, 16384: 16381, 32768: 32749, 65536: 65521,
}

// tableHash is the hash of a text in GLib (by D. J. Bernstein).
func tableHash(text string) uint32 {
	h := uint32(5381)
	for i := range len(text) {
		h = h*33 + uint32(text[i])
	}
	return h
}
