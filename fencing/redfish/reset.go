package redfish

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/stmcginnis/gofish/schemas"

	"github.com/belay-ha/belay/fencing"
)

// post asks for the reset. Actions take no ETag as a rule, and iDRAC 10 refuses
// any; a service that insists on one (412, or 428 "Precondition required") gets it
// at the second try, and at the third the strong form of a weak one, which by
// RFC 9110 never matches. A request refused so was not carried out.
func (d *device) post(c *conn, s *system, target string, reset schemas.ResetType) (string, error) {
	body := map[string]string{"ResetType": string(reset)}
	c.rec.asked = true
	resp, err := c.client.Post(target, body)
	for _, etag := range s.etags() {
		if status := c.rec.status; err == nil || status != http.StatusPreconditionFailed && status != http.StatusPreconditionRequired {
			break
		}
		resp, err = c.client.PostWithHeaders(target, body, map[string]string{"If-Match": etag})
	}
	if err != nil {
		return "", err
	}
	defer schemas.DeferredCleanupHTTPResponse(resp)
	detail := fmt.Sprintf("POST %s %s: taken with HTTP %d", target, reset, resp.StatusCode)
	if resp.StatusCode == http.StatusAccepted {
		d.monitor = d.taskOf(resp)
		if d.monitor != "" {
			detail += ", task " + d.monitor
		}
	}
	return detail, nil
}

// etags returns what to send as If-Match, in turn.
func (s *system) etags() []string {
	if s.Etag == "" {
		return nil
	}
	if strong, weak := strings.CutPrefix(s.Etag, "W/"); weak {
		return []string{s.Etag, strong}
	}
	return []string{s.Etag}
}

// taskOf returns where to ask about the task that a 202 names: its monitor, or
// where a BMC leaves that out, the task itself. It is empty when there is none.
func (d *device) taskOf(resp *http.Response) string {
	if path, err := d.localPath(resp.Header.Get("Location")); err == nil {
		return path
	}
	var task struct {
		ODataID     string `json:"@odata.id"`
		TaskMonitor string
	}
	if json.NewDecoder(resp.Body).Decode(&task) != nil {
		return ""
	}
	for _, ref := range []string{task.TaskMonitor, task.ODataID} {
		if path, err := d.localPath(ref); err == nil {
			return path
		}
	}
	return ""
}

// followTask says what became of the newest task, until it has ended. It is
// for the record: only the power state counts.
func (d *device) followTask(c *conn, power fencing.Power) string {
	if d.monitor == "" {
		return ""
	}
	if power == fencing.PowerOff {
		d.monitor = ""
		return ""
	}
	status := c.rec.status
	defer func() { c.rec.status = status }()
	resp, err := c.client.Get(d.monitor)
	if err != nil {
		_, text := describe(err, c.rec.status)
		d.monitor = ""
		return "task: " + text
	}
	defer schemas.DeferredCleanupHTTPResponse(resp)
	if resp.StatusCode != http.StatusAccepted {
		d.monitor = "" // its monitor answers otherwise when it has ended
	}
	var task struct {
		TaskState, TaskStatus string
		Messages              []struct{ Message string }
	}
	if json.NewDecoder(resp.Body).Decode(&task) != nil || task.TaskState == "" {
		// A monitor may give the request's own answer, which has no body.
		return fmt.Sprintf("task: HTTP %d", resp.StatusCode)
	}
	text := "task " + task.TaskState
	if task.TaskState != "Completed" {
		for _, m := range task.Messages {
			text += ": " + m.Message
		}
	}
	return text
}
