package resources_test

import (
	"testing"
	"time"

	. "github.com/belay-ha/belay/resources"
)

func TestRuleDateSpec(t *testing.T) {
	monday := time.Date(2026, 6, 1, 9, 30, 0, 0, time.UTC)
	for text, want := range map[string]bool{
		`date in "hours=9-16"`:                               true,
		`date in "hours=9-16 weekdays=1-5"`:                  true,
		`date in "weekdays=6-7"`:                             false,
		`not date in "weekdays=6-7" and rack == b`:           true,
		`date in "monthdays=1 months=6 years=2026-"`:         true,
		`date in "hours=10-"`:                                false,
		`date in "hours=-9" or date in "minutes=45 weeks=1"`: true,
	} {
		rule, err := ParseRule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		zone := time.FixedZone("far", 9*3600)
		if got := rule.MatchAt(map[string]string{"rack": "b"}, monday.In(zone)); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if rule.Match(map[string]string{"rack": "x"}) && text[0] == 'd' {
			t.Errorf("%s holds at no known time", text)
		}
	}
	rule, _ := ParseRule(`date in "hours=9-16 weekdays=1-5"`)
	for now, want := range map[time.Time]time.Time{
		monday: monday.Add(7*time.Hour + 30*time.Minute),
		monday.AddDate(0, 0, 4).Add(8 * time.Hour): time.Date(2026, 6, 8, 9, 0, 0, 0, time.UTC),
	} {
		if got := rule.Changes(now); !got.Equal(want) {
			t.Errorf("after %s it changes at %s, want %s", now, got, want)
		}
	}
	for _, bad := range []string{`date in "hour=9"`, `date in "hours=nine"`, `date in ""`, `date in`, `date in "hours=-"`, `date in "hours=1-2-3"`} {
		if _, err := ParseRule(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
