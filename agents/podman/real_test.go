package podman

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/agents"
	"github.com/belay-ha/belay/agents/command"
	"github.com/belay-ha/belay/resources"
)

// app is what runs in the container: it writes where it is told to, serves what it
// was given, and ends at SIGTERM unless told not to.
const app = `package main

import ("fmt"; "net/http"; "os"; "os/signal"; "syscall")

func main() {
	if len(os.Args) > 1 && os.Args[1] == "check" {
		if _, err := os.Stat("/data/ill"); err == nil { fmt.Println("it is ill"); os.Exit(1) }
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "end" { fmt.Println("nothing to do"); os.Exit(3) }
	name, _ := os.Hostname()
	os.WriteFile("/data/word", []byte(os.Getenv("WORD") + " on " + name), 0o644)
	go http.ListenAndServe(os.Args[1], http.FileServer(http.Dir("/data")))
	if len(os.Args) > 2 { signal.Ignore(syscall.SIGTERM); select {} }
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}
`

// real is podman with a store of the test's own, and an image made from app.
type real struct {
	program string // calls podman with the store
	data    string
}

// newReal skips where there is no podman that can run a container.
func newReal(t *testing.T) real {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run podman's containers as belayd does")
	}
	if _, err := os.Stat(Program); err != nil {
		t.Skip("podman is not installed: ", err)
	}
	dir := t.TempDir()
	r := real{program: filepath.Join(dir, "podman"), data: filepath.Join(dir, "data")}
	// crun refuses the mixed hierarchy of control groups: the second alone is shown
	// to it, in a mount namespace of the call's own.
	script := fmt.Sprintf("#!/bin/sh\nexec unshare -m --propagation private /bin/sh -c '"+
		"if [ -d /sys/fs/cgroup/unified ]; then mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup; fi; "+
		"exec %s --root %s/store --runroot %s/run --storage-driver vfs --cgroup-manager cgroupfs \"$@\"' sh \"$@\"\n", Program, dir, dir)
	for path, text := range map[string]string{r.program: script, filepath.Join(dir, "src", "main.go"): app, filepath.Join(dir, "src", "go.mod"): "module app\ngo 1.22\n"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = exec.Command(r.program, "rm", "--all", "--force", "--time=0").Run()
		_ = exec.Command(r.program, "rmi", "--all", "--force").Run()
	})
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "image", "app"), ".")
	build.Dir, build.Env = filepath.Join(dir, "src"), append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	sh(t, build)
	sh(t, exec.Command("/bin/sh", "-c", fmt.Sprintf("tar -C %s/image -c app | %s import - localhost/app:1", dir, r.program)))
	if out, err := exec.Command(r.program, append(append([]string{"run", "--rm"}, strings.Fields(fits)...), "localhost/app:1", "/app", "end")...).CombinedOutput(); !strings.Contains(string(out), "nothing to do") {
		t.Skipf("podman runs no container here: %v: %s", err, out)
	}
	return r
}

func sh(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", c, err, out)
	}
}

// fits are options with which a container runs where limits cannot be raised and
// no control group can be made.
const fits = "--network=host --ulimit nofile=512:512 --ulimit nproc=512:512 --cgroups=disabled"

func (r real) agent() *Agent {
	return New(Host{Run: command.Runner{}, Program: r.program}, zap.NewNop())
}

func (r real) request(op resources.Op, address string) agents.Request {
	return agents.Request{Op: op, Instance: "web-podman-0", Node: "node-1", Timeout: time.Minute, Params: resources.Params{
		"image": "localhost/app:1", "command": "/app " + address, "hostname": "web-0", "env.WORD": "a secret word", "settle": "200ms",
		"options": fits, "directory.0": r.data, "mount.0": r.data + ":/data:rw", "host.web-1": "192.0.2.2",
	}}
}

// call runs one operation as the daemon does.
func (r real) call(t *testing.T, req agents.Request) agents.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), req.Timeout)
	defer cancel()
	switch req.Op {
	case resources.OpStart:
		return r.agent().Start(ctx, req)
	case resources.OpStop:
		return r.agent().Stop(ctx, req)
	default:
		return r.agent().Monitor(ctx, req)
	}
}

// TestReal holds the agent to a real podman.
func TestReal(t *testing.T) {
	r := newReal(t)
	t.Run("life", r.life)
	t.Run("trouble", r.trouble)
	t.Run("cut short", r.cutShort)
}

