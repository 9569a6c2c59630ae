package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is one line of `go test -json` (go doc test2json), and of the build
// events that go test adds to it (go help buildjson).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events, in place of Package
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

// outputLimit bounds what is kept of one test's output, in bytes; of a longer
// one the end is kept.
const outputLimit = 256 << 10

// report gathers events. A test's output is kept until the test passes.
type report struct {
	out                     io.Writer
	output                  map[string]*strings.Builder // by package and test
	failedIn                map[string]bool             // packages of which a test failed
	skips                   []string
	passed, failed, skipped int
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: make(map[string]*strings.Builder), failedIn: make(map[string]bool)}
}

// read takes all events. Lines that are none are printed as they are.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprint(r.out, line)
			} else {
				r.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (r *report) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.keep(key, e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e, r.output[key])
		}
		delete(r.output, key)
	}
}

func (r *report) keep(key, text string) {
	b := r.output[key]
	if b == nil {
		b = &strings.Builder{}
		r.output[key] = b
	}
	if b.Len()+len(text) > outputLimit {
		// A crash says what it was at its beginning, a failed test at its end.
		all := b.String()
		b.Reset()
		b.WriteString(all[:min(len(all), outputLimit/2)] + "\n[...]\n" + all[max(len(all)-outputLimit/4, 0):])
	}
	b.WriteString(text)
}

func (r *report) endTest(e event, output *strings.Builder) {
	text := ""
	if output != nil {
		text = output.String()
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.failedIn[e.Package] = true
		fmt.Fprintf(r.out, "FAIL  %s %s (%.1f s)\n%s", short(e.Package), e.Test, e.Elapsed, text)
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", short(e.Package), e.Test, reason(text)))
	}
}

func (r *report) endPackage(e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(r.out, "ok    %-42s %6.1f s\n", short(e.Package), e.Elapsed)
	case "fail":
		// Tests whose end was never told, because the process died, come first.
		for key, output := range r.output {
			if name, test, _ := strings.Cut(key, " "); name == e.Package && test != "" {
				r.failed++
				r.failedIn[e.Package] = true
				fmt.Fprintf(r.out, "FAIL  %s %s (did not end)\n%s", short(name), test, output)
				delete(r.output, key)
			}
		}
		if e.FailedBuild != "" {
			r.failed++
			fmt.Fprintf(r.out, "FAIL  %s does not build\n", short(e.Package))
			return
		}
		if !r.failedIn[e.Package] {
			r.failed++ // the package failed outside every test, in TestMain for one
		}
		text := ""
		if output := r.output[e.Package+" "]; output != nil {
			text = output.String()
		}
		fmt.Fprintf(r.out, "FAIL  %-42s %6.1f s\n%s", short(e.Package), e.Elapsed, text)
	}
}

// close prints the skips and the totals.
func (r *report) close() {
	for _, s := range r.skips {
		fmt.Fprintf(r.out, "skip  %s\n", s)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

// reason finds what a skipped test said in its output.
func reason(output string) string {
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		return line
	}
	return "no reason given"
}

func short(name string) string { return strings.TrimPrefix(name, "github.com/belay-ha/belay/") }
