package podman

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// settings are the parsed parameters.
type settings struct {
	image       string
	pull        bool
	options     []string // of podman run, but for what every container gets
	command     []string
	directories []string
	env         map[string]string
	settle      time.Duration
	checkFor    time.Duration
	stopFor     time.Duration // 0: the container's own
}

// parse reads every parameter and reports all problems at once. What could be read
// is returned in any case.
func parse(req agents.Request) (settings, error) {
	p := req.Params
	s := settings{image: p["image"], env: map[string]string{}, settle: time.Second, checkFor: 10 * time.Second}
	var problems []error
	bad := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	duration := func(name string, into *time.Duration) {
		if p[name] == "" {
			return
		}
		d, err := resources.ParseDuration(p[name])
		if bad(name, err); err == nil {
			*into = d.Std()
		}
	}
	duration("settle", &s.settle)
	duration("check_timeout", &s.checkFor)
	duration("stop_timeout", &s.stopFor)
	if s.image == "" || strings.HasPrefix(s.image, "-") {
		bad("image", fmt.Errorf("%q names no image", s.image))
	}
	switch p["pull"] {
	case "", "never":
	case "missing":
		s.pull = true
	default:
		bad("pull", fmt.Errorf("%q is neither never nor missing", p["pull"]))
	}
	var err error
	s.command, err = resources.SplitWords(p["command"])
	bad("command", err)
	s.named(p, bad)
	words, err := resources.LauncherOptions(p["options"])
	bad("options", err)
	s.options = append(s.options, words...)
	return s, errors.Join(problems...)
}

// named reads the parameters that become options, in the order of their names.
func (s *settings) named(p resources.Params, bad func(string, error)) {
	option := func(name, value string) {
		if value != "" {
			s.options = append(s.options, "--"+name+"="+value)
		}
	}
	option("network", p["network"])
	option("hostname", p["hostname"])
	for _, name := range slices.Sorted(maps.Keys(p)) {
		kind, rest, _ := strings.Cut(name, ".")
		switch kind {
		case "host":
			option("add-host", rest+":"+p[name])
		case "port":
			option("publish", p[name])
		case "mount":
			option("volume", p[name])
		case "directory":
			if !filepath.IsAbs(p[name]) {
				bad(name, fmt.Errorf("%q is not an absolute path", p[name]))
			}
			s.directories = append(s.directories, p[name])
		case "env":
			if rest == "" || strings.ContainsAny(rest, "=\n") || strings.ContainsAny(p[name], "\n\x00") {
				bad(name, errors.New("a variable's name and value are one line, and its name has no ="))
			}
			s.env[rest] = p[name]
		}
	}
}

// label is one of the labels by which the cluster knows its containers.
type label struct{ name, value string }

const (
	labelInstance = resources.LabelPrefix + "instance"
	labelNode     = resources.LabelPrefix + "node"
	labelSettings = resources.LabelPrefix + "settings"
)

// labels say whose the container is: several daemons of a development cluster may
// share a host.
func labels(req agents.Request) []label {
	return []label{{labelInstance, string(req.Instance)}, {labelNode, string(req.Node)}}
}

// containerName is the instance's; a colon cannot be in it.
func containerName(id resources.InstanceID) string {
	return strings.ReplaceAll(string(id), ":", ".")
}

// run returns the words of `podman run`. What the cluster relies on comes last: of
// an option that is given twice the last counts.
func (s settings) run(req agents.Request) []string {
	// belayd is the last to be killed when memory runs out; its containers are not.
	args := []string{"run", "--oom-score-adj=0"}
	args = append(args, s.options...)
	if len(s.env) > 0 {
		args = append(args, "--env-file=/dev/stdin")
	}
	for _, l := range append(labels(req), label{labelSettings, s.digest()}) {
		args = append(args, "--label="+l.name+"="+l.value)
	}
	args = append(args, "--detach", "--restart=no", "--pull=never", "--name="+containerName(req.Instance), s.image)
	return append(args, s.command...)
}

// digest tells containers with other settings apart.
func (s settings) digest() string {
	sum := sha256.New()
	for _, list := range [][]string{{s.image}, s.options, s.command, {s.environment()}} {
		fmt.Fprintf(sum, "%d\x00", len(list))
		for _, word := range list {
			fmt.Fprintf(sum, "%s\x00", word)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// environment is what podman reads the container's environment from.
func (s settings) environment() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		text.WriteString(name + "=" + s.env[name] + "\n")
	}
	return text.String()
}

// secretLength is the length from which a value of the environment is taken for a
// secret: shorter ones are words such as "true".
const secretLength = 6

// hide bounds a text and removes what the environment's values say in it. When the
// text was cut, its first line may begin within a secret, and goes.
func (s settings) hide(text string) string {
	if len(text) >= agents.MaxOutput {
		_, text, _ = strings.Cut(text, "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		if value := s.env[name]; len(value) >= secretLength {
			text = strings.ReplaceAll(text, value, "<"+name+">")
		}
	}
	if over := len(text) - agents.MaxOutput; over > 0 {
		text = text[over:]
	}
	return strings.ToValidUTF8(text, "")
}
