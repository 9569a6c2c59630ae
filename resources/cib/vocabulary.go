package cib

import "strings"

// words are what the schemas let an element have.
type words struct{ attrs, children []string }

func say(attrs, children string) words {
	return words{strings.Fields(attrs), strings.Fields(children)}
}

const (
	blocks     = "meta_attributes instance_attributes "
	pairs      = "nvpair rule"
	set        = "id id-ref score name"
	launcher   = "image replicas replicas-per-host masters promoted-max run-command network options"
	constraint = "lifetime resource_set "
)

// vocabulary joins the schemas of Pacemaker's releases. What has no effect on
// decisions (alerts, ACLs) is not looked into.
var vocabulary = map[string]words{
	"configuration":        say("", "crm_config nodes resources constraints rsc_defaults op_defaults fencing-topology tags acls alerts"),
	"crm_config":           say("", "cluster_property_set"),
	"rsc_defaults":         say("", "meta_attributes"),
	"op_defaults":          say("", "meta_attributes"),
	"cluster_property_set": say(set, pairs),
	"meta_attributes":      say(set, pairs),
	"instance_attributes":  say(set, pairs),
	"utilization":          say(set, pairs),
	"nvpair":               say("id id-ref name value", ""),

	"nodes":     say("", "node"),
	"node":      say("id uname type description score", "instance_attributes utilization"),
	"resources": say("", "primitive template group clone master bundle"),
	"primitive": say("id class provider type template description", blocks+"operations utilization"),
	"template":  say("id class provider type description", blocks+"operations utilization"),
	"group":     say("id description", blocks+"primitive"),
	"clone":     say("id description", blocks+"primitive group"),
	"master":    say("id description", blocks+"primitive group"),

	"operations": say("id id-ref", "op"),
	"op":         say("id id-ref name interval description start-delay interval-origin timeout enabled record-pending role on-fail", blocks),

	"bundle":          say("id description", blocks+"docker podman rkt network storage primitive"),
	"docker":          say(launcher, ""),
	"podman":          say(launcher, ""),
	"network":         say("ip-range-start control-port host-interface host-netmask add-host", "port-mapping"),
	"port-mapping":    say("id port internal-port range", ""),
	"storage":         say("", "storage-mapping"),
	"storage-mapping": say("id source-dir source-dir-root target-dir options", ""),

	"constraints":    say("", "rsc_location rsc_colocation rsc_order rsc_ticket"),
	"rsc_location":   say("id rsc rsc-pattern role node score resource-discovery", constraint+"rule"),
	"rsc_colocation": say("id rsc with-rsc rsc-role with-rsc-role score influence node-attribute", constraint),
	"rsc_order":      say("id first then first-action then-action kind score symmetrical require-all", constraint),
	"rsc_ticket":     say("id rsc rsc-role ticket loss-policy", constraint),
	"lifetime":       say("", "rule"),
	"resource_set":   say("id id-ref sequential require-all ordering action role score kind", "resource_ref"),
	"resource_ref":   say("id", ""),

	"rule":            say("id id-ref boolean-op score score-attribute role", "rule expression date_expression rsc_expression op_expression"),
	"expression":      say("id id-ref attribute operation value type value-source", ""),
	"date_expression": say("id id-ref operation start end", "duration date_spec"),
	"duration":        say("id id-ref years months weeks days hours minutes seconds monthdays weekdays yearsdays weekyears moon", ""),
	"date_spec":       say("id id-ref years months weeks weekdays monthdays yeardays yearsdays hours minutes seconds weekyears moon", ""),
	"rsc_expression":  say("id class provider type", ""),
	"op_expression":   say("id name interval", ""),

	"tags":             say("", "tag"),
	"tag":              say("id", "obj_ref"),
	"obj_ref":          say("id", ""),
	"fencing-topology": say("", "fencing-level"),
	"fencing-level":    say("id target target-pattern target-attribute target-value index devices", ""),
}

// check refuses elements and attributes that no schema knows, and ids that are
// given twice.
func (r *reader) check(e *element) {
	if !r.strict || e.name == "acls" || e.name == "alerts" {
		return
	}
	known, found := vocabulary[e.name]
	if !found {
		return // told of by its parent
	}
	for _, a := range e.attrs {
		if !among(a.name, known.attrs) && !incidental(a.name) {
			r.add(a.at, "attribute %s is unknown in <%s>", a.name, e.name)
		}
	}
	if id := e.id(); id != "" && unique(e.name) && r.byID[id][0] != e {
		first := r.byID[id][0]
		r.add(e.where("id"), "id %q is that of the <%s> in line %d, too", id, first.name, first.at.line)
	}
	for _, c := range e.children {
		if !among(c.name, known.children) {
			r.add(c.at, "<%s> is unknown in <%s>", c.name, e.name)
		}
		r.check(c)
	}
}

// among reports whether a word is in a short list.
func among(word string, list []string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// incidental attributes are left by tools and mean nothing.
func incidental(name string) bool {
	return strings.HasPrefix(name, "xml") || strings.HasPrefix(name, "crm-debug") || strings.HasPrefix(name, "__crm_")
}

// unique reports whether elements with a name have ids of their own: those of
// nodes are apart, and some are the ids of other things.
func unique(name string) bool { return name != "node" && name != "obj_ref" && name != "resource_ref" }
