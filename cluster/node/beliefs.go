package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// A daemon that has started anew knows nothing that the log holds until a leader
// tells it how far the log is committed. Without a leader it could not apply the
// no-quorum policy to what its last run started. So each run leaves, in RunDir,
// which the host's restart empties, what it takes to stop that.

// beliefsFile holds the member's part of the state, below RunDir.
const beliefsFile = "beliefs.json"

// beliefsPause is the least time between two writes.
const beliefsPause = 500 * time.Millisecond

// readBeliefs takes over what an earlier run of the daemon left, if the host has
// not restarted since.
func (n *Node) readBeliefs() {
	path := filepath.Join(n.config.RunDir, beliefsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		n.log.Warn("read what the last run left", zap.Error(err))
		return
	}
	s, err := state.ReadSnapshot(bytes.NewReader(data))
	if err != nil {
		n.log.Warn("read what the last run left", zap.String("file", path), zap.Error(err))
		return
	}
	if self, found := s.Nodes[n.config.Name]; found && self.BootID == n.config.BootID {
		n.left.Store(s)
	}
}

// beliefs is what is on file.
type beliefs struct {
	mu sync.Mutex
	// The fields below are guarded by mu.
	index uint64
	key   [sha256.Size]byte
}

// keepBeliefs writes the member's part of the state whenever it has changed, and
// before anything is started (see remember).
func (n *Node) keepBeliefs(ctx context.Context) error {
	for {
		s, changed := n.machine.watch()
		if err := n.remember(s); err != nil {
			n.log.Warn("keep what this run believes", zap.Error(err))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-time.After(beliefsPause):
		case <-ctx.Done():
			return nil
		}
	}
}

// remember writes the member's part of the state, unless it is on file.
func (n *Node) remember(s *state.State) error {
	self, found := s.Nodes[n.config.Name]
	if !found || self.BootID != n.config.BootID {
		return nil // nothing of this start of the host
	}
	n.beliefs.mu.Lock()
	defer n.beliefs.mu.Unlock()
	if s.Index <= n.beliefs.index {
		return nil
	}
	key := beliefsKey(s, self)
	if key != n.beliefs.key {
		if err := n.writeBeliefs(s, self); err != nil {
			return err
		}
	}
	n.beliefs.index, n.beliefs.key = s.Index, key
	return nil
}

// beliefsKey changes with everything that stopping the member's instances
// depends on.
func beliefsKey(s *state.State, self *state.Node) [sha256.Size]byte {
	type belief struct {
		Role   resources.Role
		Probed bool
		Action resources.ActionID
		Digest string
	}
	beliefs := map[resources.InstanceID]belief{}
	for id, i := range self.Instances {
		b := belief{i.Role, i.Probed, i.Action, ""}
		if i.Config != nil {
			b.Digest = resources.Digest(i.Config)
		}
		beliefs[id] = b
	}
	data, err := json.Marshal(map[string]any{"revision": s.Revision, "secrets": s.Secrets, "incarnation": self.Incarnation, "beliefs": beliefs})
	if err != nil {
		panic("node: plain data: " + err.Error())
	}
	return sha256.Sum256(data)
}

func (n *Node) writeBeliefs(s *state.State, self *state.Node) error {
	own := state.New()
	own.Index, own.Term, own.At, own.Version, own.Cluster = s.Index, s.Term, s.At, s.Version, s.Cluster
	own.Definition, own.Revision, own.Secrets = s.Definition, s.Revision, s.Secrets
	own.Nodes[self.Name] = self
	var data bytes.Buffer
	if err := own.WriteSnapshot(&data); err != nil {
		return err
	}
	path := filepath.Join(n.config.RunDir, beliefsFile)
	if err := os.WriteFile(path+".new", data.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}
