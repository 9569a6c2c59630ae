package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// The data key seals secrets and join tokens. It is on every member's disk and
// never in the log: who has an old key and the log learns nothing of a new one.
// A new one is handed from member to member over their own connections, is on the
// disks of a majority of the voters before anything is sealed with it, and a
// member that was away asks for it when it reads in the log that it is in use.

const (
	// keyPause is the pause after the key in use could not be had.
	keyPause = 5 * time.Second
	// keyTimeout bounds one request about a key.
	keyTimeout = 5 * time.Second
)

// sealing returns the keys with the one first that the cluster seals with now.
func (n *Node) sealing() (*security.Keyring, error) {
	ring, in := n.config.Keys.Ring(), n.machine.current.Load().DataKey
	if in == "" || ring.Active() == in {
		return ring, nil
	}
	keys, err := ring.Preferring(in)
	if errors.Is(err, security.ErrNoKey) {
		return nil, &api.Error{Code: api.CodeUnavailable, Text: "nothing was changed: this member does not have the data key yet; try again"}
	}
	return keys, err
}

// DataKey returns the data key of an id in base64, for another member.
func (n *Node) DataKey(id string) (string, error) {
	key, found := n.config.Keys.Ring().Find(id)
	if !found {
		return "", &api.Error{Code: api.CodeNotFound, Text: "this member does not have the data key " + id}
	}
	text, err := key.MarshalText()
	return string(text), err
}

// LearnKey keeps a data key that another member made. Keys that were made and
// never used go first.
func (n *Node) LearnKey(text string) error {
	var key security.Key
	if err := key.UnmarshalText([]byte(text)); err != nil {
		return &api.Error{Code: api.CodeInvalid, Text: err.Error()}
	}
	return n.learnKey(key)
}

func (n *Node) learnKey(key security.Key) error {
	s, active := n.machine.current.Load(), n.config.Keys.Ring().Active()
	if _, err := n.config.Keys.Use(active, func(id string) bool { return n.keyNeeded(s, id) }); err != nil {
		return err
	}
	if err := n.config.Keys.Learn(key); err != nil {
		return fmt.Errorf("keep data key %s: %w", key.ID(), err)
	}
	n.offered.Store(new(key.ID()))
	return nil
}

// keyNeeded reports whether something is sealed with a key, or soon may be.
func (n *Node) keyNeeded(s *state.State, id string) bool {
	offered := n.offered.Load()
	return s.SealedWith(id) || s.DataKey == id || offered != nil && *offered == id
}

// RotateKey replaces the data key: this member, the leader, makes one, has a
// majority of the voters keep it, and seals everything anew in one entry.
func (n *Node) RotateKey(ctx context.Context, who api.Identity) (api.DataKeyAnswer, error) {
	s, err := n.Read(ctx)
	if err != nil {
		return api.DataKeyAnswer{}, err
	}
	if err := api.TooNew(s, &state.SecretsResealed{}); err != nil {
		return api.DataKeyAnswer{}, err
	}
	key, err := security.NewKey()
	if err != nil {
		return api.DataKeyAnswer{}, err
	}
	if err := n.learnKey(key); err != nil {
		return api.DataKeyAnswer{}, err
	}
	answer, err := n.handOut(ctx, s, key)
	if err != nil {
		return answer, err
	}
	command, err := n.reseal(s, key.ID())
	if err != nil {
		return api.DataKeyAnswer{}, err
	}
	answer.Key, answer.Secrets, answer.Tokens = key.ID(), len(command.Secrets), len(command.Verifiers)
	_, err = n.Propose(ctx, who, command)
	return answer, err
}

