// Package sim runs whole Belay clusters in one goroutine, in virtual time, from
// a seed: the members' real state machine, planner, leader and member logic in
// a world of hosts, disks, networks, clocks, agents and power controllers that
// fail as the seed says. After every step it holds what really runs against the
// safety rules (see invariants), and at the end, when the faults have stopped,
// it demands that the cluster settles.
//
// The same seed gives the same run, event by event. There is one event queue,
// one virtual clock and no goroutine; chance comes from the seed alone; no
// decision depends on the order of a map.
//
// What is real: cluster/state, cluster/scheduler, cluster/transition,
// cluster/leader and cluster/member. What is modelled is what these packages
// stand on: Raft (raft*.go, by its paper and by what hashicorp/raft does), the
// failure detector (detector.go, within the bounds that cluster/membership
// documents), the network, the disk, hosts, agents and fence devices.
//
// It starts no goroutine, opens nothing and reads no clock.
package sim
