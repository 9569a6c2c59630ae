package stage

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// columns are what is measured of a cut, in the order in which it happens.
var columns = []struct {
	name string
	of   func(Cut) time.Duration
}{
	{"new leader", func(c Cut) time.Duration { return c.Elected }},
	{"suspect", func(c Cut) time.Duration { return c.Suspect }},
	{"dead", func(c Cut) time.Duration { return c.Dead }},
	{"fence asked", func(c Cut) time.Duration { return c.Asked }},
	{"off proven", func(c Cut) time.Duration { return c.Off }},
	{"address answers", func(c Cut) time.Duration { return c.Address }},
	{"write through it", func(c Cut) time.Duration { return c.Write }},
	{"everything back", func(c Cut) time.Duration { return c.Whole }},
}

// Report writes the series as a Markdown table: median, 99th percentile (the
// maximum below 100 cuts) and maximum, in seconds.
func (m Measured) Report() string {
	var text strings.Builder
	if len(m.Series) > 0 {
		text.WriteString("| series | cuts, failed |")
		for _, c := range columns {
			fmt.Fprintf(&text, " %s |", c.name)
		}
		text.WriteString(" writes acknowledged / lost | load |\n|---|---|" + strings.Repeat("---|", len(columns)+2) + "\n")
	}
	for _, series := range m.Series {
		fmt.Fprintf(&text, "| %s | %d, %d |", series.Name(), len(series.Cuts), series.Failed)
		for _, c := range columns {
			fmt.Fprintf(&text, " %s |", spread(series.values(c.of)))
		}
		acknowledged, lost, loads := 0, 0, []float64(nil)
		for _, cut := range series.Cuts {
			acknowledged, lost = acknowledged+cut.Writes, lost+cut.Lost
			if cut.Load > 0 { // else no power was cut
				loads = append(loads, cut.Load)
			}
		}
		fmt.Fprintf(&text, " %d / %d | %s |\n", acknowledged, lost, span(loads))
	}
	if len(m.Outages) > 0 {
		text.WriteString("\n| full outage | hosts are back | address answers | a database serves | everything back | load |\n|---|---|---|---|---|---|\n")
	}
	for n, o := range m.Outages {
		fmt.Fprintf(&text, "| %d | %.2f | %.2f | %.2f | %.2f | %.1f |\n", n+1, o.Hosts.Seconds(), o.Address.Seconds(), o.Database.Seconds(), o.Whole.Seconds(), o.Load)
	}
	if m.FailedOutages > 0 {
		fmt.Fprintf(&text, "\n%d more full outages failed.\n", m.FailedOutages)
	}
	if misses := m.Misses(); len(misses) > 0 {
		text.WriteString("\nAims that were missed:\n- " + strings.Join(misses, "\n- ") + "\n")
	} else {
		text.WriteString("\nEvery aim was met.\n")
	}
	return text.String()
}

