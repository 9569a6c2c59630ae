package rabbitmq

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Words for what a node directory holds.
const (
	dataNone    = "none"    // nothing: the node never ran
	dataSingle  = "single"  // a cluster of one
	dataCluster = "cluster" // membership of a cluster
	dataUnknown = "unknown" // something whose membership cannot be read
)

// Words for the metadata store (RabbitMQ documentation, "Metadata store").
const (
	storeNone   = "none"
	storeMnesia = "mnesia"
	storeKhepri = "khepri"
)

// maxConfig bounds the small files that are read.
const maxConfig = 1 << 20

// local is what this host's node directory says while nobody runs it.
type local struct {
	data, store string
	// known are the members of the cluster by the node's own books, sorted.
	known []string
	// queues says that there are durable queues, or may be.
	queues bool
}

// path puts the host's root before a path.
func (c *call) path(parts ...string) string {
	return filepath.Join(append([]string{c.host.Root + "/"}, parts...)...)
}

// nodeDir is the node's own directory.
func (c *call) nodeDir() string { return c.path(c.dataDir, c.name) }

// flagsFile lists the enabled feature flags, beside the directory.
func (c *call) flagsFile() string { return c.path(c.dataDir, c.name+"-feature_flags") }

var nodeNameForm = regexp.MustCompile(`^[a-zA-Z0-9_.-]+@[a-zA-Z0-9_.-]+$`)

// checkNodeName keeps a name from becoming a path or an option.
func checkNodeName(name string) error {
	if !nodeNameForm.MatchString(name) || strings.HasPrefix(name, "-") {
		return fmt.Errorf("%.80q is not an Erlang node name, such as rabbit@controller-0", name)
	}
	return nil
}

// nodeName returns the broker's name: the parameter, rabbitmq-env.conf, or its
// own default.
func (c *call) nodeName() (string, error) {
	if c.node != "" {
		return c.node, nil
	}
	text, err := readSmall(c.path("/etc/rabbitmq/rabbitmq-env.conf"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("find the node's name: %w", err)
	}
	name := ""
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && (key == "NODENAME" || key == "RABBITMQ_NODENAME") {
			name = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	if name == "" {
		name = "rabbit"
	}
	if !strings.Contains(name, "@") {
		host, err := readSmall(c.path("/etc/hostname"))
		if err != nil {
			return "", fmt.Errorf("find the node's name: %w", err)
		}
		short, _, _ := strings.Cut(strings.TrimSpace(host), ".")
		name += "@" + short
	}
	if err := checkNodeName(name); err != nil {
		return "", fmt.Errorf("find the node's name: rabbitmq-env.conf: %w; set node_name", err)
	}
	return name, nil
}

func readSmall(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Size() > maxConfig {
		return "", fmt.Errorf("%s is %d bytes long", name, info.Size())
	}
	data, err := os.ReadFile(name)
	return string(data), err
}

// inspect reads the node directory. Doubt counts as data.
func (c *call) inspect() (local, error) {
	entries, err := os.ReadDir(c.nodeDir())
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(entries) == 0) {
		return local{data: dataNone, store: storeNone}, nil
	}
	if err != nil {
		return local{}, fmt.Errorf("look at the node's data: %w", err)
	}
	l := local{data: dataUnknown, store: storeMnesia, queues: c.mayHaveQueues()}
	flags, err := readSmall(c.flagsFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return local{}, fmt.Errorf("look at the node's data: %w", err)
	}
	if strings.Contains(flags, "khepri_db") {
		// Khepri keeps the members inside its log. What the node said when it last
		// ran is the best that there is.
		l.store, l.queues = storeKhepri, true
		l.known, err = c.remembered()
	} else {
		l.known, err = c.mnesiaMembers()
	}
	if err != nil {
		return local{}, fmt.Errorf("look at the node's data: %w", err)
	}
	switch {
	case len(l.known) == 1 && l.known[0] == c.name:
		l.data = dataSingle
	case len(l.known) > 1:
		l.data = dataCluster
	}
	return l, nil
}

// mnesiaMembers reads cluster_nodes.config, "{[all],[disc]}."; nil when it
// cannot be made out.
func (c *call) mnesiaMembers() ([]string, error) {
	text, err := readSmall(filepath.Join(c.nodeDir(), "cluster_nodes.config"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseMembers(text), nil
}

var memberList = regexp.MustCompile(`^\s*\{\s*\[([^\]]*)\]\s*,\s*\[[^\]]*\]\s*\}\s*\.\s*$`)

func parseMembers(text string) []string {
	match := memberList.FindStringSubmatch(text)
	if match == nil {
		return nil
	}
	return atoms(match[1])
}

// atoms reads a comma-separated list of node names as Erlang prints them.
func atoms(text string) []string {
	var names []string
	for part := range strings.SplitSeq(text, ",") {
		if name := strings.Trim(strings.TrimSpace(part), "'"); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// An empty table's files: 8 bytes of checkpoint, a log with only its header.
const (
	emptyCheckpoint = 8
	emptyLog        = 256
)

// mayHaveQueues looks at the sizes of the table of durable queues. It is a
// hint for people's sake: what looks empty is copied before a wipe all the same.
func (c *call) mayHaveQueues() bool {
	for file, empty := range map[string]int64{"rabbit_durable_queue.DCD": emptyCheckpoint, "rabbit_durable_queue.DCL": emptyLog} {
		info, err := os.Stat(filepath.Join(c.nodeDir(), file))
		if err == nil && info.Size() > empty {
			return true
		}
	}
	return false
}
