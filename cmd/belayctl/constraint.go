package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/resources"
	"github.com/belay-ha/belay/resources/edit"
)

func (a *app) constraintCommand() *cobra.Command {
	return a.parent("constraint", "Orders, colocations, locations and tickets", "  belayctl constraint list\n  belayctl constraint order promote galera then start keystone",
		a.editing("order [start|promote|stop|demote] A then [start|promote|stop|demote] B [kind=optional|serialize] [symmetrical=false] [require-all=false] [id=ID], or order set A B... [require-all=false] set C... [setoptions kind=optional], or order remove A B",
			"Make one resource's action wait for another's",
			"  belayctl constraint order start haproxy then vip kind=Optional\n  belayctl constraint order promote galera then start keystone require-all=false\n  belayctl constraint order set galera keystone sequential=false require-all=false set web\n  belayctl constraint order remove haproxy vip",
			func(def *resources.Definition, words []string) (*resources.Definition, error) {
				if len(words) == 3 && (words[0] == "remove" || words[0] == "delete") {
					return edit.RemoveOrder(def, words[1], words[2])
				}
				return edit.AddOrder(def, withoutAdd(words))
			}, all),
		a.editing("colocation add [ROLE] A with [ROLE] B [SCORE] [node-attribute=NAME] [influence=BOOL] [id=ID], or colocation set A B... set C... [setoptions score=SCORE], or colocation remove A B",
			"Place a resource with another, or with a negative score apart from it",
			"  belayctl constraint colocation add vip with haproxy\n  belayctl constraint colocation add reader with promoted galera -INFINITY\n  belayctl constraint colocation remove vip haproxy",
			func(def *resources.Definition, words []string) (*resources.Definition, error) {
				if len(words) == 3 && (words[0] == "remove" || words[0] == "delete") {
					return edit.RemoveColocation(def, words[1], words[2])
				}
				return edit.AddColocation(def, withoutAdd(words))
			}, all),
		a.editing("location A prefers|avoids NODE[=SCORE]..., or location A rule [score=SCORE] [resource-discovery=exclusive] [role=ROLE] EXPRESSION",
			"Say where a resource, or all of agent=PATTERN or id=EXPRESSION, like to run",
			"  belayctl constraint location vip prefers controller-0=50 controller-1\n  belayctl constraint location nova-compute rule resource-discovery=exclusive score=0 osprole eq compute\n"+
				"  belayctl constraint location 'agent=systemd:*' rule 'osprole == \"controller\" and not_defined spare'",
			func(def *resources.Definition, words []string) (*resources.Definition, error) {
				if len(words) > 1 && (words[0] == "remove" || words[0] == "delete") {
					return edit.RemoveConstraints(def, words[1:])
				}
				return edit.AddLocation(def, words)
			}, all),
		a.editing("ticket add TICKET [ROLE] A [loss-policy=stop|demote|freeze|fence] [id=ID], or ticket set A B... setoptions ticket=TICKET, or ticket remove TICKET A",
			"Let a resource run with a ticket only; see: ticket grant",
			"  belayctl constraint ticket add geo vip loss-policy=fence\n  belayctl constraint ticket add geo promoted galera",
			func(def *resources.Definition, words []string) (*resources.Definition, error) {
				if len(words) == 3 && (words[0] == "remove" || words[0] == "delete") {
					return edit.RemoveTicket(def, words[1], words[2])
				}
				return edit.AddTicket(def, withoutAdd(words))
			}, all),
		a.removeConstraintsCommand(),
		a.constraintListCommand(),
	)
}

func (a *app) removeConstraintsCommand() *cobra.Command {
	cmd := a.editing("remove ID...", "Remove constraints by their ids", "  belayctl constraint remove order-haproxy-vip", edit.RemoveConstraints, all)
	cmd.Aliases = []string{"delete"}
	return cmd
}

// withoutAdd drops pcs' optional word add.
func withoutAdd(words []string) []string {
	if len(words) > 0 && words[0] == "add" {
		return words[1:]
	}
	return words
}

