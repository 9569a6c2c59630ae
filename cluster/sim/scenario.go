package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/scheduler"
	"github.com/belay-ha/belay/resources"
)

// scenario is the cluster that a seed draws: hosts, of which the first are
// members at the beginning, and of these the first voters; and what it is to run.
type scenario struct {
	hosts, members, voters int
	// witness is the member that only votes, 0 for none. feeds says that hosts have two
	// feeds, the outlets of which can be switched.
	witness    int
	feeds      bool
	gates      bool // each host has one
	definition *resources.Definition
}

// spec is an agent of which only the specification is used: what its operations
// do is modelled in agentmodel.go.
type spec struct{ of agents.Spec }

func (s spec) Spec() agents.Spec                                   { return s.of }
func (spec) Start(context.Context, agents.Request) agents.Result   { panic("sim: not called") }
func (spec) Stop(context.Context, agents.Request) agents.Result    { panic("sim: not called") }
func (spec) Promote(context.Context, agents.Request) agents.Result { panic("sim: not called") }
func (spec) Demote(context.Context, agents.Request) agents.Result  { panic("sim: not called") }
func (spec) Monitor(context.Context, agents.Request) agents.Result { panic("sim: not called") }

var (
	timeouts = map[resources.Op]time.Duration{
		resources.OpStart: 10 * time.Second, resources.OpStop: 10 * time.Second, resources.OpPromote: 10 * time.Second,
		resources.OpDemote: 10 * time.Second, resources.OpMonitor: 5 * time.Second, resources.OpProbe: 5 * time.Second,
	}
	registry = agents.NewRegistry(
		spec{agents.Spec{Name: agentAddress, Timeouts: timeouts, MonitorInterval: 3 * time.Second}},
		spec{agents.Spec{Name: agentService, Timeouts: timeouts, MonitorInterval: 10 * time.Second}},
		spec{agents.Spec{Name: agentStore, Timeouts: timeouts, MonitorInterval: 10 * time.Second, Promotable: true}},
		spec{agents.Spec{Name: agentGuest, Timeouts: timeouts, MonitorInterval: 10 * time.Second, Migrates: true}},
	)
	plannerOptions = scheduler.Options{Quorum: true, Agents: map[string]scheduler.AgentFacts{
		agentAddress: {Timeouts: timeouts, NeedsNoScore: true},
		agentService: {Timeouts: timeouts, NeedsNoScore: true},
		agentStore:   {Timeouts: timeouts, NeedsNoScore: true, Promotable: true},
		agentGuest:   {Timeouts: timeouts, NeedsNoScore: true, Migrates: true},
	}}
)

func ptr[T any](v T) *T { return &v }

// newScenario draws the cluster that a seed is in an edition.
func newScenario(seed uint64, edition int) *scenario {
	c := newChance(seed, streamScenario)
	s := &scenario{members: pick(c, []int{3, 3, 3, 4, 5})}
	s.voters = s.members
	if s.members > 3 && c.of(500) {
		s.voters = 3
	}
	s.hosts = s.members
	if s.members < 5 && c.of(300) {
		s.hosts++ // one may join later
	}
	def := &resources.Definition{Name: "sim"}
	def.Properties = drawProperties(c)
	// What came later has a stream of its own: the seeds from before stay what they were.
	more := newChance(seed, streamDevices)
	has := kit{kdump: more.of(150), dog: more.of(250) && mayHaveDog(&def.Properties), feeds: more.of(300)}
	has.dogFirst, s.feeds = has.dog && more.of(500), has.feeds
	if has != (kit{}) {
		def.Properties.FencingTimeout = resources.Duration(70 * time.Second)
	}
	if s.voters == s.members && s.members > 3 && more.of(400) {
		s.witness = s.members - 1
	}
	later := newChance(seed, streamLater)
	if edition >= editionGates {
		s.gates = later.of(250)
		has.gate = s.gates
		drawLimits(later, &def.Properties)
	}
	for i := range s.hosts {
		name := hostName(i)
		def.Nodes = append(def.Nodes, resources.Node{Name: name, Attributes: map[string]string{"room": fmt.Sprint(i % 2)}})
		if s.witness > 0 && i == s.witness {
			has = kit{gate: has.gate} // an operator may fence it all the same
		}
		def.Fences = append(def.Fences, drawDevices(more, name, has)...)
	}
	drawResources(c, def)
	if edition >= editionGates {
		drawTickets(later, def)
		drawRequires(later, def)
	}
	s.definition = def
	return s
}

