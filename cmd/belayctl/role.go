package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
)

const roleHelp = `Roles are viewer (reads), operator (runs the cluster), admin (also members, secrets,
tokens and roles) and none. WHO is user:NAME or group:NAME of the hosts' users, or
cert:NAME, the name in a client certificate.

A local user has the role bound to them, else the highest bound to their groups. With
neither, members of the socket's group (belay) are administrators. A certificate has
the role bound to its name, else the one in it. Root on a member is an administrator
always, so that nobody is locked out.`

func (a *app) roleCommand() *cobra.Command {
	return a.parent("role", "Who may do what", "  belayctl role bind group:support viewer\n  belayctl role list\n  belayctl role whoami",
		a.roleBindCommand(), a.roleUnbindCommand(), a.roleListCommand(), a.roleWhoAmICommand(), a.roleCertificateCommand())
}

func (a *app) roleBindCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "bind WHO ROLE", Short: "Give somebody a role", Args: arguments(2, 2), Long: "Gives a user, a group or a certificate a role, in place of the one that it has.\n\n" + roleHelp,
		Example: "  belayctl role bind group:support viewer\n  belayctl role bind user:alice operator\n  belayctl role bind cert:deploy none",
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return []string{"user:", "group:", "cert:"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		case 1:
			return []string{state.RoleViewer, state.RoleOperator, state.RoleAdmin, state.RoleNone}, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.command(cmd.Context(), &flags, &state.RoleBound{Subject: state.Subject(args[0]), Role: args[1]}, args[0]+" is "+args[1])
	}
	return cmd
}

func (a *app) roleUnbindCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use: "unbind WHO", Short: "Take a binding back: what then holds is what held before it", Args: arguments(1, 1), Example: "  belayctl role unbind group:support",
		Long: "Takes a binding back.\n\n" + roleHelp,
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		defer cancel()
		s, err := a.state(ctx, false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var bound []string
		for _, subject := range slices.Sorted(maps.Keys(s.Roles)) {
			bound = append(bound, string(subject))
		}
		return bound, cobra.ShellCompDirectiveNoFileComp
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.command(cmd.Context(), &flags, &state.RoleBound{Subject: state.Subject(args[0])}, "the role of "+args[0]+" is no longer bound")
	}
	return cmd
}

// roleLine is one binding as it is listed.
type roleLine struct {
	Who state.Subject `json:"who"`
	state.RoleBinding
}

func (a *app) roleListCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{Use: "list", Short: "List the roles that are bound", Args: arguments(0, 0), Example: "  belayctl role list\n  belayctl role list -o json", Long: "Lists the roles that are bound.\n\n" + roleHelp}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := a.state(cmd.Context(), stale)
		if err != nil {
			return err
		}
		lines := []roleLine{}
		for _, who := range slices.Sorted(maps.Keys(s.Roles)) {
			lines = append(lines, roleLine{who, s.Roles[who]})
		}
		return a.print(lines, func(w io.Writer) {
			if len(lines) == 0 {
				fmt.Fprintln(w, "no roles are bound: root and the group belay on members are administrators, certificates are what they say")
				return
			}
			table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "WHO\tROLE\tBOUND BY\tSINCE")
			for _, l := range lines {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Who, l.Role, l.By, l.At.UTC().Format(time.RFC3339))
			}
			table.Flush()
		})
	}
	return cmd
}

func (a *app) roleWhoAmICommand() *cobra.Command {
	return &cobra.Command{
		Use: "whoami", Short: "Say whom the member takes you for, and what you may do", Args: arguments(0, 0), Example: "  belayctl role whoami",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.cluster()
			if err != nil {
				return err
			}
			who, err := call(cmd.Context(), c.WhoAmI)
			if err != nil {
				return err
			}
			return a.print(who, func(w io.Writer) { fmt.Fprintf(w, "%s, %s (%s)\n", who.Name, who.Role, who.From) })
		},
	}
}

// certificateAnswer is what -o json prints of a new certificate.
type certificateAnswer struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Files are the certificate, its key and the authority.
	Files  []string `json:"files"`
	DryRun bool     `json:"dry_run,omitempty"`
}

func (a *app) printCertificate(request api.CertificateRequest, expires time.Time, files []string) error {
	return a.print(certificateAnswer{Name: request.Name, Role: request.Role, ExpiresAt: expires, Files: files}, func(w io.Writer) {
		fmt.Fprintf(w, "certificate for %s as %s, good until %s\n", request.Name, request.Role, expires.Format(time.RFC3339))
		fmt.Fprintf(w, "  export %s\n", strings.Join([]string{"BELAY_CERT=" + files[0], "BELAY_KEY=" + files[1], "BELAY_CA=" + files[2], "BELAY_ADDR=https://MEMBER:7450"}, " "))
	})
}
