package systemd

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/reach"
	"github.com/belay-ha/belay/resources"
)

// check is one question whose answer proves that a service serves.
type check struct {
	target    *url.URL // nil: nothing to ask
	verifyTLS bool
	timeout   time.Duration
}

func newCheck(req agents.Request) (check, error) {
	c, err := checkSettings(req.Params)
	text := substitute(req.Params["check"], req)
	if text == "" || err != nil {
		return check{}, err
	}
	target, err := url.Parse(text)
	if err != nil {
		return check{}, fmt.Errorf("check: %w", err)
	}
	switch {
	case target.Scheme != "http" && target.Scheme != "https" && target.Scheme != "tcp":
		return check{}, fmt.Errorf("check %q: write http://, https:// or tcp:// before the address", text)
	case target.Host == "" || target.Scheme == "tcp" && target.Port() == "":
		return check{}, fmt.Errorf("check %q: the address lacks a host or a port", text)
	}
	c.target = target
	return c, nil
}

// checkSettings reads what does not depend on the target.
func checkSettings(params resources.Params) (check, error) {
	c := check{verifyTLS: true, timeout: 5 * time.Second}
	if word := params["check_verify_tls"]; word != "" {
		verify, err := strconv.ParseBool(word)
		if err != nil {
			return check{}, fmt.Errorf("check_verify_tls: %w", err)
		}
		c.verifyTLS = verify
	}
	if word := params["check_timeout"]; word != "" {
		timeout, err := resources.ParseDuration(word)
		if err != nil {
			return check{}, fmt.Errorf("check_timeout: %w", err)
		}
		c.timeout = timeout.Std()
	}
	return c, nil
}

func (c check) wanted() bool { return c.target != nil }

// run returns nil when the target answers (reach.Answers).
func (c check) run(ctx context.Context) error {
	if !c.wanted() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return reach.Answers(ctx, c.target, c.verifyTLS)
}
