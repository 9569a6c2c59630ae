package main

import (
	"embed"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/doctor"
	"github.com/belay-ha/belay/cluster/policy/simulate"
	belay "github.com/belay-ha/belay/cluster/simulate"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/cmd/belayctl/internal/top"
	"github.com/belay-ha/belay/internal/codes"
	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/definition"
)

// schemaFiles are the JSON Schemas, written from the types below by `make golden`.
//
//go:embed schemas/*.json
var schemaFiles embed.FS

// answer is one form of what -o json prints.
type answer struct {
	// name of its schema.
	name string
	// value has the type that is printed.
	value any
	text  string
	// commands that print it. A test runs their examples and holds their output to
	// the schema; every command has to be here or among silent.
	commands []string
}

// answers is the one table from commands to what they print as JSON.
var answers = []answer{
	{"status", api.Status{}, "the cluster at a glance", []string{"status"}},
	{"change", changeAnswer{}, "a change that was made, or with --dry-run foreseen", changing},
	{"plan", planAnswer{}, "a change by files, with drift and what was kept", []string{"plan", "apply", "config rollback"}},
	{"revisions", []revisionAnswer{}, "the revisions of the definition, newest first", []string{"config history"}},
	{"revision", state.Revision{}, "one revision of the definition", []string{"config show"}},
	{"differences", []definition.Change{}, "what differs between two definitions", []string{"config diff"}},
	{"valid", validAnswer{}, "what valid files hold", []string{"validate"}},
	{"export", resources.Definition{}, "the definition as JSON", []string{"export"}},
	{"wait", waitedAnswer{}, "a wait that ended well", []string{"wait"}},
	{"top", top.Look{}, "one look of the full screen", []string{"top"}},
	{"history", []happened{}, "what has happened, oldest first; with --follow one event a line", []string{"history"}},
	{"doctor", doctor.Diagnosis{}, "what is not fit on the members and their hosts", []string{"doctor"}},
	{"bundle", bundleAnswer{}, "an archive for support, and what could not be had for it", []string{"bundle"}},
	{"audit", []state.AuditRecord{}, "who changed what, from where and when", []string{"audit", "audit list"}},
	{"audit-export", api.AuditAnswer{}, "all records with their hashes", []string{"audit export"}},
	{"audit-verify", verified{}, "an audit that is intact", []string{"audit verify"}},
	{"roles", []roleLine{}, "the roles that are bound", []string{"role list"}},
	{"whoami", api.WhoAmIAnswer{}, "whom the member takes you for", []string{"role whoami"}},
	{"certificate", certificateAnswer{}, "a client certificate that was issued", []string{"role certificate"}},
	{"explain", api.Explanation{}, "why a resource runs where it does", []string{"explain"}},
	{"explain-cib", explainedCIB{}, "explain with --cib", []string{"explain"}},
	{"simulate", belay.Form{}, "what a cluster would do", []string{"simulate"}},
	{"simulate-cib", simulate.Form{}, "simulate with --cib", []string{"simulate"}},
	{"resource", resourceAnswer{}, "one resource or group", []string{"resource show"}},
	{"resources", []api.ResourceSummary{}, "the resources", []string{"resource list", "resource show"}},
	{"agents", []agentAnswer{}, "agents and their parameters", []string{"resource agents", "resource describe", "fence agents"}},
	{"constraints", constraintsAnswer{}, "the constraints", []string{"constraint list"}},
	{"nodes", []api.NodeStatus{}, "the members", []string{"node list"}},
	{"attributes", []attributeValue{}, "nodes' attributes", []string{"attribute list"}},
	{"pairs", map[string]string{}, "names and values", []string{"node attribute"}},
	{"properties", resources.Properties{}, "the cluster's properties", []string{"property list"}},
	{"defaults", resources.Defaults{}, "what resources and operations take that say nothing", []string{"defaults list", "resource defaults"}},
	{"fences", []resources.FenceDevice{}, "the fence devices", []string{"fence", "fence list"}},
	{"fencing", state.Fencing{}, "one fencing with its evidence, once it was waited for", []string{"fence", "fence test"}},
	{"fencings", []state.Fencing{}, "open and past fencings with their evidence", []string{"fence history"}},
	{"fence-checks", []api.FenceCheckResult{}, "what fence devices answered", []string{"fence check", "fence test"}},
	{"tags", []resources.Tag{}, "tags: names for several resources", []string{"tag list"}},
	{"tickets", []ticketLine{}, "tickets, and what needs them", []string{"ticket list"}},
	{"maintenance", []api.MaintenanceStatus{}, "what is in maintenance", []string{"maintenance list"}},
	{"secret", secretAnswer{}, "a secret that was set, rotated or deleted", []string{"secret set", "secret rotate", "secret delete"}},
	{"data-key", dataKeyAnswer{}, "the data key was replaced, or would be", []string{"secret rotate-key"}},
	{"secrets", []secretLine{}, "the secrets, never their values", []string{"secret list"}},
	{"taken-over", []takenLine{}, "the units that members have taken over", []string{"resource take-over"}},
	{"galera", galeraAnswer{}, "the members of a Galera cluster", []string{"galera status"}},
	{"enrolled", enrolledAnswer{}, "what this host has become", []string{"cluster init", "cluster join"}},
	{"token", api.TokenAnswer{}, "a join token", []string{"cluster token create"}},
	{"saved", savedAnswer{}, "a file with the cluster's state", []string{"state save"}},
	{"import", imported{}, "a definition from a Pacemaker CIB", []string{"import cib"}},
	{"convert", converted{}, "a definition from pcs commands", []string{"convert pcs"}},
	{"version", versionAnswer{}, "this program", []string{"version"}},
	{"codes", []codes.Entry{}, "error codes and their stories", []string{"help errors"}},
	{"schemas", []schemaAnswer{}, "the schemas", []string{"schema"}},
	{"error", failureAnswer{}, "an error, the last line of the standard error", nil},
}

