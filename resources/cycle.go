package resources

import "slices"

// Edge leads to something; By names what made it.
type Edge[K comparable] struct {
	To K
	By string
}

// Cycle is a way from From along Edges back to it.
type Cycle[K comparable] struct {
	From  K
	Edges []Edge[K]
}

// Cycles returns one shortest cycle of each knot, which is a set of more than one
// thing that lead to each other. A cycle begins at the knot's first thing in order,
// which lists all that edges begin at, each once. Time and memory grow with the
// number of edges.
func Cycles[K comparable](order []K, edges map[K][]Edge[K]) []Cycle[K] {
	k := knots[K]{edges: edges, index: make(map[K]int, len(order)), low: make(map[K]int, len(order)), knot: make(map[K]int, len(order))}
	for _, start := range order {
		if k.index[start] == 0 {
			k.visit(start)
		}
	}
	var cycles []Cycle[K]
	told := map[int]bool{}
	for _, start := range order {
		if in := k.knot[start]; !told[in] && k.sizes[in-1] > 1 {
			told[in] = true
			cycles = append(cycles, Cycle[K]{start, k.shortest(start)})
		}
	}
	return cycles
}

// knots finds the strongly connected things (Tarjan's algorithm), without calling
// itself: chains may be long.
type knots[K comparable] struct {
	edges      map[K][]Edge[K]
	index, low map[K]int // in the order of their discovery, from 1
	knot       map[K]int // the number of each thing's knot, from 1
	sizes      []int     // of the knots
	stack      []K
}

func (k *knots[K]) visit(start K) {
	type visit struct {
		at   K
		next int
	}
	path := []visit{{at: start}}
	k.enter(start)
	for len(path) > 0 {
		top := &path[len(path)-1]
		if top.next < len(k.edges[top.at]) {
			to := k.edges[top.at][top.next].To
			top.next++
			switch {
			case k.index[to] == 0:
				k.enter(to)
				path = append(path, visit{at: to})
			case k.knot[to] == 0:
				k.low[top.at] = min(k.low[top.at], k.index[to])
			}
			continue
		}
		at := top.at
		path = path[:len(path)-1]
		if len(path) > 0 {
			above := path[len(path)-1].at
			k.low[above] = min(k.low[above], k.low[at])
		}
		if k.low[at] == k.index[at] {
			k.close(at)
		}
	}
}

func (k *knots[K]) enter(at K) {
	k.index[at] = len(k.index) + 1
	k.low[at] = k.index[at]
	k.stack = append(k.stack, at)
}

// close takes a knot from the stack.
func (k *knots[K]) close(last K) {
	from := len(k.stack) - 1
	for k.stack[from] != last {
		from--
	}
	k.sizes = append(k.sizes, len(k.stack)-from)
	for _, member := range k.stack[from:] {
		k.knot[member] = len(k.sizes)
	}
	k.stack = k.stack[:from]
}

// shortest is a shortest way from a member of a knot back to it.
func (k *knots[K]) shortest(start K) []Edge[K] {
	type step struct {
		from K
		by   Edge[K]
	}
	came := map[K]step{}
	for queue := []K{start}; len(queue) > 0; queue = queue[1:] {
		if _, back := came[start]; back {
			break
		}
		from := queue[0]
		for _, e := range k.edges[from] {
			if _, seen := came[e.To]; !seen && k.knot[e.To] == k.knot[start] {
				came[e.To] = step{from, e}
				queue = append(queue, e.To)
			}
		}
	}
	way := []Edge[K]{came[start].by}
	for at := came[start].from; at != start; at = came[at].from {
		way = append(way, came[at].by)
	}
	slices.Reverse(way)
	return way
}
