package galera

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/resources"
)

// Outputs of MariaDB 10.11 on Debian 12.
const (
	serverLog = "2026-11-21  4:11:46 0 [Note] InnoDB: log sequence number 56115; transaction id 41\n" +
		"2026-11-21  4:11:46 0 [Warning] InnoDB: Skipping buffer pool dump/restore during wsrep recovery.\n" +
		"2026-11-21  4:11:46 0 [Note] Server socket created on IP: '10.99.0.11', port: '3306'.\n" +
		"2026-11-21  4:11:46 0 [Note] WSREP: Recovered position: a9dac37a-e561-11f1-aff6-fabb50478c11:4\n"
	skippedLog = "2026-11-21  4:11:46 0 [Note] WSREP: disabled, skipping position recovery\n"
)

func TestParseRecovery(t *testing.T) {
	tests := []struct {
		name, output, uuid string
		seqno              int64
		problem            string
	}{
		{"galera_recovery", "--wsrep_start_position=" + uuidA + ":4\n", uuidA, 4, ""},
		{"galera_recovery of a member that never was in a cluster", "--wsrep_start_position=" + zeroUUID + ":-1\n", zeroUUID, -1, ""},
		{"mariadbd's log", serverLog, uuidA, 4, ""},
		{"galera_recovery's message", "WSREP: Recovered position " + uuidA + ":4\n", uuidA, 4, ""},
		{"with a GTID", "WSREP: Recovered position: " + uuidA + ":4,0-1-7\n", uuidA, 4, ""},
		{"the same twice", serverLog + serverLog, uuidA, 4, ""},
		{"two positions", serverLog + strings.ReplaceAll(serverLog, ":4\n", ":900\n"), "", 0, "two positions"},
		{"wsrep off", skippedLog, "", 0, "wsrep_on=ON"},
		{"nothing", "\n", "", 0, "wsrep_on=ON"},
		{"other words", "mariadbd: Too many open files\n", "", 0, "gave no position"},
		{"garbled seqno", "--wsrep_start_position=" + uuidA + ":4x\n", "", 0, "not a number"},
		{"garbled uuid", "--wsrep_start_position=a9dac37a:4\n", "", 0, "not a UUID"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			uuid, seqno, err := parseRecovery(test.output)
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) {
					t.Fatalf("error %v, want %q", err, test.problem)
				}
				return
			}
			if err != nil || uuid != test.uuid || seqno != test.seqno {
				t.Errorf("got %s:%d, %v", uuid, seqno, err)
			}
		})
	}
}

