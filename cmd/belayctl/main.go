// Command belayctl controls a Belay cluster: it shows what a cluster does, and
// changes its definition, by file or by single commands. It holds no state.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/term"

	"github.com/belay-ha/belay/cluster/catalog"
	"github.com/belay-ha/belay/cluster/examine"
	"github.com/belay-ha/belay/cmd/belayctl/internal/top"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, endAnyway())
	code := newApp().run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// endGrace is how long an interrupted command may take to end by itself.
const endGrace = time.Second

// endAnyway returns what ends an interrupted command that hears nothing of it: one
// that reads an answer from a terminal, or from a pipe that nobody writes to. A
// terminal becomes again what it is now: passwords are read without echo.
func endAnyway() func() {
	in := int(os.Stdin.Fd())
	before, err := term.GetState(in)
	return func() {
		time.Sleep(endGrace)
		if err == nil {
			term.Restore(in, before) //nolint:errcheck // the program ends either way
		}
		fmt.Fprintln(os.Stderr, "\nbelayctl: interrupted ["+string(codeInterrupted)+"]")
		os.Exit(exitError)
	}
}

// newApp returns the program as it meets the world.
func newApp() *app {
	isTerminal := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	return &app{
		out: os.Stdout, errOut: os.Stderr, in: os.Stdin, getenv: os.Getenv, now: time.Now, pause: pause,
		terminal: isTerminal(os.Stdout), interactive: isTerminal(os.Stdin), readSecret: readSecret,
		dial: dial, enroller: enroller{}, examine: examine.Host, screen: top.Run, agents: catalog.Agents(zap.NewNop()), fences: catalog.Fences(),
		collectLate: func() { collectLate(lateCollection) },
	}
}

// readSecret reads a line from the terminal without showing it.
func readSecret(prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	text, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return string(text), nil
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
