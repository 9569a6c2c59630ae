package resources

import "strings"

// Problem is one thing that is wrong with a definition.
type Problem struct {
	// Code is stable, for scripts.
	Code ProblemCode `json:"code"`
	// Path says where: `resource[galera].op.promote.timeout`. The second of two
	// things with the same id is `resource[galera#2]`, the second element of a
	// list is `group[g].members#2`.
	Path string `json:"path"`
	// Text says what is wrong, in one line.
	Text string `json:"text"`
	// Suggestion is what to do, or empty: `did you mean "galera"?`.
	Suggestion string `json:"suggestion,omitempty"`
}

// ProblemCode is a problem's stable code.
type ProblemCode string

// The problem codes.
const (
	// ProblemMissing: something that must be given is not.
	ProblemMissing ProblemCode = "missing"
	// ProblemInvalid: a value that can never be right.
	ProblemInvalid ProblemCode = "invalid_value"
	// ProblemDuplicate: something is given twice.
	ProblemDuplicate ProblemCode = "duplicate"
	// ProblemUnknownName: a reference to nothing.
	ProblemUnknownName ProblemCode = "unknown_name"
	// ProblemUnknownAgent: no such agent.
	ProblemUnknownAgent ProblemCode = "unknown_agent"
	// ProblemUnknownParam: the agent has no such parameter.
	ProblemUnknownParam ProblemCode = "unknown_param"
	// ProblemMissingParam: the agent needs this parameter.
	ProblemMissingParam ProblemCode = "missing_param"
	// ProblemInvalidParam: the agent cannot take this value.
	ProblemInvalidParam ProblemCode = "invalid_param"
	// ProblemClearSecret: a secret stands where a reference belongs.
	ProblemClearSecret ProblemCode = "clear_secret"
	// ProblemConflict: two wishes that can never both hold.
	ProblemConflict ProblemCode = "contradiction"
	// ProblemUnsupported: it can be planned with, and not be carried out.
	ProblemUnsupported ProblemCode = "unsupported"
	// ProblemCycle: mandatory orders that wait for each other.
	ProblemCycle ProblemCode = "cycle"
	// ProblemColocationLoop: colocations that go round in a circle; a warning.
	ProblemColocationLoop ProblemCode = "colocation_loop"
)

// String returns the problem on one line, without its code.
func (p Problem) String() string { return p.Path + ": " + p.Message() }

// Message returns the text and the suggestion, without the path.
func (p Problem) Message() string {
	if p.Suggestion == "" {
		return p.Text
	}
	return p.Text + " (" + p.Suggestion + ")"
}

// InvalidError is a definition that Validate found problems in.
type InvalidError struct{ Problems []Problem }

// Error lists every problem on a line of its own.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
