package chaos

import (
	"fmt"
	"slices"
	"time"
)

// Fence is one fencing that the cluster has decided on.
type Fence struct {
	Host      int       `json:"host"`
	Action    string    `json:"action"`
	Phase     string    `json:"phase"`
	Reason    string    `json:"reason"`
	Requested time.Time `json:"requested"`
	// Off is when its power was proven off; zero when it was not.
	Off time.Time `json:"off"`
}

// Outcome is what a round came to.
type Outcome struct {
	Round Round     `json:"round"`
	Began time.Time `json:"began"`
	// Mended is when the last fault was over, Settled the first moment from which
	// on everything ran again and stayed so; zero when that was not seen.
	Mended  time.Time `json:"mended"`
	Settled time.Time `json:"settled"`
	// Touched are the hosts that the faults concern, Cut those whose power was cut
	// while the others had theirs.
	Touched []int `json:"touched"`
	Cut     []int `json:"cut"`
	// Fences since the round began, and hosts that have another boot than before.
	Fences    []Fence `json:"fences"`
	Restarted []int   `json:"restarted"`
	// Overran says that a fault was there for longer than its promise is for.
	Overran bool `json:"overran,omitempty"`
	// Notes tell of faults that had no effect: their host was off, say.
	Notes []string `json:"notes,omitempty"`
	// WriteGap is the longest time without an acknowledged write.
	WriteGap time.Duration `json:"write_gap"`
	// Load is how many processes wanted a processor.
	Load float64 `json:"load"`
}

// Took is how long after the round's beginning all was settled.
func (o Outcome) Took() time.Duration { return o.Settled.Sub(o.Began) }

// Gentle reports whether nobody may be fenced.
func (o Outcome) Gentle() bool { return o.Round.Gentle() && !o.Overran }

// Wrongful lists the fencings that must not have happened: any, and any host's
// end, in a gentle round; in others those of a host that nothing was done to.
func (o Outcome) Wrongful() []string {
	var wrong []string
	for _, f := range o.Fences {
		switch {
		case o.Gentle():
			wrong = append(wrong, fmt.Sprintf("host %d was to be fenced (%s, %s), and %q must fence nobody", f.Host, f.Phase, f.Reason, o.Round))
		case !slices.Contains(o.Touched, f.Host):
			wrong = append(wrong, fmt.Sprintf("host %d was to be fenced (%s, %s), and nothing was done to it by %q", f.Host, f.Phase, f.Reason, o.Round))
		}
	}
	for _, host := range o.Restarted {
		told := slices.ContainsFunc(o.Fences, func(f Fence) bool { return f.Host == host })
		if !told && (o.Gentle() || !slices.Contains(o.Touched, host)) {
			wrong = append(wrong, fmt.Sprintf("host %d has started anew, and %q must not end it", host, o.Round))
		}
	}
	return wrong
}

// Unfenced lists the hosts without power that were not proven off, or are not
// back.
func (o Outcome) Unfenced() []int {
	var missing []int
	for _, host := range o.Cut {
		proven := slices.ContainsFunc(o.Fences, func(f Fence) bool { return f.Host == host && !f.Off.IsZero() })
		if !proven || !slices.Contains(o.Restarted, host) || o.Settled.IsZero() {
			missing = append(missing, host)
		}
	}
	return missing
}

// Problems lists everything that is wrong with the round.
func (o Outcome) Problems() []string {
	problems := o.Wrongful()
	if o.Settled.IsZero() {
		problems = append(problems, fmt.Sprintf("not settled after %q", o.Round))
	}
	for _, host := range o.Unfenced() {
		problems = append(problems, fmt.Sprintf("host %d lost its power and was not fenced and brought back", host))
	}
	return problems
}
