package stage

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/belay-ha/belay/cmd/belay-rig/internal/chaos"
)

// gentleFaults is the chaos test in a minute: one of each fault that must fence
// nobody, while clients write and the lookout watches.
func gentleFaults(ctx context.Context, s *Stage) error {
	keep, err := NewKeeper("")
	if err != nil {
		return err
	}
	plan := chaos.GentleRounds()
	result, err := s.Storm(ctx, Storm{Plan: plan, Rounds: len(plan), Length: 10 * time.Minute, Settle: 3 * time.Minute, Keep: keep})
	if err != nil {
		return err
	}
	s.Say("%s", result.Summary())
	if problems := result.Problems(); len(problems) > 0 {
		return fmt.Errorf("%s; evidence is in %s", strings.Join(problems, "; "), keep.Dir())
	}
	return os.RemoveAll(keep.Dir())
}
