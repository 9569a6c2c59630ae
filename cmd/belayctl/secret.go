package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
)

// maxSecret bounds a secret, in bytes.
const maxSecret = 64 << 10

func (a *app) secretCommand() *cobra.Command {
	return a.parent("secret", "Secrets that definitions refer to as secret://NAME", "  belayctl secret set bmc-0 < password-file\n  belayctl secret list",
		a.secretSetCommand(), a.secretRotateCommand(), a.secretRotateKeyCommand(), a.secretDeleteCommand(), a.secretListCommand())
}

func (a *app) secretSetCommand() *cobra.Command {
	return a.storing(&cobra.Command{
		Use: "set NAME", Short: "Store a secret, read from the terminal, the standard input or a file",
		Long:    "Stores a secret, sealed. It is never taken from the command line, where others could\nsee it, and never shown again. One line break at its end is dropped.",
		Example: "  belayctl secret set bmc-0\n  belayctl secret set bmc-0 < password-file\n  belayctl secret set bmc-0 --file password-file",
	}, "is set", false)
}

func (a *app) secretRotateCommand() *cobra.Command {
	return a.storing(&cobra.Command{
		Use: "rotate NAME", Short: "Give a secret that is set a new value",
		Long:    "Replaces a secret's value, read as secret set reads it; a name that is not set is\nrefused. Fence devices use the new value at their next use and are read again at\nonce; services have the old one until they are started again, which is up to you.",
		Example: "  belayctl secret rotate bmc-0 < password-file\n  belayctl secret rotate bmc-0 --file password-file",
	}, "has a new value", true)
}

// storing makes a command store a secret's value; one that rotates needs an old
// value, and says who goes on with that.
func (a *app) storing(cmd *cobra.Command, done string, rotate bool) *cobra.Command {
	var file string
	var dryRun bool
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("a secret is not taken from the command line, where others see it: write %s, and type it, or give it by < FILE or --file FILE", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		}
		return arguments(1, 1)(cmd, args)
	}
	cmd.Flags().StringVar(&file, "file", "", "read it from this file")
	addDryRun(cmd, &dryRun)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := a.readValue(file)
		if err != nil {
			return err
		}
		if value == "" {
			return usage("the secret is empty; to remove it: belayctl secret delete %s", args[0])
		}
		if err := a.storeSecret(cmd.Context(), api.SecretRequest{Secret: args[0], Value: value, Rotate: rotate}, done, dryRun); err != nil {
			return err
		}
		if rotate {
			a.noteUsers(cmd.Context(), args[0])
		}
		return nil
	}
	return cmd
}

// noteUsers says which services go on with a secret's old value.
func (a *app) noteUsers(ctx context.Context, name string) {
	s, err := a.state(ctx, false)
	if err != nil {
		return // the value is set; this is only a hint
	}
	for _, id := range secretUsers(s.Definition, name) {
		fmt.Fprintf(a.errOut, "note: %s uses it and has the old value until it is started again: belayctl resource restart %s\n", id, id)
	}
}

func (a *app) readValue(file string) (string, error) {
	if file == "" && a.interactive {
		return a.readSecret("secret: ")
	}
	source := a.in
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", bad(codeUnreadable, "%v", err)
		}
		defer f.Close()
		source = f
	}
	data, err := io.ReadAll(io.LimitReader(source, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if len(data) > maxSecret {
		return "", usage("the secret is longer than %d bytes", maxSecret)
	}
	return strings.TrimSuffix(string(bytes.TrimSuffix(data, []byte("\n"))), "\r"), nil
}

func addDryRun(cmd *cobra.Command, dryRun *bool) {
	cmd.Flags().BoolVar(dryRun, "dry-run", false, "check, say what would be done, and change nothing")
}

func (a *app) storeSecret(ctx context.Context, request api.SecretRequest, done string, dryRun bool) error {
	if dryRun {
		if err := a.checkSecret(ctx, request); err != nil {
			return err
		}
		return a.print(secretAnswer{request.Secret, true}, func(w io.Writer) { fmt.Fprintf(w, "dry run: secret %s %s\n", request.Secret, done) })
	}
	c, err := a.cluster()
	if err != nil {
		return err
	}
	if _, err := call(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, c.SetSecret(ctx, request) }); err != nil {
		return err
	}
	return a.print(secretAnswer{Secret: request.Secret}, func(w io.Writer) { fmt.Fprintf(w, "secret %s %s\n", request.Secret, done) })
}

// checkSecret refuses what the cluster would refuse.
func (a *app) checkSecret(ctx context.Context, request api.SecretRequest) error {
	if err := security.CheckSecretName(request.Secret); err != nil {
		return usage("%v", err)
	}
	if request.Value != "" && !request.Rotate {
		return nil
	}
	s, err := a.state(ctx, false)
	if err != nil {
		return err
	}
	if _, known := s.Secrets[request.Secret]; !known {
		return &api.Error{Code: api.CodeNotFound, Reason: string(state.ReasonUnknownSecret), Text: fmt.Sprintf("there is no secret %q", request.Secret)}
	}
	return nil
}

func (a *app) secretDeleteCommand() *cobra.Command {
	var dryRun, force bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Remove a secret that nothing refers to", Args: arguments(1, 1), Example: "  belayctl secret delete bmc-old",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.state(cmd.Context(), false)
			if err != nil {
				return err
			}
			if uses := secretUses(s.Definition)[args[0]]; len(uses) > 0 && !force {
				return usage("secret %s is used by %s: change that first, or say --force", args[0], strings.Join(uses, ", "))
			}
			return a.storeSecret(cmd.Context(), api.SecretRequest{Secret: args[0]}, "is removed", dryRun)
		},
	}
	addDryRun(cmd, &dryRun)
	cmd.Flags().BoolVar(&force, "force", false, "although something refers to it")
	return cmd
}
