package fencing

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Params are a device's parameters: flat, with dots between the levels of a
// nested TOML table. New gets them with secrets opened; definitions hold
// "secret://NAME" in their place.
type Params map[string]string

// SecretPrefix begins a value that refers to a sealed secret.
const SecretPrefix = "secret://"

// Type is a parameter's type.
type Type string

// The parameter types.
const (
	TypeString   Type = "string"
	TypeInt      Type = "integer"
	TypeBool     Type = "boolean" // true, false
	TypeDuration Type = "duration"
	TypeEnum     Type = "enum"
	TypeSecret   Type = "secret" // in definitions a secret:// reference
)

// ParamSpec describes one parameter.
type ParamSpec struct {
	Name        string
	Type        Type
	Required    bool
	Default     string
	Enum        []string // of TypeEnum
	Description string
	// Min and Max bound TypeInt when Max > Min, and the length in bytes of
	// TypeString and TypeSecret when Max > 0.
	Min, Max int
}

// Spec is one kind of device. It is plain data and two pure functions.
type Spec struct {
	// Name in definitions: "redfish", "ipmi", "fence_xvm".
	Name string
	// Summary is one line for `fence agents`.
	Summary string
	Params  []ParamSpec
	// Host is the parameter that tells the targets of one device apart, such as
	// "plug"; "" when a device has one target only.
	Host string
	// Passive devices switch no power: they only find out.
	Passive bool
	// Watchdog is a target's own hardware watchdog, which the target's daemon feeds:
	// its parameters are "device", a path, "timeout", and "unsafe_in_vm" and
	// "unsafe_softdog", which count on what proves nothing.
	Watchdog bool
	// Dumps devices hear of crashed kernels only: their silence proves nothing, so
	// they alone can fence nobody.
	Dumps bool
	// Person devices stand for somebody (see the interface Person): they do no better
	// than a device that only takes long.
	Person bool
	// Cuts devices switch no power: they cut a node off from its storage or network,
	// and it lives on. Those that Unfence have to let it in again whenever it has
	// started.
	Cuts, Unfence bool
	// Open is set when parameters beyond Params are passed on as they are.
	Open bool
	// Named returns the parameters beyond Params that these parameters themselves
	// call secret; nil where they cannot. It is pure.
	Named func(Params) []string
	// Check finds what Params alone cannot say; it may be nil and does no I/O.
	// Its values may still be secret:// references.
	Check func(Params) []Problem
	// New makes a device of complete, opened parameters. It does no I/O. Call
	// Make instead, which validates first.
	New func(name string, params Params) (Device, error)
}

// Problem is one thing that is wrong with a definition's parameters.
type Problem struct {
	// Code is stable, for scripts.
	Code  ProblemCode `json:"code"`
	Param string      `json:"param"`
	// Message says what is wrong, without the value of a secret.
	Message string `json:"message"`
	// Fix is what to do, or empty.
	Fix string `json:"fix,omitempty"`
}

// ProblemCode is a problem's stable code.
type ProblemCode string

// The problem codes.
const (
	ProblemUnknown  ProblemCode = "param_unknown"
	ProblemMissing  ProblemCode = "param_missing"
	ProblemInvalid  ProblemCode = "param_invalid"
	ProblemConflict ProblemCode = "param_conflict"
)

// String returns one line.
func (p Problem) String() string {
	text := p.Param + ": " + p.Message
	if p.Fix != "" {
		text += "; " + p.Fix
	}
	return text
}

