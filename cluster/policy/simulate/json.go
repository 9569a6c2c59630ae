package simulate

import (
	"time"

	"github.com/belay-ha/belay/cluster/policy"
)

// Form is a result as programs read it. Its keys are part of belayctl's
// promises; see docs/scheduler.md.
type Form struct {
	Quorate      bool                `json:"quorate"`
	Now          *int64              `json:"now"` // Unix seconds; null where the input does not say
	InitialNodes map[string]NodeForm `json:"initial_nodes"`
	Nodes        map[string]NodeForm `json:"nodes"`
	Actions      []ActionForm        `json:"actions"`
	Executed     []StepForm          `json:"executed"`
	Final        map[string][]AtForm `json:"final"`
	Fenced       []string            `json:"fenced"`
	Unfenced     []string            `json:"unfenced"`
	Anonymous    []string            `json:"anonymous"`
	GuestsReset  []string            `json:"guests_reset"`
	Graph        []GraphForm         `json:"graph"`
	Pseudo       int                 `json:"pseudo_actions"`
	Complete     bool                `json:"complete"`
	Failures     []string            `json:"failures,omitempty"`
	Warnings     []WarningForm       `json:"warnings,omitempty"`
	Scores       []ScoreForm         `json:"scores,omitempty"`
}

// NodeForm is what is known of a node.
type NodeForm struct {
	Online        bool   `json:"online"`
	Standby       bool   `json:"standby"`
	StandbyOnFail bool   `json:"standby_onfail"`
	Maintenance   bool   `json:"maintenance"`
	Pending       bool   `json:"pending"`
	Unclean       bool   `json:"unclean"`
	Shutdown      bool   `json:"shutdown"`
	Type          string `json:"type"`
	GuestOf       string `json:"guest_of,omitempty"`
	Health        string `json:"health,omitempty"`
	DC            bool   `json:"dc,omitempty"`
}

