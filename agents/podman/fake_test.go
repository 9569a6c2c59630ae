package podman

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/agenttest"
)

// fakePodman does what the agent asks of podman with containers in memory.
type fakePodman struct {
	*agenttest.Runner
	mu         sync.Mutex
	containers map[string]*container
	images     map[string]bool
	// fetchable images can be pulled.
	fetchable map[string]bool
	// stored are names that storage alone knows, with the program that has made them.
	stored    map[string]string
	processes map[int]string
	next      int
	env       string // that the last container was given
	args      []string
	// onRun and onStop replace what a container does then.
	onRun  func(*container)
	onStop func(*container)
	ill    bool // health checks fail
}

func newFakePodman(trouble *agenttest.Trouble) *fakePodman {
	f := &fakePodman{containers: map[string]*container{}, images: map[string]bool{"web:1": true}, fetchable: map[string]bool{}, processes: map[int]string{}, next: 100}
	f.Runner = &agenttest.Runner{Trouble: trouble, Programs: map[string]func(context.Context, agents.Command) (agents.Exit, error){Program: f.podman}}
	return f
}

func (f *fakePodman) began(pid int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.processes[pid]
}

// setState puts a container into a state, as podman names it.
func (f *fakePodman) setState(c *container, status string) {
	c.State.Status = status
	switch status {
	case "running", "paused", "stopping":
		if c.State.Pid == 0 {
			f.next++
			c.State.Pid = f.next
			f.processes[f.next] = "now"
		}
	default:
		delete(f.processes, c.State.Pid)
		c.State.Pid = 0
	}
}

func (f *fakePodman) find(name string) *container {
	for _, id := range slices.Sorted(maps.Keys(f.containers)) {
		if c := f.containers[id]; c.ID == name || c.Name == name {
			return c
		}
	}
	return nil
}

func said(code int, format string, args ...any) (agents.Exit, error) {
	return agents.Exit{Code: code, Stderr: "Error: " + fmt.Sprintf(format, args...) + "\n"}, nil
}

func (f *fakePodman) podman(_ context.Context, c agents.Command) (agents.Exit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	verb, rest := c.Args[0], c.Args[1:]
	if verb == "container" || verb == "image" || verb == "healthcheck" {
		verb, rest = verb+" "+rest[0], rest[1:]
	}
	target := f.find(rest[len(rest)-1])
	if _, found := f.stored[rest[len(rest)-1]]; found && verb == "rm" {
		delete(f.stored, rest[len(rest)-1])
		return agents.Exit{}, nil
	}
	switch verb {
	case "run":
		return f.run(c)
	case "ps":
		return f.ps(rest)
	case "image exists":
		if f.images[rest[0]] {
			return agents.Exit{}, nil
		}
		return agents.Exit{Code: 1}, nil
	case "pull":
		image := rest[len(rest)-1]
		if !f.fetchable[image] {
			return said(125, "initializing source docker://%s: connection refused", image)
		}
		f.images[image] = true
		return agents.Exit{}, nil
	}
	if target == nil {
		return said(125, "no such container %q", rest[len(rest)-1])
	}
	switch verb {
	case "container inspect":
		text, err := json.Marshal([]*container{target})
		return agents.Exit{Stdout: string(text)}, err
	case "logs":
		return agents.Exit{Stdout: "the last words\n"}, nil
	case "healthcheck run":
		if f.ill {
			return said(1, "unhealthy")
		}
	case "unpause":
		f.setState(target, "running")
	case "stop":
		switch {
		case target.State.Status == "paused":
			return said(125, "container state improper")
		case f.onStop != nil:
			f.onStop(target)
		default:
			f.setState(target, "exited")
		}
	case "rm":
		if target.condition() != down {
			return said(125, "cannot remove container %s as it is running", target.ID)
		}
		delete(f.containers, target.ID)
	default:
		return said(125, "unrecognized command %q", verb)
	}
	return agents.Exit{}, nil
}

func (f *fakePodman) ps(args []string) (agents.Exit, error) {
	if slices.Contains(args, "--external") {
		list := []map[string]any{{"Id": "1", "State": "running", "Names": []string{"other"}, "Command": []string{"/app"}}}
		for name, by := range f.stored {
			list = append(list, map[string]any{"Id": name, "State": "storage", "Names": []string{name}, "Command": []string{by}})
		}
		text, err := json.Marshal(list)
		return agents.Exit{Stdout: string(text)}, err
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(f.containers)) {
		matches := true
		for _, arg := range args {
			if want, found := strings.CutPrefix(arg, "--filter=label="); found {
				name, value, _ := strings.Cut(want, "=")
				matches = matches && f.containers[id].Config.Labels[name] == value
			}
		}
		if matches {
			ids = append(ids, id)
		}
	}
	return agents.Exit{Stdout: strings.Join(ids, "\n") + "\n"}, nil
}

func (f *fakePodman) run(c agents.Command) (agents.Exit, error) {
	f.next++
	made := &container{ID: fmt.Sprintf("%064x", f.next)}
	made.Config.Labels, made.Config.StopTimeout = map[string]string{}, 10
	last := 0
	for i, arg := range c.Args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "--name":
			made.Name, last = value, i
		case "--label":
			key, text, _ := strings.Cut(value, "=")
			made.Config.Labels[key] = text
		case "--health-cmd":
			made.Config.Healthcheck = &struct{ Test []string }{[]string{"CMD-SHELL", value}}
		}
	}
	if _, found := f.stored[made.Name]; found {
		return said(125, "creating container storage: the container name %q is already in use", made.Name)
	}
	if f.find(made.Name) != nil {
		return said(125, "the container name %q is already in use", made.Name)
	}
	if !f.images[c.Args[last+1]] {
		return said(125, "%s: image not known", c.Args[last+1])
	}
	f.env, f.args = c.Stdin, c.Args
	f.containers[made.ID] = made
	f.setState(made, "running")
	if f.onRun != nil {
		f.onRun(made)
	}
	return agents.Exit{Stdout: made.ID + "\n"}, nil
}