// Validate returns everything that is wrong with the parameters, by name. Values
// that are secret:// references are taken as valid.
func (s Spec) Validate(params Params) []Problem {
	var problems []Problem
	known := make(map[string]ParamSpec, len(s.Params))
	for _, spec := range s.Params {
		known[spec.Name] = spec
		value, given := params[spec.Name]
		switch {
		case given && value != "":
			problems = append(problems, spec.check(value)...)
		case spec.Required:
			problems = append(problems, Problem{
				ProblemMissing, spec.Name, "required and not given", spec.Description,
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if _, ok := known[name]; !ok && !s.Open {
			problems = append(problems, Problem{
				ProblemUnknown, name, "no such parameter of " + s.Name, Suggest(name, s.names()),
			})
		}
	}
	if s.Check != nil {
		problems = append(problems, s.Check(s.Complete(params))...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Param, b.Param) })
	return problems
}

// Complete returns a copy of the parameters with the defaults filled in.
func (s Spec) Complete(params Params) Params {
	complete := Params{}
	for _, spec := range s.Params {
		if spec.Default != "" {
			complete[spec.Name] = spec.Default
		}
	}
	for name, value := range params {
		if value != "" {
			complete[name] = value
		}
	}
	return complete
}

// SecretsOf returns the names of those parameters given that the device declares
// secret, in order.
func (s Spec) SecretsOf(params Params) []string {
	var names, named []string
	if s.Named != nil {
		named = s.Named(params)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		declared := slices.ContainsFunc(s.Params, func(p ParamSpec) bool { return p.Name == name && p.Type == TypeSecret })
		if declared || slices.Contains(named, name) {
			names = append(names, name)
		}
	}
	return names
}

// Make validates the parameters and makes a device, named as the fence device in
// the definition. It does no I/O. References that nobody opened are an error.
func (s Spec) Make(name string, params Params) (Device, error) {
	const op = "configure " // the agent's name follows
	if problems := s.Validate(params); len(problems) > 0 {
		lines := make([]string, len(problems))
		for i, problem := range problems {
			lines[i] = problem.String()
		}
		return nil, NewError(KindConfig, name, op+s.Name, strings.Join(lines, "; "), nil)
	}
	for _, param := range slices.Sorted(maps.Keys(params)) {
		if strings.HasPrefix(params[param], SecretPrefix) {
			return nil, NewError(KindConfig, name, op+s.Name, param+" is a secret reference that was not opened", nil)
		}
	}
	return s.New(name, s.Complete(params))
}

func (s Spec) names() []string {
	names := make([]string, len(s.Params))
	for i, spec := range s.Params {
		names[i] = spec.Name
	}
	return names
}

func (spec ParamSpec) check(value string) []Problem {
	if strings.HasPrefix(value, SecretPrefix) {
		if spec.Type == TypeSecret || spec.Type == TypeString {
			return nil
		}
		return []Problem{{ProblemInvalid, spec.Name, fmt.Sprintf("must be of type %s, not a secret", spec.Type), ""}}
	}
	invalid := func(message, fix string) []Problem {
		return []Problem{{ProblemInvalid, spec.Name, message, fix}}
	}
	switch spec.Type {
	case TypeString, TypeSecret:
		if spec.Max > 0 && len(value) > spec.Max {
			return invalid(fmt.Sprintf("%d bytes long, the device takes at most %d", len(value), spec.Max), "")
		}
	case TypeInt:
		n, err := strconv.Atoi(value)
		if err != nil || (spec.Max > spec.Min && (n < spec.Min || n > spec.Max)) {
			return invalid(fmt.Sprintf("%q is not a whole number from %d to %d", value, spec.Min, spec.Max), "")
		}
	case TypeBool:
		if value != "true" && value != "false" {
			return invalid(fmt.Sprintf("%q is neither true nor false", value), "")
		}
	case TypeDuration:
		if d, err := time.ParseDuration(value); err != nil || d <= 0 {
			return invalid(fmt.Sprintf("%q is not a time above zero", value), `write it as "10s" or "1m30s"`)
		}
	case TypeEnum:
		if !slices.Contains(spec.Enum, value) {
			return invalid(fmt.Sprintf("%q is not one of %s", value, strings.Join(spec.Enum, ", ")), Suggest(value, spec.Enum))
		}
	default:
		panic(fmt.Sprintf("fencing: parameter %s has the unknown type %q", spec.Name, spec.Type))
	}
	return nil
}

// Int returns a parameter that Validate has accepted as TypeInt, or 0.
func (p Params) Int(name string) int { n, _ := strconv.Atoi(p[name]); return n }

// Bool returns whether a parameter is "true".
func (p Params) Bool(name string) bool { return p[name] == "true" }

// Duration returns a parameter that Validate has accepted as TypeDuration, or 0.
func (p Params) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(p[name])
	return d
}

// Registry finds specs by the name that a definition uses. The caller builds it
// once, from an explicit table; afterwards it is read-only and safe for
// concurrent use.
type Registry struct {
	byName   map[string]Spec
	patterns []Pattern
}

// Pattern makes the spec of a name that is not in the table, such as
// "fence_xvm", or reports that the name is not of its kind.
type Pattern func(name string) (Spec, bool)

// NewRegistry returns a registry of the specs under their names and, for other
// names, of the patterns in their order.
func NewRegistry(specs []Spec, patterns ...Pattern) Registry {
	byName := make(map[string]Spec, len(specs))
	for _, spec := range specs {
		byName[spec.Name] = spec
	}
	return Registry{byName: byName, patterns: patterns}
}

// Find returns the spec for a definition's agent name.
func (r Registry) Find(name string) (Spec, bool) {
	if spec, ok := r.byName[name]; ok {
		return spec, true
	}
	for _, pattern := range r.patterns {
		if spec, ok := pattern(name); ok {
			return spec, true
		}
	}
	return Spec{}, false
}

// Specs returns every spec of the table, by name.
func (r Registry) Specs() []Spec {
	specs := make([]Spec, 0, len(r.byName))
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		specs = append(specs, r.byName[name])
	}
	return specs
}
