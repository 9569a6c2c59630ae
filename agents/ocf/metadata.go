package ocf

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
)

// metadataTime bounds how long a script may take to print its metadata.
const metadataTime = 10 * time.Second

// metadata is what is needed of a script's description (ra-api-1.dtd).
type metadata struct {
	XMLName xml.Name `xml:"resource-agent"`
	Params  []struct {
		Name     string `xml:"name,attr"`
		Required string `xml:"required,attr"`
	} `xml:"parameters>parameter"`
	Actions []struct {
		Name string `xml:"name,attr"`
	} `xml:"actions>action"`
}

// always are the parameters that every script of resource-agents has, whatever
// its metadata says (ocf-shellfuncs).
var always = []string{"trace_ra", "trace_file", "trace_dir", checkLevel}

// parseMetadata reads a script's description.
func parseMetadata(text string) (metadata, error) {
	var m metadata
	// Some scripts print a line of their own before the document.
	if at := strings.Index(text, "<resource-agent"); at >= 0 {
		text = text[at:]
	}
	if err := xml.Unmarshal([]byte(text), &m); err != nil {
		return metadata{}, fmt.Errorf("metadata: %w", err)
	}
	return m, nil
}

// offers reports whether the script has an action.
func (m *metadata) offers(action string) bool {
	for _, a := range m.Actions {
		if a.Name == action {
			return true
		}
	}
	return false
}

// describe asks the script for its metadata; nil says that they cannot be read. It
// refuses when the call's own time is over.
func (a *Agent) describe(ctx context.Context, s script) (*metadata, *agents.Result) {
	within, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	s.req.Params = nil
	c := a.command(s, "meta-data", nil)
	c.MaxOutput = maxText
	exit, err := a.host.Run.Run(within, c)
	if ctx.Err() != nil {
		return nil, refuse(agents.OutcomeUnknown, "%s meta-data did not end in time and was killed; nothing else was called", s.name())
	}
	if err != nil || exit.Code != 0 {
		return nil, nil
	}
	m, err := parseMetadata(exit.Stdout)
	if err != nil {
		return nil, nil
	}
	return &m, nil
}

// checkParams refuses parameters that the script does not know. The verdict is
// this node's alone: another may have another version of the script. Metadata
// that cannot be read refuses nothing: the script judges for itself.
func (a *Agent) checkParams(ctx context.Context, s script) *agents.Result {
	m, refused := a.describe(ctx, s)
	switch {
	case refused != nil || m == nil:
		return refused
	case m.offers("promote"):
		return refusePromotion(s)
	}
	known := append([]string{}, always...)
	for _, p := range m.Params {
		known = append(known, p.Name)
		if (p.Required == "1" || p.Required == "true") && s.req.Params[p.Name] == "" {
			return refuse(agents.OutcomeUnsupported, "%s on %s needs the parameter %s", s.name(), s.req.Node, p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.req.Params)) {
		if !slices.Contains(known, name) {
			return refuse(agents.OutcomeUnsupported, "%s on %s has no parameter %s; it has %s", s.name(), s.req.Node, name, strings.Join(known[len(always):], ", "))
		}
	}
	return nil
}
