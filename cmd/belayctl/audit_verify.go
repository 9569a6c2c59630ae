package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/state"
)

// maxAuditFile bounds an export that is read, in bytes.
const maxAuditFile = 64 << 20

// verified is what a verification found.
type verified struct {
	Intact  bool   `json:"intact"`
	Records int    `json:"records"`
	Dropped uint64 `json:"dropped"`
	// Head is the newest record's number and hash.
	Head uint64 `json:"head"`
	Hash string `json:"hash"`
	// Compared is how many records of a file the cluster still has, and has alike.
	Compared int `json:"compared,omitempty"`
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var stale, offline bool
	cmd := &cobra.Command{
		Use: "verify [FILE]", Short: "Compute the chain anew, and compare it with an earlier export", Args: arguments(0, 1),
		Long:    "Every record holds the hash of the one before it. Without a file the chain of the\ncluster is computed anew. With one, an export of earlier, that is verified too, and\ncompared: a cluster whose records were all exchanged, hashes and all, differs from\nwhat was exported before. Exit code 1: something was tampered with.",
		Example: "  belayctl audit verify\n  belayctl audit verify audit.json\n  belayctl audit verify audit.json --offline",
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "ask this member only, without quorum")
	cmd.Flags().BoolVar(&offline, "offline", false, "only the file, without a cluster")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if offline && len(args) == 0 {
			return usage("--offline needs a file to verify")
		}
		var export, present *api.AuditAnswer
		if len(args) == 1 {
			var err error
			if export, err = readAudit(args[0]); err != nil {
				return err
			}
		}
		if !offline {
			answer, err := a.audit(cmd.Context(), stale)
			if err != nil {
				return err
			}
			present = &answer
		}
		found, err := verify(export, present)
		if err != nil {
			return err
		}
		return a.print(found, func(w io.Writer) {
			fmt.Fprintf(w, "intact: %d records, the newest is %d with the hash %s\n", found.Records, found.Head, orDash(found.Hash))
			if found.Dropped > 0 {
				fmt.Fprintf(w, "%d older ones are not kept; the chain begins with the hash of the newest of them\n", found.Dropped)
			}
			if export != nil && present != nil {
				fmt.Fprintf(w, "%d records of the file are in the cluster, unchanged\n", found.Compared)
			}
		})
	}
	return cmd
}

func readAudit(path string) (*api.AuditAnswer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, bad(codeUnreadable, "%v", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxAuditFile+1))
	if err != nil || len(data) > maxAuditFile {
		return nil, bad(codeUnreadable, "%s: cannot be read, or is longer than %d bytes", path, maxAuditFile)
	}
	answer := &api.AuditAnswer{}
	if err := json.Unmarshal(data, answer); err != nil {
		return nil, bad(codeBadFile, "%s is no export of the audit: %v", path, err)
	}
	return answer, nil
}

// verify checks each chain by itself, and an export against the cluster. Either
// may be nil.
func verify(export, present *api.AuditAnswer) (verified, error) {
	var found verified
	for _, chain := range []struct {
		answer *api.AuditAnswer
		what   string
	}{{export, "the file"}, {present, "the cluster"}} {
		if chain.answer == nil {
			continue
		}
		if err := chain.answer.Verify(); err != nil {
			return found, tampered("%s was tampered with: %v", chain.what, err)
		}
		head, hash := chain.answer.Head()
		found = verified{Intact: true, Records: len(chain.answer.Records), Dropped: chain.answer.Dropped, Head: head, Hash: hash}
	}
	if export == nil || present == nil {
		return found, nil
	}
	if export.ID != present.ID {
		return found, bad(codeOtherCluster, "the file is of cluster %s (%s), this is %s (%s)", export.Cluster, export.ID, present.Cluster, present.ID)
	}
	compared, err := compareAudits(&export.Audit, &present.Audit)
	found.Compared = compared
	return found, err
}

// compareAudits counts the records that both have, and fails at the first that
// differs, or that the newer one should have and has not.
func compareAudits(before, now *state.Audit) (int, error) {
	compared := 0
	last, _ := now.Head()
	for _, r := range before.Records {
		if r.Number < now.Dropped || r.Number == 0 {
			continue // not kept any more
		}
		hash, known := now.HashOf(r.Number)
		switch {
		case !known:
			return compared, tampered("the cluster was tampered with, or set back: it ends with record %d, the file holds record %d", last, r.Number)
		case hash != r.Hash:
			return compared, tampered("the cluster was tampered with: record %d is %.12s… there, and %.12s… in the file (%s by %s)", r.Number, hash, r.Hash, r.Command, r.By)
		}
		compared++
	}
	return compared, nil
}
