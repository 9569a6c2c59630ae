package systemd

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
)

// journalTimeout bounds journalctl: a failed start waits for it.
const journalTimeout = 2 * time.Second

// Journal returns the last lines that a unit wrote since the host's boot, at
// most agents.MaxOutput bytes, or "" when they cannot be had in 2 s. It works
// after ctx has ended, too, so that a start that ran out of time can show why.
func (m *Manager) Journal(ctx context.Context, unit string, lines int) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
	defer cancel()
	syncJournal(ctx)
	command := exec.CommandContext(ctx, "journalctl", "--unit="+FullName(unit), "--boot", "--lines="+strconv.Itoa(lines),
		"--output=cat", "--no-pager", "--quiet")
	command.WaitDelay = time.Second
	out, err := command.Output()
	if err != nil {
		return ""
	}
	return tail(out)
}

// syncTimeout leaves most of journalTimeout for reading.
const syncTimeout = time.Second

// syncJournal waits until the journal's daemon has written what it was sent: on
// a busy host a unit's last words reach it before its failure is known, but its
// files after that. When that cannot be had in time, older words are better than
// none.
func syncJournal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "journalctl", "--sync")
	command.WaitDelay = 100 * time.Millisecond
	_ = command.Run() // the reader says what there is
}

// tail returns the end of the text, whole lines, within agents.MaxOutput.
func tail(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) > agents.MaxOutput {
		text = text[len(text)-agents.MaxOutput:]
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
	}
	return strings.ToValidUTF8(string(text), "?")
}
