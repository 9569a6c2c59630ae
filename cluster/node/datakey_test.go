package node

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/belay-ha/belay/cluster/api"
	"github.com/belay-ha/belay/cluster/security"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// crashPoint is where the power of a daemon fails while the data key is replaced:
// at the nth time that something is done, on the leader's host or another.
type crashPoint struct {
	name     string
	onLeader bool
	what     string
	nth      int
	kills    string // leader, or host: where it is done
}

// What is done, in this order.
const (
	keyWrite  = "a host writes its keys"
	keyKept   = "a host has written its keys"
	keySent   = "the leader sends the key to a member"
	keyTaken  = "a member has answered that it has the key"
	entrySave = "a host writes the entry"
	entryKept = "a host has written the entry"
)

// A host writes its keys twice: with the new one, and without the old one.
var crashPoints = []crashPoint{
	{"before anybody has the key", true, keyWrite, 1, "leader"},
	{"when the leader alone has the key", true, keyKept, 1, "leader"},
	{"when the key is sent", true, keySent, 1, "leader"},
	{"when one member more has the key", true, keyTaken, 1, "leader"},
	{"when all have the key", true, keyTaken, 2, "leader"},
	{"before the entry is written", true, entrySave, 1, "leader"},
	{"when the leader alone has the entry", true, entryKept, 1, "leader"},
	{"when a majority has the entry", false, entryKept, 1, "leader"},
	{"before the leader forgets the old key", true, keyWrite, 2, "leader"},
	{"when the leader has forgotten the old key", true, keyKept, 2, "leader"},
	{"before another forgets the old key", false, keyWrite, 2, "host"},
	{"when another has forgotten the old key", false, keyKept, 2, "host"},
}

var errKilled = errors.New("the daemon was killed")

// keyWorld is what hosts keep their data keys on, and what is killed when.
type keyWorld struct {
	w       *world
	stopped chan struct{} // closed when the daemon that was killed has ended

	mu sync.Mutex
	// The fields below are guarded by mu.
	disk   map[string][]security.Key
	armed  *crashPoint
	leader string
	counts map[string]int
	dead   string // the host whose daemon was killed
}

// outfit gives a daemon the keys of its host's disk, and taps what it does.
func (k *keyWorld) outfit(b *box, config *Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.w = b.world
	if k.disk[b.name] == nil {
		k.disk[b.name] = []security.Key{firstDataKey}
	}
	ring, err := security.NewKeyring(k.disk[b.name]...)
	if err != nil {
		b.world.t.Error(err)
		return
	}
	config.Keys = security.NewVault(ring, func(r *security.Keyring) error { return k.save(b.name, r.Keys()) })
	config.Raft.Store = &tappedStore{b.store, k, b.name}
	inner, fault := config.RoundTripper, config.Fault
	config.RoundTripper = func(to resources.NodeName) http.RoundTripper { return &tappedCaller{inner(to), k, b.name} }
	config.Fault = func(err error) {
		if !k.isDead(b.name) {
			fault(err)
		}
	}
}

func (k *keyWorld) isDead(host string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead == host
}

// at notes that a host does something; false: its daemon does nothing any more.
func (k *keyWorld) at(host, what string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead == host {
		return false
	}
	if k.armed == nil || k.armed.what != what || k.armed.onLeader != (host == k.leader) {
		return true
	}
	if k.counts[host]++; k.counts[host] != k.armed.nth {
		return true
	}
	k.dead = host
	if k.armed.kills == "leader" {
		k.dead = k.leader
	}
	k.armed = nil
	victim := k.w.box(k.dead)
	k.w.isolate(victim)
	go func() {
		victim.stop(ErrPowerCut) // without a word, as by kill -9
		close(k.stopped)
	}()
	return k.dead != host
}

func (k *keyWorld) save(host string, keys []security.Key) error {
	if !k.at(host, keyWrite) {
		return errKilled
	}
	k.mu.Lock()
	k.disk[host] = keys
	k.mu.Unlock()
	if !k.at(host, keyKept) {
		return errKilled
	}
	return nil
}

