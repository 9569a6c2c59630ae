package resources

import (
	"fmt"
	"strconv"
	"strings"
)

// NodeName names a cluster node, as in the definition and in its certificate.
type NodeName string

// ResourceID names a resource or a group in the definition.
type ResourceID string

// InstanceID names one instance of a resource on a node. A primitive and an
// anonymous clone use the resource's own id ("galera"): the node tells its
// copies apart. A globally unique clone carries its number ("inspector:1"),
// because its copies differ and several may share a node.
type InstanceID string

// NumberedInstance returns the id of copy number index of a globally unique
// clone.
func NumberedInstance(id ResourceID, index int) InstanceID {
	return InstanceID(fmt.Sprintf("%s:%d", id, index))
}

// Resource returns the id of the resource that the instance belongs to.
func (i InstanceID) Resource() ResourceID {
	name, _, _ := strings.Cut(string(i), ":")
	return ResourceID(name)
}

// Index returns the copy's number, or 0 for an unnumbered instance.
func (i InstanceID) Index() int {
	_, number, found := strings.Cut(string(i), ":")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return n
}

// ActionID names one dispatched action for ever: the Raft index of the entry
// that recorded the intent, and its place in that entry ("118.0").
type ActionID string

// NewActionID returns the id of the nth intent of the log entry at index.
func NewActionID(index uint64, nth int) ActionID {
	return ActionID(fmt.Sprintf("%d.%d", index, nth))
}