func (a *app) constraintListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"show", "config"}, Short: "List the constraints with their ids", Args: arguments(0, 0), Example: "  belayctl constraint list\n  belayctl constraint list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			def, err := a.definition(cmd.Context())
			if err != nil {
				return err
			}
			answer := constraintsAnswer{orEmpty(def.Orders), orEmpty(def.Colocations), orEmpty(def.Locations), orEmpty(def.Tickets)}
			return a.print(answer, func(w io.Writer) { printConstraints(w, def) })
		},
	}
}

// orEmpty writes as [] in JSON, never as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func printConstraints(w io.Writer, def *resources.Definition) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, o := range def.Orders {
		then := o.ThenAction
		first := o.FirstAction
		if first == "" {
			first = resources.OpStart
		}
		if then == "" {
			then = first
		}
		text := fmt.Sprintf("%s %s then %s %s", first, o.First, then, o.Then)
		if len(o.Sets) > 0 {
			text = setsText(o.Sets)
		}
		if o.Kind != "" && o.Kind != resources.OrderMandatory {
			text += " kind=" + string(o.Kind)
		}
		if o.RequireAll != nil {
			text += fmt.Sprintf(" require-all=%v", *o.RequireAll)
		}
		if o.Symmetrical != nil {
			text += fmt.Sprintf(" symmetrical=%v", *o.Symmetrical)
		}
		fmt.Fprintf(table, "order\t%s\t%s\n", text, o.ID)
	}
	for _, c := range def.Colocations {
		text := fmt.Sprintf("%s%s with %s%s score=%s", roleWord(c.Role), c.Resource, roleWord(c.WithRole), c.With, c.Score)
		if len(c.Sets) > 0 {
			text = fmt.Sprintf("%s score=%s", setsText(c.Sets), c.Score)
		}
		if c.NodeAttribute != "" {
			text += " node-attribute=" + c.NodeAttribute
		}
		fmt.Fprintf(table, "colocation\t%s\t%s\n", text, c.ID)
	}
	for _, l := range def.Locations {
		what := string(l.Resource) + setsText(l.Sets)
		if l.Selector != nil {
			what = "agent=" + l.Selector.Agent
			if l.Selector.ID != "" {
				what = "id=" + l.Selector.ID
			}
		}
		where := "on " + string(l.Node)
		if l.Rule != "" {
			where = "where " + l.Rule
		}
		text := strings.TrimSpace(fmt.Sprintf("%s%s %s score=%s", roleWord(l.Role), what, where, l.Score))
		if l.Discovery != "" {
			text += " resource-discovery=" + string(l.Discovery)
		}
		fmt.Fprintf(table, "location\t%s\t%s\n", text, l.ID)
	}
	for _, t := range def.Tickets {
		fmt.Fprintf(table, "ticket\t%s for %s%s%s loss-policy=%s\t%s\n", t.Ticket, roleWord(t.Role), t.Resource, setsText(t.Sets), t.Policy(), t.ID)
	}
}

// setsText writes sets as the verbs take them.
func setsText(sets []resources.ResourceSet) string {
	var words []string
	for _, s := range sets {
		words = append(words, "set")
		for _, id := range s.Resources {
			words = append(words, string(id))
		}
		if s.Sequential != nil {
			words = append(words, fmt.Sprintf("sequential=%v", *s.Sequential))
		}
		if s.RequireAll != nil {
			words = append(words, fmt.Sprintf("require-all=%v", *s.RequireAll))
		}
		if s.Role != resources.RoleUnknown {
			words = append(words, "role="+s.Role.String())
		}
		if s.Action != "" {
			words = append(words, "action="+string(s.Action))
		}
		if s.Score != nil {
			words = append(words, "score="+s.Score.String())
		}
	}
	return strings.Join(words, " ")
}

func roleWord(role resources.Role) string {
	if role == resources.RoleUnknown {
		return ""
	}
	return role.String() + " "
}
