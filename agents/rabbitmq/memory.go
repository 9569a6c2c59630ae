package rabbitmq

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/belay-ha/belay/internal/durable"
)

// deep is the last answer of the broker itself, kept while this host is up.
type deep struct {
	At      time.Time `json:"at"`
	Answer  answer    `json:"answer"`
	Silence int       `json:"silence,omitempty"` // deep checks without an answer since
}

// Files of the instance's own.
const (
	deepFile    = "deep.json"    // in RunDir
	membersFile = "members.json" // in DataDir: outlives the host's restart
	vhostsFile  = "vhosts.json"  // in DataDir: vhosts' configurations
	joiningFile = "joining"      // in DataDir: what the node directory holds may be thrown away
)

func (c *call) recall() (deep, bool) {
	data, err := os.ReadFile(filepath.Join(c.req.RunDir, deepFile))
	var d deep
	if err != nil || json.Unmarshal(data, &d) != nil {
		return deep{}, false // it is asked again
	}
	return d, true
}

func (c *call) remember(d deep) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(c.req.RunDir, deepFile), data); err != nil {
		return fmt.Errorf("remember the broker's answer: %w", err)
	}
	if d.Silence > 0 {
		return nil
	}
	members, err := json.Marshal(d.Answer.Members)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(filepath.Join(c.req.DataDir, membersFile)); err == nil && string(old) == string(members) {
		return nil
	}
	if err := replace(filepath.Join(c.req.DataDir, membersFile), members); err != nil {
		return fmt.Errorf("remember the cluster's members: %w", err)
	}
	return nil
}

// remembered returns the members that the node knew when it last ran.
func (c *call) remembered() ([]string, error) {
	data, err := os.ReadFile(filepath.Join(c.req.DataDir, membersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var members []string
	if err == nil {
		err = json.Unmarshal(data, &members)
	}
	return members, err
}

// forgetRun drops what was remembered of a run that is over.
func (c *call) forgetRun() error {
	if err := os.Remove(filepath.Join(c.req.RunDir, deepFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// joining reports whether a join was begun and not finished: a cluster of one
// that is there now came from it and holds nothing.
func (c *call) joining() bool {
	_, err := os.Stat(filepath.Join(c.req.DataDir, joiningFile))
	return err == nil
}

func (c *call) beginJoin() error {
	if err := replace(filepath.Join(c.req.DataDir, joiningFile), []byte(c.name+"\n")); err != nil {
		return fmt.Errorf("note the join: %w", err)
	}
	return nil
}

func (c *call) endJoin() error {
	if err := os.Remove(filepath.Join(c.req.DataDir, joiningFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note the join's end: %w", err)
	}
	return nil
}

// replace writes a whole file or none, on the disk, and makes its directory.
func replace(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return durable.Replace(name, data, 0o600)
}
