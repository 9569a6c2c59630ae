package galera

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ha/belay/agents"
)

// Keys of Result.Attributes. A member whose mysqld is down reports its
// position; one whose mysqld runs reports its wsrep status.
const (
	attrUUID        = "uuid"              // of the history
	attrSeqno       = "seqno"             // last committed; -1 when unknown
	attrSafe        = "safe_to_bootstrap" // 0 or 1, as in grastate.dat
	attrGrastate    = "grastate"          // present, absent or garbled
	attrGvwstate    = "gvwstate"          // present or absent
	attrRecovered   = "recovered"         // UUID:SEQNO found in the tables
	attrRecoveredBy = "recovered_by"      // grastate, galera_recovery or mariadbd
	attrDatabases   = "databases"         // how many schemas of its own
	attrDetail      = "detail"            // why grastate is garbled
	attrAt          = "at"                // when the position was read
	attrPosition    = "position"          // unknown, when there is none of the above
	attrTransfer    = "transfer"          // interrupted or not on disk: there is no position to trust
)

// noPosition are the attributes of a member whose position nobody knows. They
// are not empty: an empty map would leave what was reported before in place.
func noPosition() map[string]string { return map[string]string{attrPosition: "unknown"} }

// position is what a member without a running mysqld knows of its data.
type position struct {
	UUID        string `json:"uuid"`
	Seqno       int64  `json:"seqno"`
	Safe        bool   `json:"safe_to_bootstrap"`
	Grastate    string `json:"grastate"`
	Detail      string `json:"detail,omitempty"`
	Gvwstate    bool   `json:"gvwstate"`
	Recovered   string `json:"recovered,omitempty"`
	RecoveredBy string `json:"recovered_by"`
	Databases   int    `json:"databases"`
	At          string `json:"at"`
	// Transfer says what is left of a state transfer that broke off; "" after none.
	Transfer string `json:"transfer,omitempty"`
}

// attributes writes the position for the cluster's state.
func (p position) attributes() map[string]string {
	attributes := map[string]string{
		attrUUID: p.UUID, attrSeqno: strconv.FormatInt(p.Seqno, 10), attrSafe: "0", attrGrastate: p.Grastate,
		attrGvwstate: grastateAbsent, attrRecoveredBy: p.RecoveredBy, attrDatabases: strconv.Itoa(p.Databases), attrAt: p.At,
	}
	if p.Safe {
		attributes[attrSafe] = "1"
	}
	if p.Gvwstate {
		attributes[attrGvwstate] = grastatePresent
	}
	if p.Recovered != "" {
		attributes[attrRecovered] = p.Recovered
	}
	if p.Detail != "" {
		attributes[attrDetail] = p.Detail
	}
	if p.Transfer != transferNone {
		attributes[attrTransfer] = p.Transfer
	}
	return attributes
}

// readPosition finds out where this member's history ends. mysqld must be down.
func (c *call) readPosition(ctx context.Context) (position, error) {
	databases, err := c.ownDatabases()
	if err != nil {
		return position{}, fmt.Errorf("read position: %w", err)
	}
	_, left, err := c.transferLeft()
	if err != nil {
		return position{}, fmt.Errorf("read position: %w", err)
	}
	if left != transferNone {
		return noUsableData(left, databases, c.host.Now()), nil
	}
	state, condition, detail, err := c.grastate()
	if err != nil {
		return position{}, fmt.Errorf("read position: %w", err)
	}
	p := position{
		UUID: state.UUID, Seqno: state.Seqno, Safe: state.Safe, Grastate: condition, Detail: detail,
		RecoveredBy: "grastate", Databases: databases, At: stamp(c.host.Now()),
	}
	if _, err := os.Stat(c.path(c.datadir, "gvwstate.dat")); err == nil {
		p.Gvwstate = true
	}
	if condition == grastatePresent && state.Seqno >= 0 && state.UUID != zeroUUID {
		return p, nil
	}
	uuid, seqno, by, err := c.recover(ctx)
	if err != nil {
		return position{}, fmt.Errorf("read position: %w", err)
	}
	p.Recovered, p.RecoveredBy = fmt.Sprintf("%s:%d", uuid, seqno), by
	return p.judge(uuid, seqno), nil
}

// noUsableData is the report after a transfer that broke off. Neither grastate.dat
// nor the tables are asked: of half a copy either may name the position of the
// member that it was copied from. An Advisor of an older release, which does not
// know attrTransfer, finds a garbled grastate.dat and leaves the choice to people.
func noUsableData(left string, databases int, now time.Time) position {
	detail := "a state transfer to this member broke off"
	if left == transferUnsynced {
		detail = "the host went down before what a state transfer had brought was on the disk"
	}
	return position{UUID: zeroUUID, Seqno: -1, Grastate: grastateGarbled, Detail: detail, RecoveredBy: "nothing", Databases: databases, At: stamp(now), Transfer: left}
}

// judge brings what grastate.dat and what the tables say together.
func (p position) judge(uuid string, seqno int64) position {
	switch {
	case p.Grastate == grastateAbsent:
		p.UUID, p.Seqno = uuid, seqno
	case p.Grastate == grastateGarbled:
		// Shown in the table of members; never enough to decide.
		p.UUID, p.Seqno = uuid, seqno
	case p.UUID == zeroUUID:
		// Galera itself marked the data as not to be trusted, whatever the tables
		// say: a state transfer that broke off, or an inconsistency.
	case uuid == p.UUID && seqno >= 0:
		p.Seqno = seqno
	default:
		p.Grastate = grastateGarbled
		p.Detail = fmt.Sprintf("grastate.dat says %s, the tables say %s:%d", p.UUID, uuid, seqno)
		p.Seqno = -1
	}
	return p
}

