//go:build mariadb

package galera

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// do asks the agent, which knows of the other server what it really is.
func (s *server) do(op resources.Op, advice map[string]string) agents.Result {
	s.t.Helper()
	view := agents.View{Nodes: map[resources.NodeName]agents.NodeView{}, Peers: map[resources.ResourceID][]agents.Peer{}}
	if status, err := (Socket{}).Status(s.t.Context(), s.peer.login()); err == nil {
		view.Nodes["other"] = agents.NodeView{Alive: true, Expected: true}
		view.Peers["galera"] = []agents.Peer{{Node: "other", Role: resources.RolePromoted, Attributes: status.attributes()}}
	}
	request := agents.Request{
		Op: op, Instance: "galera", Node: "this", Agent: "galera", View: view, Advice: advice,
		DataDir: filepath.Join(s.dir, "belay"), RunDir: filepath.Join(s.dir, "run"), Progress: func(agents.Progress) {},
		Params: resources.Params{"datadir": s.file(), "socket": filepath.Join(s.dir, "run/sock")},
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 15*time.Minute)
	defer cancel()
	a := New(Host{Units: s, Run: s}, zap.NewNop())
	begin := time.Now()
	var result agents.Result
	switch op {
	case resources.OpStart:
		result = a.Start(ctx, request)
	case resources.OpPromote:
		result = a.Promote(ctx, request)
	default:
		result = a.Demote(ctx, request)
	}
	s.t.Logf("%s of %s after %v: %s %s %v", op, filepath.Base(s.dir), time.Since(begin).Round(10*time.Millisecond), result.Outcome, result.Reason, result.Attributes)
	return result
}

func (s *server) ok(op resources.Op, advice map[string]string) agents.Result {
	s.t.Helper()
	result := s.do(op, advice)
	if result.Outcome != agents.OutcomeOK {
		s.t.Fatalf("%s\n%s", result.Reason, result.Output)
	}
	return result
}

var joins = map[string]string{adviceMode: modeJoin}

// breakOff lets the member join, kills it with its scripts in the middle of the
// transfer.
func (s *server) breakOff() {
	s.t.Helper()
	done := make(chan agents.Result, 1)
	go func() { done <- s.do(resources.OpPromote, joins) }()
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		moved := int64(0)
		for _, name := range []string{"shop/orders.ibd", ".sst/shop/orders.ibd"} {
			if info, err := os.Stat(s.file(name)); err == nil {
				moved += info.Size()
			}
		}
		if moved > 20<<20 {
			break
		}
		select {
		case result := <-done:
			s.t.Fatalf("no transfer was seen: %+v", result)
		default:
		}
		if time.Now().After(end) {
			s.t.Fatal("no transfer within ten minutes")
		}
	}
	s.kill()
	if result := <-done; result.Outcome == agents.OutcomeOK {
		s.t.Fatalf("%+v", result)
	}
	text, err := os.ReadFile(s.file("grastate.dat"))
	if err != nil {
		s.t.Fatal(err)
	}
	// A member that was in no cluster before has an empty file.
	if state, err := parseGrastate(string(text)); err == nil && state.UUID != zeroUUID {
		s.t.Errorf("in the middle of a transfer grastate.dat names a history: %s", text)
	}
}

// powerCut does to what is remembered what a power cut does: another boot, an empty
// run directory, and a grastate.dat that never reached the disk.
func (s *server) powerCut(grastate string) {
	s.t.Helper()
	c, _, _ := New(Host{}, zap.NewNop()).begin(agents.Request{DataDir: filepath.Join(s.dir, "belay")})
	record, err := c.readTransfer()
	if err != nil || record == nil {
		s.t.Fatalf("no record: %v", err)
	}
	record.Boot = "an earlier one"
	if err := c.writeTransfer(*record); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.dir, "run/galera.json")); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.file("grastate.dat"), []byte(grastate), 0o660); err != nil {
		s.t.Fatal(err)
	}
}

