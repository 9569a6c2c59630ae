package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/internal/durable"
)

// install has HAProxy check the text and puts it in the file's place.
func (a *Agent) install(ctx context.Context, s settings, text string) error {
	present, err := os.ReadFile(s.config)
	if err == nil && string(present) == text {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("configuration: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.config), 0o755); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	candidate := s.config + ".new"
	if err := writeSynced(candidate, text); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if err := a.check(ctx, s, candidate); err != nil {
		return errors.Join(err, os.Remove(candidate))
	}
	return a.commit(s, candidate)
}

// commit puts a checked file in the place of the configuration.
func (a *Agent) commit(s settings, candidate string) error {
	if err := os.Rename(candidate, s.config); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return durable.SyncDir(filepath.Dir(s.config))
}

// writeSynced writes a file that only its final name will make the configuration.
func writeSynced(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// checkError is HAProxy's own refusal of a configuration.
type checkError struct{ said, output string }

func (e *checkError) Error() string { return "haproxy refuses the configuration: " + e.said }

func (a *Agent) check(ctx context.Context, s settings, file string) error {
	exit, err := a.run.Run(ctx, agents.Command{Path: s.program, Args: []string{"-c", "-f", file}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}})
	if err != nil {
		return fmt.Errorf("check the configuration: %w", err)
	}
	if exit.Code == 0 {
		return nil
	}
	output := strings.TrimSpace(exit.Stdout + exit.Stderr)
	said := output
	for line := range strings.Lines(output) {
		if strings.Contains(line, "[ALERT]") {
			said = strings.TrimSpace(line)
			break
		}
	}
	return &checkError{said: said, output: output}
}
