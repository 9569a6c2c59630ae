package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/api"
)

// unitsLimit bounds how long members are asked how units are on their hosts.
const unitsLimit = 5 * time.Second

// Units asks every member how units are on its host, side by side.
func (n *Node) Units(ctx context.Context, units []string) []api.UnitFound {
	ctx, cancel := context.WithTimeout(ctx, unitsLimit)
	defer cancel()
	s := n.machine.current.Load()
	all := []api.UnitFound{}
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, name := range s.NodeNames() {
		if s.Nodes[name].Witness {
			continue
		}
		work.Go(func() {
			var found []api.UnitFound
			if name == n.config.Name {
				found = n.OwnUnits(ctx, units)
			} else if !s.Nodes[name].Online() { // it would be waited for in vain
				for _, unit := range units {
					found = append(found, api.UnitFound{Node: name, Unit: unit, Error: "the member is not online"})
				}
			} else if answer, err := n.client(name, s.Nodes[name].Address).OwnUnits(ctx, units); err != nil {
				for _, unit := range units {
					found = append(found, api.UnitFound{Node: name, Unit: unit, Error: err.Error()})
				}
			} else {
				found = answer.Units
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, found...)
		})
	}
	work.Wait()
	slices.SortFunc(all, func(a, b api.UnitFound) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Unit, b.Unit)) })
	return all
}

// OwnUnits looks how units are on this host.
func (n *Node) OwnUnits(ctx context.Context, units []string) []api.UnitFound {
	found := []api.UnitFound{}
	for _, unit := range units {
		if n.config.Units == nil {
			break // a host without systemd starts nothing by itself
		}
		f := api.UnitFound{Node: n.config.Name, Unit: unit}
		file, err := n.config.Units.UnitFile(ctx, unit)
		if f.File = file; err != nil {
			f.Error = err.Error()
		}
		found = append(found, f)
	}
	return found
}