// recoverEnv is all that galera_recovery and mariadbd need.
var recoverEnv = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}

// recover asks InnoDB for the last position that it committed: by
// galera_recovery as mariadb.service itself does, or by mariadbd with a fresh
// log. An old log is never read: its last line may be of an earlier outage.
func (c *call) recover(ctx context.Context) (uuid string, seqno int64, by string, err error) {
	command := agents.Command{Path: "/usr/bin/galera_recovery", Env: recoverEnv, User: c.user, MaxOutput: 64 << 10}
	exit, err := c.host.Run.Run(ctx, command)
	if err == nil {
		if err := exit.Error(command); err != nil {
			return "", 0, "", unreadable(err, exit)
		}
		uuid, seqno, err = parseRecovery(exit.Stdout)
		return uuid, seqno, "galera_recovery", err
	}
	if !errors.Is(err, agents.ErrNoProgram) {
		return "", 0, "", err
	}
	uuid, seqno, err = c.recoverByServer(ctx)
	return uuid, seqno, "mariadbd", err
}

func (c *call) recoverByServer(ctx context.Context) (string, int64, error) {
	// Error logging is disabled, so the messages come on stderr and nowhere else:
	// the freshest log there is.
	command := agents.Command{
		Path: "/usr/sbin/mariadbd", Args: []string{"--user=" + c.user, "--wsrep-recover", "--disable-log-error"},
		Env: recoverEnv, User: c.user, MaxOutput: 64 << 10,
	}
	exit, err := c.host.Run.Run(ctx, command)
	if err != nil {
		return "", 0, err
	}
	if err := exit.Error(command); err != nil {
		return "", 0, unreadable(err, exit)
	}
	return parseRecovery(exit.Stderr + "\n" + exit.Stdout)
}

// errUnreadable says that the server gave up on its data, such as after a power
// cut in the middle of a state transfer.
var errUnreadable = errors.New("the server cannot read its data")

// unreadable picks the first error of a recovery that gave up: its last one says
// only that it does.
func unreadable(err error, exit agents.Exit) error {
	for line := range strings.Lines(exit.Stderr + "\n" + exit.Stdout) {
		if _, text, is := strings.Cut(line, "[ERROR]"); is {
			return fmt.Errorf("%w: %.200s", errUnreadable, strings.TrimSpace(text))
		}
	}
	return fmt.Errorf("%w: %w", errUnreadable, err)
}

// recovered matches the ways in which a recovered position is printed:
// galera_recovery's option, and mariadbd's log line.
var recovered = regexp.MustCompile(`(?:wsrep[-_]start[-_]position=|WSREP: Recovered position:?\s*)(\S+)`)

// parseRecovery reads the output of one recovery. Two different positions in
// it are an error: only one can be true.
func parseRecovery(output string) (string, int64, error) {
	matches := recovered.FindAllStringSubmatch(output, -1)
	if len(matches) == 0 {
		if strings.Contains(output, "skipping position recovery") || strings.TrimSpace(output) == "" {
			return "", 0, errors.New("recovery gave no position: is wsrep_on=ON in my.cnf?")
		}
		return "", 0, errors.New("recovery gave no position")
	}
	for _, match := range matches[1:] {
		if match[1] != matches[0][1] {
			return "", 0, fmt.Errorf("recovery gave two positions, %.80s and %.80s", matches[0][1], match[1])
		}
	}
	text, _, _ := strings.Cut(matches[0][1], ",") // the GTID that newer servers add
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return "", 0, fmt.Errorf("recovered position %.80q is not UUID:SEQNO", text)
	}
	uuid, err := parseUUID(text[:at])
	if err != nil {
		return "", 0, fmt.Errorf("recovered position %.80q: %w", text, err)
	}
	seqno, err := strconv.ParseInt(text[at+1:], 10, 64)
	if err != nil || seqno < -1 {
		return "", 0, fmt.Errorf("recovered position %.80q: the seqno is not a number", text)
	}
	return uuid, seqno, nil
}

// strayServer returns the id of a mysqld that has the data directory as its
// own but runs outside the unit, or 0. known are the unit's processes.
func (c *call) strayServer(known []int) int {
	entries, err := filepath.Glob(c.path("/proc/[0-9]*/comm"))
	if err != nil {
		return 0
	}
	mine, _ := os.Readlink(c.path("/proc/self/ns/pid"))
	resolved, _ := filepath.EvalSymlinks(c.path(c.datadir))
	for _, file := range entries {
		name, err := os.ReadFile(file)
		if comm := strings.TrimSpace(string(name)); err != nil || (comm != "mariadbd" && comm != "mysqld") {
			continue
		}
		dir := filepath.Dir(file)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || slices.Contains(known, pid) {
			continue
		}
		// mysqld changes into its data directory, which may be a link.
		if cwd, _ := os.Readlink(filepath.Join(dir, "cwd")); cwd != filepath.Clean(c.datadir) && cwd != resolved {
			continue
		}
		if theirs, err := os.Readlink(filepath.Join(dir, "ns/pid")); err == nil && mine != "" && theirs != mine {
			continue // a container's own
		}
		return pid
	}
	return 0
}
