// Package metrics says what a cluster and a member do in numbers, in Prometheus'
// text format (https://prometheus.io/docs/instrumenting/exposition_formats/,
// version 0.0.4). What it says is a function of what it is handed: it reads no
// clock, does no I/O and starts no goroutine.
//
// Names follow https://prometheus.io/docs/practices/naming/: base units, the unit
// at the end, and then _total for what is counted. docs/metrics.md lists them.
package metrics

import (
	"slices"
	"strconv"
	"strings"
)

// ContentType is how HTTP names the format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind is what a family's numbers are.
type Kind string

// The kinds.
const (
	Gauge     Kind = "gauge"
	Counter   Kind = "counter" // since the daemon's start
	Histogram Kind = "histogram"
)

// Family is all numbers of one name.
type Family struct {
	Name string
	Help string // one line
	Kind Kind
	// Samples of gauges and counters, Spreads of histograms.
	Samples []Sample
	Spreads []Spread
}

// Sample is one number.
type Sample struct {
	Labels []Label
	Value  float64
}

// Label says what a number is of.
type Label struct{ Name, Value string }

// Spread is one histogram, with its labels.
type Spread struct {
	Labels []Label
	Of     Durations
}

// Write returns the families as text. One without a number is left out. Samples are
// written in the order of their labels.
func Write(families []Family) string {
	var b strings.Builder
	for _, f := range families {
		if len(f.Samples)+len(f.Spreads) == 0 {
			continue
		}
		b.WriteString("# HELP " + f.Name + " " + helpEscapes.Replace(f.Help) + "\n# TYPE " + f.Name + " " + string(f.Kind) + "\n")
		slices.SortStableFunc(f.Samples, func(x, y Sample) int { return compare(x.Labels, y.Labels) })
		for _, s := range f.Samples {
			line(&b, f.Name, s.Labels, s.Value)
		}
		slices.SortStableFunc(f.Spreads, func(x, y Spread) int { return compare(x.Labels, y.Labels) })
		for _, s := range f.Spreads {
			s.write(&b, f.Name)
		}
	}
	return b.String()
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	valueEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func line(b *strings.Builder, name string, labels []Label, value float64) {
	b.WriteString(name)
	for i, l := range labels {
		if i == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		b.WriteString(l.Name + `="` + valueEscapes.Replace(l.Value) + `"`)
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	b.WriteString(" " + number(value) + "\n")
}

func number(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }

func (s *Spread) write(b *strings.Builder, name string) {
	count := uint64(0)
	for i, bound := range bounds {
		count += s.Of.counts[i]
		line(b, name+"_bucket", with(s.Labels, "le", number(bound)), float64(count))
	}
	line(b, name+"_bucket", with(s.Labels, "le", "+Inf"), float64(s.Of.n))
	line(b, name+"_sum", s.Labels, s.Of.sum)
	line(b, name+"_count", s.Labels, float64(s.Of.n))
}

// with returns labels and one more.
func with(labels []Label, name, value string) []Label {
	return append(slices.Clone(labels), Label{name, value})
}

func compare(x, y []Label) int {
	return slices.CompareFunc(x, y, func(a, b Label) int { return strings.Compare(a.Value, b.Value) })
}

// labels makes labels of names and values in turn.
func labels(pairs ...string) []Label {
	list := make([]Label, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, Label{pairs[i], pairs[i+1]})
	}
	return list
}

// yes is 1 for true.
func yes(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// single is a family of one number.
func single(name string, kind Kind, help string, value float64) Family {
	return Family{Name: name, Kind: kind, Help: help, Samples: []Sample{{Value: value}}}
}