// handOut gives a key to all other members, and fails unless a majority of the
// voters has it.
func (n *Node) handOut(ctx context.Context, s *state.State, key security.Key) (api.DataKeyAnswer, error) {
	text, err := key.MarshalText()
	if err != nil {
		return api.DataKeyAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	names := s.NodeNames()
	failed := make([]error, len(names))
	var wait sync.WaitGroup
	for i, name := range names {
		if name != n.config.Name {
			wait.Go(func() { failed[i] = n.client(name, s.Nodes[name].Address).PeerLearnKey(ctx, string(text)) })
		}
	}
	wait.Wait()
	answer := api.DataKeyAnswer{Holders: []resources.NodeName{}, Away: []resources.NodeName{}}
	voters, have := 0, 0
	refused := &api.Error{Code: api.CodeRefused}
	for i, name := range names {
		if s.Nodes[name].Voter {
			voters++
		}
		if failed[i] != nil {
			answer.Away = append(answer.Away, name)
			refused.Details = append(refused.Details, fmt.Sprintf("%s: %v", name, failed[i]))
			continue
		}
		answer.Holders = append(answer.Holders, name)
		if s.Nodes[name].Voter {
			have++
		}
	}
	if 2*have <= voters {
		refused.Text = fmt.Sprintf("nothing was changed: %d of %d voters keep the new key, a majority has to", have, voters)
		return answer, refused
	}
	return answer, nil
}

// reseal is everything that is sealed, sealed with the key of an id.
func (n *Node) reseal(s *state.State, id string) (*state.SecretsResealed, error) {
	from := n.config.Keys.Ring()
	to, err := from.Preferring(id)
	if err != nil {
		return nil, err
	}
	command := &state.SecretsResealed{Key: id, Was: s.SealedDigest(), Secrets: map[string]string{}, Verifiers: map[string]string{}}
	for name, sealed := range s.Secrets {
		value, err := from.Open(secretName(name), sealed)
		if err != nil {
			return nil, err
		}
		if command.Secrets[name], err = to.Seal(secretName(name), value); err != nil {
			return nil, err
		}
	}
	for token, t := range s.Tokens {
		if command.Verifiers[token], err = security.ResealToken(from, to, token, t.Verifier); err != nil {
			return nil, err
		}
	}
	return command, nil
}

// keepDataKey sees to it that this member has the key in use, and forgets those
// that nothing uses.
func (n *Node) keepDataKey(ctx context.Context) error {
	for {
		s, changed := n.machine.watch()
		var again <-chan time.Time
		if err := n.tendKeys(ctx, s); err != nil && ctx.Err() == nil {
			n.log.Warn("have the data key that is in use", zap.Error(err))
			again = time.After(keyPause)
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *Node) tendKeys(ctx context.Context, s *state.State) error {
	ring := n.config.Keys.Ring()
	if s.DataKey == "" || ring.Active() == s.DataKey {
		return nil
	}
	if _, held := ring.Find(s.DataKey); !held {
		key, err := n.fetchKey(ctx, s)
		if err != nil {
			return err
		}
		if err := n.config.Keys.Learn(key); err != nil {
			return err
		}
		n.log.Info("the data key is fetched from another member", zap.String("key", s.DataKey))
	}
	// A run of the daemon after this one begins with what is on the disk: nothing
	// there may need a key that is forgotten.
	if err := n.remember(s); err != nil {
		return err
	}
	if err := n.raft.Snapshot(ctx); err != nil {
		return fmt.Errorf("keep the state that is sealed anew: %w", err)
	}
	if _, err := n.config.Keys.Use(s.DataKey, func(id string) bool { return n.keyNeeded(s, id) }); err != nil {
		return err
	}
	n.log.Info("the data key is in use, and those before are forgotten", zap.String("key", s.DataKey))
	return nil
}

// fetchKey asks the other members for the key in use. Its id proves that it is the
// right one.
func (n *Node) fetchKey(ctx context.Context, s *state.State) (security.Key, error) {
	failed := fmt.Errorf("no other member has the data key %s", s.DataKey)
	for _, name := range s.NodeNames() {
		if name == n.config.Name {
			continue
		}
		text, err := n.askKey(ctx, name, s.Nodes[name].Address, s.DataKey)
		var key security.Key
		if err == nil {
			err = key.UnmarshalText([]byte(text))
		}
		switch {
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
		case key.ID() == s.DataKey:
			return key, nil
		}
	}
	return security.Key{}, failed
}

func (n *Node) askKey(ctx context.Context, name resources.NodeName, address, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	return n.client(name, address).PeerDataKey(ctx, id)
}
