package main

// shrink removes whatever can be removed from a cluster so that still says that
// it differs, until nothing more can. It tries large parts first.
func shrink(cluster *element, differs func(*element) bool) *element {
	cluster = cluster.clone()
	for {
		before := cluster.size()
		cluster = withoutElements(cluster, differs)
		cluster = withoutAttributes(cluster, differs)
		if cluster.size() == before {
			return cluster
		}
	}
}

// withoutElements tries to do without each element, then with its children in
// its place.
func withoutElements(root *element, differs func(*element) bool) *element {
	for depth := 1; ; depth++ {
		found := false
		for _, parent := range atDepth(root, depth-1) {
			for i := 0; i < len(parent.children); {
				found = true
				child := parent.children[i]
				parent.children = append(append([]*element{}, parent.children[:i]...), parent.children[i+1:]...)
				if differs(root) {
					continue
				}
				parent.children = append(append(append([]*element{}, parent.children[:i]...), child), parent.children[i:]...)
				i++
			}
		}
		if !found {
			return root
		}
	}
}

func atDepth(e *element, depth int) []*element {
	if depth == 0 {
		return []*element{e}
	}
	var all []*element
	for _, child := range e.children {
		all = append(all, atDepth(child, depth-1)...)
	}
	return all
}

func withoutAttributes(root *element, differs func(*element) bool) *element {
	var all []*element
	for depth := 0; ; depth++ {
		level := atDepth(root, depth)
		if len(level) == 0 {
			break
		}
		all = append(all, level...)
	}
	for _, e := range all {
		for i := 0; i < len(e.attrs); {
			kept := e.attrs
			if needed[kept[i].name] {
				i++
				continue
			}
			e.attrs = append(append([]attr{}, kept[:i]...), kept[i+1:]...)
			if !differs(root) {
				e.attrs = kept
				i++
			}
		}
	}
	return root
}

// needed attributes are never tried: a cluster without them is no shorter to
// understand, or means something else to each release.
var needed = map[string]bool{
	"id": true, "validate-with": true, "crm_feature_set": true, "epoch": true, "num_updates": true, "admin_epoch": true,
	"transition-key": true, "transition-magic": true, "call-id": true, "op-digest": true, "operation_key": true, "uname": true,
	"on_node": true, "class": true, "provider": true, "type": true, "name": true, "operation": true, "rc-code": true, "op-status": true,
}
