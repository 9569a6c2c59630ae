package api

import (
	"net/http"

	"github.com/belay-ha/belay/cluster/state"
)

func (s *Server) revisions(r *http.Request, _ []byte, _ Identity) (any, error) {
	current, err := s.cluster.Read(r.Context())
	if err != nil {
		return nil, err
	}
	return RevisionsSince(current, r.URL.Query().Get("owner")), nil
}

// RevisionsSince returns the revisions that are kept; with an owner, those from
// the last on that the owner's files have set, or none.
func RevisionsSince(s *state.State, owner string) RevisionsAnswer {
	answer := RevisionsAnswer{Revisions: []state.Revision{}}
	if owner == "" {
		answer.Revisions = append(answer.Revisions, s.Revisions...)
		return answer
	}
	for n := len(s.Revisions) - 1; n >= 0; n-- {
		if s.Revisions[n].Owner == owner {
			answer.Revisions = append(answer.Revisions, s.Revisions[n:]...)
			break
		}
	}
	return answer
}
