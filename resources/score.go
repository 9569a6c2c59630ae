package resources

import (
	"fmt"
	"strconv"
	"strings"
)

// Score is a preference between -Infinity and Infinity, as in Pacemaker
// Explained, "Scores".
type Score int

// Infinity is the largest score: a demand rather than a preference.
const Infinity Score = 1_000_000

// Add joins two scores: -Infinity beats everything, then Infinity, then the
// clamped sum (Pacemaker Explained, "Infinity Math").
func (s Score) Add(other Score) Score {
	switch {
	case s <= -Infinity || other <= -Infinity:
		return -Infinity
	case s >= Infinity || other >= Infinity:
		return Infinity
	}
	return (s + other).clamp()
}

func (s Score) clamp() Score {
	return min(max(s, -Infinity), Infinity)
}

// String writes the score with the word INFINITY for its extremes.
func (s Score) String() string {
	switch {
	case s >= Infinity:
		return "INFINITY"
	case s <= -Infinity:
		return "-INFINITY"
	}
	return strconv.Itoa(int(s))
}

// MarshalText writes the score as String does.
func (s Score) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseScore reads.
func (s *Score) UnmarshalText(text []byte) error {
	score, err := ParseScore(string(text))
	if err != nil {
		return err
	}
	*s = score
	return nil
}

// ParseScore reads an integer or [+-]INFINITY; integers are clamped.
func ParseScore(text string) (Score, error) {
	switch strings.ToUpper(strings.TrimPrefix(text, "+")) {
	case "INFINITY", "INF":
		return Infinity, nil
	case "-INFINITY", "-INF":
		return -Infinity, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("score %q is neither an integer nor INFINITY or -INFINITY", text)
	}
	return Score(min(max(n, int64(-Infinity)), int64(Infinity))), nil
}
