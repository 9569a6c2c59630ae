package policy

// Set is a set of resources in a constraint.
type Set struct {
	ID        string
	Resources []string
	// Sequential and RequireAll default to true.
	Sequential, RequireAll *bool
	Role, Action, Score    string // "" where not given
	Kind                   string
}

// LocationConfig says which nodes suit a resource: either one node with a
// score, or rules.
type LocationConfig struct {
	ID string
	// Resource, or a regular expression over resources (Negated: those that do
	// not match), or Sets.
	Resource, Pattern string
	Negated           bool
	Sets              []Set
	Role              string // "" for any
	Node              string
	Score             string
	Discovery         string // "", always, never, exclusive
	Rules             []LocationRule
	Lifetime          *Rule // the constraint holds only while this does; nil: always
}

// LocationRule gives its score to the nodes where its rule holds.
type LocationRule struct {
	Rule *Rule
	// Nodes, where not nil, says for each of Input.Nodes whether the rule holds
	// there: for callers that judge their rules themselves.
	Nodes          []bool
	Score          string
	ScoreAttribute string
	Role           string
}

// ColocationConfig says that Dependent is placed relative to Primary.
type ColocationConfig struct {
	ID                         string
	Dependent, Primary         string
	DependentRole, PrimaryRole string
	Score                      string
	NodeAttribute              string
	Influence                  *bool // nil: the dependent's critical
	Sets                       []Set
	Lifetime                   *Rule // as in LocationConfig
}

// OrderConfig says that an action of Then comes after one of First.
type OrderConfig struct {
	ID                      string
	First, Then             string
	FirstAction, ThenAction string
	Kind                    string // "" with Score: the old way
	Score                   string
	Symmetrical, RequireAll *bool
	Sets                    []Set
	Lifetime                *Rule // as in LocationConfig
}

// TicketConfig binds resources to a ticket.
type TicketConfig struct {
	ID, Ticket     string
	Resource, Role string
	LossPolicy     string
	Sets           []Set
	Lifetime       *Rule // as in LocationConfig
}

// TicketState is what is known of a ticket.
type TicketState struct {
	ID               string
	Granted, Standby bool
}