// A member that is killed in the middle of a state transfer comes back through the
// agent alone: once with what its server can read, once with what it cannot.
func TestRealMemberComesBackFromHalfATransfer(t *testing.T) {
	for _, test := range []struct {
		name, method string
		mounted      bool
	}{
		{"rsync, mounted", "rsync", true},
		{"mariabackup, mounted", "mariabackup", true},
		{"rsync", "rsync", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := newServer(t, "a", "127.77.0.1", test.method, 3, false), newServer(t, "b", "127.77.0.2", test.method, 1, test.mounted)
			a.peer, b.peer = b, a
			a.command("mariadb-install-db", "--defaults-file="+a.config(), "--auth-root-authentication-method=socket", "--skip-test-db", "--wsrep-on=OFF")
			a.command("cp", "-a", a.file()+"/.", b.file())
			a.ok(resources.OpStart, nil)
			a.ok(resources.OpPromote, map[string]string{adviceMode: modeBootstrap, adviceOverride: "true"})
			a.sql("CREATE USER IF NOT EXISTS mysql@localhost IDENTIFIED VIA unix_socket", "GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR ON *.* TO mysql@localhost",
				"CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, what LONGBLOB)", "SELECT 1")
			for range 10 {
				a.sql("INSERT INTO shop.orders (what) SELECT REPEAT(MD5(RAND()), 32768) FROM shop.seq_1_to_10", "SELECT 1")
			}
			b.ok(resources.OpStart, nil)

			b.breakOff()
			if got := b.ok(resources.OpDemote, joins); got.Attributes[attrTransfer] != transferHalf {
				t.Errorf("%v", got.Attributes)
			}
			b.ok(resources.OpPromote, joins)
			want := a.sql("SELECT CONCAT(COUNT(*), ' ', SUM(CRC32(what))) FROM shop.orders")
			if got := b.sql("SELECT CONCAT(COUNT(*), ' ', SUM(CRC32(what))) FROM shop.orders"); got != want {
				t.Errorf("b has %s, a %s", got, want)
			}

			// Later b is far behind, and its host loses its power.
			b.ok(resources.OpDemote, nil)
			before, err := os.ReadFile(b.file("grastate.dat"))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				a.sql("INSERT INTO shop.orders (what) SELECT REPEAT(MD5(RAND()), 32768) FROM shop.seq_1_to_10", "SELECT 1")
			}
			if err := os.Remove(b.file("shop/orders.ibd")); err != nil { // so that its growth is the transfer's
				t.Fatal(err)
			}
			b.breakOff()
			b.powerCut(string(before))
			if err := os.WriteFile(b.file("ibdata1"), []byte("torn"), 0o660); err != nil {
				t.Fatal(err)
			}
			b.command("chown", "mysql:", b.file("ibdata1"))
			if got := b.ok(resources.OpStart, joins); got.Attributes[attrTransfer] != transferHalf || got.Attributes[attrUUID] != zeroUUID {
				t.Errorf("%v", got.Attributes)
			}
			got := b.ok(resources.OpPromote, joins)
			if kept := got.Attributes[attrSetAside]; (kept == "") != test.mounted || !strings.Contains(got.Reason, "what it left is in") || !strings.Contains(got.Reason, kept) {
				t.Errorf("%+v", got)
			}
			want = a.sql("SELECT CONCAT(COUNT(*), ' ', SUM(CRC32(what))) FROM shop.orders")
			if got := b.sql("SELECT CONCAT(COUNT(*), ' ', SUM(CRC32(what))) FROM shop.orders"); got != want {
				t.Errorf("b has %s, a %s", got, want)
			}
			if got := b.ok(resources.OpDemote, nil); got.Attributes[attrTransfer] != "" || got.Attributes[attrSeqno] == "-1" {
				t.Errorf("%v", got.Attributes)
			}
		})
	}
}