// values returns what was seen of something in all cuts, shortest first.
func (s Series) values(of func(Cut) time.Duration) []time.Duration {
	var values []time.Duration
	for _, cut := range s.Cuts {
		if value := of(cut); value != 0 {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}

// Aims of the failover benchmark. The percentiles are the 99th.
const (
	aimDead            = 2 * time.Second
	aimElected         = time.Second
	aimAddressFollower = 3 * time.Second         // median
	aimAddressLeader   = 3500 * time.Millisecond // median
	aimAddressWorst    = 5 * time.Second
	aimOutageAddress   = 15 * time.Second
)

// Misses lists the aims that were missed.
func (m Measured) Misses() []string {
	var misses []string
	for _, s := range m.Series {
		check := func(what string, of func(Cut) time.Duration, share float64, aim time.Duration) {
			if values := s.values(of); len(values) > 0 && quantile(values, share) > aim {
				misses = append(misses, fmt.Sprintf("%s: %s after %.2f s, the aim is %.1f s", s.Name(), what, quantile(values, share).Seconds(), aim.Seconds()))
			}
		}
		address := func(c Cut) time.Duration { return c.Address }
		median := aimAddressFollower
		if s.Leader {
			median = aimAddressLeader
		}
		check("dead (99th percentile)", func(c Cut) time.Duration { return c.Dead }, 0.99, aimDead)
		check("new leader (99th percentile)", func(c Cut) time.Duration { return c.Elected }, 0.99, aimElected)
		check("address (median)", address, 0.5, median)
		check("address (maximum)", address, 1, aimAddressWorst)
		if s.Failed > 0 {
			misses = append(misses, fmt.Sprintf("%s: %d of %d cuts failed", s.Name(), s.Failed, len(s.Cuts)))
		}
		for _, cut := range s.Cuts {
			if cut.Lost > 0 {
				misses = append(misses, fmt.Sprintf("%s: %d of %d acknowledged writes are lost", s.Name(), cut.Lost, cut.Writes))
			}
		}
	}
	for n, o := range m.Outages {
		if o.Address > aimOutageAddress {
			misses = append(misses, fmt.Sprintf("full outage %d: address after %.2f s, the aim is %.0f s", n+1, o.Address.Seconds(), aimOutageAddress.Seconds()))
		}
	}
	return misses
}

// spread writes the median, the 99th percentile and the maximum of sorted values.
func spread(values []time.Duration) string {
	if len(values) == 0 {
		return "-"
	}
	at := func(share float64) float64 { return quantile(values, share).Seconds() }
	return fmt.Sprintf("%.2f / %.2f / %.2f", at(0.5), at(0.99), at(1))
}

// quantile returns the value below which a share of sorted values is.
func quantile(values []time.Duration, share float64) time.Duration {
	return values[int(share*float64(len(values)-1)+0.5)]
}

// span writes the least and the greatest value.
func span(values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f to %.0f", slices.Min(values), slices.Max(values))
}

// load returns how many processes of the machine have wanted a processor on the
// average of the last minute; 0 where that cannot be read.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	value, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return value
}

// Line writes the cut in one line; what was not seen is "-".
func (c Cut) Line() string {
	text := string(c.Node)
	if text == "" {
		return "no power was cut"
	}
	for _, column := range columns {
		if value := column.of(c); value != 0 {
			text += fmt.Sprintf("; %s %.2f", column.name, value.Seconds())
		} else if c.Leader || column.name != columns[0].name {
			text += "; " + column.name + " -"
		}
	}
	return text + fmt.Sprintf("; writes %d, lost %d; load %.1f", c.Writes, c.Lost, c.Load)
}

// Table writes the cut as the demo ends with it.
func (c Cut) Table() string {
	row := func(name string, d time.Duration) string {
		if d == 0 {
			return fmt.Sprintf("  %-42s %8s\n", name, "-")
		}
		return fmt.Sprintf("  %-42s %6.2f s\n", name, d.Seconds())
	}
	text := "\n  after the power of " + string(c.Node) + " was cut\n  " + "------------------------------------------ --------\n"
	if c.Leader {
		text += row("another leads", c.Elected)
	}
	text += row("suspected (traffic moves away)", c.Suspect) + row("declared dead", c.Dead) + row("fencing asked for", c.Asked) + row("power proven off", c.Off)
	text += row("address answers again", c.Address) + row("database takes writes through the address", c.Write) + row("all nodes and instances back", c.Whole)
	text += "\n  what clients saw through the address\n  ------------------------------------------ --------\n"
	text += fmt.Sprintf("  %-42s %8d\n", "writes acknowledged", c.Writes) + fmt.Sprintf("  %-42s %8d\n", "acknowledged writes lost", c.Lost)
	text += fmt.Sprintf("  %-42s %8d\n", "failed writes (to be tried again)", c.WriteErrors) + row("longest gap between writes", c.WriteGap)
	text += fmt.Sprintf("  %-42s %8d\n", "inspector calls answered", c.Calls) + fmt.Sprintf("  %-42s %8d\n", "inspector calls failed", c.CallErrors) + row("longest gap between calls", c.CallGap)
	return text
}
