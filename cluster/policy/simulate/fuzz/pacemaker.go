package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/policy/simulate"
)

// pacemaker asks crm_simulate.
type pacemaker struct {
	program string
	dir     string // for its files
	old     bool   // a release before 3.0
}

// identify asks for the release.
func (p *pacemaker) identify(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, p.program, "--version").Output()
	if err != nil {
		return fmt.Errorf("ask %s for its release: %w", p.program, err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "Pacemaker %d.", &major); err != nil {
		return fmt.Errorf("%s --version says %q: %w", p.program, out, err)
	}
	p.old = major < 3
	return nil
}

// refusedError: crm_simulate does not take the cluster.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// simulated is what crm_simulate prints as XML, as far as it is compared.
type simulated struct {
	Actions struct {
		Nodes []struct {
			Task string `xml:"task,attr"`
			Node string `xml:"node,attr"`
		} `xml:"node_action"`
		Resources []struct {
			Action   string `xml:"action,attr"`
			Resource string `xml:"resource,attr"`
			Node     string `xml:"node,attr"`
			Source   string `xml:"source,attr"`
			Dest     string `xml:"dest,attr"`
			Blocked  bool   `xml:"blocked,attr"`
		} `xml:"rsc_action"`
	} `xml:"actions"`
	Transition struct {
		Resources []struct {
			Resource string `xml:"resource,attr"`
			Op       string `xml:"op,attr"`
			Node     string `xml:"node,attr"`
			Interval int64  `xml:"interval,attr"`
		} `xml:"rsc_action"`
		Fencing []struct {
			Target string `xml:"target,attr"`
			Op     string `xml:"op,attr"`
		} `xml:"fencing_action"`
		Cluster []struct {
			Task string `xml:"task,attr"`
			Node string `xml:"node,attr"`
			ID   string `xml:"id,attr"`
		} `xml:"cluster_action"`
	} `xml:"transition"`
	Revised struct {
		Resources tree `xml:"resources"`
	} `xml:"revised_cluster_status"`
}

// tree is a resource or a collection of resources.
type tree struct {
	XMLName xml.Name
	ID      string `xml:"id,attr"`
	Unique  string `xml:"unique,attr"`
	Role    string `xml:"role,attr"`
	Blocked bool   `xml:"blocked,attr"`
	Managed bool   `xml:"managed,attr"`
	Failed  bool   `xml:"failed,attr"`
	Name    string `xml:"name,attr"`
	Inner   []tree `xml:",any"`
}

// reportedError finds what went wrong, such as a transition that waits for
// itself.
var reportedError = regexp.MustCompile(`<error>(.*)</error>`)

func (p *pacemaker) decide(ctx context.Context, cluster fmt.Stringer) (*simulate.Form, error) {
	file := filepath.Join(p.dir, "cluster.xml")
	graph := filepath.Join(p.dir, "graph.xml")
	if err := os.WriteFile(file, []byte(cluster.String()), 0o600); err != nil {
		return nil, err
	}
	const most = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.program, "-S", "-x", file, "-G", graph, "--output-as=xml")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		text := []string{err.Error() + ":", strings.TrimSpace(stderr.String())}
		for _, said := range reportedError.FindAllSubmatch(out, -1) {
			text = append(text, string(said[1]))
		}
		return nil, &refusedError{strings.Join(text, " ")}
	}
	var s simulated
	if err := xml.Unmarshal(out, &s); err != nil {
		return nil, fmt.Errorf("read what %s says: %w", p.program, err)
	}
	form := s.form()
	if form.Graph, err = readGraph(graph); err != nil {
		return nil, err
	}
	return form, nil
}

func (s *simulated) form() *simulate.Form {
	f := &simulate.Form{Final: map[string][]simulate.AtForm{}}
	for _, a := range s.Actions.Nodes {
		op := strings.TrimSuffix(strings.TrimPrefix(a.Task, "Fence ("), ")")
		node, _, _ := strings.Cut(a.Node, " (resource: ") // of a guest
		f.Actions = append(f.Actions, simulate.ActionForm{Task: "fence", FenceAction: op, Node: node})
	}
	for _, a := range s.Actions.Resources {
		action := simulate.ActionForm{Task: a.Action, Resource: a.Resource, Node: a.Node, Blocked: a.Blocked}
		switch {
		case a.Dest != "":
			action.Node, action.From = a.Dest, a.Source
		case a.Node == "":
			action.Node = a.Source
		}
		f.Actions = append(f.Actions, action)
	}
	for _, a := range s.Transition.Resources {
		f.Executed = append(f.Executed, simulate.StepForm{Op: a.Op, Resource: a.Resource, Node: a.Node, IntervalMS: a.Interval})
	}
	for _, a := range s.Transition.Cluster {
		f.Executed = append(f.Executed, simulate.StepForm{Op: a.Task, Resource: a.ID, Node: a.Node})
	}
	for _, a := range s.Transition.Fencing {
		f.Executed = append(f.Executed, simulate.StepForm{Op: "fence", Node: a.Target, FenceAction: a.Op})
		if a.Op != "on" {
			f.Fenced = append(f.Fenced, a.Target)
		}
	}
	s.Revised.Resources.collect(f, false)
	return f
}

// collect adds all resources below; anonymous says that their numbers carry no
// meaning.
func (t *tree) collect(f *simulate.Form, anonymous bool) {
	if t.XMLName.Local == "resource" {
		at := simulate.AtForm{Role: t.Role, Managed: t.Managed, Failed: t.Failed, Blocked: t.Blocked}
		found := false
		for _, n := range t.Inner {
			if n.XMLName.Local == "node" {
				found = true
				here := at
				here.Node = &n.Name
				f.Final[t.ID] = append(f.Final[t.ID], here)
			}
		}
		if !found {
			f.Final[t.ID] = append(f.Final[t.ID], at)
		}
		if anonymous {
			f.Anonymous = append(f.Anonymous, t.ID)
		}
		return
	}
	switch t.XMLName.Local {
	case "clone":
		anonymous = t.Unique == "false"
	case "bundle":
		anonymous = t.Unique == "false"
	}
	for i := range t.Inner {
		t.Inner[i].collect(f, anonymous)
	}
}