// has are the ids of the keys on a host's disk.
func (k *keyWorld) has(host string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ids []string
	for _, key := range k.disk[host] {
		ids = append(ids, key.ID())
	}
	return ids
}

// tappedStore is a log's store that notes when the entry is written.
type tappedStore struct {
	*disk
	k    *keyWorld
	host string
}

// StoreLogs implements raft.LogStore.
func (s *tappedStore) StoreLogs(logs []*raft.Log) error {
	is := slices.ContainsFunc(logs, func(l *raft.Log) bool { return bytes.Contains(l.Data, []byte("secrets.resealed/")) })
	if is && !s.k.at(s.host, entrySave) || s.k.isDead(s.host) {
		return errKilled
	}
	if err := s.disk.StoreLogs(logs); err != nil {
		return err
	}
	if is && !s.k.at(s.host, entryKept) {
		return errKilled
	}
	return nil
}

// StoreLog implements raft.LogStore.
func (s *tappedStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// tappedCaller notes when a key is handed to a member.
type tappedCaller struct {
	http.RoundTripper
	k    *keyWorld
	host string
}

// RoundTrip implements http.RoundTripper.
func (c *tappedCaller) RoundTrip(r *http.Request) (*http.Response, error) {
	hands := r.Method == http.MethodPost && r.URL.Path == "/v1/peer/data-key"
	if hands && !c.k.at(c.host, keySent) {
		return nil, errKilled
	}
	answer, err := c.RoundTripper.RoundTrip(r)
	if hands && err == nil && !c.k.at(c.host, keyTaken) {
		return nil, errKilled
	}
	return answer, err
}

const bmcPassword = "pl4nted-Passw0rd-7f3a9c"

var root = api.Identity{Name: "root", Role: api.RoleAdmin}

// inKeyWorld runs f in a world of three members with a secret.
func inKeyWorld(t *testing.T, f func(w *world, k *keyWorld)) {
	t.Helper()
	k := &keyWorld{disk: map[string][]security.Key{}, counts: map[string]int{}}
	inWorldOf(t, 1, 3, k.outfit, func(w *world) {
		k.stopped = make(chan struct{}) // of the bubble
		w.until("members know the command", func() bool { return w.boxes[0].run().Local().Version >= state.VersionDataKey })
		if err := w.leader().run().SetSecret(w.t.Context(), root, api.SecretRequest{Secret: "bmc", Value: bmcPassword}); err != nil {
			t.Fatal(err)
		}
		f(w, k)
	})
}

// opens reports whether every member that runs opens the secret.
func (w *world) opens(want string) bool {
	for _, b := range w.boxes {
		if n := b.run(); n != nil {
			if value, err := n.openSecret(n.Local(), "bmc"); err != nil || value != want {
				return false
			}
		}
	}
	return true
}

// rotate replaces the key, however often the leader has to be asked.
func (w *world) rotate() (answer api.DataKeyAnswer) {
	w.t.Helper()
	var err error
	w.until("the key is replaced", func() bool {
		answer, err = w.leader().run().RotateKey(w.t.Context(), root)
		return err == nil
	})
	return answer
}

// alone waits until every host's disk holds one key, and no other.
func (w *world) alone(k *keyWorld, id string) {
	w.t.Helper()
	w.until("each host has the new key and no other", func() bool {
		return !slices.ContainsFunc(w.boxes, func(b *box) bool { return !slices.Equal(k.has(b.name), []string{id}) })
	})
}

// TestKeyRotationSurvivesCrashes: wherever a daemon is killed while the key is
// replaced, every member can open every secret, then and when it is back, and the
// key can be replaced again.
func TestKeyRotationSurvivesCrashes(t *testing.T) {
	for _, point := range crashPoints {
		t.Run(point.name, func(t *testing.T) {
			inKeyWorld(t, func(w *world, k *keyWorld) {
				leader := w.leader()
				k.mu.Lock()
				k.armed, k.leader = &point, leader.name
				k.mu.Unlock()
				_, _ = leader.run().RotateKey(w.t.Context(), root) // it may or may not be done
				w.until("a daemon is killed", func() bool {
					select {
					case <-k.stopped:
						return true
					default:
						return false
					}
				})
				w.until("those that are left open the secret", func() bool { return w.opens(bmcPassword) })
				w.until("a secret is set meanwhile", func() bool {
					return w.leader().run().SetSecret(w.t.Context(), root, api.SecretRequest{Secret: "bmc", Value: "second"}) == nil
				})
				k.mu.Lock()
				killed := w.box(k.dead)
				k.dead = ""
				k.mu.Unlock()
				w.heal(killed)
				killed.start()
				w.until("all are back", w.whole)
				w.until("all open the secret", func() bool { return w.opens("second") })

				answer := w.rotate()
				w.alone(k, answer.Key)
				for _, b := range w.boxes { // each begins with what is on its disk
					b.stop(nil)
				}
				for _, b := range w.boxes {
					b.start()
				}
				w.until("all are back", w.whole)
				w.until("all open the secret with the new key", func() bool { return w.opens("second") })
			})
		})
	}
}

// TestKeyRotationNeedsAMajority: a key that a minority holds seals nothing, however
// often it is tried; a member that could not be told fetches the key later.
func TestKeyRotationNeedsAMajority(t *testing.T) {
	inKeyWorld(t, func(w *world, k *keyWorld) {
		leader := w.leader()
		var others []*box
		for _, b := range w.boxes {
			if b != leader {
				others = append(others, b)
			}
		}
		deaf := func(request string, boxes ...*box) {
			for _, b := range boxes {
				b.mu.Lock()
				b.older = request
				b.mu.Unlock()
			}
		}
		deaf("/v1/peer/data-key", others...)
		before := leader.run().Local()
		for range 20 {
			_, err := leader.run().RotateKey(w.t.Context(), root)
			var refused *api.Error
			if !errors.As(err, &refused) || refused.Code != api.CodeRefused || !strings.Contains(refused.Text, "nothing was changed: 1 of 3 voters keep the new key") || len(refused.Details) != 2 {
				t.Fatalf("answered %+v, %v", refused, err)
			}
		}
		if after := leader.run().Local(); after.DataKey != "" || after.SealedDigest() != before.SealedDigest() {
			t.Error("something was sealed anew")
		}
		if held := k.has(leader.name); len(held) > 3 { // the one in use, and those of the last two tries
			t.Errorf("the leader keeps %d keys that were never used", len(held)-1)
		}

		// One can be told: that is a majority.
		deaf("", others[0])
		answer := w.rotate()
		if !slices.Equal(answer.Away, []resources.NodeName{resources.NodeName(others[1].name)}) {
			t.Errorf("answered %+v", answer)
		}
		if slices.Contains(k.has(others[1].name), answer.Key) {
			t.Error("it has a key that nobody could give it")
		}
		deaf("", others[1])
		w.alone(k, answer.Key)
		w.until("all open the secret", func() bool { return w.opens(bmcPassword) })
	})
}

// TestKeyRotationNeedsQuorum: a leader that is cut off replaces no key.
func TestKeyRotationNeedsQuorum(t *testing.T) {
	inKeyWorld(t, func(w *world, k *keyWorld) {
		cut := w.leader()
		w.isolate(cut)
		_, err := cut.run().RotateKey(w.t.Context(), root)
		var wire *api.Error
		if !errors.As(err, &wire) || wire.Code != api.CodeNoQuorum {
			t.Errorf("answered %v", err)
		}
		if held := k.has(cut.name); len(held) != 1 {
			t.Errorf("it keeps %d keys", len(held))
		}
		w.heal(cut)
		w.until("all are back", w.whole)
		answer := w.rotate()
		w.alone(k, answer.Key)
		w.until("all open the secret", func() bool { return w.opens(bmcPassword) })
	})
}
