package process

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// settings are the parsed parameters.
type settings struct {
	description string
	command     []string
	user        string
	directory   string
	env         map[string]string
	check       *url.URL // tcp, http or https
	checkArgs   []string // of command:
	checkFor    time.Duration
	verifyTLS   bool
	settle      time.Duration
	signal      string
	grace       time.Duration
}

// parse reads every parameter and reports all problems at once.
func parse(req agents.Request) (settings, error) {
	replace := strings.NewReplacer(
		"%{node}", string(req.Node),
		"%{address}", req.View.Nodes[req.Node].Address,
		"%{index}", strconv.Itoa(req.Instance.Index()),
	).Replace
	p := req.Params
	s := settings{description: "Belay resource " + string(req.Instance), user: p["user"], directory: replace(p["directory"]), env: map[string]string{}, verifyTLS: true, signal: "SIGTERM"}
	var problems []error
	bad := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	duration := func(name string, byDefault time.Duration) time.Duration {
		if p[name] == "" {
			return byDefault
		}
		d, err := resources.ParseDuration(p[name])
		bad(name, err)
		return d.Std()
	}
	s.checkFor, s.settle, s.grace = duration("check_timeout", 5*time.Second), duration("settle", time.Second), duration("stop_timeout", 20*time.Second)
	if !filepath.IsAbs(p["command"]) {
		bad("command", fmt.Errorf("%q is not an absolute path", p["command"]))
	}
	if s.directory != "" && !filepath.IsAbs(s.directory) {
		bad("directory", fmt.Errorf("%q is not an absolute path", s.directory))
	}
	args, err := resources.SplitWords(p["args"])
	bad("args", err)
	s.command = []string{replace(p["command"])}
	for _, arg := range args {
		s.command = append(s.command, replace(arg))
	}
	for key, value := range p {
		if name, found := strings.CutPrefix(key, "env."); found {
			s.env[name] = replace(value)
		}
	}
	if text := p["check_verify_tls"]; text != "" {
		s.verifyTLS, err = strconv.ParseBool(text)
		bad("check_verify_tls", err)
	}
	if text := p["stop_signal"]; text != "" {
		s.signal = text
	}
	if unix.SignalNum(s.signal) == 0 {
		bad("stop_signal", fmt.Errorf("unknown signal %q: write SIGTERM, SIGINT, …", s.signal))
	}
	bad("check", s.parseCheck(replace(p["check"])))
	return s, errors.Join(problems...)
}

func (s *settings) parseCheck(text string) error {
	if text == "" {
		return nil
	}
	if command, found := strings.CutPrefix(text, "command:"); found {
		args, err := resources.SplitWords(command)
		if err == nil && (len(args) == 0 || !filepath.IsAbs(args[0])) {
			err = fmt.Errorf("%q is not an absolute path", command)
		}
		s.checkArgs = args
		return err
	}
	target, err := url.Parse(text)
	if err != nil {
		return err
	}
	switch {
	case target.Scheme != "tcp" && target.Scheme != "http" && target.Scheme != "https":
		return fmt.Errorf("%q: write tcp://, http://, https:// or command: first", text)
	case target.Host == "" || target.Scheme == "tcp" && target.Port() == "":
		return fmt.Errorf("%q lacks a host or a port", text)
	}
	s.check = target
	return nil
}
