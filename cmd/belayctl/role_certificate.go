package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
)

func (a *app) roleCertificateCommand() *cobra.Command {
	var role, dir string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "certificate PERSON --role ROLE [--dir DIR]", Short: "Make a client certificate, for belayctl on another host", Args: arguments(1, 1),
		Long:    "Makes a key here, has the cluster sign it, and writes PERSON.crt, PERSON.key (for the\nowner alone) and ca.crt. The key never leaves this host. It is good for a year;\nbelayctl role bind cert:PERSON none shuts it out before.",
		Example: "  belayctl role certificate alice --role operator --dir certificates",
	}
	cmd.Flags().StringVar(&role, "role", state.RoleViewer, "viewer, operator or admin")
	cmd.Flags().StringVar(&dir, "dir", ".", "where to write the files")
	addDryRun(cmd, &dryRun)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		request := api.CertificateRequest{Name: args[0], Role: role}
		if err := security.CheckName(request.Name); err != nil {
			return usage("%v", err)
		}
		if role != state.RoleViewer && role != state.RoleOperator && role != state.RoleAdmin {
			return usage("role %q: write viewer, operator or admin", role)
		}
		files := []string{filepath.Join(dir, args[0]+".crt"), filepath.Join(dir, args[0]+".key"), filepath.Join(dir, "ca.crt")}
		for _, file := range files[:2] {
			if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
				return usage("%s is there already", file)
			}
		}
		if dryRun {
			return a.print(certificateAnswer{Name: args[0], Role: role, Files: files, DryRun: true}, func(w io.Writer) {
				fmt.Fprintf(w, "dry run: a certificate for %s as %s would be written to %s\n", args[0], role, files[0])
			})
		}
		return a.issueCertificate(cmd.Context(), request, files)
	}
	return cmd
}

func (a *app) issueCertificate(ctx context.Context, request api.CertificateRequest, files []string) error {
	c, err := a.cluster()
	if err != nil {
		return err
	}
	key, csr, err := security.NewKeyPair()
	if err != nil {
		return err
	}
	request.Request = string(csr)
	answer, err := call(ctx, func(ctx context.Context) (api.CertificateAnswer, error) { return c.IssueCertificate(ctx, request) })
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(files[0]), 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	for i, content := range [][]byte{[]byte(answer.Certificate), key, []byte(answer.Authority)} {
		if err := os.WriteFile(files[i], content, []os.FileMode{0o644, 0o600, 0o644}[i]); err != nil {
			return fmt.Errorf("write the certificate: %w", err)
		}
	}
	return a.printCertificate(request, answer.ExpiresAt, files)
}