// life runs a container through all that an instance meets.
func (r real) life(t *testing.T) {
	const address = "127.0.0.1:47451"
	ask := func(op resources.Op) agents.Result {
		req := r.request(op, address)
		if op == resources.OpMonitor {
			req.Role = resources.RoleStarted
		}
		return r.call(t, req)
	}
	for _, step := range []struct {
		op   resources.Op
		want agents.Outcome
	}{
		{resources.OpProbe, agents.OutcomeNotRunning}, {resources.OpStop, agents.OutcomeOK}, {resources.OpStart, agents.OutcomeOK}, {resources.OpStart, agents.OutcomeOK},
		{resources.OpProbe, agents.OutcomeOK}, {resources.OpMonitor, agents.OutcomeOK},
	} {
		expect(t, string(step.op), ask(step.op), step.want)
	}
	if got := read(t, "http://"+address+"/word"); got != "a secret word on web-0" {
		t.Errorf("the container says %q", got)
	}
	other := r.request(resources.OpStart, "127.0.0.1:47452")
	expect(t, "other parameters", r.call(t, other), agents.OutcomeFailed, "other parameters")

	sh(t, exec.Command(r.program, "kill", "--signal=KILL", "web-podman-0"))
	sh(t, exec.Command(r.program, "wait", "web-podman-0"))
	expect(t, "killed", ask(resources.OpMonitor), agents.OutcomeNotRunning, "exit status 137")
	expect(t, "start over what is left", ask(resources.OpStart), agents.OutcomeOK)
	pids, err := exec.Command(r.program, "inspect", "--format={{.State.ConmonPid}} {{.State.Pid}}", "web-podman-0").Output()
	if err != nil {
		t.Fatal(err)
	}
	sh(t, exec.Command("kill", append([]string{"-KILL"}, strings.Fields(string(pids))...)...)) // podman hears of it from nobody
	for end := time.Now().Add(time.Minute); runs(address) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	expect(t, "killed with its conmon", ask(resources.OpMonitor), agents.OutcomeNotRunning, "no process")
	expect(t, "start over what podman takes for running", ask(resources.OpStart), agents.OutcomeOK)
	expect(t, "stop", ask(resources.OpStop), agents.OutcomeOK)
	expect(t, "probe", ask(resources.OpProbe), agents.OutcomeNotRunning)
	if _, err := http.Get("http://" + address + "/word"); err == nil {
		t.Error("it serves after its stop")
	}
}

// trouble: what a real podman says of what goes wrong is understood.
func (r real) trouble(t *testing.T) {
	start := r.request(resources.OpStart, "end")
	expect(t, "ends at once", r.call(t, start), agents.OutcomeFailed, "exit status 3", "nothing to do")
	start.Params["command"] = "/nothing"
	expect(t, "no such program", r.call(t, start), agents.OutcomeFailed, "/nothing")
	start.Params["image"] = "localhost/none:1"
	expect(t, "no image", r.call(t, start), agents.OutcomeNotInstalled, "podman pull localhost/none:1")
	expect(t, "probe", r.call(t, r.request(resources.OpProbe, "")), agents.OutcomeNotRunning)

	sh(t, exec.Command(r.program, append(append([]string{"create", "--name=web-podman-0"}, strings.Fields(fits)...), "localhost/app:1", "/app")...))
	expect(t, "another's", r.call(t, r.request(resources.OpStart, "127.0.0.1:47453")), agents.OutcomeNotPermitted, "has not made")
	expect(t, "stop", r.call(t, r.request(resources.OpStop, "")), agents.OutcomeOK)
	sh(t, exec.Command(r.program, "rm", "web-podman-0")) // it is still there

	start = r.request(resources.OpStart, "127.0.0.1:47453 stubborn")
	start.Params["options"] += ` --health-cmd '["/app","check"]' --health-interval=disable`
	expect(t, "with a health check", r.call(t, start), agents.OutcomeOK)
	if err := os.WriteFile(filepath.Join(r.data, "ill"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	start.Op = resources.OpMonitor
	expect(t, "ill", r.call(t, start), agents.OutcomeFailed, "does not serve")
	start.Op, start.Params["stop_timeout"] = resources.OpStop, "1s"
	expect(t, "stop of what ignores SIGTERM", r.call(t, start), agents.OutcomeOK)
	expect(t, "probe", r.call(t, r.request(resources.OpProbe, "")), agents.OutcomeNotRunning)
}

// cutShort: a start that was killed halfway is unknown, what it has left is found,
// and a stop leaves nothing of it.
func (r real) cutShort(t *testing.T) {
	const address = "127.0.0.1:47454"
	began := time.Now()
	expect(t, "start", r.call(t, r.request(resources.OpStart, address)), agents.OutcomeOK)
	whole := time.Since(began)
	expect(t, "stop", r.call(t, r.request(resources.OpStop, address)), agents.OutcomeOK)
	for tenths := range 8 {
		start := r.request(resources.OpStart, address)
		start.Timeout = whole * time.Duration(tenths+2) / 10
		if got := r.call(t, start); got.Outcome != agents.OutcomeUnknown && got.Outcome != agents.OutcomeOK {
			t.Errorf("a start of %s: %+v", start.Timeout, got)
		}
		found := r.call(t, r.request(resources.OpProbe, address))
		t.Logf("cut after %s of %s: the probe finds %s", start.Timeout, whole, found.Outcome)
		if runs(address) && found.Outcome == agents.OutcomeNotRunning {
			t.Errorf("after a start of %s it runs, and the probe says %+v", start.Timeout, found)
		}
		expect(t, "stop", r.call(t, r.request(resources.OpStop, address)), agents.OutcomeOK)
		if runs(address) {
			t.Errorf("a start of %s and a stop, and it runs", start.Timeout)
		}
	}
}

// runs reports whether the app runs, by the host's own process table.
func runs(address string) bool {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		if words, _ := os.ReadFile(path); strings.HasPrefix(string(words), "/app\x00"+address) {
			return true
		}
	}
	return false
}

func read(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
