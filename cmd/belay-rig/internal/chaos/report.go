package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Result is all that a run has found.
type Result struct {
	Command  string
	Seed     uint64
	Version  string
	Began    time.Time
	Lasted   time.Duration
	CPUs     int
	Outcomes []Outcome
	// Accounts by what was written to.
	Accounts []NamedAccount
	// Watched is what the observer knows things by.
	Watched            []string
	Looks              int
	Gap                time.Duration
	Blind              []Blind
	Doubles, Undecided []Double
	Failure            string // what ended the run early; empty if nothing did
	// StoppedBy says that Failure is what the last round came to, and not of what
	// was read after the last.
	StoppedBy           bool
	Evidence, Reproduce string
}

// Guilty returns the number of the first round with which something is wrong, and
// whether one is known: what is only found at the end may be any round's.
func (r Result) Guilty() (round int, known bool) {
	for _, o := range r.Outcomes {
		if len(o.Problems()) > 0 {
			return o.Round.Number, true
		}
	}
	var during []Round
	for _, o := range r.Outcomes {
		if len(r.Doubles) > 0 && !o.Began.After(r.Doubles[0].From) {
			during = append(during, o.Round)
		}
	}
	switch n := len(r.Outcomes); {
	case len(during) > 0:
		return during[len(during)-1].Number, true
	case r.StoppedBy && n > 0:
		return r.Outcomes[n-1].Round.Number, true
	}
	return 0, false
}

// NamedAccount is what one ledger came to.
type NamedAccount struct {
	Name string
	// Again says that the same writes are in an earlier account: read elsewhere.
	Again  bool
	Failed int // tries without an answer
	Account
}

// blindShare is how much of the time, of each host, nobody may have looked for
// the run to prove anything.
const blindShare = 0.01

// Problems lists everything that is wrong with the run.
func (r Result) Problems() []string {
	var problems []string
	if r.Failure != "" {
		problems = append(problems, r.Failure)
	}
	for _, d := range r.Doubles {
		problems = append(problems, d.String())
	}
	for _, a := range r.Accounts {
		if len(a.Lost) > 0 {
			problems = append(problems, fmt.Sprintf("%s: %d of %d acknowledged writes are lost, the first is number %d", a.Name, len(a.Lost), a.Due, a.Lost[0]))
		}
		if len(a.Strange) > 0 {
			problems = append(problems, fmt.Sprintf("%s: %d things were never written, the first is number %d", a.Name, len(a.Strange), a.Strange[0]))
		}
		if a.Due == 0 {
			problems = append(problems, a.Name+": nothing was ever acknowledged")
		}
	}
	for _, o := range r.Outcomes {
		for _, p := range o.Problems() {
			problems = append(problems, fmt.Sprintf("round %d: %s", o.Round.Number, p))
		}
	}
	if r.Looks == 0 {
		problems = append(problems, "nobody looked at the hosts")
	}
	if blind := r.blind(); float64(blind) > blindShare*float64(r.Lasted)*watchedHosts {
		problems = append(problems, fmt.Sprintf("hosts were not looked at for %.1f s", blind.Seconds()))
	}
	if len(r.Outcomes) == 0 {
		problems = append(problems, "no round was run")
	}
	return problems
}

// blind adds up the times in which nobody looked at a host.
func (r Result) blind() time.Duration {
	var sum time.Duration
	for _, b := range r.Blind {
		sum += b.To.Sub(b.From)
	}
	return sum
}

// watchedHosts is how many hosts blind adds up.
const watchedHosts = 3

// Report writes the result as Markdown.
func (r Result) Report() string {
	var text strings.Builder
	fmt.Fprintf(&text, "`%s`, on %s: %.1f minutes, %d rounds, %d faults; version %s, seed %d, %d processors, load %s.\n\n",
		r.Command, r.Began.UTC().Format("2006-01-02 15:04 MST"), r.Lasted.Minutes(), len(r.Outcomes), r.faults(), r.Version, r.Seed, r.CPUs, r.loads())
	r.promises(&text)
	r.times(&text)
	r.written(&text)
	fmt.Fprintf(&text, "\nThe observer looked %d times at a host, %.0f ms apart at most (longer than %s: %.1f s in all), for: %s. %s\n",
		r.Looks, r.Gap.Seconds()*1000, MaxGap, r.blind().Seconds(), strings.Join(r.Watched, ", "), r.undecided())
	if problems := r.Problems(); len(problems) > 0 {
		fmt.Fprintf(&text, "\n**Failed:**\n\n- %s\n\nAgain: `%s`\n", strings.Join(problems, "\n- "), r.Reproduce)
	}
	return text.String()
}

// Summary is the report in one line.
func (r Result) Summary() string {
	due, lost := r.acknowledged()
	return fmt.Sprintf("%d rounds: %d double in %d looks, %d of %d acknowledged writes lost, %d wrongful fencings",
		len(r.Outcomes), len(r.Doubles), r.Looks, lost, due, r.wrongful())
}

// acknowledged counts what had to survive, and what of it was missed anywhere.
func (r Result) acknowledged() (due, lost int) {
	for _, a := range r.Accounts {
		lost += len(a.Lost)
		if !a.Again {
			due += a.Due
		}
	}
	return due, lost
}

