package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/belay-ha/belay/resources"
)

// MemberReport is what a member says of itself for a support archive. The member
// has taken out every secret that it knows.
type MemberReport struct {
	Node  resources.NodeName `json:"node"`
	At    time.Time          `json:"at"`
	Files []ReportFile       `json:"files"`
	// Missing says what could not be had, and why.
	Missing []string `json:"missing,omitempty"`
}

// ReportFile is one part of it, at most MaxReportFile bytes; what was longer has
// lost its beginning, which its first line says.
type ReportFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// MaxReportFile bounds one file of a report, in bytes.
const MaxReportFile = 8 << 20

// The files of a report that speak of the whole cluster.
const (
	ReportState  = "state.json"  // a snapshot of the state, without secrets, earlier definitions and the audit
	ReportAudit  = "audit.json"  // a state.Audit: its chain is broken where a secret stood in a record
	ReportStatus = "status.json" // a Status
	ReportDoctor = "doctor.json" // a DoctorAnswer
)

// report asks the member that is named, or this one; whole adds what speaks of the
// whole cluster, as this member knows it.
func (s *Server) report(r *http.Request, _ []byte, _ Identity) (any, error) {
	query := r.URL.Query()
	return s.cluster.Report(r.Context(), resources.NodeName(query.Get("node")), query.Get("whole") != "")
}

func (s *Server) peerReport(r *http.Request, _ []byte, _ Identity) (any, error) {
	return s.cluster.Report(r.Context(), s.cluster.Self(), false)
}

// Report asks a member for its part of a support archive, by way of this client's
// member; an empty name is that member itself.
func (c *Client) Report(ctx context.Context, node resources.NodeName, whole bool) (MemberReport, error) {
	var answer MemberReport
	values := url.Values{"node": {string(node)}}
	if whole {
		values.Set("whole", "1")
	}
	err := c.call(ctx, "GET", "/v1/report?"+values.Encode(), nil, &answer)
	return answer, err
}

// PeerReport asks another member for its own part.
func (c *Client) PeerReport(ctx context.Context) (MemberReport, error) {
	var answer MemberReport
	err := c.call(ctx, "GET", "/v1/peer/report", nil, &answer)
	return answer, err
}
