package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/belay-ha/belay/cluster/state"
)

// TestLostAnswerIsUnknown: a change that was sent may have been made, whoever broke
// off; one that found nobody was not, and a question changes nothing.
func TestLostAnswerIsUnknown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // what was sent does not matter
		panic(http.ErrAbortHandler)
	})}
	go server.Serve(listener)            //nolint:errcheck // it ends with the test
	t.Cleanup(func() { server.Close() }) //nolint:errcheck // the test is over
	there, nowhere := NewLocalClient(path), NewLocalClient(path+"-gone")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"command":            {commandError(t.Context(), there), true},
		"secret":             {there.SetSecret(t.Context(), SecretRequest{Secret: "a"}), true},
		"question":           {statusError(there), false},
		"nobody there":       {commandError(t.Context(), nowhere), false},
		"interrupted before": {commandError(gone, there), false},
	} {
		var wire *Error
		if got := errors.As(c.err, &wire) && wire.Code == CodeUnknown; c.err == nil || got != c.want {
			t.Errorf("%s: %v, unknown %v, want %v", name, c.err, got, c.want)
		}
	}
}

func commandError(ctx context.Context, c *Client) error {
	_, err := c.Command(ctx, &state.NodeStandby{Node: "a", Standby: true})
	return err
}

func statusError(c *Client) error {
	_, err := c.Status(context.Background(), false)
	return err
}