func (r Result) wrongful() int {
	n := 0
	for _, o := range r.Outcomes {
		n += len(o.Wrongful())
	}
	return n
}

// undecided tells of the moves that were too quick for the observer.
func (r Result) undecided() string {
	if len(r.Undecided) == 0 {
		return "Every move was seen to leave one host before it reached the next."
	}
	return fmt.Sprintf("In %d moves the looks do not tell whether it had left one host before it reached the other.", len(r.Undecided))
}

func (r Result) faults() int {
	n := 0
	for _, o := range r.Outcomes {
		n += len(o.Round.Faults)
	}
	return n
}

func (r Result) loads() string {
	var loads []float64
	for _, o := range r.Outcomes {
		loads = append(loads, o.Load)
	}
	if len(loads) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f to %.0f", slices.Min(loads), slices.Max(loads))
}

// promises writes what must hold, and what was counted.
func (r Result) promises(text *strings.Builder) {
	gentle, cuts, back := 0, 0, 0
	for _, o := range r.Outcomes {
		if o.Gentle() {
			gentle++
		}
		cuts += len(o.Cut)
		back += len(o.Cut) - len(o.Unfenced())
	}
	due, lost := r.acknowledged()
	by := map[Device]int{}
	for _, o := range r.Outcomes {
		by[o.Round.Device] += len(o.Fences)
	}
	text.WriteString("| promise | counted |\n|---|---|\n")
	fmt.Fprintf(text, "| nothing exclusive in two places | %d double, %d looks |\n", len(r.Doubles), r.Looks)
	fmt.Fprintf(text, "| nothing acknowledged is lost | %d lost of %d |\n", lost, due)
	fmt.Fprintf(text, "| nobody is fenced wrongly | %d wrongful; %d rounds with a fault that must fence nobody, %d others |\n", r.wrongful(), gentle, len(r.Outcomes)-gentle)
	fmt.Fprintf(text, "| power cuts are fenced and recovered without a hand | %d of %d |\n\n", back, cuts)
	if by[Redfish]+by[IPMI] > 0 {
		fmt.Fprintf(text, "%d fencings by Redfish, %d by IPMI.\n\n", by[Redfish], by[IPMI])
	}
}

// times writes how long it took until everything ran again.
func (r Result) times(text *strings.Builder) {
	var names []string
	rounds, took := map[string][]Outcome{}, map[string][]time.Duration{}
	const all, overlapped = "all", "of these, with another fault on top"
	add := func(name string, o Outcome) {
		if rounds[name] == nil && name != all && name != overlapped {
			names = append(names, name)
		}
		rounds[name] = append(rounds[name], o)
		if !o.Settled.IsZero() {
			took[name] = append(took[name], o.Took())
		}
	}
	for _, o := range r.Outcomes {
		add(o.Round.Name(), o)
		add(all, o)
		if o.Round.Overlapped() {
			add(overlapped, o)
		}
	}
	slices.Sort(names)
	text.WriteString("| fault | rounds | fencings | fault lasts, s | from its beginning until all is settled, s: median / 99th percentile / maximum | longest time without a write, s |\n|---|---|---|---|---|---|\n")
	for _, name := range append(names, all, overlapped) {
		if len(rounds[name]) == 0 {
			continue
		}
		fences, gap, lasts := 0, time.Duration(0), []float64(nil)
		for _, o := range rounds[name] {
			fences, gap = fences+len(o.Fences), max(gap, o.WriteGap)
			lasts = append(lasts, o.Mended.Sub(o.Began).Seconds())
		}
		fmt.Fprintf(text, "| %s | %d | %d | %.1f to %.1f | %s | %.1f |\n", name, len(rounds[name]), fences, slices.Min(lasts), slices.Max(lasts), spread(took[name]), gap.Seconds())
	}
}

func (r Result) written(text *strings.Builder) {
	text.WriteString("\n| written to | acknowledged | lost | no answer | of these there all the same | read twice |\n|---|---|---|---|---|---|\n")
	for _, a := range r.Accounts {
		fmt.Fprintf(text, "| %s | %d | %d | %d | %d | %d |\n", a.Name, a.Due, len(a.Lost), a.Failed, a.Unasked, a.Twice)
	}
}

// spread writes median, 99th percentile and maximum.
func spread(values []time.Duration) string {
	if len(values) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(share float64) float64 { return sorted[int(share*float64(len(sorted)-1)+0.5)].Seconds() }
	return fmt.Sprintf("%.1f / %.1f / %.1f", at(0.5), at(0.99), at(1))
}

// The marks between which a document holds the newest report.
const (
	beginMark = "<!-- report of the chaos test: begin -->"
	endMark   = "<!-- report of the chaos test: end -->"
)

// Insert puts a report into a document, between its marks. A document without
// them gets both at its end.
func Insert(document, report string) string {
	block := beginMark + "\n" + strings.TrimSpace(report) + "\n" + endMark
	before, rest, found := strings.Cut(document, beginMark)
	_, after, closed := strings.Cut(rest, endMark)
	if !found || !closed {
		return strings.TrimLeft(strings.TrimRight(document, "\n")+"\n\n", "\n") + block + "\n"
	}
	return before + block + after
}