// changing are the commands whose answer is a change.
var changing = []string{
	"resource create", "resource bundle create", "resource update", "resource delete", "resource enable", "resource disable", "resource move", "resource ban", "resource clear",
	"resource restart", "resource retry", "resource take-over", "resource meta", "resource manage", "resource unmanage", "resource utilization", "resource group add",
	"resource group remove", "resource clone", "resource promotable", "resource unclone", "resource defaults",
	"constraint order", "constraint colocation", "constraint location", "constraint ticket", "constraint remove",
	"node standby", "node unstandby", "node maintenance", "node unmaintenance", "node attribute", "node utilization", "node remove",
	"attribute set", "attribute unset", "property set", "property unset", "defaults resource", "defaults op", "maintenance set", "maintenance end",
	"fence", "fence create", "fence update", "fence delete", "fence unfence", "fence level add", "role bind", "role unbind", "fence level remove", "fence confirm", "fence release",
	"tag create", "tag delete", "ticket grant", "ticket revoke", "ticket standby", "ticket activate", "ticket forget", "galera bootstrap",
}

// definitionSchema is the schema of definition files in TOML, for editors.
const definitionSchema = "definition"

// schemaAnswer is one line of the list of schemas.
type schemaAnswer struct {
	Name     string   `json:"name"`
	Text     string   `json:"text"`
	Commands []string `json:"commands"`
}

func schemaList() []schemaAnswer {
	list := []schemaAnswer{{definitionSchema, "definition files (TOML): editors complete and check them by it", []string{}}}
	for _, a := range answers {
		list = append(list, schemaAnswer{a.name, a.text, orEmpty(a.commands)})
	}
	return list
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema [NAME]", Short: "Write a JSON Schema: of definition files, or of what -o json prints", Args: arguments(0, 1),
		Long: `Without a name lists the schemas and the commands that print what they describe.
"definition" is that of definition files: editors that know TOML (Even Better TOML,
taplo) complete and check by it, when a file begins with #:schema PATH.
Fields are only ever added to what -o json prints.`,
		Example: "  belayctl schema\n  belayctl schema status\n  belayctl schema definition > belay.schema.json",
		RunE: func(_ *cobra.Command, args []string) error {
			list := schemaList()
			if len(args) == 0 {
				return a.print(list, func(w io.Writer) {
					table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
					for _, s := range list {
						fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Text, few(s.Commands, 3))
					}
					table.Flush()
				})
			}
			if !slices.ContainsFunc(list, func(s schemaAnswer) bool { return s.Name == args[0] }) {
				return unknownName("schema", args[0], schemaNames())
			}
			text, err := schemaFiles.ReadFile("schemas/" + args[0] + ".json")
			if err != nil {
				return err
			}
			_, err = a.out.Write(text)
			return err
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return schemaNames(), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func schemaNames() []string {
	var names []string
	for _, s := range schemaList() {
		names = append(names, s.Name)
	}
	return names
}
