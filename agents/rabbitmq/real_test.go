package rabbitmq

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// realErlang is a set of Erlang nodes on this host with a port mapper of their own.
// They stand for brokers: what parts them is Erlang's, not RabbitMQ's.
type realErlang struct {
	t   *testing.T
	env []string
}

func newRealErlang(t *testing.T) *realErlang {
	t.Helper()
	for _, program := range []string{"erl", "epmd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs Erlang: %v", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	e := &realErlang{t: t, env: append(os.Environ(), "HOME="+t.TempDir(), "ERL_EPMD_PORT="+port, "ERL_EPMD_ADDRESS=127.0.0.1")}
	e.run("epmd", "-port", port)
	return e
}

// run starts a program that ends with the test, and returns it.
func (e *realErlang) run(name string, args ...string) *exec.Cmd {
	e.t.Helper()
	command := exec.Command(name, args...)
	command.Env = e.env
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// erl are the words of a small Erlang node that listens on the loopback network, and
// connects to no other and parts from none by itself.
func erl(name string, more ...string) []string {
	words := []string{"-noinput", "-sname", name, "-setcookie", "belay-test", "-start_epmd", "false", "-connect_all", "false",
		"-kernel", "inet_dist_use_interface", "{127,0,0,1}", "prevent_overlapping_partitions", "false", "+S", "1:1", "+sbwt", "none"}
	return append(words, more...)
}

// node starts a node and waits until it answers.
func (e *realErlang) node(name string) (full string, process *os.Process) {
	e.t.Helper()
	full = name + "@localhost"
	process = e.run("erl", erl(full)...).Process
	for end := time.Now().Add(time.Minute); e.eval("net_adm:ping('"+full+"').") != "pong"; {
		if time.Now().After(end) {
			e.t.Fatalf("%s does not answer", full)
		}
	}
	return full, process
}

// eval evaluates an expression in a node of its own, and on, when one is named, as
// rabbitmqctl eval does on a broker. It returns the value as Erlang prints it.
func (e *realErlang) eval(expression string, on ...string) string {
	e.t.Helper()
	const program = `{ok, Words, _} = erl_scan:string(os:getenv("BELAY_EXPRESSION")),
{ok, Parsed} = erl_parse:parse_exprs(Words),
Said = case os:getenv("BELAY_NODE") of
  "" -> erl_eval:exprs(Parsed, []);
  Node -> rpc:call(list_to_atom(Node), erl_eval, exprs, [Parsed, []], 30000)
end,
case Said of {value, Value, _} -> io:format("~0p", [Value]); _ -> io:format("~0p", [Said]) end,
halt().`
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "erl", erl("ctl@localhost", "-hidden", "-noshell", "-eval", program)...)
	command.Env = append(e.env[:len(e.env):len(e.env)], "BELAY_EXPRESSION="+expression, "BELAY_NODE="+strings.Join(on, ""))
	out, err := command.CombinedOutput()
	if err != nil {
		e.t.Fatalf("erl -eval %s: %v: %s", expression, err, out)
	}
	return string(out)
}

// sees reports whether one node is connected to another.
func (e *realErlang) sees(one, other string) bool {
	return e.eval("lists:member('"+other+"', nodes()).", one) == "true"
}

func (e *realErlang) connect(one, other string) {
	e.t.Helper()
	if said := e.eval("net_adm:ping('"+other+"').", one); said != "pong" {
		e.t.Fatalf("%s pings %s: %s", one, other, said)
	}
}

// The order to part is what Erlang understands, reaches all members at once, and does
// nothing where it comes too late: by the clock of the member that is asked, or in a
// member that was frozen meanwhile.
func TestRealParting(t *testing.T) {
	e := newRealErlang(t)
	back, _ := e.node("back")
	first, _ := e.node("first")
	second, process := e.node("second")
	part := func(until time.Time) string { return e.eval(fmt.Sprintf(parting, back, until.Unix()), first) }
	e.connect(first, second)
	e.connect(first, back)
	e.connect(second, back)

	if said := part(time.Now().Add(-2 * time.Second)); said != "{belay,false}" || !e.sees(first, back) || !e.sees(second, back) {
		t.Errorf("an order that is out of date: %s; want {belay,false}, and all still connected", said)
	}
	if said := part(time.Now().Add(time.Minute)); said != "{belay,true}" || e.sees(first, back) || e.sees(second, back) {
		t.Errorf("an order: %s; want {belay,true}, and both parted", said)
	}

	e.connect(second, back)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	said := part(time.Now().Add(time.Minute))
	t.Logf("with a frozen member it took %s", time.Since(began))
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if said != "{belay,true}" || !e.sees(second, back) {
		t.Errorf("an order while a member is frozen: %s; want {belay,true}, and that member still connected when it goes on", said)
	}
}
