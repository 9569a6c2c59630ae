package codes

// nextSimulation is what to type next, after the CIB is corrected.
const nextSimulation = "belayctl simulate --cib FILE"

var simulationCodes = []Entry{
	{
		Code: "bad_discovery", Family: Simulation, Short: "a location has a resource-discovery that does not exist", Cause: "Pacemaker knows always, never and exclusive; the location is planned with always.",
		Cure: "Correct the constraint.", Next: nextSimulation, Example: "warning: loc-1: no kind of discovery: sometimes",
	},
	{
		Code: "bad_pattern", Family: Simulation, Short: "the pattern of a location cannot be read", Cause: "rsc-pattern is no regular expression; the constraint is ignored, as Pacemaker does.",
		Cure: "Correct the pattern.", Next: nextSimulation, Example: "warning: loc-1: no pattern: (web",
	},
	{
		Code: "bad_role", Family: Simulation, Short: "a constraint names a role that does not exist", Cause: "Roles are Started, Stopped, Promoted and Unpromoted; the constraint is ignored.",
		Cure: "Correct the role.", Next: nextSimulation, Example: "warning: loc-1: no role: Mastr",
	},
	{
		Code: "bad_score", Family: Simulation, Short: "a score cannot be read", Cause: "It is neither a whole number nor INFINITY or -INFINITY, and counts as 0.",
		Cure: "Correct the score.", Next: nextSimulation, Example: "warning: loc-1: no score: hihg",
	},
	{
		Code: "colocation_loop", Family: Simulation, Short: "colocations go round in a circle", Cause: "Each of the resources is placed by another of them. They are obeyed up to where the circle closes, so the last one says nothing.",
		Cure: "Take one of them out, or write the resources as one group or set.", Next: "belayctl constraint list", Example: "warning: colo-b-a: these colocations go round in a circle, and are obeyed up to where it closes: b with a, a with b",
	},
	{
		Code: "interleave_sizes", Family: Simulation, Short: "two interleaved clones differ in size on a node", Cause: "Interleaving pairs instances on a node, and one clone has more there than the other.",
		Cure: "Give both the same clone-node-max, or do not interleave them.", Next: nextSimulation, Example: "warning: colo-1: a and b do not have the same number of instances on a node",
	},
	{
		Code: "no_fencing", Family: Simulation, Short: "a ticket wants fencing, and fencing is off", Cause: "loss-policy=fence without fencing; what holds the ticket is stopped instead.",
		Cure: "Enable fencing, or choose another loss-policy.", Next: nextSimulation, Example: "warning: ticket-1: loss-policy fence needs fencing: stop instead",
	},
	{
		Code: "invalid_order", Family: Simulation, Short: "an order with what runs inside of a bundle has no effect", Cause: "What is in a bundle starts and stops with it.",
		Cure: "Order the bundle instead.", Next: nextSimulation, Example: "warning: web: an order with httpd, which runs inside, has no effect",
	},
	{
		Code: "order_without_inverse", Family: Simulation, Short: "an order cannot be reversed", Cause: "It is symmetrical, and its action has no opposite; only the forward half is planned with.",
		Cure: "Set symmetrical=false, and give the reverse by hand.", Next: nextSimulation, Example: "warning: order-1: the order cannot be reversed: give the reverse by hand",
	},
	{
		Code: "unknown_node", Family: Simulation, Short: "a location names a node that is not there", Cause: "The node was removed or is misspelled; the constraint is ignored.",
		Cure: "Remove or correct the constraint.", Next: nextSimulation, Example: "warning: loc-1: no node controller-9",
	},
	{
		Code: "unknown_resource", Family: Simulation, Short: "a constraint names a resource that is not there", Cause: "The resource was removed or is misspelled; the constraint is ignored.",
		Cure: "Remove or correct the constraint.", Next: nextSimulation, Example: "warning: order-1: no resource web-clone",
	},
}
