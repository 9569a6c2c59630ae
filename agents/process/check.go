package process

import (
	"context"
	"fmt"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/reach"
)

// check returns nil when the program answers, or when nothing is to be asked.
func (a *Agent) check(ctx context.Context, s settings) error {
	ctx, cancel := context.WithTimeout(ctx, s.checkFor)
	defer cancel()
	switch {
	case s.checkArgs != nil:
		command := agents.Command{Path: s.checkArgs[0], Args: s.checkArgs[1:], User: s.user, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}}
		for name, value := range s.env {
			command.Env = append(command.Env, name+"="+value)
		}
		exit, err := a.run.Run(ctx, command)
		if err == nil {
			err = exit.Error(command)
		}
		if err != nil {
			return fmt.Errorf("check: %w", err)
		}
		return nil
	case s.check == nil:
		return nil
	}
	return reach.Answers(ctx, s.check, s.verifyTLS)
}
