//go:build mariadb

package galera

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/belay-ha/belay/agents"
)

// server is a real mariadbd on the loopback network, run as its unit would. It is
// the agent's unit control and runner, too.
type server struct {
	t       *testing.T
	dir     string // of all that is its own
	address string
	method  string
	peer    *server

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
	active  bool
}

// newServer returns a server of two. Its weight decides which of them keeps the
// primary component when the other is killed; the data directory of one that is
// mounted is a file system of its own.
func newServer(t *testing.T, name, address, method string, weight int, mounted bool) *server {
	t.Helper()
	s := &server{t: t, dir: filepath.Join(t.TempDir(), name), address: address, method: method}
	for _, dir := range []string{"", "data", "run", "belay"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// mysqld's user must reach its files.
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(`[mysqld]
user=mysql
datadir=%[1]s/data
socket=%[1]s/run/sock
pid-file=%[1]s/run/pid
bind-address=%[2]s
skip-name-resolve
innodb_buffer_pool_size=64M
innodb_log_file_size=16M
max_allowed_packet=64M
performance_schema=OFF
binlog_format=ROW
innodb_autoinc_lock_mode=2
wsrep_on=ON
wsrep_provider=/usr/lib/galera/libgalera_smm.so
wsrep_cluster_address=gcomm://127.77.0.1,127.77.0.2
wsrep_node_address=%[2]s
wsrep_node_name=%[3]s
wsrep_sst_method=%[4]s
wsrep_sst_auth=mysql:
wsrep_provider_options="gcache.size=16M;base_host=%[2]s;gmcast.listen_addr=tcp://%[2]s:4567;ist.recv_addr=%[2]s:4568;pc.weight=%[5]d;pc.wait_prim_timeout=PT2M;evs.suspect_timeout=PT10S;evs.inactive_timeout=PT25S"
wsrep_sst_receive_address=%[2]s:4444
`, s.dir, address, name, method, weight)
	if err := os.WriteFile(s.config(), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if mounted {
		s.command("mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", s.file())
		t.Cleanup(func() { s.command("umount", s.file()) })
	}
	for _, dir := range []string{"data", "run"} {
		s.command("chown", "mysql:", filepath.Join(s.dir, dir))
	}
	t.Cleanup(s.kill)
	return s
}

func (s *server) config() string { return filepath.Join(s.dir, "my.cnf") }
func (s *server) file(name ...string) string {
	return filepath.Join(append([]string{s.dir, "data"}, name...)...)
}

func (s *server) command(name string, args ...string) {
	s.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// sql runs statements as the database's root, over the socket, and returns the first
// value of the last one.
func (s *server) sql(statements ...string) string {
	s.t.Helper()
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Timeout = "unix", filepath.Join(s.dir, "run/sock"), "root", 5*time.Second
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements[:len(statements)-1] {
		if _, err := db.ExecContext(s.t.Context(), statement); err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
	}
	value := ""
	if err := db.QueryRowContext(s.t.Context(), statements[len(statements)-1]).Scan(&value); err != nil {
		s.t.Fatal(err)
	}
	return value
}

// Run gives the host's programs this server's configuration.
func (s *server) Run(ctx context.Context, c agents.Command) (agents.Exit, error) {
	args := c.Args
	if c.Path == printDefaults || c.Path == "/usr/bin/galera_recovery" {
		args = append([]string{"--defaults-file=" + s.config()}, args...)
	}
	cmd := exec.CommandContext(ctx, c.Path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, &stdout, &stderr
	if c.User != "" {
		who, err := user.Lookup(c.User)
		if err != nil {
			return agents.Exit{}, err
		}
		uid, _ := strconv.Atoi(who.Uid)
		gid, _ := strconv.Atoi(who.Gid)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		err = nil
	}
	return agents.Exit{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}, err
}

func (s *server) State(_ context.Context, unit string) (agents.UnitState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := agents.UnitState{Unit: unit, Load: "loaded", UnitFile: "disabled", Active: "inactive", Sub: "dead", Result: "success"}
	if s.process == nil {
		return state, nil
	}
	state.Processes = sessionOf(s.process.Process.Pid)
	select {
	case <-s.ended:
		state.Active, state.Sub, state.Result = "failed", "failed", "exit-code"
	default:
		state.Active, state.Sub = "activating", "start"
		if s.active {
			state.Active, state.Sub = "active", "running"
		}
	}
	return state, nil
}

// StartUnit does what mariadb.service does.
func (s *server) StartUnit(ctx context.Context, unit string) error {
	word := ""
	if _, err := os.Stat(filepath.Join(s.dir, "run/new-cluster.env")); err == nil {
		word = "--wsrep-new-cluster"
	}
	said, err := os.Create(filepath.Join(s.dir, "journal"))
	if err != nil {
		return err
	}
	defer said.Close()
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf(`at=$(galera_recovery --defaults-file=%[1]s) || exit 1; exec mariadbd --defaults-file=%[1]s %[2]s $at`, s.config(), word))
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = recoverEnv, said, said, &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.mu.Lock()
	s.process, s.ended, s.active = cmd, ended, false
	s.mu.Unlock()
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			state, _ := s.State(ctx, unit)
			return &agents.UnitError{Verb: "start", Job: "failed", State: state, Journal: s.Journal(ctx, unit, 30)}
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		if status, err := (Socket{}).Status(ctx, s.login()); err == nil && status.Ready {
			s.mu.Lock()
			s.active = true
			s.mu.Unlock()
			return os.RemoveAll(filepath.Join(s.dir, "run/new-cluster.env"))
		}
	}
}

func (s *server) End(ctx context.Context, _ string, grace time.Duration) error {
	s.mu.Lock()
	process, ended := s.process, s.ended
	s.mu.Unlock()
	if process != nil {
		_ = process.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(grace):
		case <-ctx.Done():
		}
	}
	s.kill()
	return nil
}

// kill ends mariadbd and all its scripts, as a power cut does.
func (s *server) kill() {
	s.mu.Lock()
	process, ended := s.process, s.ended
	s.process = nil
	s.mu.Unlock()
	if process == nil {
		return
	}
	for range 100 {
		left := sessionOf(process.Process.Pid)
		if len(left) == 0 {
			break
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
	<-ended
}

// sessionOf lists the live processes of a session.
func sessionOf(session int) []int {
	var found []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if len(fields) > 3 && fields[3] == strconv.Itoa(session) && fields[0] != "Z" {
			found = append(found, pid)
		}
	}
	return found
}

func (s *server) Manage(context.Context, string, ...string) error { return nil }
func (s *server) Release(context.Context, string) error           { return nil }
func (s *server) Journal(context.Context, string, int) string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "journal"))
	return string(text[max(len(text)-8<<10, 0):])
}

func (s *server) login() Login {
	return Login{Socket: filepath.Join(s.dir, "run/sock"), User: "root", Timeout: 3 * time.Second}
}