// ActionForm is what a person is told about one instance or node.
type ActionForm struct {
	Task        string `json:"task"`
	Resource    string `json:"resource,omitempty"`
	FenceAction string `json:"fence_action,omitempty"`
	Node        string `json:"node"`
	From        string `json:"from,omitempty"`
	Role        string `json:"role,omitempty"`
	NextRole    string `json:"next_role,omitempty"`
	GuestOf     string `json:"guest_of,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Blocked     bool   `json:"blocked,omitempty"`
}

// StepForm is a step that was carried out.
type StepForm struct {
	Op          string `json:"op"`
	Resource    string `json:"resource,omitempty"`
	Node        string `json:"node"`
	IntervalMS  int64  `json:"interval_ms,omitempty"`
	FenceAction string `json:"fence_action,omitempty"`
	Failed      bool   `json:"failed,omitempty"`
}

// GraphForm is a step of the transition with the steps that come before it.
type GraphForm struct {
	N           int      `json:"n"`
	Op          string   `json:"op"`
	Node        string   `json:"node"`
	Resource    string   `json:"resource,omitempty"`
	IntervalMS  int64    `json:"interval_ms,omitempty"`
	FenceAction string   `json:"fence_action,omitempty"`
	Migrate     []string `json:"migrate,omitempty"`
	Notify      []string `json:"notify,omitempty"`
	Pseudo      bool     `json:"pseudo,omitempty"`
	After       []int    `json:"after,omitempty"`
}

// AtForm is where an instance is.
type AtForm struct {
	Node           *string `json:"node"`
	Role           string  `json:"role"`
	Managed        bool    `json:"managed"`
	Failed         bool    `json:"failed"`
	Blocked        bool    `json:"blocked"`
	Removed        bool    `json:"removed,omitempty"`
	Maintenance    bool    `json:"maintenance,omitempty"`
	FailureIgnored bool    `json:"failure_ignored,omitempty"`
	LockedTo       string  `json:"locked_to,omitempty"`
	Pending        string  `json:"pending,omitempty"`
	In             string  `json:"in,omitempty"`
}

// WarningForm names something in the input that has no effect, or another one
// than was meant.
type WarningForm struct {
	Code    string `json:"code"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// ScoreForm is how much a node suits an instance, and why.
type ScoreForm struct {
	Resource string     `json:"resource"`
	Node     string     `json:"node"`
	Role     string     `json:"role,omitempty"`
	Value    string     `json:"score"`
	Parts    []PartForm `json:"parts,omitempty"`
}

// PartForm is one contribution to a score.
type PartForm struct {
	Source string `json:"source"`
	Value  string `json:"score"`
}

// NewForm writes a result down. now is the instant that the caller or the
// input gave, zero if neither did.
func NewForm(r *Result, now time.Time) *Form {
	f := &Form{
		Quorate:      r.Plan.Present.Quorate,
		InitialNodes: nodeForms(r.Plan.Present), Nodes: nodeForms(r.After),
		Actions: []ActionForm{}, Executed: []StepForm{}, Final: map[string][]AtForm{},
		Fenced: some(r.Fenced), Unfenced: some(r.Unfenced), GuestsReset: some(r.Reset),
		Anonymous: some(r.After.Anonymous), Complete: r.Complete,
	}
	if !now.IsZero() {
		seconds := now.Unix()
		f.Now = &seconds
	}
	for _, c := range r.Plan.Summary {
		f.Actions = append(f.Actions, actionForm(c))
	}
	f.executed(r)
	anonymous := map[string]bool{}
	for _, id := range r.After.Anonymous {
		anonymous[id] = true
	}
	for _, i := range r.After.Instances {
		key := i.Resource
		if base := baseOf(key); anonymous[base] {
			key = base
		}
		f.Final[key] = append(f.Final[key], atForm(i))
	}
	f.Graph, f.Pseudo = graphForms(r.Plan.Steps)
	for _, w := range r.Plan.Warnings {
		f.Warnings = append(f.Warnings, WarningForm(w))
	}
	for _, s := range r.Plan.Scores {
		f.Scores = append(f.Scores, NewScoreForm(s))
	}
	return f
}

func (f *Form) executed(r *Result) {
	failed := map[int]bool{}
	for _, number := range r.Failed {
		failed[number] = true
	}
	for _, number := range r.Executed {
		step := &r.Plan.Steps[number]
		if step.Pseudo {
			continue
		}
		f.Executed = append(f.Executed, StepForm{
			Op: step.Task, Resource: step.Resource, Node: step.Node,
			IntervalMS: step.Interval.Milliseconds(), FenceAction: step.FenceAction, Failed: failed[number],
		})
		if failed[number] {
			f.Failures = append(f.Failures, stepName(step))
		}
	}
}

func nodeForms(report *policy.Report) map[string]NodeForm {
	forms := make(map[string]NodeForm, len(report.Nodes))
	for _, n := range report.Nodes {
		kind := "member"
		switch n.Kind {
		case policy.KindRemote:
			kind = "remote"
		case policy.KindPing:
			kind = "ping"
		}
		forms[n.Name] = NodeForm{
			Online: n.Online, Standby: n.Standby, StandbyOnFail: n.StandbyOnFail, Maintenance: n.Maintenance,
			Pending: n.Pending, Unclean: n.Unclean, Shutdown: n.Shutdown,
			Type: kind, GuestOf: n.GuestOf, Health: n.Health, DC: n.DC,
		}
	}
	return forms
}

func actionForm(c policy.Change) ActionForm {
	return ActionForm{
		Task: c.Task, Resource: c.Resource, FenceAction: c.FenceAction, Node: c.Node, From: c.From,
		Role: roleWord(c.Role), NextRole: roleWord(c.NextRole), GuestOf: c.GuestOf, Reason: c.Reason, Blocked: c.Blocked,
	}
}

func atForm(i policy.InstanceReport) AtForm {
	at := AtForm{
		Role: i.Role.String(), Managed: i.Managed, Failed: i.Failed, Blocked: i.Blocked, Removed: i.Removed,
		Maintenance: i.Maintenance, FailureIgnored: i.FailureIgnored, LockedTo: i.LockedTo, Pending: i.Pending, In: i.In,
	}
	if i.Node != "" {
		at.Node = &i.Node
	}
	return at
}

// NewScoreForm writes a score down.
func NewScoreForm(s policy.Score) ScoreForm {
	form := ScoreForm{Resource: s.Resource, Node: s.Node, Role: roleWord(s.Role), Value: s.Value.String()}
	for _, p := range s.Parts {
		form.Parts = append(form.Parts, PartForm{Source: p.Source, Value: p.Value.String()})
	}
	return form
}

func roleWord(r policy.Role) string {
	if r == policy.RoleUnknown {
		return ""
	}
	return r.String()
}

// some returns an empty list for none, so that JSON has no null.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
