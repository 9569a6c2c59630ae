package ordinary_test

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/belay-ha/belay/internal/ordinary"
	"github.com/belay-ha/belay/internal/ordinary/ordinarytest"
)

func TestServiceInheritsNothing(t *testing.T) {
	ordinarytest.Run(t, func() {
		words := ordinary.Command([]string{"/bin/cat"})
		for name, start := range map[string]struct {
			words []string
			by    func(func() error) error
			want  string
		}{
			"through this package": {words, ordinary.Start, ordinarytest.Ordinary},
			// The measure itself: whoever is started otherwise has it all.
			"without it": {[]string{"/bin/cat"}, func(fork func() error) error { return fork() }, ordinarytest.Inherited},
		} {
			cmd := exec.Command(start.words[0], start.words[1:]...)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := start.by(cmd.Start); err != nil {
				t.Fatal(err)
			}
			// It echoes, so it is the program itself and no longer the shell.
			if _, err := in.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if got := ordinarytest.Of(t, cmd.Process.Pid); got != start.want {
				t.Errorf("%s: %s, want %s", name, got, start.want)
			}
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A daemon that nobody favours needs no shell.
func TestCommandOfAnOrdinaryDaemon(t *testing.T) {
	words := []string{"/bin/echo", "a b"}
	if got := ordinary.Command(words); !slices.Equal(got, words) {
		t.Errorf("got %q", got)
	}
}
