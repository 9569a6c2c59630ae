package rabbitmq

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/belay-ha/belay/agents"
)

// rabbitmqctl is run as the broker's user: as root it is a wrapper that changes
// user in a session of its own, which a deadline would not reach.
const rabbitmqctl = "/usr/sbin/rabbitmqctl"

// ctl runs one rabbitmqctl command against a node and returns what it printed.
func (c *call) ctl(ctx context.Context, node string, args ...string) (string, error) {
	command := agents.Command{
		Path: rabbitmqctl, Args: append([]string{"-q", "-n", node}, args...), User: c.user, Dir: "/var/lib/rabbitmq", MaxOutput: 64 << 10,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/var/lib/rabbitmq", "LC_ALL=C.UTF-8", "LANG=C.UTF-8"},
	}
	if _, host, _ := strings.Cut(node, "@"); strings.Contains(host, ".") {
		command.Args = append([]string{"--longnames"}, command.Args...)
	}
	exit, err := c.host.Run.Run(ctx, command)
	if err != nil {
		return exit.Stdout, fmt.Errorf("rabbitmqctl %s on %s: %w", args[0], node, err)
	}
	if exit.Code != 0 {
		return exit.Stdout, fmt.Errorf("rabbitmqctl %s on %s: exit status %d: %s", args[0], node, exit.Code, complaint(exit))
	}
	return exit.Stdout, nil
}

// complaint picks the line of rabbitmqctl's output that says what is wrong:
// pages of hints may follow it.
func complaint(exit agents.Exit) string {
	lines := strings.Split(exit.Stderr+"\n"+exit.Stdout, "\n")
	for i, line := range lines {
		if rest, found := strings.CutPrefix(strings.TrimSpace(line), "Error:"); found {
			if rest = strings.TrimSpace(rest); rest == "" && i+1 < len(lines) {
				rest = strings.TrimSpace(lines[i+1])
			}
			return clip(rest)
		}
	}
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			return clip(line)
		}
	}
	return "it said nothing"
}

func clip(text string) string {
	const limit = 300
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// answer is what a broker says of itself and its cluster.
type answer struct {
	// AppRunning is false while the application is stopped or paused.
	AppRunning bool     `json:"app_running"`
	Members    []string `json:"members"`
	Running    []string `json:"running"`
	// Partitions are the nodes that it refuses to speak to after a partition.
	Partitions []string `json:"partitions,omitempty"`
	Khepri     bool     `json:"khepri,omitempty"`
}

// question asks all of it at once, because each rabbitmqctl costs a second or
// two of CPU. It works with RabbitMQ 3.8 to 4.x and both stores: names that a
// version lacks are looked for first.
const question = `_ = code:ensure_loaded(rabbit_nodes),
M = case erlang:function_exported(rabbit_nodes, list_members, 0) of true -> rabbit_nodes:list_members(); false -> rabbit_nodes:all() end,
R = case erlang:function_exported(rabbit_nodes, list_running, 0) of true -> rabbit_nodes:list_running(); false -> rabbit_nodes:all_running() end,
A = rabbit:is_running(),
_ = code:ensure_loaded(rabbit_node_monitor),
P = case A andalso erlang:function_exported(rabbit_node_monitor, partitions, 0) of true -> rabbit_node_monitor:partitions(); false -> [] end,
_ = code:ensure_loaded(rabbit_khepri),
K = erlang:function_exported(rabbit_khepri, is_enabled, 0) andalso rabbit_khepri:is_enabled() =:= true,
{belay, A, M, R, P, K}.`

// ask asks a node's broker, within the deep_timeout.
func (c *call) ask(ctx context.Context, node string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.deepTimeout)
	defer cancel()
	text, err := c.ctl(ctx, node, "eval", question)
	if err != nil {
		return answer{}, err
	}
	a, err := parseAnswer(text)
	if err != nil {
		return answer{}, fmt.Errorf("rabbitmqctl eval on %s: %w", node, err)
	}
	return a, nil
}

var (
	answerForm = regexp.MustCompile(`\{belay,(true|false),\[([^\]]*)\],\[([^\]]*)\],(.*),(true|false)\}`)
	atomForm   = regexp.MustCompile(`[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+`)
	spaces     = regexp.MustCompile(`\s+`)
)

func parseAnswer(text string) (answer, error) {
	match := answerForm.FindStringSubmatch(spaces.ReplaceAllString(text, ""))
	if match == nil {
		return answer{}, fmt.Errorf("the answer %.120q is not of the form that was asked for", strings.TrimSpace(text))
	}
	partitions := atomForm.FindAllString(match[4], -1)
	slices.Sort(partitions)
	return answer{
		AppRunning: match[1] == "true", Members: atoms(match[2]), Running: atoms(match[3]),
		Partitions: slices.Compact(partitions), Khepri: match[5] == "true",
	}, nil
}
