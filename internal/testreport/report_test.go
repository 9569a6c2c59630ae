package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const p = `"Package":"github.com/belay-ha/belay/p"`
	cases := []struct {
		name    string
		events  string
		want    []string
		without []string
	}{
		{"a pass prints no output of tests",
			`{"Action":"output",` + p + `,"Test":"TestA","Output":"noise\n"}
{"Action":"pass",` + p + `,"Test":"TestA","Elapsed":0.1}
{"Action":"pass",` + p + `,"Elapsed":0.2}`,
			[]string{"ok    p ", "1 passed, 0 failed, 0 skipped\n"}, []string{"noise"}},
		{"a failure prints its output",
			`{"Action":"output",` + p + `,"Test":"TestA","Output":"a_test.go:1: got 2\n"}
{"Action":"fail",` + p + `,"Test":"TestA","Elapsed":0.1}
{"Action":"fail",` + p + `,"Elapsed":0.2}`,
			[]string{"FAIL  p TestA (0.1 s)\na_test.go:1: got 2\n", "0 passed, 1 failed, 0 skipped\n"}, nil},
		{"a skip gives its reason",
			`{"Action":"output",` + p + `,"Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output",` + p + `,"Test":"TestA","Output":"    a_test.go:9: needs root\n"}
{"Action":"output",` + p + `,"Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip",` + p + `,"Test":"TestA"}`,
			[]string{"skip  p TestA: a_test.go:9: needs root\n", "0 passed, 0 failed, 1 skipped\n"}, nil},
		{"a test that the process took with it",
			`{"Action":"output",` + p + `,"Test":"TestA","Output":"panic: boom\n"}
{"Action":"output",` + p + `,"Output":"exit status 2\n"}
{"Action":"fail",` + p + `}`,
			[]string{"TestA (did not end)\npanic: boom\n", "exit status 2", "0 passed, 1 failed"}, nil},
		{"a package that does not build",
			`{"Action":"build-output","ImportPath":"p","Output":"p.go:1: undefined: x\n"}
{"Action":"fail",` + p + `,"FailedBuild":"p"}`,
			[]string{"p.go:1: undefined: x\n", "FAIL  p does not build\n", "0 passed, 1 failed"}, nil},
		{"a failure outside every test",
			`{"Action":"pass",` + p + `,"Test":"TestA"}
{"Action":"fail",` + p + `}`,
			[]string{"1 passed, 1 failed"}, nil},
		{"a line that is no event", "go: no such module\n", []string{"go: no such module\n", "0 passed"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(c.events)); err != nil {
				t.Fatal(err)
			}
			r.close()
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("printed %q, want %q in it", out.String(), want)
				}
			}
			for _, without := range c.without {
				if strings.Contains(out.String(), without) {
					t.Errorf("printed %q, want no %q in it", out.String(), without)
				}
			}
		})
	}
}

func TestReportBoundsOutput(t *testing.T) {
	r := newReport(&strings.Builder{})
	for range 10_000 {
		r.keep("p TestA", strings.Repeat("x", 99)+"\n")
	}
	r.keep("p TestA", "the end\n")
	kept := r.output["p TestA"].String()
	if len(kept) > outputLimit || !strings.HasSuffix(kept, "the end\n") {
		t.Errorf("kept %d bytes that end in %q", len(kept), kept[max(0, len(kept)-20):])
	}
}