// mayHaveDog reports whether the no-quorum policy stops what a watchdog resets the
// host for.
func mayHaveDog(p *resources.Properties) bool {
	return p.NoQuorumPolicy == "" || p.NoQuorumPolicy == resources.NoQuorumStop || p.NoQuorumPolicy == resources.NoQuorumSuicide
}

func drawProperties(c chance) resources.Properties {
	p := resources.Properties{
		NoQuorumPolicy:   pick(c, []resources.NoQuorumPolicy{"", "", resources.NoQuorumStop, resources.NoQuorumFreeze, resources.NoQuorumSuicide, resources.NoQuorumDemote, resources.NoQuorumIgnore}),
		FencingAction:    pick(c, []resources.FencingAction{"", resources.FencingReboot, resources.FencingOff}),
		FencingTimeout:   resources.Duration(20 * time.Second),
		FenceWindow:      resources.Duration(90 * time.Second),
		FenceBudget:      pick(c, []int{0, 1, 2, 5}),
		FenceLimitWindow: resources.Duration(3 * time.Minute),
	}
	if c.of(300) {
		p.Lease = resources.Duration(c.between(2*time.Second, 8*time.Second))
	}
	if c.of(700) {
		p.FenceCheckInterval = ptr(resources.Duration(0))
	}
	if c.of(200) {
		p.StartFailureIsFatal = ptr(false)
	}
	return p
}

// drawResources fills a definition: addresses that live in one place only, a
// service with one door, clones, a promotable clone and a group.
func drawResources(c chance, def *resources.Definition) {
	add := func(r resources.Resource) { def.Resources = append(def.Resources, r) }
	address := resources.Resource{ID: "address", Agent: agentAddress}
	door := resources.Resource{ID: "door", Agent: agentService, Meta: resources.Meta{MigrationThreshold: ptr(pick(c, []int{0, 1, 3})), FailureTimeout: ptr(resources.Duration(30 * time.Second))}}
	add(address)
	add(door)
	if c.of(700) {
		add(resources.Resource{ID: "store", Agent: agentStore, Clone: &resources.Clone{Promotable: true, PromotedMax: ptr(pick(c, []int{1, 1, 2})), Interleave: c.of(500), Notify: c.of(300)}})
		if c.of(600) {
			def.Orders = append(def.Orders, resources.Order{ID: "store-door", First: "store", FirstAction: resources.OpPromote, Then: "door", ThenAction: resources.OpStart})
		}
		if c.of(400) {
			def.Colocations = append(def.Colocations, resources.Colocation{ID: "address-store", Resource: "address", With: "store", WithRole: resources.RolePromoted, Score: resources.Infinity})
		}
	}
	if c.of(600) {
		web := resources.Resource{ID: "web", Agent: agentService, Clone: &resources.Clone{Interleave: c.of(500)}}
		if c.of(500) {
			web.Clone.Max = ptr(2)
		}
		if c.of(200) {
			web.Clone.GloballyUnique, web.Clone.Max, web.Clone.NodeMax = true, ptr(3), ptr(2)
		}
		add(web)
	}
	if c.of(600) {
		add(resources.Resource{ID: "g1", Agent: agentAddress})
		add(resources.Resource{ID: "g2", Agent: agentService})
		def.Groups = append(def.Groups, resources.Group{ID: "group", Members: []resources.ResourceID{"g1", "g2"}})
		if c.of(400) {
			def.Colocations = append(def.Colocations, resources.Colocation{ID: "group-door", Resource: "group", With: "door", Score: pick(c, []resources.Score{-resources.Infinity, 500, resources.Infinity})})
		}
	}
	if c.of(800) {
		add(resources.Resource{ID: "guest", Agent: agentGuest, Meta: resources.Meta{AllowMigrate: ptr(true)}})
	}
	if c.of(300) {
		add(resources.Resource{ID: "loose", Agent: agentService, Meta: resources.Meta{Requires: ptr(resources.RequiresQuorum)}})
	}
	if c.of(300) {
		def.Locations = append(def.Locations, resources.Location{ID: "door-room", Resource: "door", Rule: `room == "0"`, Score: 100})
	}
	if c.of(300) {
		def.Defaults.Resource.Stickiness = ptr(resources.Score(200))
	}
}
