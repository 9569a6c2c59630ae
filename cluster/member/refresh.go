package member

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"time"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/cluster/view"
	"github.com/belay-ha/belay/resources"
)

const (
	refreshTimeout = 20 * time.Second
	refreshRetry   = time.Second
	// refreshBusy is how soon a refresh is tried again whose instance was busy.
	refreshBusy = 50 * time.Millisecond
)

// refreshed is the view that an instance was last brought into line with.
type refreshed struct {
	view  viewDigest
	retry time.Time // when not zero, the last try failed
}

type viewDigest [sha256.Size]byte

// refresh keeps running instances in line with the resources that they watch.
func (c *Core) refresh() {
	if _, current := c.self(); !current || !c.reached(c.unwatched) {
		return
	}
	c.unwatched = c.horizon()
	watching := map[resources.InstanceID]bool{}
	for _, i := range c.active() {
		agent, found := c.config.Agents.Find(i.Config.Agent)
		refresher, refreshes := agent.(agents.Refresher)
		if !found || !refreshes {
			continue
		}
		watching[i.ID] = true
		digest := digestOf(view.Of(c.s, refresher.Watches(i.Config.Params)))
		last := c.refreshed[i.ID]
		switch {
		case last.view == digest && last.retry.IsZero():
		case last.view == digest && c.now.Before(last.retry):
			c.bring(&c.unwatched, last.retry)
		case c.borrow(&task{Task: Task{Kind: KindRefresh, Instance: i.ID, Op: resources.OpReload, Timeout: refreshTimeout, State: c.s}, view: digest}):
			c.refreshed[i.ID] = refreshed{view: digest}
		default:
			c.bring(&c.unwatched, c.now.Add(refreshBusy))
		}
	}
	maps.DeleteFunc(c.refreshed, func(id resources.InstanceID, _ refreshed) bool { return !watching[id] })
}

// refreshEnded has a refresh that failed repeated.
func (c *Core) refreshEnded(t *task, result agents.Result, unbuilt string) {
	if unbuilt == "" && result.Outcome == agents.OutcomeOK {
		return
	}
	if unbuilt == "" {
		unbuilt = result.Outcome.String() + ": " + result.Reason
	}
	c.note(Note{Text: "refresh: " + unbuilt, Instance: t.Instance})
	if last, known := c.refreshed[t.Instance]; known && last.view == t.view {
		retry := c.now.Add(refreshRetry)
		c.refreshed[t.Instance] = refreshed{view: t.view, retry: retry}
		c.bring(&c.unwatched, retry)
	}
}

// digestOf names what a view says, but for its index.
func digestOf(v agents.View) viewDigest {
	v.Index = 0
	for _, peers := range v.Peers {
		for n := range peers {
			peers[n].Attributes = nil // reports of progress must not cause reloads
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic("member: a view is plain data: " + err.Error())
	}
	return sha256.Sum256(data)
}
