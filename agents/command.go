package agents

import (
	"errors"
	"fmt"
)

// Agents that run programs declare the narrow interface that they need over the
// types of this file; package agents/command has the implementation.

// ErrNoProgram means that the program of a Command is not on this host.
var ErrNoProgram = errors.New("no such program")

// Command is one short-lived program to run and wait for. What an agent runs as
// a Command ends with the call, but for what Leaves allows.
type Command struct {
	// Path is the program's absolute path.
	Path string
	// Args follow the program's name. They are visible to every user of the
	// host: never a secret.
	Args []string
	// Env is the whole environment, as NAME=VALUE; the daemon's own is not
	// inherited.
	Env []string
	// Dir to run in; "" is the root directory.
	Dir string
	// User to run as, by name; "" is the daemon's own.
	User string
	// Stdin is given to the program.
	Stdin string
	// Leaves lets processes that the program leaves behind live on when it ends by
	// itself, in a session of their own: for programs that start services. They
	// are killed with it at the deadline all the same. They run with ordinary
	// priorities, and inherit no favour that the host does the daemon.
	Leaves bool
	// MaxOutput bounds what is kept of each stream's end, in bytes; 0 means the
	// package's MaxOutput.
	MaxOutput int
}

// Exit is how a Command ended.
type Exit struct {
	// Code is the exit status, or -1 after a signal.
	Code int
	// Stdout and Stderr are the ends of what it said, within
	// Command.MaxOutput bytes each.
	Stdout, Stderr string
}

// Error returns nil for a success, or an error that names the program, its
// status and the last line that it said.
func (e Exit) Error(c Command) error {
	if e.Code == 0 {
		return nil
	}
	said := lastLine(e.Stderr)
	if said == "" {
		said = lastLine(e.Stdout)
	}
	if said == "" {
		said = "it said nothing"
	}
	return fmt.Errorf("%s: exit status %d: %s", c.Path, e.Code, said)
}

func lastLine(text string) string {
	end := len(text)
	for end > 0 && (text[end-1] == '\n' || text[end-1] == '\r' || text[end-1] == ' ') {
		end--
	}
	begin := end
	for begin > 0 && text[begin-1] != '\n' {
		begin--
	}
	return text[begin:end]
}
