package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxAudit bounds how many records of the audit are kept.
const MaxAudit = 1024

// maxAuditText bounds a record's text, in bytes.
const maxAuditText = 512

// Audit is who changed what: a chain in which each record holds the hash of the
// one before, so that none can be changed, left out or put in between unnoticed.
// Of those that were dropped the newest one's hash stays, as the anchor of the
// chain.
type Audit struct {
	// Dropped counts the records that are not kept any more; Anchor is the hash of
	// the newest of them, empty when there is none.
	Dropped uint64 `json:"dropped,omitempty"`
	Anchor  string `json:"anchor,omitempty"`
	// Records are the newest ones, oldest first, at most MaxAudit.
	Records []AuditRecord `json:"records"`
}

// AuditRecord is one committed change. Its fields are only ever added to, each
// left out when empty: the hash covers them all.
type AuditRecord struct {
	// Number counts the records from 1, Index is the log entry's.
	Number uint64    `json:"number"`
	Index  uint64    `json:"index"`
	At     time.Time `json:"at"`
	// By is who asked for it, or ByCluster; From is where they were.
	By   string `json:"by"`
	From string `json:"from,omitempty"`
	// Command is the command's name, Text what it did, Digest the SHA-256 of its
	// data: secrets in it are sealed before, and only their digest is here.
	Command string `json:"command"`
	Text    string `json:"text,omitempty"`
	Digest  string `json:"digest"`
	// Previous is the hash of the record before, empty for the first; Hash is the
	// SHA-256 of this record without itself.
	Previous string `json:"previous,omitempty"`
	Hash     string `json:"hash"`
}

// sum returns the hash that the record should have.
func (r AuditRecord) sum() string {
	r.Hash = ""
	data, err := json.Marshal(r)
	if err != nil {
		panic("state: plain data: " + err.Error())
	}
	return digestOf(data)
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Head returns the number and the hash of the newest record; whoever writes them
// down elsewhere can tell later that nothing before was changed.
func (a *Audit) Head() (number uint64, hash string) {
	if a == nil {
		return 0, ""
	}
	if n := len(a.Records); n > 0 {
		return a.Records[n-1].Number, a.Records[n-1].Hash
	}
	return a.Dropped, a.Anchor
}

// Verify computes the chain anew. An error names the first record that is not as
// it was written, or that is missing.
func (a *Audit) Verify() error {
	if a == nil {
		return nil
	}
	if (a.Dropped == 0) != (a.Anchor == "") {
		return fmt.Errorf("audit: %d records were dropped, the anchor is %q", a.Dropped, a.Anchor)
	}
	number, previous := a.Dropped, a.Anchor
	for i := range a.Records {
		r := &a.Records[i]
		switch {
		case r.Number != number+1:
			return fmt.Errorf("audit: record %d follows record %d: what was between them is missing", r.Number, number)
		case r.Previous != previous:
			return fmt.Errorf("audit: record %d does not follow the record before it: one of them was exchanged", r.Number)
		case r.Hash != r.sum():
			return fmt.Errorf("audit: record %d (%s by %s) is not as it was written", r.Number, r.Command, r.By)
		}
		number, previous = r.Number, r.Hash
	}
	return nil
}

// HashOf returns the hash of a record by its number, also of the newest that was
// dropped; false if it is not known any more, or not yet.
func (a *Audit) HashOf(number uint64) (string, bool) {
	switch {
	case a == nil || number < a.Dropped || number == 0:
		return "", false
	case number == a.Dropped:
		return a.Anchor, true
	}
	at := number - a.Dropped - 1
	if at >= uint64(len(a.Records)) {
		return "", false
	}
	return a.Records[at].Hash, true
}

// routine commands are the cluster's daily work: the history tells of them, the
// audit does not. Whatever is not listed here is audited.
var routine = map[string]bool{
	"operations.started": true, "operation.finished": true, "instance.reported": true, "resource.advised": true,
	"member.booted": true, "member.verdict": true, "member.watchdog": true,
	"fence.started": true, "fence.reported": true, "fence.refused": true, "fence.checked": true, "fence.powered_on": true,
}

// subject says what an event is about, for a text that stands alone.
func (e *Event) subject() string {
	words := strings.FieldsFunc(e.Text, func(r rune) bool { return strings.ContainsRune(" /:,;@()\"'", r) })
	subject := ""
	for _, name := range []string{string(e.Resource), string(e.Node)} {
		if name != "" && !slices.Contains(words, name) {
			subject += name + ": "
		}
	}
	return subject
}

// line says in the audit what the history does not tell.
func (t *tx) line(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// audit records the command that was just carried out. data is what the entry
// holds of it; nil stands for its encoding.
func (t *tx) audit(command Command, data []byte) {
	kind, _, _ := strings.Cut(command.name(), "/")
	if t.s.Version < VersionAdmin || routine[kind] {
		return
	}
	if data == nil {
		var err error
		if data, err = json.Marshal(command); err != nil {
			panic("state: plain data: " + err.Error())
		}
	}
	var fresh Audit
	if t.s.Audit != nil {
		fresh = *t.s.Audit
	}
	number, previous := fresh.Head()
	r := AuditRecord{
		Number: number + 1, Index: t.s.Index, At: t.at.UTC(), By: t.by, From: t.from, Command: command.name(),
		Text: start(strings.Join(t.lines, "; "), maxAuditText), Digest: digestOf(data), Previous: previous,
	}
	r.Hash = r.sum()
	if len(fresh.Records) >= MaxAudit {
		oldest := fresh.Records[len(fresh.Records)-MaxAudit]
		fresh.Dropped, fresh.Anchor = oldest.Number, oldest.Hash
	}
	fresh.Records = appendBounded(fresh.Records, r, MaxAudit)
	t.s.Audit = &fresh
}
