package process

import (
	"fmt"
	"os"
	"testing"

	"github.com/belay-ha/belay/internal/ordinary/ordinarytest"
)

// A service that belayd has to start itself gets none of what the host does for
// belayd, neither the program itself nor what it starts.
func TestForkedServiceIsOrdinary(t *testing.T) {
	ordinarytest.Run(t, func() {
		if got := ordinarytest.Of(t, os.Getpid()); got != ordinarytest.Inherited {
			t.Fatalf("the test is not favoured: %s", got)
		}
		a, req := forked(t, shell(`sleep 600 & echo $! >child.new; mv child.new child; wait`))
		req.Params["directory"] = t.TempDir()
		r := start(t, a, req)
		if got := ordinarytest.Of(t, r.PID); got != ordinarytest.Ordinary {
			t.Errorf("the service: %s, want %s", got, ordinarytest.Ordinary)
		}
		var child int
		await(t, "the service starts a child", func() bool {
			text, err := os.ReadFile(req.Params["directory"] + "/child")
			_, scanned := fmt.Sscan(string(text), &child)
			return err == nil && scanned == nil
		})
		if got := ordinarytest.Of(t, child); got != ordinarytest.Ordinary {
			t.Errorf("its child: %s, want %s", got, ordinarytest.Ordinary)
		}
	})
}