func TestParseGrastate(t *testing.T) {
	file := func(uuid, seqno, safe string) string {
		return "# GALERA saved state\nversion: 2.1\nuuid:    " + uuid + "\nseqno:   " + seqno + "\nsafe_to_bootstrap: " + safe + "\n"
	}
	tests := []struct {
		name, text string
		want       grastate
		garbled    bool
	}{
		{"clean stop", file(uuidA, "12", "1"), grastate{uuidA, 12, true}, false},
		{"crash", file(uuidA, "-1", "0"), grastate{uuidA, -1, false}, false},
		{"new member", file(zeroUUID, "-1", "1"), grastate{zeroUUID, -1, true}, false},
		{"version 2.0", "version: 2.0\nuuid: " + uuidA + "\nseqno: 3\ncert_index:\n", grastate{uuidA, 3, false}, false},
		{"upper case", file(strings.ToUpper(uuidA), "3", "0"), grastate{uuidA, 3, false}, false},
		{"empty", "", grastate{}, true},
		{"torn", "# GALERA saved state\nversion: 2.1\nuuid:    a9dac37a-e56", grastate{}, true},
		{"nulls after a power cut", strings.Repeat("\x00", 113), grastate{}, true},
		{"seqno is no number", file(uuidA, "12x", "0"), grastate{}, true},
		{"seqno is too big", file(uuidA, "99999999999999999999", "0"), grastate{}, true},
		{"seqno is missing", "uuid: " + uuidA + "\n", grastate{}, true},
		{"two seqnos", file(uuidA, "12", "0") + "seqno: 13\n", grastate{}, true},
		{"flag is no flag", file(uuidA, "12", "yes"), grastate{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseGrastate(test.text)
			if (err != nil) != test.garbled || (err == nil && got != test.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestStartRecordsThePosition(t *testing.T) {
	tests := []struct {
		name  string
		host  func(*fakeHost)
		want  map[string]string
		asked int // recoveries
	}{
		{"clean stop needs no recovery", func(h *fakeHost) { h.grastate(uuidA, "12", "1") },
			map[string]string{"uuid": uuidA, "seqno": "12", "safe_to_bootstrap": "1", "grastate": "present", "recovered_by": "grastate", "gvwstate": "absent"}, 0},
		{"after a crash the tables say", func(h *fakeHost) {
			h.grastate(uuidA, "-1", "0")
			h.write("/var/lib/mysql/gvwstate.dat", "my_uuid: x\n")
		}, map[string]string{"uuid": uuidA, "seqno": "4", "grastate": "present", "recovered_by": "galera_recovery", "recovered": uuidA + ":4", "gvwstate": "present"}, 1},
		{"another history in the tables is garbled", func(h *fakeHost) { h.grastate(uuidB, "-1", "0") },
			map[string]string{"uuid": uuidB, "seqno": "-1", "grastate": "garbled", "recovered": uuidA + ":4"}, 1},
		{"no position in the tables is garbled", func(h *fakeHost) {
			h.grastate(uuidA, "-1", "1")
			h.recovery.Stdout = "--wsrep_start_position=" + zeroUUID + ":-1\n"
		}, map[string]string{"seqno": "-1", "grastate": "garbled"}, 1},
		{"data marked as not to be trusted has no history", func(h *fakeHost) { h.grastate(zeroUUID, "-1", "1") },
			map[string]string{"uuid": zeroUUID, "seqno": "-1", "grastate": "present", "recovered": uuidA + ":4", "safe_to_bootstrap": "1"}, 1},
		{"missing grastate", func(h *fakeHost) { h.remove(grastateFile) },
			map[string]string{"uuid": uuidA, "seqno": "4", "grastate": "absent"}, 1},
		{"garbled grastate", func(h *fakeHost) { h.grastate(uuidA, "12x", "0") },
			map[string]string{"uuid": uuidA, "seqno": "4", "grastate": "garbled", "detail": `seqno "12x" is not a number`}, 1},
		{"databases of its own are counted", func(h *fakeHost) {
			for _, name := range []string{"sys", "performance_schema", "#rocksdb", ".sst", "keystone", "nova"} {
				h.mkdir("/var/lib/mysql/" + name)
			}
		}, map[string]string{"databases": "2"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			test.host(h)
			result := h.agent().Start(t.Context(), h.Request(resources.OpStart))
			if result.Outcome != agents.OutcomeOK {
				t.Fatalf("outcome %s: %s", result.Outcome, result.Reason)
			}
			for key, want := range test.want {
				if got := result.Attributes[key]; got != want {
					t.Errorf("%s = %q, want %q", key, got, want)
				}
			}
			recoveries := 0
			for _, call := range h.runner.Calls() {
				if call.Path == "/usr/bin/galera_recovery" {
					recoveries++
					if call.User != "mysql" {
						t.Errorf("recovery ran as %q", call.User)
					}
				}
			}
			if recoveries != test.asked {
				t.Errorf("%d recoveries, want %d", recoveries, test.asked)
			}
			if h.Running() {
				t.Error("start has started mysqld")
			}
			monitored := h.agent().Monitor(t.Context(), h.Request(resources.OpMonitor))
			if monitored.Outcome != agents.OutcomeOK || monitored.Attributes["seqno"] != result.Attributes["seqno"] {
				t.Errorf("monitor: %+v", monitored)
			}
		})
	}
}

// A server that gives up on its data says why first, and "Aborting" last.
func TestUnreadableDataSaysWhatToDo(t *testing.T) {
	for mode, hint := range map[string]bool{modeJoin: true, modeWait: false} {
		h := newHost(t)
		h.grastate(uuidA, "-1", "0")
		h.advice = map[string]string{adviceMode: mode}
		h.recovery = agents.Exit{Code: 1, Stderr: "WSREP: Failed to start mysqld for wsrep recovery: '\n" +
			"2026-11-21 17:53:08 0 [ERROR] mariadbd: Aria recovery failed.\n2026-11-21 17:53:09 0 [ERROR] Aborting'\n"}
		result := h.do(resources.OpStart)
		if result.Outcome != agents.OutcomeFailed || !strings.Contains(result.Reason, "cannot read its data: mariadbd: Aria recovery failed.") {
			t.Errorf("%s: %s", result.Outcome, result.Reason)
		}
		if strings.Contains(result.Reason, "move all files out of /var/lib/mysql on n1, then `belayctl resource retry galera n1`") != hint {
			t.Errorf("with mode %s: %s", mode, result.Reason)
		}
	}
}

// A host without galera_recovery asks mariadbd; what an old log says is never
// looked at.
func TestRecoveryUsesNoOldLog(t *testing.T) {
	h := newHost(t)
	h.grastate(uuidA, "-1", "0")
	h.write("/var/log/mysql/error.log", strings.ReplaceAll(serverLog, ":4\n", ":9999\n"))
	h.write("/var/lib/mysql/n1.err", strings.ReplaceAll(serverLog, ":4\n", ":8888\n"))
	delete(h.runner.Programs, "/usr/bin/galera_recovery")
	h.runner.Programs["/usr/sbin/mariadbd"] = func(_ context.Context, c agents.Command) (agents.Exit, error) {
		if got := strings.Join(c.Args, " "); got != "--user=mysql --wsrep-recover --disable-log-error" {
			t.Errorf("mariadbd %s", got)
		}
		return agents.Exit{Stderr: serverLog}, nil
	}
	result := h.agent().Start(t.Context(), h.Request(resources.OpStart))
	if result.Attributes["seqno"] != "4" || result.Attributes["recovered_by"] != "mariadbd" {
		t.Errorf("%+v", result)
	}
}

func TestStartRefuses(t *testing.T) {
	tests := []struct {
		name    string
		host    func(*fakeHost)
		outcome agents.Outcome
		reason  string
	}{
		{"a unit that systemd starts, too", func(h *fakeHost) { h.units.Change(func(s *agents.UnitState) { s.UnitFile = "enabled" }) }, agents.OutcomeNotPermitted, "systemctl disable mariadb.service"},
		{"a unit that is not there", func(h *fakeHost) { h.units.Change(func(s *agents.UnitState) { s.Load = "not-found" }) }, agents.OutcomeNotInstalled, "install mariadb-server"},
		{"a masked unit", func(h *fakeHost) { h.units.Change(func(s *agents.UnitState) { s.Load = "masked" }) }, agents.OutcomeNotPermitted, "systemctl unmask"},
		{"a cluster address without members", func(h *fakeHost) {
			h.defaults = "--wsrep_on=1\n--wsrep_cluster_address=gcomm://\n--wsrep_sst_auth=a:" + testPassword
		}, agents.OutcomeNotPermitted, "names no member"},
		{"wsrep off", func(h *fakeHost) { h.defaults += "--wsrep_on=OFF\n" }, agents.OutcomeNotPermitted, "wsrep_on is not ON"},
		{"another data directory", func(h *fakeHost) { h.defaults += "--datadir=/srv/mysql\n" }, agents.OutcomeNotPermitted, "datadir is /srv/mysql"},
		{"another cluster address", func(h *fakeHost) { h.params["wsrep_cluster_address"] = "gcomm://192.0.2.1,192.0.2.9" }, agents.OutcomeNotPermitted, "192.0.2.9"},
		{"no mariadb at all", func(h *fakeHost) { delete(h.runner.Programs, printDefaults) }, agents.OutcomeNotInstalled, printDefaults},
		{"a recovery that fails", func(h *fakeHost) {
			h.grastate(uuidA, "-1", "0")
			h.recovery = agents.Exit{Code: 1, Stderr: "WSREP: Failed to start mysqld for wsrep recovery: 'InnoDB: Corrupted page'\n"}
		}, agents.OutcomeFailed, "Corrupted page"},
		{"no data directory", func(h *fakeHost) { h.remove("/var/lib/mysql") }, agents.OutcomeFailed, "mariadb-install-db"},
		{"a mysqld that somebody started by hand", func(h *fakeHost) { h.stray("4242", "/var/lib/mysql") }, agents.OutcomeFailed, "process 4242"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			test.host(h)
			result := h.agent().Start(t.Context(), h.Request(resources.OpStart))
			if result.Outcome != test.outcome || !strings.Contains(result.Reason, test.reason) {
				t.Errorf("outcome %s, want %s; reason %q does not say %q", result.Outcome, test.outcome, result.Reason, test.reason)
			}
			if strings.Contains(result.Reason, testPassword) {
				t.Errorf("the reason shows a secret: %q", result.Reason)
			}
		})
	}
}

// stray makes a process that looks like a mysqld in a data directory.
func (h *fakeHost) stray(pid, cwd string) {
	h.write("/proc/"+pid+"/comm", "mariadbd\n")
	if err := os.Symlink(cwd, h.path("/proc/"+pid+"/cwd")); err != nil {
		h.t.Fatal(err)
	}
}

func TestStrayServersOfOthersDoNotMatter(t *testing.T) {
	h := newHost(t)
	h.stray("4242", "/srv/other")
	h.mkdir("/proc/self/ns")
	h.stray("4243", "/var/lib/mysql")
	h.mkdir("/proc/4243/ns")
	for file, to := range map[string]string{"/proc/self/ns/pid": "pid:[1]", "/proc/4243/ns/pid": "pid:[2]"} {
		if err := os.Symlink(to, h.path(file)); err != nil {
			t.Fatal(err)
		}
	}
	if result := h.agent().Start(t.Context(), h.Request(resources.OpStart)); result.Outcome != agents.OutcomeOK {
		t.Errorf("another directory's or container's mysqld: %s", result.Reason)
	}
}

func TestStartAllowsAnEnabledUnitWhenTold(t *testing.T) {
	h := newHost(t)
	h.units.Change(func(s *agents.UnitState) { s.UnitFile = "enabled" })
	h.params["unit_enabled"] = enabledAllow
	if result := h.agent().Start(t.Context(), h.Request(resources.OpStart)); result.Outcome != agents.OutcomeOK {
		t.Error(result.Reason)
	}
}

func TestStartLooksAtAServerThatRuns(t *testing.T) {
	h := newHost(t)
	if err := h.units.StartUnit(t.Context(), "mariadb.service"); err != nil {
		t.Fatal(err)
	}
	result := h.agent().Start(t.Context(), h.Request(resources.OpStart))
	if result.Outcome != agents.OutcomeOK || result.Attributes[attrCluster] != primary {
		t.Errorf("%+v", result)
	}
	if _, err := os.Stat(filepath.Join(h.run, "galera.json")); err != nil {
		t.Error("no marker: a later crash of mysqld would look like a clean stop")
	}
}
