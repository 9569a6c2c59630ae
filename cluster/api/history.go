package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// HistoryAnswer is what has happened, oldest first: at most state.MaxHistory
// events and state.MaxPerformed plans and operations.
type HistoryAnswer struct {
	// Index is the newest that the answer knows of: ask again for what is after it.
	Index uint64 `json:"index"`
	// At is the clock of whoever answered, to reckon "an hour ago" by.
	At     time.Time          `json:"at"`
	Member resources.NodeName `json:"member"` // who answered
	Stale  bool               `json:"stale,omitempty"`
	Events []state.Event      `json:"events"`
}

// HistoryAfter returns what a state has kept of the time after an index, in the
// order of the log. Of one entry the verdict or change comes before the
// operations that it cut short.
func HistoryAfter(s *state.State, after uint64) []state.Event {
	events := []state.Event{}
	for _, e := range slices.Concat(s.Events, s.Performed) {
		if e.Index > after {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b state.Event) int { return cmp.Compare(a.Index, b.Index) })
	return events
}

func (s *Server) history(r *http.Request, body []byte, who Identity) (any, error) {
	after := uint64(0)
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, &Error{Code: CodeInvalid, Text: fmt.Sprintf("after=%q: write the index of a log entry", text)}
		}
	}
	return s.staleOrLeader(func(current *state.State, stale bool) any {
		return HistoryAnswer{Index: current.Index, At: time.Now().UTC(), Member: s.cluster.Self(), Stale: stale, Events: HistoryAfter(current, after)}
	})(r, body, who)
}

// History returns what has happened after an index, 0 for all that is kept;
// stale asks this member only.
func (c *Client) History(ctx context.Context, after uint64, stale bool) (HistoryAnswer, error) {
	var answer HistoryAnswer
	values := url.Values{"after": {strconv.FormatUint(after, 10)}}
	if stale {
		values.Set("stale", "1")
	}
	err := c.call(ctx, "GET", "/v1/history?"+values.Encode(), nil, &answer)
	return answer, err
}
