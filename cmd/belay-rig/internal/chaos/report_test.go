package chaos

import (
	"strings"
	"testing"
	"time"
)

// held is an outcome of which nothing is wrong.
func held(number int, faults ...Fault) Outcome {
	began := dawn.Add(time.Duration(number) * time.Minute)
	return Outcome{Round: Round{Number: number, Faults: faults}, Began: began, Mended: began.Add(2 * time.Second), Settled: began.Add(20 * time.Second), Load: 3, WriteGap: time.Second}
}

// fenced adds a fencing of a host that is back.
func fenced(o Outcome, host int) Outcome {
	o.Fences = append(o.Fences, Fence{Host: host, Phase: "done", Reason: "silent", Requested: o.Began.Add(time.Second), Off: o.Began.Add(2 * time.Second)})
	o.Restarted = append(o.Restarted, host)
	return o
}

func cut(o Outcome, host int) Outcome {
	o.Cut, o.Touched = append(o.Cut, host), append(o.Touched, host)
	return o
}

func TestOutcome(t *testing.T) {
	pause, power, loss := Fault{Kind: Pause, Target: Leader}, Fault{Kind: PowerCut, Target: Holder}, Fault{Kind: Loss}
	unproven := fenced(cut(held(0, power), 1), 1)
	unproven.Fences[0].Off = time.Time{}
	unsettled := held(0, loss)
	unsettled.Settled = time.Time{}
	frozen := held(0, Fault{Kind: LongFreeze, Target: Leader})
	frozen.Touched = []int{2}
	crashed := held(0, pause)
	crashed.Restarted = []int{2}
	late := fenced(held(0, pause), 2)
	late.Touched, late.Overran = []int{2}, true
	cases := []struct {
		name    string
		outcome Outcome
		want    []string // words of each problem
	}{
		{"a pause that fences nobody", held(0, pause), nil},
		{"a pause that fences", fenced(held(0, pause), 2), []string{"host 2 was to be fenced"}},
		{"a pause that was longer than planned", late, nil},
		{"a pause that ends a host", crashed, []string{"host 2 has started anew"}},
		{"a power cut, fenced and back", fenced(cut(held(0, power), 1), 1), nil},
		{"a power cut that nobody fenced", cut(held(0, power), 1), []string{"host 1 lost its power and was not fenced"}},
		{"a power cut without proof", unproven, []string{"host 1 lost its power and was not fenced"}},
		{"a power cut that fences another", fenced(fenced(cut(held(0, power), 1), 1), 0), []string{"host 0 was to be fenced"}},
		{"frozen and fenced", fenced(frozen, 2), nil},
		{"frozen, and another is fenced", fenced(frozen, 1), []string{"host 1 was to be fenced"}},
		{"lost packets concern nobody", fenced(held(0, loss), 0), []string{"host 0 was to be fenced"}},
		{"not settled", unsettled, []string{"not settled"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := c.outcome.Problems()
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i, want := range c.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}

func goodResult() Result {
	split := held(2, Fault{Kind: Split, Target: Leader}, Fault{Kind: Pause, Target: Holder})
	split.Settled = split.Began.Add(40 * time.Second)
	return Result{
		Command: "make test-chaos MINUTES=3 SEED=9", Reproduce: "make it again", Seed: 9, Version: "v1", Began: dawn, Lasted: 3 * time.Minute, CPUs: 2,
		Outcomes: []Outcome{held(0, Fault{Kind: Pause, Target: Leader}), fenced(cut(held(1, Fault{Kind: PowerCut, Target: Holder}), 1), 1), split},
		Accounts: []NamedAccount{{Name: "rows", Failed: 4, Account: Account{Due: 100, Unasked: 1}}, {Name: "rows again", Again: true, Account: Account{Due: 100}}, {Name: "messages", Account: Account{Due: 50}}},
		Watched:  []string{"vip", "door"}, Looks: 1000, Gap: 90 * time.Millisecond,
	}
}

func TestReport(t *testing.T) {
	text := goodResult().Report()
	for _, want := range []string{
		"`make test-chaos MINUTES=3 SEED=9`, on 2026-01-01 00:00 UTC: 3.0 minutes, 3 rounds, 4 faults; version v1, seed 9, 2 processors, load 3 to 3.",
		"| nothing exclusive in two places | 0 double, 1000 looks |",
		"| nothing acknowledged is lost | 0 lost of 150 |",
		"0 wrongful; 1 rounds with a fault that must fence nobody, 2 others |",
		"| 1 of 1 |",
		"| power cut | 1 | 1 | 2.0 to 2.0 | 20.0 / 20.0 / 20.0 | 1.0 |",
		"| all | 3 | 1 | 2.0 to 2.0 | 20.0 / 40.0 / 40.0 | 1.0 |",
		"| of these, with another fault on top | 1 |",
		"| rows | 100 | 0 | 4 | 1 | 0 |",
		"for: vip, door.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if got, want := goodResult().Summary(), "3 rounds: 0 double in 1000 looks, 0 of 150 acknowledged writes lost, 0 wrongful fencings"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if strings.Contains(text, "Failed:") {
		t.Errorf("nothing is wrong:\n%s", text)
	}
}

func TestProblems(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(*Result)
		want  string
	}{
		{"a double", func(r *Result) {
			r.Doubles = []Double{{What: "vip", A: 0, B: 2, From: dawn, To: dawn.Add(time.Second)}}
		}, "vip on hosts 0 and 2 at once from 00:00:00.000 for 1s"},
		{"a lost write", func(r *Result) { r.Accounts[0].Lost = []int64{7, 8} }, "rows: 2 of 100 acknowledged writes are lost, the first is number 7"},
		{"a lost write on one member", func(r *Result) { r.Accounts[1].Lost = []int64{7} }, "rows again: 1 of 100"},
		{"a write that nobody made", func(r *Result) { r.Accounts[0].Strange = []int64{999} }, "rows: 1 things were never written"},
		{"a writer that never wrote", func(r *Result) { r.Accounts[2].Due = 0 }, "messages: nothing was ever acknowledged"},
		{"a wrongful fencing", func(r *Result) { r.Outcomes[0] = fenced(r.Outcomes[0], 1) }, "round 0: host 1 was to be fenced"},
		{"an early end", func(r *Result) { r.Failure = "round 4 has not settled" }, "round 4 has not settled"},
		{"nobody looked", func(r *Result) { r.Looks = 0 }, "nobody looked"},
		{"nobody looked for long", func(r *Result) { r.Blind = []Blind{{Host: 1, From: dawn, To: dawn.Add(10 * time.Second)}} }, "not looked at for 10.0 s"},
		{"no round", func(r *Result) { r.Outcomes = nil }, "no round was run"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := goodResult()
			if problems := result.Problems(); len(problems) > 0 {
				t.Fatalf("before: %q", problems)
			}
			c.spoil(&result)
			if problems := result.Problems(); len(problems) != 1 || !strings.Contains(problems[0], c.want) {
				t.Errorf("got %q, want %q", problems, c.want)
			}
			if text := result.Report(); !strings.Contains(text, c.want) || !strings.Contains(text, "make it again") {
				t.Errorf("the report does not say so:\n%s", text)
			}
		})
	}
}

// Whoever repeats a run repeats the round that was wrong, not the last one.
func TestGuilty(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(*Result)
		want  int // -1: not known
	}{
		{"nothing is wrong", func(*Result) {}, -1},
		{"a wrongful fencing in the middle", func(r *Result) { r.Outcomes[1] = fenced(r.Outcomes[1], 2) }, 1},
		{"two rounds: the first", func(r *Result) {
			r.Outcomes[0], r.Outcomes[1] = fenced(r.Outcomes[0], 1), fenced(r.Outcomes[1], 2)
		}, 0},
		{"a double in the middle", func(r *Result) {
			r.Doubles = []Double{{What: "vip", A: 0, B: 2, From: r.Outcomes[1].Began.Add(time.Second), To: r.Outcomes[1].Began.Add(2 * time.Second)}}
			r.Failure, r.StoppedBy = r.Doubles[0].String(), true
		}, 1},
		{"a write that is lost after the last round", func(r *Result) { r.Failure, r.StoppedBy = "3 messages are lost", true }, 2},
		{"a write that is missed at the end", func(r *Result) { r.Accounts[0].Lost = []int64{7} }, -1},
	}
	for _, c := range cases {
		result := goodResult()
		c.spoil(&result)
		got, known := result.Guilty()
		if !known {
			got = -1
		}
		if got != c.want {
			t.Errorf("%s: round %d, want %d", c.name, got, c.want)
		}
	}
}

func TestInsert(t *testing.T) {
	first := Insert("# Title\n\nText.\n", "one\n")
	second := Insert(first+"\nMore.\n", "two\n")
	if want := "# Title\n\nText.\n\n" + beginMark + "\none\n" + endMark + "\n"; first != want {
		t.Errorf("got %q, want %q", first, want)
	}
	if want := "# Title\n\nText.\n\n" + beginMark + "\ntwo\n" + endMark + "\n\nMore.\n"; second != want {
		t.Errorf("got %q, want %q", second, want)
	}
	if got := Insert("", "one"); got != beginMark+"\none\n"+endMark+"\n" {
		t.Errorf("of nothing: %q", got)
	}
}
